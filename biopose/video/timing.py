"""When each frame was shown: presentation timestamps made strictly increasing, and the rate they amount to."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np

RESTART_S = 1.0  # timestamps that step back by more than this begin anew, as in joined files
AGREEMENT = 1.5  # a header's rate that is off by more than this factor from the timestamps is wrong
DEFAULT_RATE_HZ = 30.0  # where neither the header nor the timestamps give a rate


class FrameClock:
    """Seconds since the first frame, strictly increasing, from presentation timestamps.

    Timestamps are taken as they are, so a variable frame rate stays what it is. A frame without one comes one nominal
    interval after the one before it; one that repeats or steps back a little comes half an interval after; where
    timestamps begin anew, the clock goes on from there.

    Attributes:
        timed: whether the latest frame's time is that of its timestamp, not an estimate.
    """

    def __init__(self, *, time_base: Fraction, first_pts: int | None, nominal_rate_hz: float) -> None:
        self._time_base = time_base
        self._first_pts = first_pts or 0
        self._interval_s = 1.0 / nominal_rate_hz
        self._shift_s = 0.0
        self._latest_s: float | None = None
        self.timed = True

    def time_s(self, pts: int | None) -> float:
        """Time of the next frame."""
        time_s = self._next(None if pts is None else float((pts - self._first_pts) * self._time_base) + self._shift_s)
        self._latest_s = time_s
        return time_s

    def _next(self, stamped_s: float | None) -> float:
        latest = self._latest_s
        self.timed = stamped_s is not None and (latest is None or stamped_s > latest)
        if latest is None:
            return stamped_s or 0.0
        if stamped_s is None:
            return latest + self._interval_s
        if stamped_s > latest:
            return stamped_s
        if stamped_s > latest - RESTART_S:
            return latest + self._interval_s / 2
        self._shift_s += latest + self._interval_s - stamped_s
        return latest + self._interval_s


def rate_of_timestamps_hz(pts: Sequence[int], time_base: Fraction) -> float | None:
    """Frames per second of the typical interval between timestamps, in any order; None for fewer than two."""
    intervals = np.diff(np.unique(np.asarray(pts, dtype=np.int64)))
    if not len(intervals):
        return None
    typical = intervals[intervals <= AGREEMENT * np.median(intervals)]  # the mean of these undoes the rounding
    return float(1.0 / (typical.mean() * time_base))


def nominal_rate_hz(header_hz: Sequence[Fraction | None], measured_hz: float | None) -> float:
    """The header's rate where it is one that the timestamps bear out, else theirs.

    Args:
        header_hz: of the header, the most trusted first.
        measured_hz: from `rate_of_timestamps_hz`.
    """
    for stated_hz in header_hz:
        rate = float(stated_hz) if stated_hz else 0.0
        if rate > 0 and (measured_hz is None or 1 / AGREEMENT <= rate / measured_hz <= AGREEMENT):
            return rate
    return measured_hz or DEFAULT_RATE_HZ
