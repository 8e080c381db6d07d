"""The banded matrix over frames is solved as the dense one is."""

import numpy as np
import pytest
import torch

from biopose.reconstruction.block_bands import BlockBands


def random_bands(frames: int, n: int) -> BlockBands:
    generator = torch.Generator().manual_seed(0)
    bands = BlockBands.zeros(frames, n)
    for reach in range(1, min(frames, 3) + 1):
        rows = [torch.randn(frames + 1 - reach, 2 * n, n, generator=generator) for _ in range(reach)]
        for first, earlier in enumerate(rows):
            for second, later in enumerate(rows[first:], start=first):
                bands.by_lag[second - first][first : first + len(earlier)] += earlier.mT @ later
    return bands


def dense(bands: BlockBands) -> np.ndarray:
    frames, n, _ = bands.by_lag[0].shape
    matrix = np.zeros((frames, n, frames, n))
    for lag, blocks in enumerate(bands.by_lag):
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


def test_a_matrix_that_is_not_positive_definite_has_no_step() -> None:
    bands = random_bands(4, 5)
    bands.by_lag[0][2] = -torch.eye(5)
    assert bands.solve(torch.ones(4, 5), torch.ones(4, 5, dtype=torch.bool), damping=0.0).isnan().all()
