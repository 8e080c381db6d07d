"""Faults of marker trajectories, as inverse kinematics finds them, and the frames of a solution that look like one.

Thresholds come from 16 laboratory trials of one person (walking, squats, sit-to-stand, drop jumps; 100 Hz; two models).
Between two frames a marker's distance from the model changes there by at most 18 mm (30 mm over 20 ms, 48 mm over
40 ms), but by 40 mm and more where two markers of the thigh are exchanged. No distance exceeds three times the marker's
own third quartile by more than 14 mm; none exceeds 104 mm (shoulders, arms overhead, a model without scapulae), and no
marker's median 47 mm.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from biopose.io.trajectories import MarkerTrajectories

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

JUMP_M, JUMP_M_PER_S = 0.015, 1.25
ABOVE_QUARTILE, ABOVE_QUARTILE_M = 3.0, 0.025
FAR_M = 0.120
QUARTILE_OVER_MEDIAN = 2.0  # at most
RAISED_M = 0.005  # above the quartile: what a stretch goes on with before it jumps or is far off
MEDIAN_FAR_M, MEDIAN_FAR_RATIO = 0.050, 4.0


@dataclass(frozen=True)
class MarkerFault:
    """Markers that do not fit the body in some frames.

    Attributes:
        kind: "exchanged": each marker lies where the next of `markers` belongs, the last where the first does, and they
            were exchanged back; "outlying": the markers were left out; "unexplained": the frames do not fit and no few
            markers explain it, the frames' coordinates are nan unless most of the recording is like them.
        markers: names; none of an unexplained stretch.
        ranges: first and last frame of each stretch, counted from 0.
        error_m: the largest distance from where the marker should be; of an unexplained stretch, the largest RMS.
        lies_at: the missing marker whose place an outlying one takes, if there is one.
    """

    kind: Literal["exchanged", "outlying", "unexplained"]
    markers: tuple[str, ...]
    ranges: tuple[tuple[int, int], ...]
    error_m: float
    lies_at: str | None = None


@dataclass(frozen=True, eq=False)
class Suspicion:
    """What in a solution looks like a fault.

    Attributes:
        frames: (F, M) where a marker's distance is not what the recording's others are like.
        throughout: (M,) markers whose median distance is far above the other markers'.
        typical_m: (M,) third quartile of each marker's distance outside of stretches between jumps.
    """

    frames: BoolArray
    throughout: BoolArray
    typical_m: FloatArray


def suspicion(error_m: FloatArray, time_s: FloatArray) -> Suspicion:
    """Judge a solution by its marker errors (F, M), NaN where missing, at time_s (F,)."""
    jumped, steps = _stretches_between_jumps(error_m, time_s)
    calm = np.where(jumped, np.nan, error_m)
    enough = (~np.isnan(calm)).sum(axis=0) >= 0.25 * np.maximum((~np.isnan(error_m)).sum(axis=0), 1)
    quartile = _quantile(np.where(enough, calm, error_m), 0.75)
    median = _quantile(error_m, 0.5)
    overall_median_m = float(np.nanmedian(median)) if not np.isnan(median).all() else 0.0
    throughout = median > max(MEDIAN_FAR_M, MEDIAN_FAR_RATIO * overall_median_m)
    # A fault that lasts longer than a quarter of the recording moves the quartile, but not the median.
    typical = np.where(
        throughout | np.isnan(quartile), overall_median_m, np.fmin(quartile, QUARTILE_OVER_MEDIAN * median)
    )
    far = error_m > np.minimum(ABOVE_QUARTILE * typical + ABOVE_QUARTILE_M, FAR_M)
    stretches = _extended(jumped | (far & ~throughout), error_m > typical + RAISED_M, steps)
    return Suspicion(stretches, throughout, typical)


def _extended(stretches: BoolArray, raised: BoolArray, steps: BoolArray) -> BoolArray:
    """(F, M) stretches and the frames next to them as far as the marker's distance stays raised (F, M).

    None goes on beyond a step (F - 1,): there the fault itself begins or ends.
    """
    result = stretches.copy()
    for m in np.flatnonzero(stretches.any(axis=0)):
        first = 0
        for end in [*(np.flatnonzero(steps) + 1), len(raised)]:
            for begin, last in ranges_of(raised[first:end, m] | stretches[first:end, m]):
                part = slice(first + begin, first + last + 1)
                result[part, m] = stretches[part, m].any()
            first = int(end)
    return result


def _quantile(values: FloatArray, share: float) -> FloatArray:
    """(M,) of the values that are there; NaN where none is."""
    there = ~np.isnan(values).all(axis=0)
    result = np.full(values.shape[1], np.nan)
    result[there] = np.nanquantile(values[:, there], share, axis=0)
    return result


def _stretches_between_jumps(error_m: FloatArray, time_s: FloatArray) -> tuple[BoolArray, BoolArray]:
    """(F, M) frames on the worse side of a jump of a marker's distance, as far as it stays nearer to the worse level.

    And (F - 1,) whether some marker's distance jumps after each frame.
    """
    stretches = np.zeros(error_m.shape, dtype=bool)
    steps = np.zeros(max(len(error_m) - 1, 0), dtype=bool)
    for m, column in enumerate(error_m.T):
        there = np.flatnonzero(~np.isnan(column))
        values = column[there]
        allowed = np.minimum(JUMP_M + JUMP_M_PER_S * np.diff(time_s[there]), FAR_M)
        for k in np.flatnonzero(np.abs(np.diff(values)) > allowed):
            steps[there[k + 1] - 1 if values[k + 1] > values[k] else there[k]] = True
            between = (values[k] + values[k + 1]) / 2
            below = np.flatnonzero(values < between)
            if values[k + 1] > values[k]:
                end = below[below > k + 1].min(initial=len(values))
                stretches[there[k + 1 : end], m] = True
            else:
                begin = below[below < k].max(initial=-1)
                stretches[there[begin + 1 : k + 1], m] = True
    return stretches, steps


def without_faults(trajectories: MarkerTrajectories, faults: Sequence[MarkerFault]) -> MarkerTrajectories:
    """The recording with exchanged markers exchanged back, and gaps for outlying ones and unexplained frames.

    Unexplained frames stay where they are most of the recording.
    """
    positions_m = trajectories.positions_m.copy()
    for fault in sorted(faults, key=lambda f: f.kind != "exchanged"):
        frames = np.concatenate([np.arange(first, last + 1) for first, last in fault.ranges])
        columns = np.array([trajectories.names.index(name) for name in fault.markers], dtype=int)
        if fault.kind == "exchanged":
            taken = np.roll(columns, 1)
            positions_m[np.ix_(frames, columns)] = positions_m[np.ix_(frames, taken)]
        elif fault.kind == "outlying":
            positions_m[np.ix_(frames, columns)] = np.nan
        elif 2 * len(frames) <= len(positions_m):
            positions_m[frames] = np.nan
    return replace(trajectories, positions_m=positions_m)


def ranges_of(frames: BoolArray) -> tuple[tuple[int, int], ...]:
    """First and last index of each run of true values."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], frames, [False]]).astype(int)))
    return tuple((int(first), int(last) - 1) for first, last in zip(edges[::2], edges[1::2], strict=True))


def outlying_faults(
    names: Sequence[str], outlying: BoolArray, error_m: FloatArray, lies_at: Sequence[str | None] | None = None
) -> list[MarkerFault]:
    """One fault for all markers that are outlying (F, M) in the same frames."""
    groups: dict[tuple[tuple[tuple[int, int], ...], str | None], list[int]] = {}
    for m in np.flatnonzero(outlying.any(axis=0)).tolist():
        place = lies_at[m] if lies_at else None
        groups.setdefault((ranges_of(outlying[:, m]), place), []).append(m)
    return [
        MarkerFault(
            "outlying",
            tuple(names[m] for m in members),
            ranges,
            float(np.nanmax(error_m[:, members], where=outlying[:, members], initial=0.0)),
            place,
        )
        for (ranges, place), members in groups.items()
    ]
