"""Whether a clip's frames are evenly spaced in time and each shows a new image; what is not is named.

A repeated image is a moment that was not filmed: speeds are 0 there and too large behind it. Two images are compared
by the largest difference between small blocks' mean brightness. Of 1768 x 994 video of people who walk, run and jump,
coded with H.264 and MPEG-4 at usual and low qualities, images that followed each other differed by 27 levels of 255 or
more, and an image that was coded twice by 0.6 to 10. Who comes to rest slows down; a repeated image stops at once.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

COMPARED_PX = 480  # along the longer side: enough to see a distant person's limbs move
BLOCK = 4  # of these, along each side
SAME_IMAGE = 0.05  # levels up to which two images are one
RECODED = 3.0  # likewise between images that differ far more
MOVING = 8.0  # levels from which something moves
STOPS = 8.0  # times that the images around a repeated one differ more
IN_PATTERN = 4.0  # likewise of all new images in a pattern
FOLLOWS_PATTERN = 0.85  # of a clip's frames, at least
LONGEST_PATTERN = 6  # frames: 25 images a second in 30 frames
LEAST_PATTERNS = 4  # in a clip, to be one
GAP = 1.75  # times the median interval from which a frame is missing
MEDIAN_OVER = 15  # intervals, whose median is the running one
MOST_GAPS = 0.1  # of the intervals: where there are more, there is no one rate
VARIABLE = 1.3  # times that the slowest stretches are slower than the fastest
RAMP = 3.0  # likewise, where no camera does that by itself
STRETCH = 5  # frames
SLOWS_DOWN = 0.5  # of the motion MOTION_S earlier: with a steady deceleration it is a third when somebody comes to rest
FROZEN_S = 0.1  # of a picture: who is in the air meanwhile may land
MOTION_S = 1 / 30  # in which something moves by MOVING before and behind it
NAMED = 3  # places that are named one by one

Floats = NDArray[np.float64]


class ImageChange:
    """By how much each image differs from the one before it."""

    def __init__(self) -> None:
        self._last: NDArray[np.float32] | None = None

    def of(self, image: NDArray[np.uint8]) -> float:
        """The largest difference of a block's mean, in levels of 255; NaN for the first image.

        Args:
            image: (H, W, 3), of the same size every time.
        """
        last, self._last = self._last, _blocks(image)
        return float("nan") if last is None else float(np.abs(self._last - last).max())


def _blocks(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    step = max(1, round(max(image.shape[:2]) / COMPARED_PX))
    green = image[::step, ::step, 1]
    rows, columns = (max(1, side // BLOCK) for side in green.shape)
    height, width = rows * min(BLOCK, len(green)), columns * min(BLOCK, green.shape[1])
    blocks = green[:height, :width].reshape(rows, height // rows, columns, width // columns)
    return blocks.mean(axis=(1, 3), dtype=np.float32)


def regularity_notes(time_s: Floats, *, timed: NDArray[np.bool_], change: Floats) -> tuple[str, ...]:
    """What is uneven about a clip's frames, a sentence each.

    Args:
        time_s: (T,) real time of each frame, increasing.
        timed: (T,) whether the file has a usable timestamp of it.
        change: (T,) from `ImageChange`; NaN where it is not known.
    """
    return (*_estimated_notes(time_s, timed), *_interval_notes(time_s), *_repeat_notes(time_s, change))


def _estimated_notes(time_s: Floats, timed: NDArray[np.bool_]) -> tuple[str, ...]:
    at = np.flatnonzero(~timed)
    if not len(at):
        return ()
    return (
        f"The timestamps of {_counted(len(at), len(time_s))} are missing, repeat or go back (at "
        f"{_places(time_s[at])}): their times are estimates between their neighbours', and speeds are wrong there.",
    )


def _interval_notes(time_s: Floats) -> tuple[str, ...]:
    intervals = np.diff(time_s)
    if len(intervals) < STRETCH:
        return ()
    median_s = _running_median(intervals)
    gap = intervals > GAP * median_s
    if gap.mean() > MOST_GAPS:
        return _variable_notes(intervals, time_s)
    return (*_variable_notes(intervals[~gap], time_s[:-1][~gap]), *_gap_notes(intervals, median_s, gap, time_s))


def _running_median(intervals: Floats) -> Floats:
    around = min(MEDIAN_OVER, len(intervals))
    windows = np.lib.stride_tricks.sliding_window_view(intervals, around)
    first = np.clip(np.arange(len(intervals)) - around // 2, 0, len(windows) - 1)
    medians: Floats = np.median(windows, axis=1)[first]
    return medians


def _variable_notes(intervals: Floats, time_s: Floats) -> tuple[str, ...]:
    if len(intervals) < STRETCH:
        return ()
    stretches = np.convolve(intervals, np.full(STRETCH, 1 / STRETCH), mode="valid")
    fast_s, slow_s = np.percentile(stretches, [5, 95])
    if slow_s <= VARIABLE * fast_s:
        return ()
    ramp = (
        ": as in slow motion that was exported with a change of speed, where times are not real. Measure the recording "
        "as the camera wrote it"
        if slow_s > RAMP * fast_s
        else ": each frame's own time is used"
    )
    return (
        f"The frame rate varies from {1 / slow_s:.1f} to {1 / fast_s:.1f} frames/s, the longest interval is "
        f"{1000 * intervals.max():.0f} ms at {time_s[intervals.argmax()]:.2f} s{ramp}.",
    )


def _gap_notes(intervals: Floats, median_s: Floats, gap: NDArray[np.bool_], time_s: Floats) -> tuple[str, ...]:
    if not gap.any():
        return ()
    missing, gaps = int(np.rint(intervals / median_s - 1)[gap].sum()), int(gap.sum())
    return (
        f"{_frames(missing)} {'is' if missing == 1 else 'are'} missing in {gaps} gap{'s' * (gaps > 1)} between the "
        f"timestamps (after {_places(time_s[:-1][gap])}; the longest is {1000 * intervals.max():.0f} ms): the motion "
        "in between is interpolated at best.",
    )


def _repeat_notes(time_s: Floats, change: Floats) -> tuple[str, ...]:
    if not np.isfinite(change).any():
        return ()
    if np.isfinite(change).sum() >= STRETCH and np.nanmax(change) <= RECODED:
        return ("No image differs from the one before: nothing moves, or one picture is repeated throughout.",)
    pattern = _pattern(change)
    if pattern is not None:
        new, period = pattern
        rate_hz = (len(time_s) - 1) / (time_s[-1] - time_s[0])
        return (
            f"Only {new} of every {period} frames show{'s' * (new == 1)} a new image, the others repeat the one "
            f"before: {rate_hz * new / period:.4g} images/s were filmed, stored at {rate_hz:.4g} frames/s. Speeds and "
            "accelerations are wrong at that rate; give the recording as the camera wrote it.",
        )
    same = _same(change)
    for first, last in frozen_stretches(time_s, change):
        same[first : last + 1] = False
    at = np.flatnonzero(same)
    if not len(at):
        return ()
    first, last = max(_runs(same), key=lambda run: run[1] - run[0])
    longest = f"; the longest stretch, {_frames(last - first + 1)}, begins at {time_s[first]:.2f} s"
    return (
        f"{_counted(len(at), len(change))} repeat{'s' * (len(at) == 1)} the image before (at {_places(time_s[at])}"
        f"{longest if last > first else ''}): speeds are 0 there and too large behind.",
    )


def _pattern(change: Floats) -> tuple[int, int] | None:
    """(new, period): in each period of frames only so many images are new; None where all are."""
    for period in range(2, LONGEST_PATTERN + 1):
        if np.isfinite(change).sum() < period * LEAST_PATTERNS:
            return None
        medians = np.array([np.nanmedian(change[phase::period]) for phase in range(period)])
        ordered = np.sort(medians)
        for repeated in range(1, period):
            low, high = ordered[repeated - 1 : repeated + 1]
            if high >= max(MOVING, IN_PATTERN * low) and _follow(change, medians, between=np.sqrt(max(low, 1) * high)):
                return period - repeated, period
    return None


def _follow(change: Floats, medians: Floats, *, between: float) -> bool:
    """Whether nearly all frames of the phases that repeat do, and of the others do not."""
    known = np.isfinite(change)
    expected = np.resize(medians < between, len(change))
    return bool(((change < between) == expected)[known].mean() >= FOLLOWS_PATTERN)


def frozen_stretches(time_s: Floats, change: Floats) -> list[tuple[int, int]]:
    """First and last frame of each stretch of FROZEN_S or more in which the picture stands still amid motion.

    By how much it changes is added up over MOTION_S, so that the frame rate does not matter: near the top of a jump,
    images of slow motion hardly differ from one to the next. A repeated picture, too, changes for some frames, until a
    codec has drawn all of it. What stands still up to a cut, or from one on, need not be frozen, so it moves for twice
    MOTION_S before and behind. None in clips whose frames repeat in a pattern.

    Args:
        time_s: (T,) real time of each frame, increasing.
        change: (T,) from `ImageChange`; NaN where it is not known.
    """
    if not np.isfinite(change).any() or _pattern(change) is not None:
        return []
    interval_s = float(np.median(np.diff(time_s)))
    window, shortest = max(1, round(MOTION_S / interval_s)), math.ceil(FROZEN_S / interval_s - 1e-3)
    known = np.where(np.isnan(change), np.inf, change)
    begins, ends = (_abrupt_stops(values, window, shortest) for values in (known, known[::-1]))
    lasts = [(len(known) - 1 - back, behind) for back, behind in ends[::-1]]
    found = []
    for first, before in begins:
        last, behind = next((at for at in lasts if at[0] - first >= shortest - 1), (0, 0.0))
        moved = min(before, behind)
        repeats = known[first : last + 1]
        if last and moved < np.inf and repeats.max() <= RECODED and STOPS * _of_windows(repeats, window).max() <= moved:
            found.append((first, last))
    return found


def _abrupt_stops(change: Floats, window: int, shortest: int) -> list[tuple[int, float]]:
    """The frames from which on images repeat one, and by how much it changed in the window before each.

    That is STOPS times as much as in any window behind, and not far less than in the window before it, which is MOVING
    or more, too. Of neighbouring frames the most abrupt.

    Args:
        change: (T,) infinite where it is not known.
        window: frames.
        shortest: frames that repeat one image.
    """
    if len(change) < shortest:
        return []
    moved = _of_windows(np.concatenate([np.full(2 * window, np.inf), change]), window)
    earlier, before, behind = moved[: -2 * window], moved[window:-window], moved[2 * window :]
    still = _windows(behind, shortest - window + 1).max(axis=1)
    repeated = _windows(change, shortest).max(axis=1) <= RECODED
    earlier, before = earlier[: len(still)], before[: len(still)]
    abrupt = np.where(before < np.inf, before, STOPS * MOVING) - STOPS * still
    slows_down = before < np.where(earlier < np.inf, SLOWS_DOWN * earlier, 0.0)
    runs = _runs(repeated & (abrupt >= 0) & (np.minimum(earlier, before) >= MOVING) & ~slows_down)
    most = [first + int(abrupt[first : last + 1].argmax()) for first, last in runs]
    return [(frame, float(before[frame])) for frame in most]


def _of_windows(change: Floats, window: int) -> Floats:
    """(T - window + 1,) the change in each window, added up."""
    return np.asarray(_windows(change, window).sum(axis=1))


def _windows(values: Floats, window: int) -> Floats:
    """(T - window + 1, window) of values (T,), of which there are at least as many as in one window."""
    return np.lib.stride_tricks.sliding_window_view(values, window)


def _same(change: Floats) -> NDArray[np.bool_]:
    """(T,) which images repeat the one before."""
    same: NDArray[np.bool_] = change <= SAME_IMAGE
    for first, last in _stops(change):
        same[first : last + 1] = True
    return same


def _stops(change: Floats) -> list[tuple[int, int]]:
    """First and last place of each run of images that repeat one, and before and behind which something moves."""
    bounded = np.concatenate([[np.inf], np.where(np.isnan(change), np.inf, change), [np.inf]])
    around = {(first, last): min(bounded[first], bounded[last + 2]) for first, last in _runs(change <= RECODED)}
    return [
        (first, last)
        for (first, last), least in around.items()
        if np.isfinite(least) and least >= max(MOVING, STOPS * change[first : last + 1].max())
    ]


def _runs(flags: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """First and last place of each run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8)))
    return [(int(first), int(end) - 1) for first, end in zip(edges[::2], edges[1::2], strict=True)]


def _counted(count: int, total: int) -> str:
    return f"{count} of {_frames(total)}"


def _frames(count: int) -> str:
    return f"{count} frame{'s' * (count != 1)}"


def _places(times_s: Floats | Sequence[float]) -> str:
    more = f" and {len(times_s) - NAMED} more times" if len(times_s) > NAMED else ""
    return ", ".join(f"{time:.2f} s" for time in times_s[:NAMED]) + more
