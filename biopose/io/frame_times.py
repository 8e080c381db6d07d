"""Frame times as text files write them: in other units, rounded until they repeat, with frames missing.

The times in the rows take precedence over the rate that a header states: they are what the recording program wrote
with each frame. The rate decides where the times alone cannot: whether they are milliseconds, and when frames were
whose rounded times repeat.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from biopose.io.text import NumberedLines
from biopose.io.trajectories import FloatArray, frame_rate_hz

UNITS = {1e3: "milliseconds", 1e6: "microseconds"}
RATE_TOLERANCE = 0.02
MAX_DECIMALS = 9
PLACES_LISTED = 10  # in a note


@dataclass(frozen=True, eq=False)
class FrameTimes:
    """Times (F,) as a file writes them, and what else it states about them.

    Attributes:
        time: (F,) as written.
        line_numbers: (F,) of the rows, for messages.
        rate_hz: Of the header, None where it has none.
        frame_numbers: (F,) of the rows, NaN where a row has none; None where the file has none.
    """

    time: FloatArray
    line_numbers: NDArray[np.int64]
    rate_hz: float | None = None
    frame_numbers: FloatArray | None = None

    def in_seconds(self, lines: NumberedLines) -> FloatArray:
        """Give strictly increasing times in seconds, and add what was odd to the file's notes.

        Raises:
            FileFormatError: Times repeat or decrease, and rounding at the header's rate does not explain it.
        """
        time_s = self._unit_applied(lines)
        resolution_s = _resolution(time_s)
        if (np.diff(time_s) <= 0).any():
            time_s = self._rebuilt(time_s, resolution_s, lines)
        if len(time_s) > 1:
            rounding_s = self._rounding(time_s, resolution_s)
            lines.notes += [*self._rate_note(time_s, rounding_s), *self._missing_notes(time_s, rounding_s)]
        return time_s

    def _rounding(self, time_s: FloatArray, resolution_s: float) -> float:
        """By how much rounding may have changed an interval: the resolution, or 0 where it cannot have.

        It cannot where the frames' period is a multiple of it (whole milliseconds at 100 frames/s) or shorter.
        """
        if self.rate_hz is not None:
            multiple = 1 / (self.rate_hz * resolution_s) if resolution_s else 0.0
            return resolution_s if multiple > 1 and abs(multiple - np.rint(multiple)) > 1e-3 else 0.0
        mean_s = float(time_s[-1] - time_s[0]) / (len(time_s) - 1)
        even = np.ptp(time_s - mean_s * np.arange(len(time_s))) <= resolution_s * (1 + 1e-6)
        return resolution_s if even and mean_s > 1.05 * np.median(np.diff(time_s)) else 0.0

    def _is_even(self, time_s: FloatArray, rounding_s: float) -> bool:
        """Whether rounding explains all times, at the header's rate or at the mean one."""
        period_s = 1 / self.rate_hz if self.rate_hz else float(time_s[-1] - time_s[0]) / (len(time_s) - 1)
        return bool(np.ptp(time_s - period_s * np.arange(len(time_s))) <= rounding_s * (1 + 1e-6))

    def _unit_applied(self, lines: NumberedLines) -> FloatArray:
        """The times divided by the unit that the header's rate shows."""
        intervals = np.diff(self.time)
        if self.rate_hz is None or len(intervals) == 0 or np.median(intervals) <= 0:
            return self.time
        median = float(np.median(intervals))
        for per_second, unit in UNITS.items():
            if abs(median * self.rate_hz / per_second - 1) < RATE_TOLERANCE:
                lines.notes.append(
                    f"times are {median:g} apart at {self.rate_hz:g} frames/s: read as {unit} and turned into seconds"
                )
                return np.asarray(self.time / per_second)
        if (intervals == 1).all() and len(intervals) > 2 and self.rate_hz > 1 + RATE_TOLERANCE:
            lines.notes.append(
                f"times are 1 apart: read as frames, {self.rate_hz:g} of which are a second by the header"
            )
            return np.asarray(self.time / self.rate_hz)
        return self.time

    def _rebuilt(self, time_s: FloatArray, resolution_s: float, lines: NumberedLines) -> FloatArray:
        """Times from the frame numbers and the header's rate, which must differ from those written by rounding only."""
        counts = [np.arange(len(time_s), dtype=np.float64)]
        rate_hz = self.rate_hz or 0.0
        if (numbers := self._increasing_numbers()) is not None:
            counts.insert(0, numbers - numbers[0])
        for count in counts if rate_hz * resolution_s > 1 else []:  # otherwise rounding makes no two times equal
            rebuilt = time_s[0] + count / rate_hz
            if np.ptp(time_s - rebuilt) <= resolution_s * (1 + 1e-6):
                repeats = int((np.diff(time_s) <= 0).sum())
                lines.notes.append(
                    f"times are rounded to {resolution_s:g} s, so that {repeats} repeat; they were rebuilt from the "
                    f"header's rate of {rate_hz:g} frames/s, which explains all of them"
                )
                return np.asarray(rebuilt)
        frame = int(np.argmax(np.diff(time_s) <= 0)) + 1
        found = f"time {float(time_s[frame])} after {float(time_s[frame - 1])}"
        unexplained = (
            f"; rounding at the header's {self.rate_hz:g} frames/s does not explain it" if self.rate_hz else ""
        )
        expected = f"times that increase{unexplained}; correct the times, or remove the rows that repeat"
        raise lines.malformed(found=found, expected=expected, line=int(self.line_numbers[frame]))

    def _increasing_numbers(self) -> FloatArray | None:
        """The frame numbers, where each row has one and they increase."""
        numbers = self.frame_numbers
        if numbers is None or np.isnan(numbers).any() or (np.diff(numbers) <= 0).any():
            return None
        return numbers

    def _rate_note(self, time_s: FloatArray, rounding_s: float) -> list[str]:
        """The note on a header's rate that disagrees with evenly spaced times."""
        if self.rate_hz is None or self._is_even(time_s, rounding_s) or not _mostly_even(time_s, rounding_s):
            return []
        rate_hz = frame_rate_hz(time_s)
        if abs(rate_hz / self.rate_hz - 1) <= RATE_TOLERANCE + 2 * rounding_s / float(time_s[-1] - time_s[0]):
            return []
        apart = f"{float(np.median(np.diff(time_s))):.6g} s apart ({rate_hz:.6g} frames/s)"
        return [f"the header's rate is {self.rate_hz:g} frames/s, but the times are {apart}: the times are used"]

    def _missing_notes(self, time_s: FloatArray, rounding_s: float) -> list[str]:
        """Notes on frames that the times or the frame numbers skip."""
        intervals = np.diff(time_s)
        period = self._period(intervals, rounding_s)
        missing = np.maximum(np.rint(intervals / period) - 1, 0)
        missing[intervals <= 1.5 * period + rounding_s] = 0
        off = np.abs(intervals - np.rint(intervals / period) * period)
        notes = []
        if self._is_even(time_s, rounding_s):
            missing[:] = 0
        elif (off > 0.25 * period + rounding_s).any():
            notes.append(f"frames are unevenly spaced: {intervals.min():.4g} to {intervals.max():.4g} s apart")
        return [*self._places(missing, time_s, "frames are missing"), *notes, *self._number_notes(missing, time_s)]

    def _number_notes(self, missing: FloatArray, time_s: FloatArray) -> list[str]:
        """Notes on frame numbers that disagree with the times, between whose (F - 1,) intervals frames are missing."""
        if self.frame_numbers is None or np.isnan(self.frame_numbers).all():
            return []
        if (numbers := self._increasing_numbers()) is not None:
            steps = np.diff(numbers)
            skipped = np.where(missing > 0, 0, np.rint(steps / np.median(steps)) - 1)
            return self._places(np.maximum(skipped, 0), time_s, "frame numbers are skipped where the times are even")
        given = np.flatnonzero(~np.isnan(self.frame_numbers))
        unordered = np.flatnonzero(np.diff(self.frame_numbers[given]) <= 0)
        if len(unordered) == 0:
            return []
        line = self.line_numbers[given[int(unordered[0]) + 1]]
        return [f"frame numbers do not increase (first at line {line}): the times are used"]

    def _period(self, intervals: FloatArray, rounding_s: float) -> float:
        """Seconds a frame: by the frame numbers, else by the header's rate where all intervals are multiples of it.

        The median interval alone overestimates it where most frames are missing.
        """
        numbers = self._increasing_numbers()
        if numbers is not None and (np.diff(numbers) != np.diff(numbers)[0]).any():
            steps = np.diff(numbers)
            period = float(np.median(intervals / steps))
            if (np.abs(intervals - steps * period) <= 0.1 * period + rounding_s).all():
                return period * _common_divisor(steps)
        median = float(np.median(intervals))
        if self.rate_hz:
            frames = intervals * self.rate_hz
            off = np.abs(frames - np.rint(frames))
            uneven = np.ptp(intervals) > 0.1 * median + rounding_s
            if uneven and (off <= 0.1 + rounding_s * self.rate_hz).all() and frames.min() > 0.5:
                return _common_divisor(frames) / self.rate_hz
        return median

    def _places(self, missing: FloatArray, time_s: FloatArray, what: str) -> list[str]:
        """The note on frames that are missing after each of (F - 1,) frames, none where none are."""
        places = np.flatnonzero(missing)
        if len(places) == 0:
            return []
        listed = [
            f"{int(missing[i])} before line {self.line_numbers[i + 1]} ({time_s[i]:.6g} to {time_s[i + 1]:.6g} s)"
            for i in places[:PLACES_LISTED].tolist()
        ]
        rest = [f"and {len(places) - PLACES_LISTED} other places"] if len(places) > PLACES_LISTED else []
        where = f"{len(places)} place{'s' if len(places) > 1 else ''}"
        return [f"{int(missing.sum())} {what}, in {where}: {'; '.join([*listed, *rest])}"]


def _mostly_even(time_s: FloatArray, rounding_s: float) -> bool:
    """Whether most intervals are the median one."""
    intervals = np.diff(time_s)
    median = np.median(intervals)
    return bool((np.abs(intervals - median) <= 0.1 * median + rounding_s).mean() > 0.5)


def _resolution(time_s: FloatArray) -> float:
    """The unit of the last decimal of times that were rounded; 0 where they have more than MAX_DECIMALS decimals."""
    for decimals in range(MAX_DECIMALS + 1):
        scaled = time_s * 10.0**decimals
        if (np.abs(scaled - np.rint(scaled)) <= 1e-6).all():
            return float(10.0**-decimals)
    return 0.0


def _common_divisor(steps: FloatArray) -> float:
    """The greatest whole number that divides all steps, rounded to whole numbers."""
    return float(np.gcd.reduce(np.rint(steps).astype(np.int64))) or 1.0
