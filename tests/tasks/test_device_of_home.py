"""A night on another device than the ones before is refused, unless that is set."""

from __future__ import annotations

from pathlib import Path

import pytest

from biopose.errors import BioposeError
from biopose.perception import backends
from tasks.device_of_home import FILE, keep_device
from tasks.settings import Settings


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("BIOPOSE_DEVICE", "BIOPOSE_CPU_BACKEND", backends.VISIBLE_GPUS):
        monkeypatch.delenv(name, raising=False)


def gpus(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    monkeypatch.setattr(backends, "_gpu_count", lambda: count)


def test_a_driver_that_fails_for_a_night_measures_nothing_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gpus(monkeypatch, 1)
    assert keep_device(Settings.load(tmp_path)) == []
    before = (tmp_path / FILE).read_bytes()
    gpus(monkeypatch, 0)
    with pytest.raises(BioposeError, match=r"ran on cuda and would run on cpu now.*driver.*or set BIOPOSE_DEVICE=cpu"):
        keep_device(Settings.load(tmp_path))
    assert (tmp_path / FILE).read_bytes() == before
    gpus(monkeypatch, 1)
    assert keep_device(Settings.load(tmp_path)) == []
    monkeypatch.setenv("BIOPOSE_DEVICE", "cpu")
    assert keep_device(Settings.load(tmp_path)) == []  # it is meant
    monkeypatch.delenv("BIOPOSE_DEVICE")
    with pytest.raises(BioposeError, match=r"ran on cpu and would run on cuda now.*BIOPOSE_DEVICE=cpu, or set"):
        keep_device(Settings.load(tmp_path))


def test_another_backend_of_the_cpu_is_noted_with_the_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gpus(monkeypatch, 0)
    monkeypatch.setattr(backends, "_cpu_flags", lambda: backends.BFLOAT16_FLAGS)
    assert keep_device(Settings.load(tmp_path)) == []
    monkeypatch.setattr(backends, "_cpu_flags", lambda: frozenset())
    (note,) = keep_device(Settings.load(tmp_path))
    assert note.startswith("bfloat16 ran the networks on CPUs before, onnxruntime does now")
    assert "BIOPOSE_CPU_BACKEND=bfloat16" in note
    assert keep_device(Settings.load(tmp_path)) == []
    monkeypatch.setenv("BIOPOSE_DEVICE", "cuda")
    monkeypatch.setattr(backends, "_cpu_flags", lambda: backends.BFLOAT16_FLAGS)
    assert keep_device(Settings.load(tmp_path)) == []  # no CPU runs them


def test_a_record_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    for content in ("", "[1]", '{"device": "cpu", "gpu": 1}'):
        (tmp_path / FILE).write_text(content)
        with pytest.raises(BioposeError, match=r"device\.json: cannot be read.*or delete it"):
            keep_device(Settings.load(tmp_path))
