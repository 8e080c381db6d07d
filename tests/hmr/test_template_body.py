"""The mean template: the segment body's keypoints, and where it stands before a camera."""

from functools import cache

import torch
from torch import Tensor

from biopose.body.segment_body import SegmentBody
from biopose.hmr.lifter_input import rotation_towards
from biopose.hmr.template_body import TemplateBody, fit_translation, reprojection_residual, view_rays
from biopose.skeleton.rotations import rotation_from_6d


@cache
def body() -> SegmentBody:
    return SegmentBody.load()


@cache
def template() -> TemplateBody:
    return TemplateBody(body())


def turns(n: int, seed: int = 0) -> Tensor:
    still = torch.eye(3)[:, :2].T.flatten()
    g = torch.Generator().manual_seed(seed)
    return rotation_from_6d(still + 0.4 * torch.randn(n, 20, 6, generator=g))


def depths(n: int) -> Tensor:
    return torch.full((n,), 4.0)


def test_its_keypoints_are_the_bodys() -> None:
    R = turns(5)
    posed = body().rig.with_coefficients(torch.zeros(5, 10)).with_pose(R, root_position=torch.zeros(3))
    torch.testing.assert_close(template()(R), body().keypoints.positions(posed), atol=2e-4, rtol=0)


def test_its_translation_is_found_from_its_projection() -> None:
    points = template()(turns(6))
    at = torch.tensor([0.3, -0.2, 5.0]) + 0.5 * torch.randn(6, 3, generator=torch.Generator().manual_seed(1))
    camera = points + at[:, None]
    found = fit_translation(points, camera[..., :2] / camera[..., 2:], torch.ones(6, 26), depths(6))
    torch.testing.assert_close(found, at, atol=0.1, rtol=0.05)


def test_without_weight_it_is_at_the_default_depth() -> None:
    found = fit_translation(template()(turns(2)), torch.zeros(2, 26, 2), torch.zeros(2, 26), depths(2))
    assert torch.isfinite(found).all()
    torch.testing.assert_close(found[:, 2], depths(2))


def test_the_residual_of_the_true_pose_is_zero_and_of_another_is_not() -> None:
    R = turns(4)
    camera = template()(R) + torch.tensor([0.0, 0.0, 4.0])
    rays, log_crop = camera[..., :2] / camera[..., 2:], torch.full((4,), -1.0)
    weight = torch.ones(4, 26)
    exact = reprojection_residual(template()(R), rays, weight, log_crop, depths(4)).norm(dim=-1).mean()
    other = reprojection_residual(template()(turns(4, seed=9)), rays, weight, log_crop, depths(4)).norm(dim=-1).mean()
    assert exact < 0.005
    assert other > 10 * exact


def test_keypoints_of_no_weight_do_not_count() -> None:
    R = turns(3)
    camera = template()(R) + torch.tensor([0.0, 0.0, 4.0])
    rays = camera[..., :2] / camera[..., 2:]
    weight = torch.ones(3, 26)
    weight[:, 7] = 0.0
    moved = rays.clone()
    moved[:, 7] += 1.0
    arguments = (weight, torch.full((3,), -1.0), depths(3))
    torch.testing.assert_close(
        reprojection_residual(template()(R), rays, *arguments), reprojection_residual(template()(R), moved, *arguments)
    )


def test_the_middle_of_a_crop_is_on_the_views_axis() -> None:
    place = torch.tensor([[0.4, -0.3, -0.5]])
    rays = view_rays(torch.full((1, 26, 2), 0.5), place)
    torch.testing.assert_close(rays, torch.zeros(1, 26, 2), atol=1e-6, rtol=0)


def test_keypoints_of_a_crop_are_the_cameras_rays_rotated_into_the_view() -> None:
    place = torch.tensor([[0.4, -0.3, -0.5]])
    keypoints = torch.rand(1, 26, 2, generator=torch.Generator().manual_seed(0))
    view = torch.cat([view_rays(keypoints, place), torch.ones(1, 26, 1)], dim=-1)
    camera = view @ rotation_towards(place[:, :2]).mT
    size = place[:, 2].exp() * torch.tensor([0.75, 1.0])
    torch.testing.assert_close(camera[..., :2] / camera[..., 2:], place[:, None, :2] + (keypoints - 0.5) * size)
