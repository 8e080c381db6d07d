"""Metrics on synthetic images: of the requested number, rendered where missing, printed as text and as JSON."""

import json
import shutil
from pathlib import Path

import pytest
import torch

from biopose.errors import ModelError
from biopose.evaluation import synthetic as module
from biopose.evaluation.synthetic import METRIC_TITLES, evaluate_synthetic, synthetic_lines
from biopose.hmr.mqhmr import new_mqhmr, save_mqhmr
from biopose.training.synthetic.shards import ShardFolder
from tests.commands import assert_refused, run
from tests.training.tiny_images import (
    IMAGES,
    TINY_SHAPE,
    needs_images,
    small,
)

ON_PICTURES = ("evaluate", "synthetic", "--part", "mqhmr", "--data")


@pytest.fixture(scope="module")
def tiny(tiny_images: ShardFolder) -> ShardFolder:
    return tiny_images


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    network = new_mqhmr(TINY_SHAPE)
    torch.nn.init.normal_(network.head.log_sd, std=0.02)
    save_mqhmr(tmp_path / "mqhmr.safetensors", network)
    return tmp_path / "mqhmr.safetensors"


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    small(monkeypatch)


@needs_images
def test_the_requested_number_of_images_is_evaluated(tiny: ShardFolder, weights: Path, tmp_path: Path) -> None:
    done: list[int] = []
    few = evaluate_synthetic(tmp_path, images=5, folder=tiny.folder, weights=weights, progress=done.append)
    assert sum(done) == few["images"] == 5
    all_ = evaluate_synthetic(tmp_path, images=IMAGES, folder=tiny.folder, weights=weights)
    assert set(few["decoder"]) >= set(METRIC_TITLES)
    assert few["decoder"]["mpjpe_mm"] != all_["decoder"]["mpjpe_mm"]
    assert 50 < all_["decoder"]["mpjpe_mm"] < 2000  # untrained


@needs_images
def test_missing_images_are_rendered_from_the_held_out_split(
    tiny: ShardFolder, weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = tmp_path / "kept"
    shutil.copytree(tiny.folder, kept)
    (path,) = kept.glob("images*_test_*")
    path.unlink()
    asked = []

    def make(where: ShardFolder, split: str, count: int, *, processes: int) -> None:
        asked.append((split, where.missing(split, count), where.motion))
        shutil.copyfile(tiny.path("test", 0), path)

    monkeypatch.setattr(module, "make_shards", make)
    evaluate_synthetic(tmp_path, images=4, folder=kept, weights=weights)
    assert asked == [("test", [0], tmp_path / "mocap" / "cmu")]


@needs_images
def test_every_way_of_recovery_is_a_column(
    tiny: ShardFolder, weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ways = module.recoveries(weights)
    monkeypatch.setattr(module, "recoveries", lambda _: {**ways, "refined": ways["decoder"]})
    result = evaluate_synthetic(tmp_path, images=8, folder=tiny.folder, weights=weights)
    assert result["refined"] == result["decoder"]
    lines = synthetic_lines(result)
    assert lines[1].split() == ["decoder", "refined"]
    assert [len(line.rsplit(maxsplit=2)) for line in lines[2:]] == [3] * len(METRIC_TITLES)


@needs_images
def test_the_command_prints_for_people_and_for_programs(tiny: ShardFolder, weights: Path, tmp_path: Path) -> None:
    arguments = (
        *ON_PICTURES,
        tmp_path,
        "--images",
        8,
        "--shards",
        tiny.folder,
    )
    text = run(*arguments, "--weights", weights)
    assert text.exit_code == 0, text.output
    assert "8 synthetic images" in text.stdout
    assert "PA-MPJPE, mm" in text.stdout
    result = json.loads(run(*arguments, "--weights", weights, "--json").stdout)
    assert set(result["synthetic"]["decoder"]) >= {
        "mpjpe_mm",
        "pa_mpjpe_mm",
        "pve_mm",
        "coverage95",
        "error_sd_rank_correlation",
    }


def test_weights_that_are_not_there_are_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"none\.safetensors"):
        evaluate_synthetic(tmp_path, weights=tmp_path / "none.safetensors")


@needs_images
def test_a_folder_without_motions_is_refused_where_pictures_are_missing(weights: Path, tmp_path: Path) -> None:
    arguments = (
        *ON_PICTURES,
        tmp_path,
        "--shards",
        tmp_path / "new",
        "--weights",
        weights,
    )
    assert_refused(run(*arguments), "mocap/cmu")


def test_weights_belong_to_one_network(weights: Path, tmp_path: Path) -> None:
    result = run("evaluate", "synthetic", "--data", tmp_path, "--weights", weights)
    assert result.exit_code == 2
    assert "choose it with --part mqhmr or --part neurik" in result.stderr
