"""Starting values: where the root is, and the skeleton on keypoints."""

import numpy as np
import pytest
import torch

from biopose.reconstruction.initialisation import FARTHEST_ROOT_M, NEAREST_ROOT_M, root_position_m, starting_coordinates
from biopose.reconstruction.observations import MID_HIP
from tests.swinging_person import frame_times, full_body, keypoints_m, level, observations_of, swinging, with_keypoints

FRAMES = 12


def exact(frames: int = FRAMES, *, rate_hz: float = 30.0) -> tuple[torch.Tensor, ...]:
    """Keypoints about the hips, rays, weight, times, true root: a root that keeps its distance."""
    time_s = frame_times(frames, rate_hz=rate_hz)
    q = swinging(time_s)
    q[:, full_body().coordinate_names.index("pelvis_tz")] = 0.2
    q[:, full_body().coordinate_names.index("pelvis_rotation")] = 1.0
    observed = observations_of(q, time_s)
    camera = keypoints_m(q) @ level().T
    return observed.lifted_m, observed.rays, observed.weight, time_s, camera[:, MID_HIP]


def test_exact_keypoints_tell_the_root_exactly() -> None:
    keypoints, rays, weight, time_s, root = exact()
    found = root_position_m(keypoints, rays, weight, time_s)
    torch.testing.assert_close(found, root, atol=0.02, rtol=0)
    alone = root_position_m(keypoints[:1], rays[:1], weight[:1], time_s[:1])
    torch.testing.assert_close(alone, root[:1], atol=1e-3, rtol=0)


def test_a_motionless_person_is_placed_exactly_whatever_the_neighbours_weigh() -> None:
    keypoints, rays, _, _, root = exact()
    still = [value[:1].expand(FRAMES, *value.shape[1:]) for value in (keypoints, rays, root)]
    weight = torch.rand(FRAMES, 26, generator=torch.Generator().manual_seed(0)) + 0.05
    times_s = np.cumsum(np.random.default_rng(0).uniform(0.01, 0.1, FRAMES))
    found = root_position_m(still[0], still[1], weight, times_s)
    torch.testing.assert_close(found, still[2], atol=1e-3, rtol=0)


def test_frames_without_a_detection_are_interpolated() -> None:
    keypoints, rays, weight, time_s, root = exact()
    weight[4:7] = 0.0
    rays[4:7] = 0.0
    found = root_position_m(keypoints, rays, weight, time_s)
    between = torch.lerp(found[3], found[7], torch.tensor([0.25, 0.5, 0.75], dtype=torch.float64)[:, None])
    torch.testing.assert_close(found[4:7], between, atol=1e-6, rtol=0)
    torch.testing.assert_close(found, root, atol=0.05, rtol=0)


def test_wrong_keypoints_give_a_finite_place_before_the_camera() -> None:
    keypoints, rays, weight, time_s, _ = exact()
    noise = torch.randn(rays.shape, generator=torch.Generator().manual_seed(0))
    for wrong in (noise, torch.zeros_like(rays), 1e-7 * noise):
        for observed in (weight, torch.zeros_like(weight)):
            found = root_position_m(keypoints, wrong, observed, time_s)
            assert found.isfinite().all()
            assert found[:, 2].min() >= NEAREST_ROOT_M
            assert found[:, 2].max() <= FARTHEST_ROOT_M


@pytest.mark.parametrize("frames", [1, 2, FRAMES])
def test_the_skeleton_is_put_on_its_own_keypoints(frames: int) -> None:
    time_s = frame_times(frames)
    q = swinging(time_s)
    points = keypoints_m(q)
    start = starting_coordinates(with_keypoints(), points, time_s)
    assert np.isfinite(start).all()
    assert (keypoints_m(start) - points).norm(dim=-1).mean() < 0.01


def test_the_start_is_inside_the_ranges() -> None:
    points = torch.randn(3, 26, 3, generator=torch.Generator().manual_seed(0)).double() * 0.5
    start = starting_coordinates(with_keypoints(), points, frame_times(3))
    assert np.isfinite(start).all()
    for c, column in zip(full_body().coordinates, start.T, strict=True):
        if c.clamped:
            assert c.range_min - 1e-9 <= column.min()
            assert column.max() <= c.range_max + 1e-9


def test_the_pelvis_leans_as_the_trunk_does() -> None:
    """The hips alone leave it open; wrong depths would otherwise turn it over."""
    time_s = frame_times(6)
    q = swinging(time_s)
    noise = 0.05 * torch.randn(6, 26, 3, generator=torch.Generator().manual_seed(0))
    start = starting_coordinates(with_keypoints(), keypoints_m(q) + noise, time_s)
    lumbar = full_body().coordinate_names.index("lumbar_extension")
    assert np.degrees(np.abs(start[:, lumbar])).max() < 45


def test_frames_that_are_not_known_start_between_their_neighbours() -> None:
    time_s = frame_times(9)
    points = keypoints_m(swinging(time_s))
    whole = starting_coordinates(with_keypoints(), points, time_s)
    points[3:6] = torch.nan
    found = starting_coordinates(with_keypoints(), points, time_s)
    np.testing.assert_allclose(found, whole, atol=0.15)
    np.testing.assert_allclose(found[4], (found[2] + found[6]) / 2, atol=1e-9)
