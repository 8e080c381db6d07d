"""Two groups of curves compared by one-dimensional statistical parametric mapping, with the spans that differ.

At every point of the curves a t statistic; its threshold is the one that the largest t of smooth random curves exceeds
with the chosen probability, by random field theory (Adler & Taylor 2007, Random Fields and Geometry; for biomechanics
Pataky et al. 2013, J Biomech 46:2394). Smoothness is estimated from the residuals (Kiebel et al. 1999, NeuroImage
10:756). A span's p value is the probability of so long a span anywhere above the threshold (Friston et al. 1994, Hum
Brain Mapp 1:210). Residuals are taken as normal and as smooth everywhere, and as large in both groups. The results are
those of spm1d 0.4.55 (Pataky 2012, Comput Methods Biomech Biomed Engin 15:295) for two-tailed tests with equal
variances, without its Bonferroni threshold for rough curves; a test compares them on its published examples.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import gamma

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

LEAST_CURVES = 3
LOG4 = 4 * np.log(2)
STEPS = 60  # of a bisection


@dataclass(frozen=True)
class Span:
    """Where two groups differ.

    Attributes:
        start: first point above the threshold, in points of the curve, interpolated.
        end: last one.
        p: probability of so long a span, were there no difference, both directions together.
        mean_difference: of the second group from the first.
    """

    start: float
    end: float
    p: float
    mean_difference: float


@dataclass(frozen=True, eq=False)
class CurveComparison:
    """A comparison of two groups of curves of Q points.

    Attributes:
        t: (Q,) statistic, positive where the second group is higher.
        threshold: that its absolute value must exceed.
        degrees_of_freedom: of t.
        fwhm: smoothness of the residuals, in points.
        spans: that exceed the threshold, in order.
    """

    t: FloatArray
    threshold: float
    degrees_of_freedom: int
    fwhm: float
    spans: list[Span]


def compare_curves(
    first: FloatArray, second: FloatArray, *, paired: bool = False, alpha: float = 0.05
) -> CurveComparison:
    """Compare two groups of curves, two-sided.

    Args:
        first: (N, Q) one curve a person, or a cycle of one person.
        second: (M, Q); with `paired` of the same persons in the same order.
        paired: compare each person with themselves.
        alpha: probability that random curves show any span.

    Raises:
        ValueError: fewer than three curves in a group, other shapes, values that are not finite or do not vary, or
            differences that are the same at every point.
    """
    first, second = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    _check(first, second, paired)
    difference = second.mean(axis=0) - first.mean(axis=0)
    if paired:
        residuals = (second - first) - difference
        freedom, share = len(first) - 1, 1 / len(first)
    else:
        residuals = np.concatenate([first - first.mean(axis=0), second - second.mean(axis=0)])
        freedom, share = len(first) + len(second) - 2, 1 / len(first) + 1 / len(second)
    squares = (residuals**2).sum(axis=0)
    if not (squares > 0).all():
        raise ValueError("the curves of a group are all the same at some point: there is no variance to judge by")
    t = difference / np.sqrt(squares / freedom * share)
    resels = _resels(residuals, squares)
    if not resels > 0:
        raise ValueError("the curves of a group differ by constants alone: how smooth they are is not known")
    threshold = _threshold(freedom, resels, alpha=alpha / 2)
    fwhm = (len(t) - 1) / resels
    return CurveComparison(t, threshold, freedom, fwhm, _spans(t, difference, threshold, freedom, resels, fwhm))


def exceedance(u: float, degrees_of_freedom: int, resels: float) -> float:
    """Probability that the largest t of random smooth curves exceeds u.

    Args:
        u: threshold.
        degrees_of_freedom: of t.
        resels: length of the curves over the smoothness of the residuals.
    """
    return float(1 - np.exp(-_expected_spans(u, degrees_of_freedom, resels)))


def _expected_spans(u: float, freedom: int, resels: float) -> float:
    """The expected Euler characteristic of the excursion above u."""
    return float(_above(u, freedom) + resels * _upcrossings(u, freedom))


def _upcrossings(u: float, freedom: int) -> float:
    """The expected number of spans above u in each resel."""
    return float(np.sqrt(LOG4) / (2 * np.pi) * (1 + u**2 / freedom) ** (-(freedom - 1) / 2))


def _above(u: float, freedom: int) -> float:
    from scipy.special import stdtr  # takes long to load, and only a comparison needs it

    return float(stdtr(freedom, -u))


def _threshold(freedom: int, resels: float, *, alpha: float) -> float:
    low, high = 0.0, 1.0
    while exceedance(high, freedom, resels) > alpha:
        high *= 2
    for _ in range(STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if exceedance(middle, freedom, resels) > alpha else (low, middle)
    return high


def _resels(residuals: FloatArray, squares: FloatArray) -> float:
    """The curves' length in units of the residuals' smoothness.

    Slopes are those of the residuals themselves, as in spm1d: where their variance changes along the curve, that counts
    as roughness, and the threshold is higher than by slopes of standardised residuals.
    """
    slope = np.gradient(residuals, axis=1)
    return float(np.sqrt((slope**2).sum(axis=0) / squares / LOG4).mean() * (residuals.shape[1] - 1))


def _spans(
    t: FloatArray, difference: FloatArray, threshold: float, freedom: int, resels: float, fwhm: float
) -> list[Span]:
    found = []
    for sign in (1, -1):
        height = sign * t - threshold
        edges = np.flatnonzero(np.diff(np.concatenate([[False], height > 0, [False]]).astype(np.int8)))
        for first, end in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
            start = first - height[first] / (height[first] - height[first - 1]) if first else 0.0
            last = end - 1
            stop = last + height[last] / (height[last] - height[end]) if end < len(t) else float(last)
            p = _span_p((stop - start) / fwhm, threshold, freedom, resels)
            found.append(Span(float(start), float(stop), p, float(difference[first:end].mean())))
    return sorted(found, key=lambda span: span.start)


def _span_p(extent: float, threshold: float, freedom: int, resels: float) -> float:
    """Of a span of so many resels in either direction."""
    mean_extent = _above(threshold, freedom) / _upcrossings(threshold, freedom)
    longer = np.exp(-((gamma(1.5) / mean_extent * extent) ** 2))
    return float(min(1.0, 2 * (1 - np.exp(-_expected_spans(threshold, freedom, resels) * longer))))


def _check(first: FloatArray, second: FloatArray, paired: bool) -> None:
    if first.ndim != 2 or second.ndim != 2 or first.shape[1] != second.shape[1]:
        raise ValueError(f"curves of shapes {first.shape} and {second.shape}; expected (N, Q) and (M, Q)")
    if min(len(first), len(second)) < LEAST_CURVES:
        raise ValueError(
            f"{len(first)} and {len(second)} curves; {LEAST_CURVES} of each are needed: choose larger groups"
        )
    if paired and len(first) != len(second):
        raise ValueError(f"{len(first)} and {len(second)} curves cannot be paired")
    if not (np.isfinite(first).all() and np.isfinite(second).all()):
        raise ValueError("a curve holds values that are not known")
