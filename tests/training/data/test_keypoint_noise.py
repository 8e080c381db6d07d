"""Drawn errors of a keypoint network: measured by the person's size, repeated in time, told by their weights."""

import pytest
import torch
from torch import Tensor

from biopose.body.keypoint_names import KEYPOINTS, MIRRORED
from biopose.training.data import keypoint_noise
from biopose.training.data.keypoint_noise import GROUPS, LEGS, corrupt, slow_curves

N, FRAMES = 40, 24


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def some_rays(n: int = N, frames: int = FRAMES) -> Tensor:
    """People of spread 0.1 about anywhere in the picture, who stand still."""
    shape = 0.1 * torch.randn(n, 1, 26, 2, generator=generator(1)) + 0.3 * torch.randn(
        n, 1, 1, 2, generator=generator(2)
    )
    return shape.expand(-1, frames, -1, -1).contiguous()


def intervals(n: int = N) -> Tensor:
    return torch.full((n,), 1 / 30)


def silence(monkeypatch: pytest.MonkeyPatch, **kept: float) -> None:
    """No error of any kind but those that are named."""
    for name in ("QUICK_SD", "SLOW_SD", "HIDDEN_SHARE", "OUTLIER_SHARE", "SWAP_SHARE"):
        monkeypatch.setattr(keypoint_noise, name, kept.get(name, 0.0))


def test_weights_are_shares_and_rays_are_finite() -> None:
    rays, weight = corrupt(generator(), some_rays(), interval_s=intervals())
    assert rays.shape == (N, FRAMES, 26, 2)
    assert weight.shape == (N, FRAMES, 26)
    assert rays.isfinite().all()
    assert ((weight >= 0) & (weight <= 1)).all()


def test_the_truth_stays_as_it_was() -> None:
    truth = some_rays()
    corrupt(generator(), truth, interval_s=intervals())
    torch.testing.assert_close(truth, some_rays(), atol=0, rtol=0)


def test_without_errors_the_truth_comes_back_fully_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    silence(monkeypatch)
    rays, weight = corrupt(generator(), some_rays(), interval_s=intervals())
    torch.testing.assert_close(rays, some_rays())
    assert (weight == 1).all()


def test_errors_grow_with_the_person_in_the_picture() -> None:
    small, weight = corrupt(generator(), some_rays(), interval_s=intervals())
    large, same_weight = corrupt(generator(), 3 * some_rays(), interval_s=intervals())
    torch.testing.assert_close(large, 3 * small, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(same_weight, weight)


def test_the_same_seed_draws_the_same_errors() -> None:
    first, again, other = (corrupt(generator(seed), some_rays(), interval_s=intervals())[0] for seed in (3, 3, 4))
    torch.testing.assert_close(first, again, atol=0, rtol=0)
    assert not torch.allclose(first, other)


def test_keypoints_that_weigh_less_err_more() -> None:
    rays, weight = corrupt(generator(), some_rays(400), interval_s=intervals(400))
    error = (rays - some_rays(400)).norm(dim=-1)
    trusted, doubted, gone = error[weight > 0.7], error[(weight > 0) & (weight < 0.3)], error[weight == 0]
    assert trusted.median() < 0.25 * doubted.median()
    assert len(gone) > 0


def test_every_keypoint_is_hidden_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each also without the others of its group."""
    monkeypatch.setattr(keypoint_noise, "MISSING_SHARE", 1.0)
    silence(monkeypatch, HIDDEN_SHARE=1.0)
    _, weight = corrupt(generator(), some_rays(1500), interval_s=intervals(1500))
    gone = (weight == 0).any(1)
    alone = gone & (gone.sum(-1, keepdim=True) == 1)
    assert alone.any(0).all()
    for group in GROUPS:
        assert gone[:, list(group)].all(-1).any()


def test_errors_of_a_confident_keypoint_are_correlated_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    silence(monkeypatch, SLOW_SD=0.02)
    rays, _ = corrupt(generator(), some_rays(), interval_s=intervals())
    error = rays - some_rays()
    step = error.diff(dim=1)
    assert 0.5 * 0.02 * 0.1 < float(error.std()) < 4 * 0.02 * 0.1
    assert float(step.std()) < 0.4 * float(error.std())


def test_swapped_legs_are_the_other_leg_for_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    silence(monkeypatch, SWAP_SHARE=1.0)
    rays, _ = corrupt(generator(), some_rays(), interval_s=intervals())
    truth, other = some_rays(), some_rays()[..., MIRRORED, :]
    trunk = [i for i in range(26) if i not in LEGS]
    torch.testing.assert_close(rays[..., trunk, :], truth[..., trunk, :])
    swapped = (rays - other)[..., LEGS, :].abs().amax((-1, -2)) < 1e-6
    right = (rays - truth)[..., LEGS, :].abs().amax((-1, -2)) < 1e-6
    assert (swapped ^ right).all()
    assert swapped.any(1).all()
    assert swapped.sum(1).max() <= 6


def test_legs_are_knees_and_what_is_below() -> None:
    assert {KEYPOINTS[i].split("_", 1)[1] for i in LEGS} == {"knee", "ankle", "big_toe", "small_toe", "heel"}


def test_slow_curves_have_unit_deviation_and_do_not_depend_on_the_frame_rate() -> None:
    slow = slow_curves(generator(), n=200, frames=30, curves=6, interval_s=torch.full((200,), 0.04), hz=(0.2, 2.0))
    fast = slow_curves(generator(), n=200, frames=60, curves=6, interval_s=torch.full((200,), 0.02), hz=(0.2, 2.0))
    torch.testing.assert_close(fast[:, ::2], slow, atol=1e-4, rtol=0)
    assert float(slow.std()) == pytest.approx(1.0, abs=0.1)
    assert slow.diff(dim=1).abs().mean() < 0.35
