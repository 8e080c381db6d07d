"""Refinement of the tokens: it meets the keypoints, stays near the decoder, and never makes the fit to them worse."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch
from torch import Tensor

from biopose.body.segment_body import SEGMENTS, SegmentBody
from biopose.hmr.head import PoseHead
from biopose.hmr.lifter_input import rotation_towards
from biopose.hmr.mqhmr_shape import MqhmrShape
from biopose.reconstruction.fit_options import RefinementOptions
from biopose.reconstruction.observations import HIPS, UNOBSERVED_SD, Observations
from biopose.reconstruction.refinement import MeshMotion, Refined, Refinement, RefinementGain

FRAMES, HEIGHT_M, RATE_HZ = 12, 1.8, 30.0
SHAPE = MqhmrShape(token_width=8)
R_CAMERA_WORLD = torch.tensor([[0.0, 0.0, 1.0], [0.0, -1.0, 0.0], [1.0, 0.0, 0.0]])  # level, looking along x


@cache
def body() -> SegmentBody:
    return SegmentBody.load()


@cache
def reader() -> PoseHead:
    torch.manual_seed(0)
    return PoseHead(SHAPE).requires_grad_(False)


def true_motion() -> MeshMotion:
    """Someone who sways before the camera, facing it or so."""
    g = torch.Generator().manual_seed(1)
    time = torch.arange(FRAMES) / RATE_HZ
    phase, amplitude = 6.28 * torch.rand(20, 8, generator=g), 0.8 * torch.randn(20, 8, generator=g)
    tokens = amplitude * torch.sin(4.0 * time[:, None, None] + phase)
    root = torch.stack([0.2 * torch.sin(2 * time), torch.zeros(FRAMES), 4.0 + 0.1 * time], dim=-1)
    return MeshMotion(tokens, root, torch.zeros(10), torch.zeros(()), torch.zeros(3))


def views() -> Tensor:
    return rotation_towards(torch.zeros(FRAMES, 2)) @ torch.diag(torch.tensor([1.0, -1.0, -1.0]))  # upright


LONG = RefinementOptions(iterations=60)  # by default it stops earlier: the fit of the skeleton goes on from there


def refinement_of(start: MeshMotion, *, noise_px: float = 0.0, **options: object) -> Refinement:
    """Of the true motion's keypoints and a decoder that predicted `start`."""
    empty = Observations(*(torch.zeros(0),) * 8)
    looking = {"height_m": HEIGHT_M, "options": LONG, **options}
    truth = Refinement(reader(), body(), empty, views(), R_CAMERA_WORLD, **looking).keypoints_m(true_motion())
    predicted = Refinement(reader(), body(), empty, views(), R_CAMERA_WORLD, **looking).keypoints_m(start)
    noise = noise_px / 1000 * torch.randn(FRAMES, 26, 2, generator=torch.Generator().manual_seed(2))
    evidence = Observations(
        rays=truth[..., :2] / truth[..., 2:] + noise,
        ray_sd=torch.full((FRAMES, 26), 0.003),
        weight=torch.ones(FRAMES, 26),
        lifted_m=predicted - predicted[:, HIPS].mean(1, keepdim=True),
        lifted_sd_m=torch.full((FRAMES, 26, 2), 0.08),
        R_camera_view=views(),
        contact=torch.zeros(FRAMES, 4),
        interval_s=torch.full((FRAMES - 1,), 1 / RATE_HZ),
    )
    return Refinement(reader(), body(), evidence, views(), R_CAMERA_WORLD, **looking)


def first_frame_of(refinement: Refinement) -> Refinement:
    part = {name: value[:1] for name, value in vars(refinement.observations).items() if name != "interval_s"}
    refinement.observations = Observations(**part, interval_s=torch.zeros(0))
    refinement.R_camera_view = views()[:1]
    return refinement


def disturbed(size: float = 0.5) -> MeshMotion:
    true = true_motion()
    g = torch.Generator().manual_seed(3)
    tokens = true.tokens + size * torch.randn(true.tokens.shape, generator=g)
    return replace(true, tokens=tokens, root_m=true.root_m + 0.05 * torch.randn(FRAMES, 3, generator=g))


