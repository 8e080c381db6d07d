"""Gaps are interpolated in time; what is known stays."""

import numpy as np

from biopose.skeleton.gap_filling import fill_gaps

TIME_S = np.array([0.0, 0.1, 0.4, 0.5, 0.7])


def test_a_line_is_restored_at_uneven_times_and_its_ends_are_held() -> None:
    line = np.stack([2 * TIME_S + 1, -TIME_S], axis=-1)
    known = np.array([False, True, False, True, False])
    filled = fill_gaps(np.where(known[:, None], line, np.nan), known, TIME_S)
    np.testing.assert_allclose(filled[1:4], line[1:4])
    np.testing.assert_array_equal(filled[[0, 4]], line[[1, 3]])


def test_columns_are_filled_each_by_its_own_gaps_and_an_unknown_one_stays() -> None:
    values = np.arange(15.0).reshape(5, 3)
    known = np.ones((5, 3), dtype=bool)
    known[2, 0], known[:, 2] = False, False
    filled = fill_gaps(values, known, TIME_S)
    np.testing.assert_array_equal(filled[:, 1:], values[:, 1:])
    assert filled[2, 0] == 3 + (0.4 - 0.1) / (0.5 - 0.1) * (9 - 3)


def test_without_gaps_every_value_stays() -> None:
    values = np.random.default_rng(0).normal(size=(5, 4))
    np.testing.assert_array_equal(fill_gaps(values, np.ones(5, dtype=bool), TIME_S), values)
