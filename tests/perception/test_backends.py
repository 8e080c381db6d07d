"""Which backend runs the networks: the CPU's kind decides, unless the environment does."""

import pytest
import torch

from biopose.errors import BioposeError
from biopose.perception.backends import VARIABLE, backend_for


@pytest.mark.parametrize(
    ("able", "expected"),
    [
        ({"avx512_bf16": True, "amx_bf16": False}, "bfloat16"),
        ({"avx512_bf16": False, "amx_bf16": True}, "bfloat16"),
        ({"avx512_bf16": False, "amx_bf16": False}, "onnxruntime"),
        ({"architecture": "aarch64"}, "onnxruntime"),
    ],
)
def test_bfloat16_runs_where_the_cpu_multiplies_it(
    monkeypatch: pytest.MonkeyPatch, able: dict[str, object], expected: str
) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: able)
    assert backend_for("cpu") == expected


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
