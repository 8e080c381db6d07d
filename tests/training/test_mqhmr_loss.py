"""Who says the truth has no loss and no error, and a network comes nearer to it."""

import math

import pytest
import torch

from biopose.body.segment_body import SegmentBody
from biopose.hmr.mqhmr import new_mqhmr
from biopose.training.mqhmr_loss import (
    LossWeights,
    keypoint_errors,
    mqhmr_loss,
    mqhmr_metrics,
    truth_of,
    uncertainty_metrics,
)
from biopose.training.synthetic.crop_batches import CropBatch
from biopose.training.synthetic.people import People
from biopose.training.synthetic.shards import ShardFolder
from tests.training.tiny_images import (
    TINY_SHAPE,
    Knowing,
    batches_of,
    needs_images,
    of_the_segment_body,
    people_of_split,
)

WITHOUT_NLL = LossWeights(nll=0.0)


@pytest.fixture(scope="module")
def people(tiny_images: ShardFolder) -> People:
    return of_the_segment_body(people_of_split(tiny_images, "train"))


@pytest.fixture(scope="module")
def batch(tiny_images: ShardFolder) -> CropBatch:
    return batches_of(tiny_images).batch(0)


@needs_images
def test_who_says_the_truth_has_no_loss(batch: CropBatch, people: People) -> None:
    knowing = Knowing(batch, people=people)
    loss = mqhmr_loss(knowing, batch, SegmentBody.load(), people, weights=WITHOUT_NLL)  # type: ignore[arg-type]
    assert float(loss) == pytest.approx(0, abs=0.002)


@needs_images
def test_who_says_the_truth_has_no_error(batch: CropBatch, people: People) -> None:
    metrics = mqhmr_metrics(Knowing(batch, people=people), [batch], SegmentBody.load(), people, stride=1)
    for name in ("mpjpe_mm", "pa_mpjpe_mm", "pve_mm", "depth_mm"):
        assert metrics[name] == pytest.approx(0, abs=0.1), name
    assert metrics["coverage95"] == 1


@needs_images
def test_every_batch_counts(tiny_images: ShardFolder, people: People) -> None:
    batches = [batches_of(tiny_images).batch(step) for step in range(3)]
    error, sd = keypoint_errors(Knowing(*batches, people=people), batches, SegmentBody.load(), people)
    assert error.shape == (24, 26, 3)
    assert sd.shape == (24, 26, 2)


@needs_images
def test_turning_the_view_turns_the_truth(batch: CropBatch, people: People) -> None:
    body = SegmentBody.load()
    angle = 0.4
    R = torch.tensor([[math.cos(angle), 0, math.sin(angle)], [0, 1, 0], [-math.sin(angle), 0, math.cos(angle)]])
    turned = CropBatch(batch.crops, R @ batch.R_view_segment, batch.R_segment_local, batch.root @ R.mT, batch.person)
    here, there = truth_of(batch, body, people, slice(0, 50)), truth_of(turned, body, people, slice(0, 50))
    for name in ("keypoints", "joints", "vertices"):
        torch.testing.assert_close(getattr(there, name), getattr(here, name) @ R.mT, atol=1e-4, rtol=0, msg=name)


@needs_images
def test_it_learns_a_batch_by_heart(batch: CropBatch, people: People) -> None:
    torch.manual_seed(0)
    network, body = new_mqhmr(TINY_SHAPE), SegmentBody.load()
    optimizer = torch.optim.AdamW(network.parameters(), lr=3e-3)
    losses = []
    for _ in range(30):
        loss = mqhmr_loss(network.train(), batch, body, people)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.7 * losses[0]
    assert all(p.grad is None or p.grad.isfinite().all() for p in network.parameters())


def test_normal_errors_of_the_sizes_claimed_are_covered_to_95_percent() -> None:
    generator = torch.Generator().manual_seed(0)
    sd = 0.005 + 0.05 * torch.rand(2000, 26, 2, generator=generator)
    error = sd[..., [0, 0, 1]] * torch.randn(2000, 26, 3, generator=generator)
    metrics = uncertainty_metrics(error, sd)
    assert metrics["coverage95"] == pytest.approx(0.95, abs=0.003)
    assert metrics["error_sd_rank_correlation"] > 0.3
    shuffled = sd[torch.randperm(2000, generator=generator)][:, torch.randperm(26, generator=generator)]
    assert abs(uncertainty_metrics(error, shuffled)["error_sd_rank_correlation"]) < 0.03
