"""Positions that repeat the frame before bit for bit: gaps that were filled with the last value, and duplicated frames.

A measured marker does not repeat its value at a fine resolution; a gap filled with the last (or next) value stands
still and then makes up for it in a single step. Nothing of the kind is concluded where a
repeated value has another cause:

- Coarse resolution (whole millimetres): a foot on the ground repeats its value. There both ends must be abrupt.
- All markers repeat at once: the body stands still, or frames were duplicated to raise the rate. Such frames are
  taken out before markers are compared. Only a jump at the end shows that the whole recording was filled.
- Exact data from a computation: a segment comes to rest, and leaves it, in steps that shrink and grow.
- A marker that stands still in all of its frames may lie on the ground.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]

# Share of single components that repeat while the marker moves; above it the resolution is coarse. Three components
# that repeat by chance over two steps then have a probability below 0.05 ** 6.
FINE = 0.05
FINEST = 0.005  # below it a single repeated frame is no chance either
COARSE_M = (0.1, 0.01, 1e-3, 1e-4)  # units of a last decimal at which a marker at rest repeats its value
ON_GRID = 0.95  # share of components that are multiples of such a unit
ABRUPT = 0.6  # of the steps beside it; a smooth arrival at rest or departure from it has at most 0.34
JUMP = 1.5  # of the steps beside it: the motion of two frames or more in one
OTHERS_MOVING = 0.25  # share of the other markers
HARMLESS_M = 0.002  # a single repeated frame with smaller steps on both sides is left
LONG = 10  # frames from which a repeated value that is no gap is noted
NEIGHBOURS = 3  # markers that one which stands still is compared with at a coarse resolution
REACH = 3  # steps beside a run that it is compared with


@dataclass(frozen=True, eq=False)
class RepeatedValues:
    """What repeats in a recording of F frames and M markers.

    Attributes:
        filled: (F, M) where a position is a gap filled with the last or next value.
        undecided: (F, M) where a value repeats from or to an end of the recording, and a coarse resolution does not
            show whether it was filled.
        constant: (M,) markers that stand still in all of their frames while others move.
        duplicated: (F,) frames that repeat the frame before in all markers and are no gaps.
    """

    filled: BoolArray
    undecided: BoolArray
    constant: BoolArray
    duplicated: BoolArray


def repeated_values(positions_m: FloatArray) -> RepeatedValues:
    """Find positions that repeat bit for bit.

    Args:
        positions_m: (F, M, 3) metres, NaN for gaps.
    """
    frames, markers, _ = positions_m.shape
    duplicated = np.zeros(frames, dtype=bool)
    if frames < 2:
        empty = np.zeros((frames, markers), dtype=bool)
        return RepeatedValues(empty, empty, np.zeros(markers, dtype=bool), duplicated)
    duplicated[1:] = _duplicates(positions_m)
    distinct = np.cumsum(~duplicated) - 1
    filled, undecided = _filled(positions_m[~duplicated])
    whole = _filled_frames(positions_m, duplicated)
    constant = _constant(positions_m)
    filled, undecided = filled[distinct] | whole[:, None], undecided[distinct]
    return RepeatedValues(filled & ~constant, undecided & ~constant, constant, duplicated & ~whole)


@dataclass(frozen=True, eq=False)
class _Steps:
    """Steps from frame to frame, in metres; NaN rows at both ends so that any run has steps beside it.

    Attributes:
        length_m: (REACH + 1 + F - 1 + REACH + 1, M).
        resolution_m: The unit of the last decimal, or the smallest step of a component where that is finer than 0.1 mm.
        chance: Share of components that repeat while their marker moves; 1 at a resolution of 0.1 mm or coarser.
    """

    length_m: FloatArray
    resolution_m: float
    chance: float

    @classmethod
    def of(cls, positions_m: FloatArray) -> "_Steps":
        components = np.abs(np.diff(positions_m, axis=0))
        length_m = np.linalg.norm(components, axis=2)
        # A step below 1e-162 has a square of 0, and one above 1e154 an infinite one: neither is a repeated value.
        length_m = np.where((length_m == 0) & (components > 0).any(axis=2), np.finfo(float).tiny, length_m)
        padded = np.pad(length_m, ((REACH + 1,) * 2, (0, 0)), constant_values=np.nan)
        known = positions_m[~np.isnan(positions_m)]
        for unit_m in COARSE_M:
            scaled = known / unit_m
            if (np.abs(scaled - np.rint(scaled)) < 1e-6).mean() > ON_GRID if known.size else False:
                return cls(padded, unit_m, 1.0)
        moving = components[length_m > 0]
        chance = float((moving == 0).mean()) if moving.size else 1.0
        resolution_m = float(np.quantile(moving[moving > 0], 0.01)) if moving.size else 0.0
        return cls(padded, resolution_m, chance)


def _duplicates(positions_m: FloatArray) -> BoolArray:
    """(F - 1,) whether each later frame repeats the one before in all markers, gaps included, at least one present."""
    same = (positions_m[1:] == positions_m[:-1]) | (np.isnan(positions_m[1:]) & np.isnan(positions_m[:-1]))
    return np.asarray(same.all(axis=(1, 2)) & ~np.isnan(positions_m[1:]).all(axis=(1, 2)))


def _constant(positions_m: FloatArray) -> BoolArray:
    """(M,) markers with one value in all of their frames, LONG or more, where others have several."""
    present = np.asarray(~np.isnan(positions_m).any(axis=2))
    low = np.where(present[..., None], positions_m, np.inf).min(axis=0)
    high = np.where(present[..., None], positions_m, -np.inf).max(axis=0)
    constant = (low == high).all(axis=1) & (present.sum(axis=0) >= LONG)
    return np.asarray(constant & ((low < high).any(axis=1).any()))


def _runs(repeats: BoolArray) -> tuple[IntArray, IntArray, IntArray]:
    """Runs of True down the columns of (N, M): first row, row after the last, and column of each."""
    edges = np.diff(np.pad(repeats, ((1, 1), (0, 0))).astype(np.int8), axis=0)
    columns, starts = np.nonzero(edges.T == 1)
    _, ends = np.nonzero(edges.T == -1)
    return starts, ends, columns


def _ratio(step: FloatArray, beside: FloatArray) -> FloatArray:
    """(R,) size of steps relative to the median of the (R, REACH) steps beside them.

    NaN where there is no step, 1 where there is nothing beside it.
    """
    known = np.sort(beside, axis=1)  # NaN last
    count = (~np.isnan(beside)).sum(axis=1)
    middle = np.where(count > 0, known[np.arange(len(known)), np.maximum(count - 1, 0) // 2], step)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(np.isnan(step), np.nan, np.where(step == middle, 1.0, step / middle))


def _filled(positions_m: FloatArray) -> tuple[BoolArray, BoolArray]:
    """(F, M) of distinct frames: positions filled with a repeated value, and those that are undecided."""
    steps = _Steps.of(positions_m)
    length_m = steps.length_m
    filled = np.zeros((len(length_m) - 2 * REACH - 1, length_m.shape[1]), dtype=bool)
    undecided = filled.copy()
    starts, ends, columns = _runs(length_m == 0)
    entry, leaving = length_m[starts - 1, columns], length_m[ends, columns]
    offsets = np.arange(1, REACH + 1)
    entry_ratio = _ratio(entry, length_m[starts[:, None] - 1 - offsets, columns[:, None]])
    leaving_ratio = _ratio(leaving, length_m[ends[:, None] + offsets, columns[:, None]])
    least, most = np.minimum(entry, leaving), np.fmax(entry, leaving)  # NaN where an end is open; only if both are
    ratio = np.fmax(entry_ratio, leaving_ratio)
    several = ends - starts > 1
    if steps.chance < FINE:
        single = (least > 0) & (most > HARMLESS_M) & (ratio > JUMP) & (steps.chance < FINEST)
        sure = (several & (ratio > ABRUPT)) | (~several & single)
        abrupt = np.zeros_like(sure)
    else:
        abrupt = several & (ratio > ABRUPT) & (most > 4.5 * steps.resolution_m)
        sure = abrupt & (least > 1.9 * steps.resolution_m)
    first_is_measured = np.isnan(leaving_ratio) == np.isnan(entry_ratio)
    first_is_measured = np.where(first_is_measured, leaving_ratio >= entry_ratio, np.isnan(leaving_ratio))
    for run in np.flatnonzero(sure | (ends - starts >= LONG)):
        start, end, column = int(starts[run]), int(ends[run]), int(columns[run])
        if _others_move(length_m[start:end], column):
            first = start - REACH - 1 + int(first_is_measured[run])
            frames = slice(first, first + end - start)
            known = sure[run] or _departs(positions_m, frames, column, tolerance_m=max(0.02, 5 * steps.resolution_m))
            (filled if known else undecided)[frames, column] = known or abrupt[run]
    return filled, undecided


def _departs(positions_m: FloatArray, frames: slice, column: int, *, tolerance_m: float) -> bool:
    """Whether a marker that stands still leaves the markers that otherwise keep their distances from it.

    Those are the NEIGHBOURS with the least range of distances in the other frames; most must come or go farther than
    twice that range and a tolerance.
    """
    distance = np.linalg.norm(positions_m - positions_m[:, column : column + 1], axis=2)
    inside = distance[frames]
    outside = np.delete(distance, np.arange(len(distance))[frames], axis=0)
    usable = (~np.isnan(outside)).sum(axis=0) >= LONG
    usable &= ~np.isnan(inside).all(axis=0)
    usable[column] = False
    if usable.sum() < NEIGHBOURS:
        return False
    low, high = np.nanmin(outside[:, usable], axis=0), np.nanmax(outside[:, usable], axis=0)
    nearest = np.argsort(high - low)[:NEIGHBOURS]
    beyond = np.maximum(np.nanmax(inside[:, usable], axis=0) - high, low - np.nanmin(inside[:, usable], axis=0))
    return bool(2 * (beyond > (high - low) + tolerance_m)[nearest].sum() > NEIGHBOURS)


def _others_move(length_m: FloatArray, column: int) -> bool:
    """Whether enough of the markers other than this one move in most of these (N, M) steps."""
    others = np.delete(length_m, column, axis=1)
    known = (~np.isnan(others)).sum(axis=0)
    moving = 2 * (others > 0).sum(axis=0) >= known
    present = known > 0
    return bool(present.any() and moving[present].mean() >= OTHERS_MOVING)


def _filled_frames(positions_m: FloatArray, duplicated: BoolArray) -> BoolArray:
    """(F,) frames that were filled in all markers: two or more duplicates before or after a jump of most markers.

    Where most frames are given more than once, the rate was raised by duplication, and none is a gap.
    """
    filled = np.zeros(len(duplicated), dtype=bool)
    starts, ends, _ = _runs(duplicated[1:, None])
    if len(starts) == 0 or 2 * len(starts) > (~duplicated).sum():
        return filled
    steps = _Steps.of(positions_m)
    if steps.chance >= FINE:
        return filled
    length_m, offsets = steps.length_m, np.arange(1, REACH + 1)
    for start, end in zip(starts + REACH + 1, ends + REACH + 1, strict=True):
        entry = _median(_ratio(length_m[start - 1], length_m[start - 1 - offsets].T))
        leaving = _median(_ratio(length_m[end], length_m[end + offsets].T))
        if end - start > 1 and max(entry, leaving) > JUMP:
            first = start - REACH - 1 + int(leaving >= entry)
            filled[first : first + end - start] = True
    return filled


def _median(ratios: FloatArray) -> float:
    """Of the values that are not NaN; 0 if all are."""
    known = ratios[~np.isnan(ratios)]
    return float(np.median(known)) if len(known) else 0.0
