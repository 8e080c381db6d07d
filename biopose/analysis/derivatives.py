"""Derivatives of sampled motion by local least-squares polynomials (Savitzky & Golay 1964, Anal Chem 36:1627).

Nothing is filtered beyond the window of the polynomial, so that an impact is blurred by that much and no more. Frames
may be uneven in time.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from biopose.analysis.measured_trial import FloatArray


def derivative(values: FloatArray, time_s: FloatArray, *, order: int, degree: int, half_window_s: float) -> FloatArray:
    """A derivative of each column, at every frame.

    At either end the polynomial of the outermost full window is evaluated beside its middle.

    Args:
        values: (T, ...) without gaps.
        time_s: (T,) increasing.
        order: of the derivative, from 1.
        degree: of the polynomial, at least the order.
        half_window_s: from the frame to either end of its window; at least as many frames as the degree needs.

    Returns:
        (T, ...) per s^order; zeros where there are fewer frames than the polynomial has coefficients.
    """
    frames, columns = len(time_s), values.reshape(len(values), -1)
    if frames <= degree:
        return np.zeros_like(values)
    interval_s = float(np.median(np.diff(time_s)))
    half = max(round(half_window_s / interval_s), math.ceil(degree / 2))
    half = min(half, (frames - 1) // 2) if frames >= degree + 2 else frames // 2
    width = min(2 * half + 1, frames)
    if width <= degree:
        width = degree + 1
    first = np.clip(np.arange(frames) - half, 0, frames - width)
    since_s = sliding_window_view(time_s, width)[first] - time_s[:, None]
    weights = np.linalg.pinv((since_s / interval_s)[..., None] ** np.arange(degree + 1))[:, order]
    inside = sliding_window_view(columns, width, axis=0)[first]  # (T, columns, width)
    found = np.einsum("tcw,tw->tc", inside, weights) * math.factorial(order) / interval_s**order
    return np.asarray(found.reshape(values.shape))


VERTEX_REACH_S = 0.04


def vertex_s(values: FloatArray, time_s: FloatArray, frame: int) -> float:
    """When an extreme is reached to a fraction of a frame: the vertex of the parabola through it and its neighbours.

    Args:
        values: (T,).
        time_s: (T,).
        frame: of the extreme.
    """
    if not 0 < frame < len(values) - 1:
        return float(time_s[frame])
    around_s = time_s[frame - 1 : frame + 2] - time_s[frame]
    curvature, slope, _ = np.polyfit(around_s, values[frame - 1 : frame + 2], 2)
    if abs(curvature) < 1e-12:
        return float(time_s[frame])
    return float(time_s[frame] + np.clip(-slope / (2 * curvature), around_s[0], around_s[-1]))


def vertex_sd_s(values: FloatArray, time_s: FloatArray, frame: int, *, least_noise: float) -> float:
    """Standard deviation of an extreme's time: that of the slope there over the curvature, and the frame interval.

    The noise is what the best parabola about the extreme leaves, and at least so much.

    Args:
        values: (T,).
        time_s: (T,).
        frame: of the extreme.
        least_noise: standard deviation of a value.
    """
    resolution_s = float(np.median(np.diff(time_s))) / np.sqrt(12)
    near = np.flatnonzero(np.abs(time_s - time_s[frame]) <= VERTEX_REACH_S)
    if len(near) < 4:
        near = np.arange(max(frame - 2, 0), min(frame + 3, len(time_s)))
    if len(near) < 4:
        return float(np.hypot(VERTEX_REACH_S, resolution_s))
    since_s = time_s[near] - time_s[near].mean()
    parabola = np.polyfit(since_s, values[near], 2)
    left = values[near] - np.polyval(parabola, since_s)
    noise = max(float(np.sqrt(left @ left / (len(near) - 3))), least_noise)
    slope_sd = noise / np.sqrt(since_s @ since_s)
    return float(np.hypot(min(slope_sd / max(2 * abs(parabola[0]), 1e-6), VERTEX_REACH_S), resolution_s))


def crossing_s(values: FloatArray, time_s: FloatArray, level: float, *, frame: int) -> float:
    """When a level is crossed between the frame before and a frame, interpolated.

    Args:
        values: (T,).
        time_s: (T,).
        level: that they cross.
        frame: the first on the other side, from 1.
    """
    before, after = values[frame - 1], values[frame]
    share = 0.5 if after == before else float(np.clip((level - before) / (after - before), 0, 1))
    return float(time_s[frame - 1] + share * (time_s[frame] - time_s[frame - 1]))
