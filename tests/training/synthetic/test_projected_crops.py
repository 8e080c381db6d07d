"""Crops without a picture: the keypoints of postures, with a network's errors and nothing else."""

import pytest
import torch

from biopose.training.synthetic.crop_batches import CropBatch, joined
from biopose.training.synthetic.projected_crops import ProjectedCrops, network_errors
from tests.swinging_person import synthetic_motion
from tests.training.synthetic.drawn_people import people, segment_body

CHANNELS, LEVELS = (4, 4, 8, 8), (2, 3)


def source(errors: torch.Tensor | None = None) -> ProjectedCrops:
    errors = torch.zeros(3, 26, 2) if errors is None else errors
    return ProjectedCrops(
        [synthetic_motion()],
        segment_body(),
        people(),
        errors=errors,
        confidence=torch.linspace(0.2, 0.9, len(errors))[:, None].expand(-1, 26),
        channels=CHANNELS,
        levels=LEVELS,
    )


def drawn(n: int = 8, *, seed: int = 0, errors: torch.Tensor | None = None) -> CropBatch:
    return source(errors).draw(torch.Generator().manual_seed(seed), n)


def test_without_errors_the_keypoints_are_where_the_truth_projects() -> None:
    found, _ = network_errors([drawn()], segment_body(), people())
    torch.testing.assert_close(found, torch.zeros(8, 26, 2), atol=1e-4, rtol=0)


def test_errors_are_a_networks_own_and_come_with_its_confidence() -> None:
    errors = 0.05 * torch.randn(3, 26, 2, generator=torch.Generator().manual_seed(1))
    batch = drawn(errors=errors)
    found, confidence = network_errors([batch], segment_body(), people())
    apart = (found[:, None] - errors).abs().amax((-1, -2))
    assert (apart.amin(1) < 1e-4).all()
    torch.testing.assert_close(confidence[:, 0], torch.linspace(0.2, 0.9, 3)[apart.argmin(1)])


def test_local_turns_compose_to_global_ones() -> None:
    batch = drawn()
    R = [batch.R_segment_local[:, 0]]
    for s, parent in enumerate(segment_body().rig.bone_parents[1:], start=1):
        R.append(R[parent] @ batch.R_segment_local[:, s])
    torch.testing.assert_close(torch.stack(R, dim=1), batch.R_view_segment, atol=1e-4, rtol=0)


def test_the_same_seed_draws_the_same_and_another_does_not() -> None:
    torch.testing.assert_close(drawn().crops.keypoints, drawn().crops.keypoints, rtol=0, atol=0)
    assert not torch.equal(drawn().crops.keypoints, drawn(seed=1).crops.keypoints)


def test_people_fill_their_crops() -> None:
    keypoints = drawn(64).crops.keypoints
    assert keypoints.mean(1).sub(0.5).abs().mean() < 0.12
    assert ((keypoints > -0.2) & (keypoints < 1.2)).float().mean() > 0.98


@pytest.mark.parametrize("level", range(4))
def test_keypoint_maps_are_empty_unless_they_are_projected(level: int) -> None:
    map_ = drawn().crops.maps[level]
    assert not map_.any()
    assert (map_.numel() > 0) == (level in LEVELS)


def test_batches_are_joined_in_order() -> None:
    one, other = drawn(2), drawn(3, seed=1)
    both = joined(one, other)
    assert len(both.person) == 5
    torch.testing.assert_close(both.crops.position[2:], other.crops.position)
    assert both.crops.maps[2].shape == (5, 8, 16, 12)
