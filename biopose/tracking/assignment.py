"""Who is who: the pairs of least total cost."""

from __future__ import annotations

import numpy as np
import scipy
from numpy.typing import NDArray


def least_cost_pairs(costs: NDArray[np.float64]) -> list[tuple[int, int]]:
    """Pairs (row, column) of least total cost, as many as the shorter side of the table (N, M) has, by row.

    Where the nearest of everybody on the shorter side is another one, these are the pairs. Only else the assignment is
    solved: scipy.optimize takes a third of a second to load.
    """
    if costs.shape[0] > costs.shape[1]:
        return sorted((row, column) for column, row in least_cost_pairs(costs.T))
    nearest = costs.argmin(axis=1).tolist()
    if len(set(nearest)) == len(nearest):
        return list(enumerate(nearest))
    rows, columns = scipy.optimize.linear_sum_assignment(costs)
    return list(zip(rows.tolist(), columns.tolist(), strict=True))
