"""The pairs of least total cost, with and without SciPy."""

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

from biopose.tracking.assignment import least_cost_pairs


@pytest.mark.parametrize("shape", [(1, 1), (2, 2), (3, 2), (2, 5), (6, 6)])
def test_pairs_are_those_of_the_assignment(shape: tuple[int, int]) -> None:
    random = np.random.default_rng(0)
    for _ in range(50):
        costs = random.random(shape)
        rows, columns = linear_sum_assignment(costs)
        assert least_cost_pairs(costs) == list(zip(rows.tolist(), columns.tolist(), strict=True))


def test_two_who_are_nearest_to_the_same_are_told_apart_by_the_total() -> None:
    assert least_cost_pairs(np.array([[1.0, 2.0], [1.5, 9.0]])) == [(0, 1), (1, 0)]