def error_m(refinement: Refinement, at: MeshMotion) -> float:
    away = refinement.keypoints_m(at) - refinement.keypoints_m(true_motion())
    return float((away - away[:, HIPS].mean(1, keepdim=True)).norm(dim=-1).mean())


def refined(start: MeshMotion, **options: object) -> tuple[Refinement, Refined]:
    refinement = refinement_of(start, **options)
    return refinement, refinement.refine(start)


def test_keypoints_bring_a_disturbed_body_nearer_to_the_truth() -> None:
    refinement, found = refined(disturbed(), noise_px=2.0)
    assert error_m(refinement, found.motion) < 0.6 * error_m(refinement, disturbed())
    assert found.reprojection_after < 0.1 * found.reprojection_before
    assert found.energy_after < found.energy_before


@pytest.mark.parametrize("seed", range(3))
def test_the_fit_to_the_keypoints_is_never_worse_than_before(seed: int) -> None:
    refinement = refinement_of(true_motion(), noise_px=3.0)
    torch.manual_seed(seed)
    misled = refinement.observations.lifted_m + 0.5 * torch.randn(FRAMES, 26, 3)
    refinement.observations = replace(refinement.observations, lifted_m=misled)
    found = refinement.refine(true_motion())
    assert found.reprojection_after <= found.reprojection_before


def test_without_iterations_the_start_stays() -> None:
    start = disturbed()
    _, found = refined(start, options=RefinementOptions(iterations=0))
    assert found.iterations == 0
    torch.testing.assert_close(found.motion.tokens, start.tokens)
    torch.testing.assert_close(found.motion.root_m, start.root_m)


def test_it_stops_where_nothing_more_is_gained() -> None:
    _, found = refined(true_motion(), options=RefinementOptions(iterations=2000))
    assert found.iterations < 1000


def test_what_was_not_observed_stays_at_the_decoders_prediction() -> None:
    start = disturbed()
    refinement = first_frame_of(refinement_of(start))
    observed = refinement.observations
    refinement.observations = replace(
        observed, weight=torch.zeros_like(observed.weight), ray_sd=torch.full_like(observed.ray_sd, UNOBSERVED_SD)
    )
    first = replace(start, tokens=start.tokens[:1], root_m=start.root_m[:1])
    found = refinement.refine(first)
    turned = (reader()(found.motion.tokens)[0] - reader()(first.tokens)[0]).abs().max()
    assert turned < 0.02


def test_rotations_that_no_keypoint_observes_stay() -> None:
    start = true_motion()
    _, found = refined(start)
    hand = SEGMENTS.index("hand_l")  # no keypoint lies on it
    kept, now = (reader()(at.tokens)[0][:, hand] for at in (start, found.motion))
    torch.testing.assert_close(now, kept, atol=0.1, rtol=0)


def test_one_frame_is_enough() -> None:
    start = disturbed()
    refinement = first_frame_of(refinement_of(start))
    found = refinement.refine(replace(start, tokens=start.tokens[:1], root_m=start.root_m[:1]))
    assert found.reprojection_after < found.reprojection_before


def test_a_wrong_focal_length_is_found_by_a_person_of_known_height() -> None:
    start = true_motion()
    refinement = refinement_of(start, focal_sd=0.25)
    refinement.observations = replace(refinement.observations, rays=1.1 * refinement.observations.rays)
    found = refinement.refine(start)
    assert found.reprojection_after < 0.2 * found.reprojection_before
    assert np.isfinite(float(found.motion.log_focal))


def test_the_gain_is_reported_in_a_sentence() -> None:
    assert (
        RefinementGain(80, 6.1, 3.94).sentence == "median reprojection error 6.1 px before, 3.9 px after, 80 iterations"
    )
    assert RefinementGain(1, 6.0, 5.0).sentence.endswith("1 iteration")


def test_it_is_the_same_every_time() -> None:
    one, other = (refined(disturbed())[1] for _ in range(2))
    torch.testing.assert_close(one.motion.tokens, other.motion.tokens, rtol=0, atol=0)
