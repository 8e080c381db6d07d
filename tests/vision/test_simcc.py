"""Peaks of scores between bins."""

import torch

from biopose.vision.simcc import PoseOutput, decoded


def scores(bins: int, centre: float, *, height: float = 1.0) -> torch.Tensor:
    return height * torch.exp(-((torch.arange(bins) - centre) ** 2) / (2 * 6.0**2))[None, None]


def test_a_peak_between_bins_is_found() -> None:
    points, confidence = decoded(PoseOutput(scores(384, 100.3), scores(512, 301.8, height=0.7)))
    assert torch.allclose(points, torch.tensor([100.3, 301.8]) / 2, atol=0.01)
    assert torch.allclose(confidence, torch.tensor(0.7), atol=1e-3)


def test_a_peak_at_the_edge_or_no_peak_stays_inside() -> None:
    points, _ = decoded(PoseOutput(scores(384, -20.0), scores(512, 530.0)))
    assert 0 <= points[0, 0, 0] <= 1
    assert 255 <= points[0, 0, 1] <= 256
    points, confidence = decoded(PoseOutput(torch.zeros(1, 26, 384), torch.full((1, 26, 512), -1.0)))
    assert torch.isfinite(points).all()
    assert (confidence == 0).all()


def test_confidence_never_leaves_its_range() -> None:
    _, confidence = decoded(PoseOutput(scores(384, 9.0, height=1.2), scores(512, 9.0, height=1.1)))
    assert confidence.item() == 1.0
