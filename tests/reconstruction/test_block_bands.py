"""The bordered band over frames is solved as the dense matrix is."""

import numpy as np
import pytest
import torch

from biopose.reconstruction.block_bands import BlockBands


def random_bands(frames: int, n: int, shared: int = 0) -> BlockBands:
    """Normal equations of rows that touch up to three neighbouring frames, and what all frames share."""
    generator = torch.Generator().manual_seed(0)
    bands = BlockBands.zeros(frames, n, shared)
    for reach in range(1, min(frames, 3) + 1):
        shape = frames + 1 - reach, 2 * (n + shared)
        rows = [torch.randn(*shape, n, generator=generator) for _ in range(reach)]
        by_shared = torch.randn(*shape, shared, generator=generator)
        for first, earlier in enumerate(rows):
            for second, later in enumerate(rows[first:], start=first):
                bands.by_lag[second - first][first : first + len(earlier)] += earlier.mT @ later
            bands.border[first : first + len(earlier)] += earlier.mT @ by_shared
        bands.corner.add_((by_shared.mT @ by_shared).sum(0))
    return bands


def dense(bands: BlockBands) -> np.ndarray:
    """The whole matrix: coordinates of all frames, then the shared variables."""
    (frames, n, _), shared = bands.by_lag[0].shape, len(bands.corner)
    matrix = np.zeros((frames, n, frames, n))
    for lag, blocks in enumerate(bands.by_lag):
        for t, block in enumerate(blocks.double().numpy()):
            matrix[t, :, t + lag] = block
            matrix[t + lag, :, t] = block.T
    border = bands.border.double().numpy().reshape(frames * n, shared)
    return np.block([[matrix.reshape(frames * n, frames * n), border], [border.T, bands.corner.double().numpy()]])


def step_of(
    bands: BlockBands, gradient: torch.Tensor, *, free: torch.Tensor | None = None, damping: float = 0.0
) -> torch.Tensor:
    """The step of the frames (T, Q), then of the shared variables, in one row, against a gradient in one row."""
    frames, n, _ = bands.by_lag[0].shape
    all_free = torch.ones(gradient.shape, dtype=torch.bool) if free is None else free
    own, shared = gradient.split([frames * n, len(bands.corner)])
    own_free, shared_free = all_free.split([frames * n, len(bands.corner)])
    found = bands.solve(
        own.reshape(frames, n),
        own_free.reshape(frames, n),
        shared_gradient=shared,
        shared_free=shared_free,
        damping=damping,
    )
    return torch.cat([one.flatten() for one in found])


@pytest.mark.parametrize("shared", [0, 3])
@pytest.mark.parametrize("frames", [1, 2, 3, 4, 7, 8])
def test_the_solution_is_that_of_the_dense_matrix(frames: int, shared: int) -> None:
    bands = random_bands(frames, 5, shared)
    gradient = torch.randn(frames * 5 + shared, generator=torch.Generator().manual_seed(1))
    expected = np.linalg.solve(dense(bands), -gradient.double().numpy())
    np.testing.assert_allclose(step_of(bands, gradient).numpy(), expected, rtol=1e-3, atol=1e-4)


def test_what_is_not_free_does_not_move() -> None:
    bands = random_bands(4, 5, 3)
    free = torch.ones(4 * 5 + 3, dtype=torch.bool)
    free[7] = free[15:21] = False
    gradient = torch.randn(4 * 5 + 3, generator=torch.Generator().manual_seed(1))
    step = step_of(bands, gradient, free=free).numpy()
    expected = np.linalg.solve(dense(bands)[np.ix_(free, free)], -gradient[free].double().numpy())
    assert not step[~free].any()
    np.testing.assert_allclose(step[free], expected, rtol=1e-3, atol=1e-4)


def test_more_damping_makes_shorter_steps() -> None:
    bands = random_bands(4, 5, 3)
    lengths = [float(step_of(bands, torch.ones(4 * 5 + 3), damping=d).norm()) for d in (0.0, 1.0, 100.0)]
    assert lengths == sorted(lengths, reverse=True)


def test_a_matrix_that_is_not_positive_definite_has_no_step() -> None:
    bands = random_bands(4, 5, 3)
    bands.by_lag[0][2] = -torch.eye(5)
    assert step_of(bands, torch.ones(4 * 5 + 3)).isnan().all()
