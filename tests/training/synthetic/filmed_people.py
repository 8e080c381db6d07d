"""A few people with their skeletons, and films of them, for tests: made from the body asset and a made-up motion."""

import tempfile
from functools import cache
from pathlib import Path

import torch
from torch import Tensor

from biopose.body.rig import PosedBody, ShapedBody
from biopose.training.synthetic.clips import ClipSource, SyntheticClip
from biopose.training.synthetic.people import People, people_of
from biopose.training.synthetic.scenes import MIDDLE
from biopose.training.synthetic.sequences import MotionSequence
from biopose.training.synthetic.skeletons import Skeletons, skeletons_of_drawn
from tests.swinging_person import synthetic_motion
from tests.training.synthetic.drawn_people import segment_body

N, SEED = 3, 5


@cache
def filmed_people() -> tuple[People, Skeletons]:
    with tempfile.TemporaryDirectory() as folder:
        drawn = [part(segment_body(), Path(folder), n=N, seed=SEED) for part in (people_of, skeletons_of_drawn)]
    people, skeletons = drawn
    assert isinstance(people, People)
    assert isinstance(skeletons, Skeletons)
    return people, skeletons


def clip_source(seed: int = 0, *, frames: int = 8) -> ClipSource:
    return ClipSource(segment_body(), *filmed_people(), [synthetic_motion()], seed=seed, frames=frames)


def posed(sequence: MotionSequence) -> PosedBody:
    """The true body in the middle of each exposure, in heights, the pelvis's bone at the origin."""
    people, _ = filmed_people()
    shaped = ShapedBody(segment_body().rig, people.shape[sequence.person], people.bone_heads[sequence.person])
    return shaped.with_global_rotations(sequence.R_world_segment[:, MIDDLE], root_position=torch.zeros(3))


def keypoints_m(sequence: MotionSequence) -> Tensor:
    """(T, 26, 3) of the true body in its world."""
    people, _ = filmed_people()
    about_root = posed(sequence).skin(people.keypoints[sequence.person], segment_body().keypoints.skin_matrix)
    return about_root * people.height_m[sequence.person] + sequence.root_m[:, None]


def markers_m(sequence: MotionSequence) -> Tensor:
    """(T, M, 3) likewise."""
    people, skeletons = filmed_people()
    about_root = posed(sequence).skin(skeletons.markers[sequence.person], segment_body().markers.skin_matrix)
    return about_root * people.height_m[sequence.person] + sequence.root_m[:, None]


def in_crops(clip: SyntheticClip, points_m: Tensor) -> Tensor:
    """Points (T, K, 3) of the world in pixels (T, K, 2) of the clip's crops."""
    pixels = clip.camera.project(clip.in_camera(points_m).double())
    regions = torch.from_numpy(clip.regions_px)[:, None]
    size = torch.tensor(clip.pixels.shape[:1:-1])
    return (pixels - regions[..., :2]) / (regions[..., 2:] - regions[..., :2]) * size - 0.5
