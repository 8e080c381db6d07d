"""Curves compared: thresholds and error rates of random curves, spans that are where they were put."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter1d
from scipy.stats import t as student

from biopose.analysis.curve_comparison import compare_curves, exceedance
from tests.published_curves import needs_spm1d, plantar_arch_angle, random_curves, two_local_maxima

POINTS, FWHM = 101, 20.0
SD_OF_FWHM = 1 / np.sqrt(8 * np.log(2))


def smooth_curves(count: int, *, seed: int, fwhm: float = FWHM) -> np.ndarray:
    """(N, Q) Gaussian curves of a smoothness, of variance 1."""
    sd = fwhm * SD_OF_FWHM
    edge = int(6 * sd)
    white = np.random.default_rng(seed).normal(size=(count, POINTS + 2 * edge))
    curves = gaussian_filter1d(white, sd, axis=1)[:, edge : edge + POINTS]
    return np.asarray(curves * np.sqrt(2 * sd * np.sqrt(np.pi)))


def test_random_curves_show_a_span_as_often_as_stated() -> None:
    trials = 1000
    curves = smooth_curves(16 * trials, seed=1).reshape(trials, 16, POINTS)
    groups = [compare_curves(one[:8], one[8:]) for one in curves]
    assert np.mean([bool(one.spans) for one in groups]) == pytest.approx(0.05, abs=0.02)
    paired = [compare_curves(one[:8], one[8:], paired=True) for one in curves]
    assert np.mean([bool(one.spans) for one in paired]) == pytest.approx(0.05, abs=0.02)
    assert np.median([one.fwhm for one in groups]) == pytest.approx(FWHM, rel=0.1)


def test_the_probability_is_that_of_the_largest_t_of_random_curves() -> None:
    curves = smooth_curves(10 * 2000, seed=2).reshape(2000, 10, POINTS)
    largest = np.array([compare_curves(one[:5], one[5:]).t.max() for one in curves])
    resels = (POINTS - 1) / FWHM
    for u in (3.0, 4.0):
        assert (largest > u).mean() == pytest.approx(exceedance(u, 8, resels), abs=0.012)


def test_a_curve_that_is_as_smooth_as_a_number_has_the_threshold_of_students_t() -> None:
    constant = np.random.default_rng(3).normal(size=(12, 1)) + np.linspace(0, 1e-6, POINTS)
    found = compare_curves(constant[:6], constant[6:])
    assert found.threshold == pytest.approx(student.isf(0.025, 10), rel=0.02)  # 1 - exp(-p) for p
    assert found.degrees_of_freedom == 10


@needs_spm1d
@pytest.mark.parametrize(
    ("curves", "paired", "threshold", "fwhm", "spans"),
    [
        (plantar_arch_angle, False, 3.29469, 20.59563, [(93.2746, 100.0, 0.031225)]),
        (plantar_arch_angle, True, 3.93947, 20.37196, [(95.5661, 100.0, 0.037295)]),
        (two_local_maxima, False, 4.06590, 13.57626, [(22.9626, 26.8084, 0.029590), (75.1887, 76.7931, 0.045647)]),
        (random_curves, True, 4.37338, 11.26154, []),
    ],
)
def test_the_examples_of_spm1d_give_its_own_result(
    curves: Callable[[], tuple[np.ndarray, np.ndarray]],
    paired: bool,
    threshold: float,
    fwhm: float,
    spans: list[tuple[float, float, float]],
) -> None:
    """Of spm1d 0.4.55, `two_tailed=True`, `equal_var=True`, `interp=True`, as its examples print them."""
    found = compare_curves(*curves(), paired=paired)
    assert found.threshold == pytest.approx(threshold, abs=1e-5)
    assert found.fwhm == pytest.approx(fwhm, abs=1e-5)
    assert [(span.start, span.end, span.p) for span in found.spans] == [
        (pytest.approx(start, abs=1e-4), pytest.approx(end, abs=1e-4), pytest.approx(p, abs=1e-6))
        for start, end, p in spans
    ]


@needs_spm1d
def test_the_examples_in_the_documentation_of_spm1d_give_what_it_prints() -> None:
    """Its pages "Test outputs" and "New features", by an earlier estimate of smoothness; p one-tailed."""
    one_sample = compare_curves(*random_curves(), paired=True, alpha=2 * 0.05)
    assert one_sample.degrees_of_freedom == 9
    assert one_sample.fwhm == pytest.approx(11.21919, rel=0.005)
    assert one_sample.threshold == pytest.approx(3.82411, abs=0.005)
    assert [round(span.p / 2, 3) for span in one_sample.spans] == [0.031]
    two_maxima = compare_curves(*two_local_maxima())
    assert two_maxima.fwhm == pytest.approx(13.63026, rel=0.005)
    assert two_maxima.threshold == pytest.approx(
        4.07916, abs=0.02
    )  # there without equal variances: 9.894 d.o.f., not 10
    assert [round(span.p / 2, 3) for span in two_maxima.spans] == [0.015, 0.023]


def test_a_difference_is_found_where_it_is_with_its_size_and_direction() -> None:
    curves = smooth_curves(20, seed=4)
    curves[10:, 40:61] -= 4.0
    found = compare_curves(curves[:10], curves[10:])
    (span,) = found.spans
    assert span.start == pytest.approx(40, abs=1.5)
    assert span.end == pytest.approx(60, abs=1.5)
    assert span.mean_difference == pytest.approx(-4, abs=1)
    assert span.p < 0.001
    reversed_ = compare_curves(curves[10:], curves[:10])
    np.testing.assert_allclose(reversed_.t, -found.t)
    assert reversed_.spans[0].mean_difference == -span.mean_difference


def test_pairs_find_what_groups_cannot_since_persons_differ() -> None:
    before = smooth_curves(8, seed=5) + 20 * np.random.default_rng(6).normal(size=(8, 1))
    after = before + 0.4 * smooth_curves(8, seed=7) + 1.5
    assert compare_curves(before, after).spans == []
    assert compare_curves(before, after, paired=True).spans[0].mean_difference == pytest.approx(1.5, abs=0.3)


def test_what_cannot_be_compared_is_an_error() -> None:
    curves = smooth_curves(6, seed=8)
    levels = np.arange(4.0)[:, None] * np.ones(POINTS)
    for first, second, message in (
        (curves[:2], curves[2:], "2 and 4 curves; 3 of each are needed"),
        (curves[:3], curves[3:, :50], "shapes"),
        (curves[:3], np.full((3, POINTS), np.nan), "not known"),
        (np.zeros((3, POINTS)), np.ones((3, POINTS)), "all the same"),
        (levels, levels + 1, "differ by constants alone"),
    ):
        with pytest.raises(ValueError, match=message):
            compare_curves(first, second)
    with pytest.raises(ValueError, match="3 and 4 curves cannot be paired"):
        compare_curves(curves[:3], smooth_curves(4, seed=9), paired=True)
