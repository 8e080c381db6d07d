"""Which backend runs the networks: the CPU's kind decides, unless the environment does."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from biopose.errors import BioposeError
from biopose.perception import backends
from biopose.perception.backends import CPU_INFO, VARIABLE, VISIBLE_GPUS, backend_for, device_here

CORE = """processor\t: {core}
model name\t: Some CPU
flags\t\t: fpu sse2 {flags}
vmx flags\t: amx_bf16_but_not_of_the_cpu
bogomips\t: 4800.00

"""


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ("avx512f avx512_bf16 ibt", "bfloat16"),
        ("amx_bf16 avx512_fp16 amx_tile", "bfloat16"),
        ("avx512f avx512_vnni avx_vnni", "onnxruntime"),
    ],
)
def test_bfloat16_runs_where_the_cpu_multiplies_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, flags: str, expected: str
) -> None:
    (tmp_path / "cpuinfo").write_text("".join(CORE.format(core=core, flags=flags) for core in range(2)))
    monkeypatch.setattr(backends, "CPU_INFO", tmp_path / "cpuinfo")
    monkeypatch.delenv(VARIABLE, raising=False)
    assert backend_for("cpu") == expected


@pytest.mark.parametrize("listing", [None, "processor\t: 0\nFeatures\t: fp asimd bf16\n", ""])
def test_onnxruntime_runs_on_other_systems_and_other_cpus(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, listing: str | None
) -> None:
    if listing is not None:
        (tmp_path / "cpuinfo").write_text(listing)
    monkeypatch.setattr(backends, "CPU_INFO", tmp_path / "cpuinfo")
    monkeypatch.delenv(VARIABLE, raising=False)
    assert backend_for("cpu") == "onnxruntime"


@pytest.mark.skipif(not CPU_INFO.exists(), reason="the system lists no flags of the CPU")
def test_the_listed_flags_are_those_that_torch_finds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    able = torch.cpu.get_capabilities()
    expected = "bfloat16" if able.get("avx512_bf16") or able.get("amx_bf16") else "onnxruntime"
    assert backend_for("cpu") == expected


def test_the_choice_loads_no_torch() -> None:
    program = """
import sys
from biopose.perception.backends import backend_for, device_here
backend_for("cpu")
device_here()
print("torch" in sys.modules)
"""
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout == "False\n"


def test_networks_run_on_a_gpu_where_the_driver_counts_one_that_is_visible(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VISIBLE_GPUS, raising=False)
    has_gpu = Path("/dev/nvidia0").exists() or Path("/dev/dxg").exists()
    assert device_here() == ("cuda" if has_gpu else "cpu")
    monkeypatch.setattr(backends, "_gpu_count", lambda: 2)
    assert device_here() == "cuda"
    monkeypatch.setenv(VISIBLE_GPUS, "-1")
    assert device_here() == "cpu"


@pytest.mark.parametrize("name", ["onnxruntime", "bfloat16", "torch"])
def test_the_environment_overrules_the_choice(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(VARIABLE, name)
    assert backend_for("cpu") == name


def test_a_gpu_runs_torch_whatever_is_chosen_for_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "onnxruntime")
    assert backend_for("cuda") == "torch"


def test_an_unknown_name_in_the_environment_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "fast")
    with pytest.raises(BioposeError, match="BIOPOSE_CPU_BACKEND is 'fast'; there are onnxruntime, torch, bfloat16"):
        backend_for("cpu")
