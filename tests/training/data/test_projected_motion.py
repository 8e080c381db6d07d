"""Windows of motion as drawn cameras see them: truth and input fit together."""

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from torch import Tensor

from biopose.body.keypoint_landmarks import FOOT_KEYPOINTS
from biopose.body.keypoint_names import KEYPOINTS
from biopose.hmr.lifter_input import N_FEATURES
from biopose.reconstruction.initialisation import root_position_m
from biopose.training.data import keypoint_noise, projected_motion
from biopose.training.data.motion import Motion
from biopose.training.data.projected_motion import (
    MotionProjector,
    ProjectedMotion,
    Proportions,
    draw_cameras,
    draw_proportions,
)
from tests.body.bodies import needs_body_asset
from tests.swinging_person import full_body, keypoints_m, synthetic_motion, unscaled, with_keypoints

HEIGHT_M = 1.75
N, FRAMES = 12, 8


def projector(seed: int = 0, motions: Sequence[Motion] = ()) -> MotionProjector:
    people = [Proportions(HEIGHT_M, unscaled())]
    return MotionProjector(motions or [synthetic_motion()], with_keypoints(), people, seed=seed)


@pytest.fixture
def without_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("QUICK_SD", "SLOW_SD", "HIDDEN_SHARE", "OUTLIER_SHARE", "SWAP_SHARE"):
        monkeypatch.setattr(keypoint_noise, name, 0.0)
    monkeypatch.setattr(projected_motion, "FOCAL_LOG_SD", 0.0)


def view_rays(batch: ProjectedMotion) -> Tensor:
    """(N, T, 26, 2) in the view that looks at the person."""
    spread = batch.input.features[..., 80:81].exp()
    return batch.input.features[..., :52].unflatten(-1, (26, 2)) * spread[..., None]


def test_a_batch_has_its_shapes_and_no_nan() -> None:
    batch = projector().draw(N, frames=FRAMES)
    assert batch.input.features.shape == (N, FRAMES, N_FEATURES)
    assert batch.keypoints.shape == (N, FRAMES, 26, 3)
    assert batch.up.shape == (N, FRAMES, 3)
    for value in (batch.input.features, batch.keypoints, batch.up):
        assert value.isfinite().all()
        assert value.dtype == torch.float32


@pytest.mark.usefixtures("without_errors")
def test_the_truth_projects_to_the_observed_keypoints() -> None:
    batch = projector().draw(N, frames=FRAMES)
    rays, keypoints = view_rays(batch).flatten(0, 1), HEIGHT_M * batch.keypoints.flatten(0, 1)
    far_apart_s = 10.0 * np.arange(len(rays))  # each frame for itself
    root = root_position_m(keypoints, rays, torch.ones(rays.shape[:2]), far_apart_s)
    there = keypoints + root[:, None]
    off = (there[..., :2] / there[..., 2:] - rays).norm(dim=-1)
    spread = rays.square().sum(-1).mean(-1).sqrt()
    assert (off.mean(-1) / spread).max() < 0.01


def test_keypoints_are_about_the_hips_and_one_body_height_large() -> None:
    batch = projector().draw(N, frames=FRAMES)
    assert not batch.keypoints[..., KEYPOINTS.index("mid_hip"), :].any()
    reach = batch.keypoints.norm(dim=-1).amax(-1)
    assert float(reach.min()) > 0.35
    assert float(reach.max()) < 0.9


def test_up_is_a_direction_along_which_heads_are_above_feet() -> None:
    batch = projector().draw(60, frames=FRAMES)
    torch.testing.assert_close(batch.up.norm(dim=-1), torch.ones(60, FRAMES))
    head = batch.keypoints[..., KEYPOINTS.index("head_top"), :] - batch.keypoints[..., FOOT_KEYPOINTS, :].mean(-2)
    assert ((head * batch.up).sum(-1) > 0).float().mean() > 0.9


def test_the_same_seed_draws_the_same_windows() -> None:
    first, again, other = (projector(seed).draw(4, frames=6) for seed in (5, 5, 6))
    torch.testing.assert_close(first.input.features, again.input.features, atol=0, rtol=0)
    torch.testing.assert_close(first.keypoints, again.keypoints, atol=0, rtol=0)
    assert not torch.allclose(first.keypoints, other.keypoints)


def test_every_draw_is_new() -> None:
    one = projector()
    assert not torch.allclose(one.draw(4, frames=6).keypoints, one.draw(4, frames=6).keypoints)


def test_bent_legs_lower_the_body_onto_feet_as_high_as_in_the_clip() -> None:
    one = projector()
    clip = torch.from_numpy(synthetic_motion(frames=FRAMES).values).float()[None]
    bent = clip.clone()
    for name, radians in (("hip_flexion", 0.8), ("knee_angle", 0.8), ("ankle_angle", 0.3)):
        for side in "rl":
            bent[..., full_body().coordinate_names.index(f"{name}_{side}")] += radians
    low, high = (one._keypoints_m(q, clip, torch.zeros(1, dtype=torch.long)) for q in (bent, clip))
    floor = keypoints_m(clip[0].double().numpy())[:, FOOT_KEYPOINTS, 1].amin(-1)
    for points in (low, high):
        assert (points[0, :, FOOT_KEYPOINTS, 1].amin(-1) - floor).abs().max() < 0.06  # keypoints lie a little elsewhere
    hips = KEYPOINTS.index("mid_hip")
    assert (high[0, :, hips, 1] - low[0, :, hips, 1]).mean() > 0.05


def test_cameras_see_everybody_before_them() -> None:
    world = torch.from_numpy(synthetic_motion(frames=40).values)
    people = keypoints_m(world.numpy()).float()[None].repeat(300, 1, 1, 1)
    R_camera_world, place = draw_cameras(torch.Generator().manual_seed(0), people)
    torch.testing.assert_close(R_camera_world.mT @ R_camera_world, torch.eye(3).expand(300, 3, 3), atol=1e-5, rtol=0)
    assert (torch.linalg.det(R_camera_world) > 0).all()
    camera = (people - place[:, None, None]) @ R_camera_world.mT[:, None]
    assert camera[..., 2].min() > 0.3
    assert (place[:, 1] > people[..., 1].amin((1, 2))).all()
    assert (R_camera_world[:, 1, 1] < 0).all()  # y of the picture is down


def test_most_cameras_are_level_and_some_askew() -> None:
    standing = keypoints_m(synthetic_motion(frames=1).values).float().expand(2000, 1, -1, -1)
    R_camera_world, _ = draw_cameras(torch.Generator().manual_seed(1), standing)
    up = R_camera_world[:, :, 1]
    roll_deg = torch.rad2deg(torch.atan2(up[:, 0], -up[:, 1])).abs()
    assert (roll_deg < 12).float().mean() > 0.7
    assert 0.1 < (roll_deg > 15).float().mean() < 0.25
    assert roll_deg.max() < 65  # of a camera that looks steeply down, a pan turns the horizon, too


@needs_body_asset
@pytest.mark.slow
def test_drawn_people_have_heights_and_proportions_of_people() -> None:
    people = draw_proportions(2, full_body(), seed=0)
    again = draw_proportions(2, full_body(), seed=0)
    for person, same in zip(people, again, strict=True):
        assert 1.4 < person.height_m < 2.1
        assert person.body_scales.shape == unscaled().shape
        assert person.body_scales.min() > 0.6
        assert person.body_scales.max() < 1.6
        np.testing.assert_array_equal(person.body_scales, same.body_scales)
