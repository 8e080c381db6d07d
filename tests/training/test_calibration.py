"""Calibrated standard deviations hold 95 % of the errors they were calibrated on, and stay so."""

import pytest
import torch

from biopose.body.segment_body import SegmentBody
from biopose.hmr.mqhmr import new_mqhmr
from biopose.reconstruction.observations import MID_HIP
from biopose.training.mqhmr_loss import calibrate_mqhmr, calibration_factors, keypoint_errors, mqhmr_metrics
from biopose.training.synthetic.shards import ShardFolder
from tests.training.tiny_images import TINY_SHAPE, batches_of, needs_images, people_of_split


def normal_errors(claimed: torch.Tensor, true: torch.Tensor, n: int = 4000) -> tuple[torch.Tensor, torch.Tensor]:
    """Errors of true sizes (26, 2), times a size of each picture's own, and what is claimed of them."""
    generator = torch.Generator().manual_seed(0)
    own = 0.2 + torch.rand(n, 1, 1, generator=generator)
    error = (own * true)[..., [0, 0, 1]] * torch.randn(n, 26, 3, generator=generator)
    return error, own * claimed


def test_factors_are_those_by_which_the_claims_were_wrong() -> None:
    true = 0.01 + 0.05 * torch.rand(26, 2, generator=torch.Generator().manual_seed(1))
    claimed = torch.full((26, 2), 0.03)
    factors = calibration_factors(*normal_errors(claimed, true))
    others = [i for i in range(26) if i != MID_HIP]
    torch.testing.assert_close(factors[others].float(), (true / claimed)[others], atol=0, rtol=0.06)
    assert (factors[MID_HIP] == 1).all()


def test_after_calibration_95_percent_are_covered_of_each_keypoint_along_and_across() -> None:
    error, sd = normal_errors(torch.full((26, 2), 0.03), torch.full((26, 2), 0.07))
    stretched = sd * calibration_factors(error, sd)
    inside = error.abs() < 1.96 * stretched[..., [0, 0, 1]]
    share = torch.stack([inside[..., :2].float().mean((0, 2)), inside[..., 2].float().mean(0)], dim=-1)
    others = [i for i in range(26) if i != MID_HIP]
    torch.testing.assert_close(share[others], torch.full((25, 2), 0.95), atol=5e-4, rtol=0)
    torch.testing.assert_close(calibration_factors(error, stretched), torch.ones(26, 2).double(), atol=1e-6, rtol=0)


@needs_images
def test_a_network_is_calibrated_once_and_then_left_alone(tiny_images: ShardFolder) -> None:
    torch.manual_seed(0)
    network, body = new_mqhmr(TINY_SHAPE).eval(), SegmentBody.load()
    torch.nn.init.normal_(network.head.log_sd, std=0.02)
    people, source = people_of_split(tiny_images, "train"), batches_of(tiny_images)
    batches = [source.batch(step) for step in range(source.per_epoch)]
    assert abs(mqhmr_metrics(network, batches, body, people)["coverage95"] - 0.95) > 0.03
    before = {name: value.clone() for name, value in network.state_dict().items()}
    calibrate_mqhmr(network, batches, body, people)
    assert mqhmr_metrics(network, batches, body, people)["coverage95"] == pytest.approx(
        0.95, abs=0.02
    )  # of 32 pictures
    changed = {name for name, value in network.state_dict().items() if not torch.equal(value, before[name])}
    assert changed == {"head.log_sd_bias"}
    bias = network.head.log_sd_bias.clone()
    calibrate_mqhmr(network, batches, body, people)
    torch.testing.assert_close(network.head.log_sd_bias, bias, atol=1e-4, rtol=0)
    error, sd = keypoint_errors(network, batches, body, people)
    assert error.isfinite().all()
    assert sd.isfinite().all()
