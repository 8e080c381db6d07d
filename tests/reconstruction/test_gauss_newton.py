"""Steps on all frames at once."""

import numpy as np
import pytest
import torch

from biopose.hmr.pose_prior import PosePrior
from biopose.reconstruction.gauss_newton import Bands, newton
from biopose.reconstruction.motion_solver import descend
from tests.reconstruction.test_motion_problem import FRAMES, disturbed, fit_of
from tests.swinging_person import frame_times, swinging


def random_bands(frames: int, n: int) -> Bands:
    generator = torch.Generator().manual_seed(0)

    def rows(count: int) -> torch.Tensor:
        return torch.randn(count, 2 * n, n, generator=generator)

    bands = Bands.zeros(frames, n)
    bands.add_rows(rows(frames))
    if frames > 1:
        bands.add_pairs(rows(frames - 1), rows(frames - 1))
    if frames > 2:
        bands.add_triples(rows(frames - 2), rows(frames - 2), rows(frames - 2))
    return bands


def dense(bands: Bands) -> np.ndarray:
    frames, n, _ = bands.own.shape
    matrix = np.zeros((frames, n, frames, n))
    for lag, blocks in enumerate((bands.own, bands.following, bands.second)):
        for t, block in enumerate(blocks.double().numpy()):
            matrix[t, :, t + lag] = block
            matrix[t + lag, :, t] = block.T
    return matrix.reshape(frames * n, frames * n)


@pytest.mark.parametrize("frames", [1, 2, 3, 7])
def test_the_banded_solution_is_the_dense_one(frames: int) -> None:
    bands = random_bands(frames, 5)
    gradient = torch.randn(frames, 5, generator=torch.Generator().manual_seed(1))
    step = bands.solve(gradient, torch.ones(frames, 5, dtype=torch.bool), damping=0.0)
    expected = np.linalg.solve(dense(bands), -gradient.double().numpy().ravel())
    np.testing.assert_allclose(step.numpy().ravel(), expected, rtol=1e-3, atol=1e-4)


def test_what_is_not_free_does_not_move() -> None:
    bands = random_bands(4, 5)
    free = torch.ones(4, 5, dtype=torch.bool)
    free[1, 2] = free[3, :] = False
    step = bands.solve(torch.ones(4, 5), free, damping=1e-3)
    assert not step[~free].any()
    assert step[free].all()


def test_more_damping_makes_shorter_steps() -> None:
    bands, free = random_bands(4, 5), torch.ones(4, 5, dtype=torch.bool)
    lengths = [float(bands.solve(torch.ones(4, 5), free, damping=d).norm()) for d in (0.0, 1.0, 100.0)]
    assert lengths == sorted(lengths, reverse=True)


def test_steps_lower_the_energy_further_than_a_long_descent() -> None:
    time_s = frame_times(FRAMES)
    q = swinging(time_s)
    fit = fit_of(q, time_s, pose_prior=PosePrior.load(), known=True)
    start = fit.start(disturbed(q, radians=0.2)[None])
    by_steps = fit.energy(newton(fit, start, iterations=12))
    by_descent = fit.energy(descend(fit, start, iterations=100))
    assert float(by_steps) < float(by_descent) < float(fit.energy(start))


def test_poses_stay_inside_the_ranges() -> None:
    time_s = frame_times(FRAMES)
    q = swinging(time_s)
    fit = fit_of(q, time_s, known=True)
    found = newton(
        fit, fit.start(disturbed(q, radians=0.5).clip(fit.low.numpy(), fit.high.numpy())[None]), iterations=6
    )
    assert bool(((found.q >= fit.low) & (found.q <= fit.high)).all())


def test_proportions_focal_length_and_ground_stay() -> None:
    time_s = frame_times(FRAMES)
    q = swinging(time_s)
    fit = fit_of(q, time_s)
    start = fit.start(disturbed(q)[None])
    found = newton(fit, start, iterations=3)
    for name in ("proportions", "log_focal", "ground"):
        torch.testing.assert_close(getattr(found, name), getattr(start, name))
