"""Peaks of scores between bins."""

import torch

from biopose.body.keypoint_names import KEYPOINTS
from biopose.perception.simcc import X_BINS, Y_BINS, PoseOutput, decoded, mirrored_points


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


def at(points: torch.Tensor, *, height: float = 1.0) -> PoseOutput:
    """Scores whose peaks lie at points (N, 26, 2) in pixels."""
    x, y = (
        height * torch.exp(-((torch.arange(bins) - 2 * points[..., axis, None]) ** 2) / (2 * 6.0**2))
        for axis, bins in enumerate((X_BINS, Y_BINS))
    )
    return PoseOutput(x, y)


def drawn_points() -> torch.Tensor:
    shares = torch.rand(3, len(KEYPOINTS), 2, generator=torch.Generator().manual_seed(0))
    return shares * torch.tensor([171.0, 235.0]) + 10


def test_in_a_mirror_left_is_right_and_the_first_column_the_last() -> None:
    points = drawn_points()
    points[:, KEYPOINTS.index("left_wrist"), 0] = 0.0
    image = mirrored_points(points)
    assert (image[:, KEYPOINTS.index("right_wrist"), 0] == 191.0).all()
    assert torch.allclose(mirrored_points(image), points, atol=1e-4)
