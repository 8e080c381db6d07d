"""Windows of a track: it is fitted a window at a time, so that memory does not grow with its length."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from biopose.skeleton.angles import wrap

WINDOW_FRAMES, OVERLAP_FRAMES = 480, 48


def windows_of(frames: int) -> list[slice]:
    """Overlapping stretches of nearly equal length."""
    count = max(1, -(-(frames - OVERLAP_FRAMES) // (WINDOW_FRAMES - OVERLAP_FRAMES)))
    edges = np.linspace(0, frames - OVERLAP_FRAMES, count + 1).round().astype(int) if count > 1 else [0, frames]
    extra = OVERLAP_FRAMES if count > 1 else 0
    return [slice(int(a), int(b) + extra) for a, b in pairwise(edges)]


def cross_faded(
    windows: list[slice], values: list[NDArray[np.float64]], rotational: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """The values (T, Q) of windows faded into each other where they overlap; angles by the nearer way round."""
    q = np.zeros((windows[-1].stop, values[0].shape[1]))
    done = 0
    for window, own in zip(windows, values, strict=True):
        overlap = max(done - window.start, 0)
        before = q[window.start : window.start + overlap]
        step = own[:overlap] - before
        step[:, rotational] = wrap(step[:, rotational])
        share = (np.arange(overlap) + 1)[:, None] / (overlap + 1)
        q[window.start : window.start + overlap] = before + share * step
        q[done : window.stop] = own[overlap:]
        done = window.stop
    return q


def without_overlap(windows: list[slice]) -> list[slice]:
    """Of each window the frames, counted in it, that no window before it has."""
    stops = [0, *(window.stop for window in windows)]
    return [slice(stop - window.start, None) for stop, window in zip(stops, windows, strict=False)]
