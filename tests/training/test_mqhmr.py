"""A training run makes what it lacks, reports, ends with calibrated weights, and goes on where it was interrupted."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from biopose.errors import BioposeError
from biopose.hmr.mqhmr import load_mqhmr
from biopose.hmr.mqhmr_shape import MqhmrShape
from biopose.training import mqhmr
from biopose.training.mqhmr import PRESETS, MqhmrTrainer, train_mqhmr_from
from biopose.training.run import TrainingRequest
from biopose.training.synthetic.shards import ShardFolder
from tests.training.tiny_images import SHARDS, TINY, TINY_SHAPE, needs_images, small

pytestmark = needs_images
METRICS = {"mpjpe_mm", "pa_mpjpe_mm", "pve_mm", "depth_mm", "coverage95", "error_sd_rank_correlation"}


class KilledError(Exception):
    """As a run ends whose machine is taken away."""


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    small(monkeypatch)
    monkeypatch.setitem(PRESETS, "tiny", TINY)  # type: ignore[arg-type]


def run(where: ShardFolder, out: Path, *, killed_at: int | None = None) -> tuple[Path, list[tuple[int, dict]]]:
    reports: list[tuple[int, dict]] = []

    def report(step: int, metrics: dict[str, float]) -> None:
        reports.append((step, metrics))
        if step == killed_at:
            raise KilledError

    request = TrainingRequest(where.motion, out, "tiny", processes=1, drawn=where.folder)
    return train_mqhmr_from(request, report=report), reports


@pytest.fixture(scope="module")
def whole(tiny_images: ShardFolder, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, list]]:
    with pytest.MonkeyPatch.context() as patch:
        small(patch)
        patch.setitem(PRESETS, "tiny", TINY)  # type: ignore[arg-type]
        yield run(tiny_images, tmp_path_factory.mktemp("whole"))


def test_a_run_reports_and_ends_with_the_metrics_of_its_calibrated_weights(whole: tuple[Path, list]) -> None:
    weights, reports = whole
    assert weights.name == "mqhmr.safetensors"
    assert [step for step, _ in reports] == [2, 4, 4]
    assert all(set(metrics) == METRICS | {"loss"} for _, metrics in reports[:-1])
    last = reports[-1][1]
    assert set(last) == METRICS
    assert last["mpjpe_mm"] == pytest.approx(reports[-2][1]["mpjpe_mm"])
    assert last["coverage95"] == pytest.approx(0.95, abs=0.02)


def test_the_weights_are_the_network_that_was_judged(whole: tuple[Path, list], tiny_images: ShardFolder) -> None:
    weights, reports = whole
    network = load_mqhmr(weights)
    assert network.shape == TINY_SHAPE
    found = MqhmrTrainer(tiny_images, TINY, device="cpu").metrics(network)
    assert found["mpjpe_mm"] == pytest.approx(reports[-1][1]["mpjpe_mm"], abs=3)  # written in half precision


@pytest.mark.parametrize("killed_at", [2, 4])
def test_a_killed_run_ends_with_the_same_weights(
    whole: tuple[Path, list], tiny_images: ShardFolder, tmp_path: Path, killed_at: int
) -> None:
    with pytest.raises(KilledError):
        run(tiny_images, tmp_path, killed_at=killed_at)
    torch.manual_seed(99)
    weights, reports = run(tiny_images, tmp_path)
    assert weights.read_bytes() == whole[0].read_bytes()
    assert reports[-1] == whole[1][-1]


def test_a_finished_run_gives_its_last_metrics_again(whole: tuple[Path, list], tiny_images: ShardFolder) -> None:
    _, reports = run(tiny_images, whole[0].parent)
    assert reports == [whole[1][-1]]


def test_only_missing_shards_are_made_and_those_that_judge_first(
    tiny_images: ShardFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pictures = tmp_path / "run" / "pictures"
    shutil.copytree(tiny_images.folder, pictures)
    lost = [ShardFolder(pictures, tiny_images.motion).path(*which) for which in (("train", 1), ("validation", 0))]
    for path in lost:
        path.unlink()
    asked = []

    def make(where: ShardFolder, split: str, count: int, *, processes: int, report) -> None:  # type: ignore[no-untyped-def]
        for index in where.missing(split, count):
            shutil.copyfile(tiny_images.path(split, index), where.path(split, index))
            report(index)

    monkeypatch.setattr(mqhmr, "make_shards", make)
    request = TrainingRequest(tiny_images.motion, tmp_path / "run", "tiny", processes=1)
    train_mqhmr_from(request, report=lambda *_: None, shard_made=lambda *made: asked.append(made))
    assert asked == [("validation", 0), ("train", 1)]
    assert all(path.is_file() for path in lost)


def test_what_goes_on_comes_out_midway_from_the_weights_that_ship(tiny_images: ShardFolder, tmp_path: Path) -> None:
    course = MqhmrTrainer(tiny_images, replace(TINY, shape=MqhmrShape(), from_shipped=True), device="cpu")
    found = course.train(MqhmrShape(), checkpoint=tmp_path / "run.pt", report=lambda *_: None)
    led = torch.load(tmp_path / "run.pt", weights_only=True)["average"]
    shipped = dict(load_mqhmr().named_parameters())
    for name, weights in found.named_parameters():
        if "log_sd" not in name:  # calibrated after
            torch.testing.assert_close(weights, (shipped[name] + led[f"module.{name}"]) / 2, msg=name)


def test_a_broken_checkpoint_is_refused_by_name(tiny_images: ShardFolder, tmp_path: Path) -> None:
    (tmp_path / "mqhmr.checkpoint.pt").write_bytes(b"no checkpoint")
    with pytest.raises(BioposeError, match=r"mqhmr\.checkpoint\.pt: is broken"):
        run(tiny_images, tmp_path)


def test_there_is_a_preset_for_a_machine_without_and_with_an_accelerator() -> None:
    cpu, gpu = PRESETS["cpu"], PRESETS["gpu"]
    assert cpu.shards < gpu.shards
    assert cpu.batch * cpu.schedule.steps < gpu.batch * gpu.schedule.steps
    assert cpu.shape == gpu.shape
    assert SHARDS["train"] == TINY.shards
