"""Where in a recording somebody stands still: the part of a static trial, or of a longer one, that scaling uses.

In a laboratory's static trial the markers move by 3 mm at most in a second, in the stillest second of its dynamic
trials by 20 mm (median) and more.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from biopose.errors import ModelError
from biopose.io.trajectories import MarkerTrajectories

STILL_M = 0.015  # from their mean position, of half of the markers
WINDOW_S = 1.0
# At the top of a jump markers move by less than STILL_M for a tenth of a second, in this time by 75 mm.
LEAST_S = 0.25
AS_TALL_M = 0.05  # sitting lowers the markers by more on average
WINDOWS_OVERLAP = 4


@dataclass(frozen=True, eq=False)
class Standing:
    """Part of a recording in which somebody stands still.

    Attributes:
        part: the frames that were chosen.
        first, last: which ones, counted from 0.
        note: which frames those are, where the recording is not still as a whole.
    """

    part: MarkerTrajectories
    first: int
    last: int
    note: str | None = None


def standing_still(static: MarkerTrajectories) -> Standing:
    """The second (all of a shorter recording) in which somebody stands still.

    Of the seconds that are still, those in which the markers are highest are those of standing upright, and of these
    the stillest is taken. A single frame is taken as it is.

    Raises:
        ModelError: nobody stands still; the frames that come nearest are named.
    """
    count = len(static.time_s)
    window = window_frames(static)
    chosen = _upright_start(static, window)
    if chosen is None:
        raise ModelError(_refusal(static, window))
    last = chosen + window - 1
    note = None
    if count > window and _moved_m(static.positions_m) > STILL_M:
        note = f"stands still in frames {chosen} to {last} of {count}, counted from 0; these are used"
    return Standing(_part(static, chosen, window), chosen, last, note)


def window_frames(static: MarkerTrajectories, *, seconds: float = WINDOW_S) -> int:
    """Frames of a second, or fewer in a shorter recording."""
    count = len(static.time_s)
    return 1 if count == 1 else min(count, max(2, round(seconds * static.rate_hz)))


def _part(static: MarkerTrajectories, first: int, window: int) -> MarkerTrajectories:
    part = slice(first, first + window)
    return MarkerTrajectories(static.time_s[part], static.names, static.positions_m[part])


def _paths_m(static: MarkerTrajectories, window: int) -> NDArray[np.float64]:
    """By first frame of a window, the length of the path of an average marker in it."""
    if window == 1:
        return np.zeros(1)
    step = np.linalg.norm(np.diff(static.positions_m, axis=0), axis=-1)
    count = (~np.isnan(step)).sum(axis=1)
    speed = np.where(count > 0, np.nansum(step, axis=1) / np.maximum(count, 1), np.inf)
    return np.convolve(speed, np.ones(window - 1), mode="valid")


def _upright_start(static: MarkerTrajectories, window: int) -> int | None:
    """First frame of the stillest window of those that are still and in which the markers are highest."""
    paths = _paths_m(static, window)
    starts = np.union1d(np.arange(0, len(paths), max(1, window // WINDOWS_OVERLAP)), [np.argmin(paths)])
    starts = np.array([s for s in starts if _moved_m(static.positions_m[s : s + window]) <= STILL_M], dtype=int)
    if not len(starts):
        return None
    height_m = np.array([_height_m(static.positions_m[s : s + window]) for s in starts])
    upright = starts[height_m >= height_m.max() - AS_TALL_M]
    return int(upright[np.argmin(paths[upright])])


def marker_movement_m(positions_m: NDArray[np.float64]) -> NDArray[np.float64]:
    """(M,) the largest distance of each marker from its mean position in positions (F, M, 3); NaN where never there."""
    found = np.full(positions_m.shape[1], np.nan)
    there = np.asarray(~np.isnan(positions_m).any(axis=-1))
    for m in np.flatnonzero(there.any(axis=0)):
        seen = positions_m[there[:, m], m]
        found[m] = np.linalg.norm(seen - seen.mean(axis=0), axis=-1).max()
    return found


def _moved_m(positions_m: NDArray[np.float64]) -> float:
    """The movement of the median marker; infinite where there is none."""
    moved = marker_movement_m(positions_m)
    return float("inf") if np.isnan(moved).all() else float(np.nanmedian(moved))


def _height_m(positions_m: NDArray[np.float64]) -> float:
    return float(np.nanmean(positions_m[..., 1]))


def _refusal(static: MarkerTrajectories, window: int) -> str:
    first = int(np.argmin(_paths_m(static, window)))
    moved_mm = 1e3 * _moved_m(static.positions_m[first : first + window])
    whole = "it" if window == len(static.time_s) else f"its stillest {window} frames ({first} to {first + window - 1})"
    text = (
        f"nobody stands still: in {whole} half of the markers move by {moved_mm:.0f} mm or more from their mean "
        f"position, {1e3 * STILL_M:.0f} mm are allowed; "
    )
    for share in (2, 4) if len(static.time_s) > 1 else ():
        fewer = window // share
        if fewer * (static.time_s[1] - static.time_s[0]) < LEAST_S:
            break
        start = _upright_start(static, fewer)
        if start is not None:
            return text + (
                f"frames {start} to {start + fewer - 1}, counted from 0, would serve if the person stands upright "
                "there: write them to a file of their own"
            )
    return text + f"no {LEAST_S} s of it would serve: give a recording of the person standing still"
