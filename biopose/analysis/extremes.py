"""Greatest and least angles of some frames, and when they are not known because markers are missing.

Only frames that can be trusted and whose markers determine the angle count. Where one of the other frames may hold the
extreme, since it lies beside the greatest or the least of those that count, or since a longer gap hides a part of the
movement, the metric is null with the reason.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from biopose.analysis.definitions import Side, metric, unknown_metric
from biopose.analysis.motion import Motion, runs
from biopose.analysis.tables import Metric

LONGEST_GAP_S = 0.1  # in which an angle does not come to an extreme and back without its neighbours being near it
KNEES = ("knee_angle_l", "knee_angle_r")

Frames = NDArray[np.bool_]


def peak(
    motion: Motion, frames: Frames, name: str, coordinates: Sequence[str], *, side: Side = "none"
) -> Iterator[Metric]:
    """The greatest of an angle; nothing where it is known in none of the frames.

    The errors of several coordinates are taken as one, so their mean's is their mean.

    Args:
        motion: the trial.
        frames: (T,) in which it is looked for.
        name: of the metric.
        coordinates: whose mean the angle is.
        side: whose.
    """
    at = _usable(motion, frames, coordinates)
    if len(at):
        values_deg, sd_deg = _mean(motion, coordinates)
        high = int(at[values_deg[at].argmax()])
        if not (reason := missing(motion, frames, coordinates, extremes=(high,))):
            yield metric(name, values_deg[high], side=side, sd=sd_deg[high])
    else:
        reason = missing(motion, frames, coordinates)
    if reason:
        yield unknown_metric(name, reason=reason, side=side)


def peak_and_range(motion: Motion, frames: Frames, name: str, coordinate: str, *, side: Side) -> Iterator[Metric]:
    """Peak and range of an angle; nothing where it is known in none of the frames.

    A constant error of the angle cancels in its range; what else its two frames err by is taken as independent.

    Args:
        motion: the trial.
        frames: (T,) in which they are looked for.
        name: of the metrics, without _peak and _range.
        coordinate: the angle.
        side: whose.
    """
    yield from peak(motion, frames, f"{name}_peak", (coordinate,), side=side)
    at = _usable(motion, frames, (coordinate,))
    if len(at):
        values_deg, sd_deg = motion.coordinates[coordinate], motion.varying_sd[coordinate]
        low, high = int(at[values_deg[at].argmin()]), int(at[values_deg[at].argmax()])
        if not (reason := missing(motion, frames, (coordinate,), extremes=(low, high))):
            sd = float(np.hypot(sd_deg[low], sd_deg[high]))
            yield metric(f"{name}_range", values_deg[high] - values_deg[low], side=side, sd=sd)
    else:
        reason = missing(motion, frames, (coordinate,))
    if reason:
        yield unknown_metric(f"{name}_range", reason=reason, side=side)


def missing(motion: Motion, frames: Frames, coordinates: Sequence[str], *, extremes: Sequence[int] = ()) -> str | None:
    """Why extremes of coordinates are not known in some frames; None where they are.

    Args:
        motion: the trial.
        frames: (T,) in which they are looked for.
        coordinates: each of which is needed.
        extremes: the frames of the greatest or least value that is known.
    """
    nowhere = motion.not_determined(coordinates)
    inside = nowhere & frames
    if not inside.any():
        return None
    beside = np.zeros_like(inside)
    beside[[max(frame - 1, 0) for frame in extremes]] = True
    beside[[min(frame + 1, len(inside) - 1) for frame in extremes]] = True
    if (frames & ~nowhere).any() and not (inside & beside).any() and not _long(motion, inside, nowhere):
        return None
    return f"Not determined in {inside.sum()} of {frames.sum()} frames: markers are missing."


def _long(motion: Motion, inside: Frames, nowhere: Frames) -> bool:
    """Whether a gap lasts long that neither begins nor ends the recording."""
    known = np.flatnonzero(~nowhere)
    return any(
        (end - start) * motion.interval_s > LONGEST_GAP_S and known[0] < start < known[-1]
        for start, end in runs(inside)
    )


def _usable(motion: Motion, frames: Frames, coordinates: Sequence[str]) -> NDArray[np.intp]:
    """Frames that count; those of a coordinate that is known nowhere do not."""
    finite = np.isfinite([motion.coordinates[name] for name in coordinates]).all(axis=0)
    return np.flatnonzero(frames & motion.trusted & finite & ~motion.not_determined(coordinates))


def _mean(motion: Motion, coordinates: Sequence[str]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    of, sd = ([values[name] for name in coordinates] for values in (motion.coordinates, motion.coordinate_sd))
    return np.mean(of, axis=0), np.mean(sd, axis=0)
