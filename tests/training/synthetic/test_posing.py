"""Postures are people's: rotations, in the joints' ranges, steady over a short exposure, any way up now and then."""

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from biopose.body.segment_body import SEGMENTS
from biopose.training.synthetic import posing
from biopose.training.synthetic.posing import PostureSource, attitudes
from tests.swinging_person import synthetic_motion
from tests.training.synthetic.drawn_people import segment_body

N = 40


@pytest.fixture(scope="module")
def source() -> PostureSource:
    return PostureSource([synthetic_motion()], segment_body().R_ground_reference)


def draws(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_turns_are_rotations(source: PostureSource) -> None:
    R = source.draw(draws(), N, moments=3, exposure_s=0.02).R_world_segment
    assert R.shape == (N, 3, len(SEGMENTS), 3, 3)
    torch.testing.assert_close(R @ R.mT, torch.eye(3).expand_as(R), atol=1e-4, rtol=0)
    assert (torch.linalg.det(R) > 0).all()


def test_nothing_moves_without_time(source: PostureSource) -> None:
    R = source.draw(draws(), N, moments=3, exposure_s=0.0).R_world_segment
    torch.testing.assert_close(R, R[:, :1].expand_as(R), atol=1e-6, rtol=0)


def test_little_moves_during_an_exposure_and_more_in_a_second(source: PostureSource) -> None:
    def moved(exposure_s: float) -> Tensor:
        R = source.draw(draws(), N, moments=3, exposure_s=exposure_s).R_world_segment
        return (R[:, -1] - R[:, 0]).norm(dim=(-2, -1)).mean()

    assert 0.0 < moved(0.02) < 0.2 < moved(1.0)


@pytest.fixture
def coordinates(source: PostureSource, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Tensor]]:
    seen: list[Tensor] = []
    pose = source.kinematics.with_coordinates
    monkeypatch.setattr(source.kinematics.__class__, "with_coordinates", lambda _self, q: seen.append(q) or pose(q))
    return seen


def test_joints_stay_in_their_ranges(
    source: PostureSource, coordinates: list[Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(posing, "REACHING_SHARE", 1.0)
    monkeypatch.setattr(posing, "LIFTING_SHARE", 1.0)
    source.draw(draws(), N, moments=3, exposure_s=0.02)
    (q,) = coordinates
    limited = source.pool.limited
    assert (q >= source.pool.low - 1e-6)[..., limited].all()
    assert (q <= source.pool.high + 1e-6)[..., limited].all()
    arms = [source.pool.names.index(f"arm_flex_{side}") for side in "rl"]
    assert_between(q[:, 0, arms], *posing.REACH_RAD["arm_flex"])
    hips = [source.pool.names.index(f"hip_flexion_{side}") for side in "rl"]
    assert_between(q[:, 0, hips], *posing.LIFT_RAD["hip_flexion"])


def assert_between(values: Tensor, low: float, high: float) -> None:
    assert ((values >= low - 1e-6) & (values <= high + 1e-6)).all()


def test_the_same_seed_draws_the_same_postures(source: PostureSource) -> None:
    first, again, other = (source.draw(draws(seed), 5, moments=2, exposure_s=0.02) for seed in (1, 1, 2))
    torch.testing.assert_close(first.R_world_segment, again.R_world_segment, atol=0, rtol=0)
    torch.testing.assert_close(first.flight_m, again.flight_m, atol=0, rtol=0)
    assert not torch.allclose(first.R_world_segment, other.R_world_segment)


def test_most_stand_some_lean_and_some_tumble() -> None:
    R = attitudes(draws(), 4000)
    torch.testing.assert_close(R @ R.mT, torch.eye(3).expand_as(R), atol=1e-5, rtol=0)
    tilt = R[:, 1, 1].clamp(-1, 1).acos()  # of what was upright
    assert (tilt < 0.02).float().mean() > 0.5
    assert 0.1 < ((tilt > 0.05) & (tilt < 0.6)).float().mean() < 0.35
    assert 0.02 < (tilt > 1.0).float().mean() < posing.TUMBLED_SHARE
    assert (tilt > 2.8).any()
    facing = R[:, :, 0]
    assert facing[:, [0, 2]].mean(0).norm() < 0.06  # all round


def test_some_fly_a_little(source: PostureSource) -> None:
    flight_m = source.draw(draws(), 400, moments=1, exposure_s=0.0).flight_m
    assert (flight_m >= 0).all()
    assert flight_m.max() < posing.HIGHEST_FLIGHT_M
    assert 0.06 < (flight_m > 0).float().mean() < 0.2
