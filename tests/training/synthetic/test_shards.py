"""Shards hold what the network saw within half a step, are the same whenever made, and share nobody between splits."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from biopose.training.data.motion import HELD_OUT
from biopose.training.synthetic import shards
from biopose.training.synthetic.people import People
from biopose.training.synthetic.shards import (
    LEVELS,
    LOWEST_FEATURE,
    SPLITS,
    ImageShardMaker,
    ShardFolder,
    quantised,
    restored,
    split_motions,
    split_people,
)
from tests.perception.real_people import needs_networks
from tests.swinging_person import synthetic_motion
from tests.training.synthetic.drawn_people import people, segment_body

FEW = 6


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shards of four pictures, of a few made-up people in made-up motion."""

    def few_people(_body: object, _folder: Path, *, n: int, seed: int) -> People:
        return people(n, seed=seed)

    for name, value in {"SHARD_IMAGES": 4, "BATCH": 2, "N_PEOPLE": FEW, "HELD_OUT_PEOPLE": FEW}.items():
        monkeypatch.setattr(shards, name, value)
    monkeypatch.setattr(shards, "people_of", few_people)
    names = ("cmu_01_01", *HELD_OUT)
    monkeypatch.setattr(shards, "cmu_motions", lambda _folder: [synthetic_motion(name=name) for name in names])


def features(seed: int = 0) -> torch.Tensor:
    values = torch.nn.functional.silu(3 * torch.randn(4, 7, 5, 6, generator=torch.Generator().manual_seed(seed)))
    return values.clamp(min=LOWEST_FEATURE)


def test_features_come_back_within_half_a_step() -> None:
    values = features()
    step = (values.amax(dim=(0, 2, 3)) - LOWEST_FEATURE) / 255
    kept = quantised(values, step)
    assert kept.dtype == torch.uint8
    assert kept.shape == (4, 5, 6, 7)  # channels last
    off = (restored(kept, step) - values).abs()
    assert (off <= 0.501 * step[:, None, None]).all()
    assert torch.equal(quantised(restored(kept, step), step), kept)


def test_features_out_of_range_are_clipped_to_it() -> None:
    step = torch.full((7,), 0.01)
    back = restored(quantised(features(), step), step)
    assert back.min() >= LOWEST_FEATURE
    assert back.max() <= LOWEST_FEATURE + 2.55 + 1e-4


def test_no_feature_is_lower_than_the_lowest() -> None:
    assert torch.nn.functional.silu(torch.linspace(-3, 0, 10_000)).min() >= LOWEST_FEATURE


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    where = ShardFolder(tmp_path, tmp_path, seed=3)
    assert where.missing("train", 3) == [0, 1, 2]
    where.path("train", 1).touch()
    assert where.missing("train", 3) == [0, 2]
    assert where.missing("test", 2) == [0, 1]
    assert ShardFolder(tmp_path, tmp_path, seed=4).missing("train", 2) == [0, 1]


@pytest.mark.usefixtures("small")
def test_no_person_is_in_two_splits(tmp_path: Path) -> None:
    of_split = {split: split_people(segment_body(), tmp_path, split) for split in SPLITS}
    shapes = torch.cat([someone.shape for someone in of_split.values()])
    assert len(torch.unique(shapes, dim=0)) == len(shapes) == 2 * FEW
    assert all(len(someone) for someone in of_split.values())


def test_training_sees_no_held_out_motion() -> None:
    motions = [synthetic_motion(name=name) for name in ("cmu_01_01", "cmu_02_01[0:90]", "cmu_02_09", "cmu_03_02[1:80]")]
    training = {m.name for m in split_motions(motions, "train")}
    for split in ("validation", "test"):
        held_out = {m.name for m in split_motions(motions, split)}
        assert held_out == {"cmu_02_09", "cmu_03_02[1:80]"}
        assert not held_out & training
    assert len(training) == 2


def test_an_unknown_split_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no split trial; there are train, validation, test"):
        ImageShardMaker(ShardFolder(tmp_path, tmp_path), "trial", [synthetic_motion()])


@needs_networks
@pytest.mark.usefixtures("small")
def test_a_shard_made_again_is_the_same_to_the_byte(tmp_path: Path) -> None:
    where = ShardFolder(tmp_path, tmp_path)
    maker = ImageShardMaker(where, "train", [synthetic_motion()])
    path = maker.make(1)
    assert path == where.path("train", 1)
    first = path.read_bytes()
    maker.make(0)  # whatever was made before
    path.unlink()
    maker.make(1)
    assert path.read_bytes() == first
    assert where.path("train", 0).read_bytes() != first


@needs_networks
@pytest.mark.usefixtures("small")
def test_a_shard_holds_features_keypoints_and_truth(tmp_path: Path) -> None:
    shard = load_file(ImageShardMaker(ShardFolder(tmp_path, tmp_path), "test", [synthetic_motion()]).make(0))
    assert "pixels" not in shard
    assert shard["keypoints_px"].shape == (4, 26, 2)
    assert shard["confidence"].shape == (4, 26)
    assert shard["R_camera_segment"].shape == (4, 20, 3, 3)
    assert shard["person"].max() < FEW // 2
    for level, channels, rows in zip(LEVELS, (128, 256, 512), (32, 16, 8), strict=True):
        assert shard[f"map_{level}"].shape == (4, rows, rows * 3 // 4, channels)
        assert shard[f"map_{level}"].dtype == torch.uint8
        assert shard[f"step_of_map_{level}"].shape == (channels,)
