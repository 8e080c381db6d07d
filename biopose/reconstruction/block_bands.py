"""A symmetric matrix over the frames of a motion in which each frame touches only the two after it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray
from scipy.linalg import LinAlgError, solveh_banded
from torch import Tensor

MOST_LAG = 2


@dataclass(frozen=True)
class BlockBands:
    """Blocks of the matrix.

    Attributes:
        by_lag: (T - lag, Q, Q) each, of every frame with the one that is `lag` frames later, for lags 0 to 2.
    """

    by_lag: list[Tensor]

    @classmethod
    def zeros(cls, frames: int, coordinates: int) -> BlockBands:
        """The zero matrix."""
        return cls([torch.zeros(max(frames - lag, 0), coordinates, coordinates) for lag in range(MOST_LAG + 1)])

    def solve(self, gradient: Tensor, free: Tensor, *, damping: float) -> Tensor:
        """The step (T, Q) against a gradient (T, Q) for the coordinates (T, Q) that are free.

        NaN where the damped matrix is not positive definite.

        Args:
            gradient: (T, Q).
            free: (T, Q) the others do not move.
            damping: as a fraction of the matrix's diagonal.
        """
        frames, n = gradient.shape
        f = free.to(gradient)
        own, *others = self.by_lag
        diagonal = own.diagonal(dim1=-2, dim2=-1)
        damped = own + torch.diag_embed(damping * diagonal + 1e-6 * diagonal.amax())
        blocks = [damped * f[:, :, None] * f[:, None] + torch.diag_embed(1 - f)]
        for lag, block in enumerate(others, start=1):
            if len(block):
                blocks.append(block * f[:-lag, :, None] * f[lag:, None])
        banded = _banded([block.double().numpy() for block in blocks], frames, n)
        right = -(gradient * f).double().numpy().ravel()
        try:
            step = solveh_banded(banded, right, lower=True, check_finite=False, overwrite_ab=True, overwrite_b=True)
        except LinAlgError:
            return torch.full_like(gradient, torch.nan)
        return torch.from_numpy(step.reshape(frames, n)).to(gradient)


def _banded(blocks: list[NDArray[np.float64]], frames: int, n: int) -> NDArray[np.float64]:
    """LAPACK's lower banded storage (bands, T * n), by columns.

    The column of coordinate c of frame t begins at the diagonal: the blocks' rows c, side by side, from entry c on.
    """
    bands = len(blocks) * n
    rows = np.zeros((frames, n, bands + n))
    for lag, block in enumerate(blocks):
        rows[: frames - lag, :, lag * n : (lag + 1) * n] = block
    frame, row, entry = rows.strides
    from_diagonal = as_strided(rows, (frames, n, bands), (frame, row + entry, entry))
    return np.ascontiguousarray(from_diagonal).reshape(frames * n, bands).T
