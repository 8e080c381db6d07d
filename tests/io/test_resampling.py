"""Interpolation in time: exact at recorded times, cubic between, and never over a gap that is too long."""

import numpy as np

from biopose.io.resampling import interpolated, uniform_times

TIME_S = np.array([0.0, 0.1, 0.2, 0.35, 0.4, 0.5])


def test_known_values_are_kept_bit_for_bit() -> None:
    values = np.random.default_rng(0).normal(size=(6, 3))
    np.testing.assert_array_equal(interpolated(TIME_S, values, TIME_S, longest_gap_s=0.0), values)


def test_a_parabola_is_interpolated_exactly_at_uneven_times() -> None:
    at_s = np.linspace(0, 0.5, 23)
    values = (2 + 3 * TIME_S - 4 * TIME_S**2)[:, None]
    found = interpolated(TIME_S, values, at_s, longest_gap_s=0.0)
    np.testing.assert_allclose(found[:, 0], 2 + 3 * at_s - 4 * at_s**2, atol=1e-12)


def test_a_gap_is_bridged_up_to_its_longest_and_no_longer() -> None:
    values = np.array([0.0, 1.0, np.nan, 3.5, 4.0, np.nan])[:, None]
    bridged = interpolated(TIME_S, values, TIME_S, longest_gap_s=0.25)
    kept = interpolated(TIME_S, values, TIME_S, longest_gap_s=0.24)
    assert np.isfinite(bridged[2])
    assert np.isnan(kept[2])
    assert np.isnan(bridged[5])
    assert np.isnan(kept[5])


def test_nothing_is_extrapolated() -> None:
    found = interpolated(TIME_S, np.ones((6, 1)), np.array([-0.01, 0.25, 0.51]), longest_gap_s=1.0)
    np.testing.assert_array_equal(np.isnan(found[:, 0]), [True, False, True])


def test_columns_of_one_known_value_and_of_none() -> None:
    values = np.full((6, 2), np.nan)
    values[2, 0] = 7.0
    found = interpolated(TIME_S, values, TIME_S, longest_gap_s=1.0)
    np.testing.assert_array_equal(found, values)


def test_uniform_times_begin_and_end_with_the_recording() -> None:
    np.testing.assert_allclose(uniform_times(TIME_S, rate_hz=10.0), np.arange(6) / 10)
    assert uniform_times(TIME_S, rate_hz=3.0)[-1] <= 0.5


def test_frames_that_the_times_skip_are_a_gap() -> None:
    time_s = np.array([0.0, 0.1, 0.2, 0.3, 0.7, 0.8, 0.9])
    at_s = np.array([0.25, 0.5, 0.75])
    kept = interpolated(time_s, time_s[:, None], at_s, longest_gap_s=0.0)
    filled = interpolated(time_s, time_s[:, None], at_s, longest_gap_s=0.4)
    np.testing.assert_array_equal(np.isnan(kept[:, 0]), [False, True, False])
    np.testing.assert_allclose(filled[:, 0], at_s)
