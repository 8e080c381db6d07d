"""Marker positions and joint coordinates over time, as they live in memory: metres, radians, seconds."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class MarkerTrajectories:
    """Positions of named markers over time.

    Attributes:
        time_s: (F,) seconds, strictly increasing.
        names: M marker names, all different.
        positions_m: (F, M, 3) metres, in the axes of the source. A gap is NaN.
        notes: what was odd in the source and how it was read, a sentence each; empty for what was not read.
        filled: (F, M) gaps that the source had filled with a value that was not measured; None if there are none.

    Raises:
        ValueError: The shapes disagree, a name is unusable or given twice, time does not increase, or a value is
            infinite.
    """

    time_s: FloatArray
    names: tuple[str, ...]
    positions_m: FloatArray
    notes: tuple[str, ...] = ()
    filled: NDArray[np.bool_] | None = None

    def __post_init__(self) -> None:
        _set_arrays(self, time_s=self.time_s, names=self.names, positions_m=self.positions_m)
        _check_axes(self.time_s, self.names)
        _check_table(self.positions_m, "positions_m", shape=(len(self.time_s), len(self.names), 3))

    @property
    def rate_hz(self) -> float:
        """Frames per second; see ``frame_rate_hz``."""
        return frame_rate_hz(self.time_s)

    def select(self, names: Sequence[str]) -> "MarkerTrajectories":
        """Keep the named markers, in the order given.

        Raises:
            ValueError: A name is not among the markers.
        """
        columns = _columns_of(names, self.names, kind="markers")
        filled = None if self.filled is None else self.filled[:, columns]
        return replace(self, names=tuple(names), positions_m=self.positions_m[:, columns], filled=filled)

    def at(self, frames: slice | NDArray[np.intp]) -> "MarkerTrajectories":
        """Keep the given frames."""
        filled = None if self.filled is None else self.filled[frames]
        return replace(self, time_s=self.time_s[frames], positions_m=self.positions_m[frames], filled=filled)


@dataclass(frozen=True, eq=False)
class CoordinateTrajectories:
    """Values of a skeleton's coordinates over time.

    Attributes:
        time_s: (F,) seconds, strictly increasing.
        names: Q coordinate names, all different.
        values: (F, Q) radians for rotations, metres for translations. A gap is NaN.
        notes: as of `MarkerTrajectories`.

    Raises:
        ValueError: As for ``MarkerTrajectories``.
    """

    time_s: FloatArray
    names: tuple[str, ...]
    values: FloatArray
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _set_arrays(self, time_s=self.time_s, names=self.names, values=self.values)
        _check_axes(self.time_s, self.names)
        _check_table(self.values, "values", shape=(len(self.time_s), len(self.names)))

    @property
    def rate_hz(self) -> float:
        """Frames per second; see ``frame_rate_hz``."""
        return frame_rate_hz(self.time_s)

    def select(self, names: Sequence[str]) -> "CoordinateTrajectories":
        """Keep the named coordinates, in the order given.

        Raises:
            ValueError: A name is not among the coordinates.
        """
        columns = _columns_of(names, self.names, kind="coordinates")
        return replace(self, names=tuple(names), values=self.values[:, columns])


@dataclass(frozen=True, eq=False)
class Storage:
    """A table over time, exactly as an OpenSim storage file (.mot, .sto) states it: nothing is converted.

    Attributes:
        time_s: (F,) seconds, strictly increasing.
        columns: C column labels without ``time``, all different.
        values: (F, C) in the file's units. A gap is NaN.
        in_degrees: Whether rotational columns are in degrees.
        name: What the file calls itself.
        notes: as of `MarkerTrajectories`.
        unit_is_stated: Whether the file itself states `in_degrees`.

    Raises:
        ValueError: As for ``MarkerTrajectories``.
    """

    time_s: FloatArray
    columns: tuple[str, ...]
    values: FloatArray
    in_degrees: bool
    name: str
    notes: tuple[str, ...] = ()
    unit_is_stated: bool = True

    def __post_init__(self) -> None:
        _set_arrays(self, time_s=self.time_s, columns=self.columns, values=self.values)
        _check_axes(self.time_s, self.columns)
        _check_table(self.values, "values", shape=(len(self.time_s), len(self.columns)))
        if self.name != self.name.strip() or any(c in self.name for c in "=\n\r"):
            raise ValueError(f"name {self.name!r} must be one line without '=' and without blanks around it")


def frame_rate_hz(time_s: FloatArray) -> float:
    """Frames per second of a recording that may have lost frames or rounded its times.

    The median interval gives how many frame periods each interval spans; the rate is then all periods over the whole
    duration. The median alone would give 125 Hz for 120 Hz written in whole milliseconds.

    Raises:
        ValueError: There are fewer than two frames.
    """
    if len(time_s) < 2:
        raise ValueError("a single frame has no rate")
    intervals_s = np.diff(time_s)
    periods = np.rint(intervals_s / np.median(intervals_s)).sum()
    return float(periods / (time_s[-1] - time_s[0]))


def duplicates(names: Iterable[str]) -> list[str]:
    """The names that occur more than once, in order of first appearance."""
    return [name for name, count in Counter(names).items() if count > 1]


def _set_arrays(trajectories: object, **fields: object) -> None:
    """Store names as a tuple and everything else as float64, whatever the caller passed."""
    for field, value in fields.items():
        stored = tuple(value) if field in ("names", "columns") else np.asarray(value, dtype=np.float64)  # type: ignore[arg-type]
        object.__setattr__(trajectories, field, stored)


def _check_axes(time_s: FloatArray, names: tuple[str, ...]) -> None:
    """Raise ValueError unless time increases and the names can be labels of a file's columns."""
    if time_s.ndim != 1 or len(time_s) == 0 or not np.isfinite(time_s).all():
        raise ValueError(f"time_s must be (F,) finite seconds with F >= 1, not of shape {time_s.shape}")
    if (np.diff(time_s) <= 0).any():
        frame = int(np.argmax(np.diff(time_s) <= 0)) + 1
        raise ValueError(f"time_s must increase: frame {frame} is at {time_s[frame]}, after {time_s[frame - 1]}")
    if not names or duplicates(names):
        raise ValueError(f"names must be given and differ; given twice: {duplicates(names)}, in all {len(names)}")
    for name in names:
        if not name or name != name.strip() or not name.isprintable():
            raise ValueError(f"name {name!r} is empty, has blanks around it, or a tab or another control character")


def _check_table(table: FloatArray, field: str, *, shape: tuple[int, ...]) -> None:
    """Raise ValueError unless the table has this shape and no infinite value (NaN is a gap)."""
    if table.shape != shape:
        raise ValueError(f"{field} has shape {table.shape}, but time_s and the names make {shape}")
    if np.isinf(table).any():
        raise ValueError(f"{field} holds an infinite value; a gap is NaN")


def _columns_of(wanted: Sequence[str], names: tuple[str, ...], *, kind: str) -> list[int]:
    """Column index of each wanted name."""
    missing = [name for name in wanted if name not in names]
    if missing:
        raise ValueError(f"no {kind} named {', '.join(missing)}; there are {', '.join(names)}")
    return [names.index(name) for name in wanted]
