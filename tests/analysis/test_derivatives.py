"""Derivatives of polynomials are exact, at the ends, too; extremes and crossings lie between frames."""

import numpy as np
import pytest

from biopose.analysis.derivatives import crossing_s, derivative, vertex_s


@pytest.mark.parametrize("even", [True, False])
def test_a_polynomial_s_derivatives_are_its_own(even: bool) -> None:
    rng = np.random.default_rng(0)
    time_s = np.arange(40) / 50 if even else np.sort(rng.uniform(0, 1, 40))
    values = np.stack([1 + 2 * time_s - 3 * time_s**2, time_s**3], axis=1)
    first = derivative(values, time_s, order=1, degree=3, half_window_s=0.05)
    second = derivative(values, time_s, order=2, degree=3, half_window_s=0.05)
    np.testing.assert_allclose(first, np.stack([2 - 6 * time_s, 3 * time_s**2], axis=1), atol=1e-6)
    np.testing.assert_allclose(second, np.stack([np.full(40, -6.0), 6 * time_s], axis=1), atol=1e-4)


@pytest.mark.parametrize("frames", [1, 2, 3, 4])
def test_too_few_frames_have_no_derivative_and_enough_have(frames: int) -> None:
    time_s = np.arange(frames) / 10
    found = derivative(3 * time_s, time_s, order=1, degree=2, half_window_s=0.1)
    np.testing.assert_allclose(found, np.zeros(frames) if frames < 3 else np.full(frames, 3.0), atol=1e-9)


def test_an_extreme_is_where_the_parabola_has_its_vertex() -> None:
    time_s = np.arange(10) / 10
    values = -((time_s - 0.43) ** 2)
    assert vertex_s(values, time_s, int(values.argmax())) == pytest.approx(0.43)
    assert vertex_s(time_s, time_s, 9) == 0.9


def test_a_crossing_is_interpolated() -> None:
    assert crossing_s(np.array([0.0, 4.0]), np.array([1.0, 2.0]), 1.0, frame=1) == 1.25
    assert crossing_s(np.array([2.0, 2.0]), np.array([1.0, 2.0]), 2.0, frame=1) == 1.5
