"""Refinement of single pictures: each by its own keypoints alone."""

from dataclasses import replace
from functools import cache

import torch
from torch import Tensor

from biopose.body.segment_body import SegmentBody
from biopose.hmr.mqhmr import CropInput, Mqhmr, MqhmrOutput, new_mqhmr
from biopose.hmr.mqhmr_shape import MqhmrShape
from biopose.hmr.template_body import view_rays
from biopose.reconstruction.fit_options import RefinementOptions
from biopose.reconstruction.image_refinement import refine_images

SMALL = MqhmrShape(channels=(4, 4, 8, 8), width=24, layers=2, heads=2, points=2, hidden=32)


@cache
def network() -> Mqhmr:
    torch.manual_seed(0)
    return new_mqhmr(SMALL).eval()


@cache
def body() -> SegmentBody:
    return SegmentBody.load()


def crops(n: int = 3) -> CropInput:
    """Of people as the network sees them when their keypoints are elsewhere."""
    g = torch.Generator().manual_seed(0)
    sizes = ((64, 48), (32, 24), (16, 12), (8, 6))
    maps = tuple(torch.randn(n, c, *size, generator=g) for c, size in zip(SMALL.channels, sizes, strict=True))
    place = torch.tensor([0.1, -0.1, -1.0]).expand(n, 3)
    return CropInput(maps, 0.2 + 0.6 * torch.rand(n, 26, 2, generator=g), torch.full((n, 26), 0.8), place)


@torch.no_grad()
def reprojection_residual(predicted: MqhmrOutput, given: CropInput) -> Tensor:
    """(N,) mean distance of projected from observed keypoints, x / z and y / z in the view."""
    points = body().keypoints.positions(predicted.posed(body()))
    return (points[..., :2] / points[..., 2:] - view_rays(given.keypoints, given.position)).norm(dim=-1).mean(-1)


@torch.no_grad()
def test_refined_bodies_project_nearer_to_their_keypoints() -> None:
    given = crops()
    alone = refine_images(network(), body(), RefinementOptions(iterations=0))(given)
    assert (
        reprojection_residual(refine_images(network(), body())(given), given)
        < 0.9 * reprojection_residual(alone, given)
    ).all()


@torch.no_grad()
def test_images_do_not_change_each_other() -> None:
    given = crops()
    first = CropInput(tuple(m[:1] for m in given.maps), given.keypoints[:1], given.confidence[:1], given.position[:1])
    options = RefinementOptions(iterations=30)
    together, alone = (refine_images(network(), body(), options)(some) for some in (given, first))
    torch.testing.assert_close(together.R_segment_local[:1], alone.R_segment_local, atol=1e-2, rtol=0)


@torch.no_grad()
def test_an_image_without_keypoints_stays_as_the_decoder_predicted() -> None:
    given = replace(crops(1), confidence=torch.zeros(1, 26))
    predicted, refined = network()(given), refine_images(network(), body())(given)
    torch.testing.assert_close(refined.R_segment_local, predicted.R_segment_local, atol=0.05, rtol=0)
