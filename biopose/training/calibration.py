"""Standard deviations that keep their word: stretched on held-out pictures until their 95 % intervals hold 95 %.

A network tells well which keypoints are more wrong than others, and badly by how much, the less so the more it has
learned its training pictures by heart. One factor for each keypoint, across the view and along it, mends that. It goes
into the bias that the network adds anyway, so nothing is new where the network is used.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from biopose.body.segment_body import SegmentBody
from biopose.hmr.mqhmr import Mqhmr
from biopose.training.data.crop_batches import CropBatch
from biopose.training.mqhmr_loss import MID_HIP, keypoint_errors
from biopose.training.synthetic.people import People

SHARE = 0.95
SDS = 1.96  # half of the interval that holds this share of normal errors
FACTORS = (0.05, 20.0)  # what is outside is no calibration but a mistake


def calibrate(network: Mqhmr, batches: Iterable[CropBatch], body: SegmentBody, people: People) -> None:
    """Change the network's standard deviations so that 1.96 of them hold 95 % of the errors.

    Args:
        network: trained; its bias is changed in place.
        batches: undisturbed ones that it was not trained on.
        body: the segment body.
        people: of the batches.
    """
    factors = calibration_factors(*keypoint_errors(network, batches, body, people))
    with torch.no_grad():
        network.head.log_sd_bias.add_(factors.log().to(network.head.log_sd_bias))


def calibration_factors(error: Tensor, sd: Tensor) -> Tensor:
    """By how much to multiply standard deviations.

    Args:
        error: (N, 26, 3) of keypoints about the hips.
        sd: (N, 26, 2) claimed, across the view and along it, in the same units.

    Returns:
        (26, 2); 1 for the middle of the hips, which is the origin.
    """
    ratio = error.double().abs() / sd.double()[..., [0, 0, 1]]
    across = torch.quantile(ratio[..., :2].transpose(1, 2).flatten(0, 1), SHARE, dim=0)
    along = torch.quantile(ratio[..., 2], SHARE, dim=0)
    factors = (torch.stack([across, along], dim=-1) / SDS).clamp(*FACTORS)
    factors[MID_HIP] = 1.0
    return factors
