"""How the lifter sees a person: the same wherever they are in the image, and blind to what was not observed."""

import pytest
import torch
from torch import Tensor

from biopose.body.keypoint_names import MIRRORED
from biopose.hmr.lifter_input import (
    N_FEATURES,
    NOMINAL_RATE_HZ,
    WEIGHT_SD,
    lifter_input,
    rotation_towards,
    weight_of_error,
)
from tests.swinging_person import frame_times, keypoints_m, level, swinging

FRAMES = 6
INTERVAL_S = torch.tensor(1 / NOMINAL_RATE_HZ, dtype=torch.float64)


def in_camera() -> Tensor:
    """(T, 26, 3), double."""
    return keypoints_m(swinging(frame_times(FRAMES))) @ level().T


def rays_of(camera: Tensor) -> Tensor:
    return camera[..., :2] / camera[..., 2:]


def some_weights() -> Tensor:
    return 0.1 + 0.9 * torch.rand(FRAMES, 26, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def features(rays: Tensor, weight: Tensor | None = None) -> Tensor:
    weight = torch.ones(rays.shape[:-1], dtype=rays.dtype) if weight is None else weight
    return lifter_input(rays, weight, interval_s=INTERVAL_S.expand(rays.shape[:-3])).features


def xy(given: Tensor) -> Tensor:
    return given[..., :52].unflatten(-1, (26, 2))


def turned(camera: Tensor, *, pan_deg: float = 0.0, tilt_deg: float = 0.0) -> Tensor:
    """The points as a camera sees them that stands where it stood, turned."""
    pan, tilt = torch.deg2rad(torch.tensor([pan_deg, tilt_deg], dtype=torch.float64))
    zero, one = torch.zeros_like(pan), torch.ones_like(pan)
    about_y = torch.stack([pan.cos(), zero, pan.sin(), zero, one, zero, -pan.sin(), zero, pan.cos()]).view(3, 3)
    about_x = torch.stack([one, zero, zero, zero, tilt.cos(), -tilt.sin(), zero, tilt.sin(), tilt.cos()]).view(3, 3)
    return camera @ (about_x @ about_y).T


@pytest.mark.parametrize("ray", [(0.0, 0.0), (0.5, 0.0), (0.0, -0.7), (-1.3, 0.9), (1e-4, 20.0)])
def test_the_views_z_axis_is_along_the_ray_and_its_x_axis_level(ray: tuple[float, float]) -> None:
    R = rotation_towards(torch.tensor(ray, dtype=torch.float64))
    torch.testing.assert_close(R.T @ R, torch.eye(3, dtype=torch.float64), atol=1e-12, rtol=0)
    assert float(torch.linalg.det(R)) == pytest.approx(1.0)
    along = R.T @ torch.tensor([*ray, 1.0], dtype=torch.float64)
    assert along[:2].abs().max() < 1e-9
    assert along[2] > 0
    assert float(R[1, 0]) == 0.0


def test_the_view_along_the_optical_axis_is_the_camera() -> None:
    torch.testing.assert_close(rotation_towards(torch.zeros(4, 2)), torch.eye(3).expand(4, 3, 3))


@pytest.mark.parametrize(("pan_deg", "tilt_deg"), [(15.0, 0.0), (-20.0, 0.0), (0.0, 10.0)])
def test_a_rotated_camera_gives_the_same_features(pan_deg: float, tilt_deg: float) -> None:
    """But for the middle of the keypoints, which is taken in the image and so moves a little."""
    elsewhere = rays_of(turned(in_camera(), pan_deg=pan_deg, tilt_deg=tilt_deg))
    assert (elsewhere - rays_of(in_camera())).norm(dim=-1).min() > 0.1
    before, after = features(rays_of(in_camera())), features(elsewhere)
    assert (xy(after) - xy(before)).abs().max() < 0.06
    torch.testing.assert_close(after[..., 52:78], before[..., 52:78])


def test_a_person_of_another_size_has_the_same_features_but_for_those_of_perspective() -> None:
    before, after = features(rays_of(in_camera())), features(rays_of(2 * in_camera()))
    torch.testing.assert_close(after, before)
    far = in_camera() + torch.tensor([0.0, 0.0, 400.0])
    farther = in_camera() + torch.tensor([0.0, 0.0, 900.0])
    assert (xy(features(rays_of(farther))) - xy(features(rays_of(far)))).abs().max() < 0.02
    assert features(rays_of(farther))[0, -2] < features(rays_of(far))[0, -2]


def test_the_keypoints_are_one_unit_large_about_the_middle() -> None:
    weight = some_weights()
    given = features(rays_of(in_camera()), weight)
    size = ((xy(given) ** 2).sum(-1) * weight).sum(-1) / weight.sum(-1)
    torch.testing.assert_close(size, torch.ones_like(size))
    middle = (xy(given) * weight[..., None]).sum(-2) / weight.sum(-1, keepdim=True)
    assert middle.abs().max() < 0.05


@pytest.mark.parametrize("anything", [0.0, 1e6, -3.0, float("nan"), float("inf")])
def test_keypoints_of_no_weight_may_hold_anything(anything: float) -> None:
    weight = some_weights()
    weight[:, [3, 9]] = 0.0
    weight[2] = 0.0
    rays = rays_of(in_camera())
    expected = features(rays, weight)
    rays[weight == 0] = anything
    torch.testing.assert_close(features(rays, weight), expected, atol=0, rtol=0)


def test_frames_without_observations_are_zero_but_for_the_frame_rate() -> None:
    given = lifter_input(torch.full((FRAMES, 26, 2), torch.nan), torch.zeros(FRAMES, 26), interval_s=torch.tensor(0.05))
    assert not given.features[:, :-1].any()
    torch.testing.assert_close(given.R_camera_view, torch.eye(3).expand(FRAMES, 3, 3))


def test_a_mirrored_person_gives_mirrored_features() -> None:
    rays, weight = rays_of(in_camera()), some_weights()
    flip = torch.tensor([-1.0, 1.0], dtype=torch.float64)
    given, mirrored = features(rays, weight), features(rays[:, MIRRORED] * flip, weight[:, MIRRORED])
    torch.testing.assert_close(xy(mirrored), (xy(given) * flip)[:, MIRRORED])
    torch.testing.assert_close(mirrored[:, 78:80], given[:, 78:80] * flip)
    torch.testing.assert_close(mirrored[:, 80:], given[:, 80:])


def test_the_frame_rate_is_given_relative_to_the_nominal_one() -> None:
    rays, weight = rays_of(in_camera()), some_weights()
    slow = lifter_input(rays, weight, interval_s=2 * INTERVAL_S).features
    assert features(rays, weight)[:, -1].abs().max() < 1e-9
    torch.testing.assert_close(slow[:, -1], torch.full_like(slow[:, -1], 2.0).log())
    torch.testing.assert_close(slow[:, :-1], features(rays, weight)[:, :-1])


def test_batch_axes() -> None:
    rays = rays_of(in_camera())
    together = torch.stack([rays, rays.flip(0)])
    weight = some_weights().expand(2, -1, -1)
    given = lifter_input(together, weight, interval_s=torch.stack([INTERVAL_S, 2 * INTERVAL_S]))
    assert given.features.shape == (2, FRAMES, N_FEATURES)
    assert given.R_camera_view.shape == (2, FRAMES, 3, 3)
    alone = lifter_input(rays.flip(0), weight[1], interval_s=2 * INTERVAL_S)
    torch.testing.assert_close(given.features[1], alone.features)


def test_the_larger_the_error_the_smaller_the_weight() -> None:
    weight = weight_of_error(torch.tensor([0.0, WEIGHT_SD / 2, WEIGHT_SD, 1.0, 1e6]))
    assert float(weight[0]) == 1.0
    assert float(weight[2]) == pytest.approx(0.5)
    assert (weight.diff() < 0).all()
    assert (weight >= 0).all()
