"""Shards of clips are reproducible, name the weights that measured them, hold the truth, and are refused if broken."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from biopose.body.markers import MARKERS
from biopose.body.segment_body import SegmentBody
from biopose.errors import ModelError
from biopose.hmr.mqhmr import MQHMR_WEIGHTS
from biopose.io.files import sha256_of
from biopose.pipeline import METHODS
from biopose.reconstruction.fit_options import RefinementOptions, SolverOptions
from biopose.skeleton.kinematics import Kinematics
from biopose.training.synthetic import clip_shards, recording, shards
from biopose.training.synthetic.clip_shards import KIND, ClipFolder, ClipShardMaker, read_clips
from biopose.training.synthetic.marker_trajectories import marker_positions
from biopose.training.synthetic.people import People
from biopose.training.synthetic.skeletons import Skeletons
from tests.body.bodies import needs_body_asset
from tests.perception.real_people import needs_networks
from tests.swinging_person import full_body, synthetic_motion
from tests.training.synthetic.filmed_people import filmed_people

CLIPS, FRAMES = 1, 6
QUICK = replace(METHODS["mqhmr"], refinement=RefinementOptions(iterations=10), solver=SolverOptions(2, 3))


@pytest.fixture
def where(tmp_path: Path) -> ClipFolder:
    return ClipFolder(tmp_path, tmp_path, seed=3)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shards of one short clip of a few people in synthetic motion, measured with few iterations."""

    def few(_body: SegmentBody, _folder: Path, *, n: int, seed: int) -> People:
        return filmed_people()[0]

    def their_skeletons(_body: SegmentBody, _folder: Path, *, n: int, seed: int) -> Skeletons:
        return filmed_people()[1]

    monkeypatch.setattr(shards, "people_of", few)
    monkeypatch.setattr(clip_shards, "skeletons_of_drawn", their_skeletons)
    monkeypatch.setattr(recording, "METHODS", {"mqhmr": QUICK})
    monkeypatch.setattr(clip_shards, "SHARD_CLIPS", CLIPS)
    monkeypatch.setattr(shards, "HELD_OUT_PEOPLE", 2)
    drawn = clip_shards.ClipSource
    monkeypatch.setattr(clip_shards, "ClipSource", lambda *args, seed: drawn(*args, seed=seed, frames=FRAMES))


def test_the_name_holds_the_weights_so_that_others_are_missing(where: ClipFolder, tmp_path: Path) -> None:
    assert sha256_of(MQHMR_WEIGHTS)[:8] in where.path("train", 0).name
    where.path("train", 1).touch()
    assert where.missing("train", 3) == [0, 2]
    other = tmp_path / "other.safetensors"
    other.write_bytes(MQHMR_WEIGHTS.read_bytes() + b" ")
    assert ClipFolder(tmp_path, tmp_path, seed=3, weights=other).missing("train", 3) == [0, 1, 2]
    assert ClipFolder(tmp_path, tmp_path, seed=4).missing("train", 2) == [0, 1]


def test_what_an_interrupted_process_left_is_no_shard(where: ClipFolder) -> None:
    partial = where.folder / ".partial-x"
    partial.mkdir()
    (partial / where.path("train", 0).name).write_bytes(b"half")
    assert where.missing("train", 1) == [0]


@pytest.mark.parametrize("content", [b"", b"not a shard", None])
def test_a_broken_file_is_named_with_what_to_do(where: ClipFolder, content: bytes | None) -> None:
    path = where.path("train", 0)
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(
        ModelError, match=f"{path.name}: cannot be read as recorded clips .*delete it and make it again"
    ):
        read_clips(path, mqhmr=where.mqhmr)


def test_a_file_of_something_else_is_refused(where: ClipFolder) -> None:
    path = where.path("train", 0)
    save_file({"x": torch.zeros(1)}, path)
    with pytest.raises(ModelError, match=f"holds something else, not {KIND}"):
        read_clips(path, mqhmr=where.mqhmr)


def test_clips_of_other_weights_are_refused(where: ClipFolder) -> None:
    path = where.path("train", 0)
    made = json.dumps({"kind": KIND, "mqhmr_sha256": "0123456789abcdef"})
    save_file({"x": torch.zeros(1)}, path, {"made": made})
    with pytest.raises(ModelError, match=f"recorded by MQ-HMR 01234567, not by {where.mqhmr[:8]}"):
        read_clips(path, mqhmr=where.mqhmr)


def test_an_unknown_split_is_refused(where: ClipFolder) -> None:
    with pytest.raises(ValueError, match="no split trial; there are train, validation, test"):
        ClipShardMaker(where, "trial", [synthetic_motion()])


@needs_networks
@needs_body_asset
@pytest.mark.usefixtures("small")
def test_weights_that_change_meanwhile_are_noticed(tmp_path: Path) -> None:
    weights = tmp_path / "mqhmr.safetensors"
    shutil.copy(MQHMR_WEIGHTS, weights)
    where = ClipFolder(tmp_path, tmp_path, weights=weights)
    assert where.mqhmr
    where.__dict__["mqhmr"] = "0" * 64  # of what was there before
    with pytest.raises(ModelError, match="has changed since the clips were started"):
        ClipShardMaker(where, "train", [synthetic_motion()])


@pytest.mark.slow
@needs_networks
@needs_body_asset
@pytest.mark.usefixtures("small")
def test_a_shard_made_again_is_the_same_and_holds_the_truth(where: ClipFolder) -> None:
    maker = ClipShardMaker(where, "test", [synthetic_motion()])
    path = maker.make(1)
    first = path.read_bytes()
    maker.make(0)  # whatever was made before
    path.unlink()
    maker.make(1)
    assert path.read_bytes() == first
    assert where.path("test", 0).read_bytes() != first

    clips = read_clips(path, mqhmr=where.mqhmr)
    assert clips.markers_m.shape == (CLIPS, FRAMES, len(MARKERS), 3)
    assert clips.weight.shape == (CLIPS, FRAMES, len(MARKERS))
    assert clips.solved_q.shape == clips.q.shape
    assert all(value.isfinite().all() for value in vars(clips).values())
    bodies = [full_body().body_names.index(marker.segment) for marker in MARKERS.values()]
    for n in range(CLIPS):
        kinematics = Kinematics(full_body(), dtype=torch.float32).with_scales(clips.body_scales[n])
        pose = kinematics.with_coordinates(clips.q[n])
        true_m = marker_positions(pose.R_ground_body, pose.p_ground_body, bodies, clips.marker_locations_m[n])
        error_m = clips.markers_m[n] - true_m  # in the estimated world
        assert error_m.norm(dim=-1).mean() < 0.35
        assert error_m.mean((0, 1)).norm() < 0.15
