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
            lines.notes += [*self._rate_note(time_s, resolution_s), *self._missing_notes(time_s, resolution_s)]
        return time_s

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

    def _rate_note(self, time_s: FloatArray, resolution_s: float) -> list[str]:
        """The note on a header's rate that disagrees with evenly spaced times."""
        if self.rate_hz is None or not _even(time_s, resolution_s):
            return []
        rate_hz = frame_rate_hz(time_s)
        slack = RATE_TOLERANCE + 2 * resolution_s / float(time_s[-1] - time_s[0])
        if abs(rate_hz / self.rate_hz - 1) <= slack:
            return []
        apart = f"{float(np.median(np.diff(time_s))):.6g} s apart ({rate_hz:.6g} frames/s)"
        return [f"the header's rate is {self.rate_hz:g} frames/s, but the times are {apart}: the times are used"]

    def _missing_notes(self, time_s: FloatArray, resolution_s: float) -> list[str]:
        """Notes on frames that the times or the frame numbers skip."""
        intervals = np.diff(time_s)
        numbers = self._increasing_numbers()
        period = self._period(intervals, resolution_s)
        missing = np.maximum(np.rint(intervals / period) - 1, 0)
        missing[intervals <= 1.5 * period + resolution_s] = 0
        notes = self._places(missing, time_s, "frames are missing")
        off = np.abs(intervals - np.rint(intervals / period) * period)
        if (off > 0.25 * period + resolution_s).any():
            notes.append(f"frames are unevenly spaced: {intervals.min():.4g} to {intervals.max():.4g} s apart")
        if numbers is not None:
            steps = np.diff(numbers)
            skipped = np.where(missing > 0, 0, steps / np.median(steps) - 1)
            skipped[skipped < 0.5] = 0
            notes += self._places(skipped, time_s, "frame numbers are skipped where the times go on evenly")
        elif self.frame_numbers is not None and not np.isnan(self.frame_numbers).all():
            unordered = np.flatnonzero(~(np.diff(self.frame_numbers) > 0))
            at = f"line {self.line_numbers[int(unordered[0]) + 1]}" if len(unordered) else "the first row"
            notes.append(f"frame numbers do not increase (first at {at}): the times are used")
        return notes

    def _period(self, intervals: FloatArray, resolution_s: float) -> float:
        """Seconds a frame: by the frame numbers, else by the header's rate where all intervals are multiples of it.

        The median interval alone overestimates it where most frames are missing.
        """
        numbers = self._increasing_numbers()
        if numbers is not None and (np.diff(numbers) != np.diff(numbers)[0]).any():
            steps = np.diff(numbers)
            period = float(np.median(intervals / steps))
            if (np.abs(intervals - steps * period) <= 0.1 * period + resolution_s).all():
                return period * float(steps.min())
        median = float(np.median(intervals))
        if self.rate_hz:
            frames = intervals * self.rate_hz
            off = np.abs(frames - np.rint(frames))
            uneven = np.ptp(intervals) > 0.1 * median + resolution_s
            if uneven and (off <= 0.1 + resolution_s * self.rate_hz).all() and frames.min() > 0.5:
                return max(1.0, float(np.rint(frames).min())) / self.rate_hz
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
        return [f"{int(missing.sum())} {what}, in {len(places)} places: {'; '.join([*listed, *rest])}"]


def _even(time_s: FloatArray, resolution_s: float) -> bool:
    """Whether most intervals are the median one."""
    intervals = np.diff(time_s)
    median = np.median(intervals)
    return bool((np.abs(intervals - median) <= 0.1 * median + resolution_s).mean() > 0.5)


def _resolution(time_s: FloatArray) -> float:
    """The unit of the last decimal of times that were rounded; 0 where they have more than MAX_DECIMALS decimals."""
    for decimals in range(MAX_DECIMALS + 1):
        scaled = time_s * 10.0**decimals
        if (np.abs(scaled - np.rint(scaled)) <= 1e-6).all():
            return float(10.0**-decimals)
    return 0.0
