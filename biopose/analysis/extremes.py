"""Greatest and least angles of some frames, and when they are not known because markers are missing.

Only frames that can be trusted and whose markers determine the angle count. Where one of the other frames may hold the
extreme, since it lies beside the greatest or the least of those that count, or since a longer gap hides a part of the
movement, the metric is null with the reason.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from biopose.analysis.angle_errors import person_sd_of_sum, sd_of_sum, varying_sd_of_sum
from biopose.analysis.definition import Side
from biopose.analysis.definitions import metric, unknown_metric
from biopose.analysis.motion import Motion, runs
from biopose.analysis.sampled_extremes import MOST_BIAS_SD, sampled_extremes, sd_of_extreme
from biopose.analysis.tables import Metric

LONGEST_GAP_S = 0.1  # in which an angle does not come to an extreme and back without its neighbours being near it
KNEES = ("knee_angle_l", "knee_angle_r")

Frames = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Curve:
    """A quantity through T frames.

    Attributes:
        values: (T,) NaN where it is not known.
        sd: (T,) standard deviations.
        varying_sd: (T,) of what of these varies through the trial.
        rests_on: coordinates that it follows from.
        person_sd: (T,) of what of these is the same in every trial of the person; None counts as 0.
    """

    values: NDArray[np.float64]
    sd: NDArray[np.float64]
    varying_sd: NDArray[np.float64]
    rests_on: Sequence[str]
    person_sd: NDArray[np.float64] | None = None

    @classmethod
    def of(cls, motion: Motion, coordinates: Sequence[str]) -> Curve:
        """The mean of some angles."""
        mean = dict.fromkeys(coordinates, 1 / len(coordinates))
        values = np.mean([motion.coordinates[name] for name in coordinates], axis=0)
        sds = sd_of_sum(motion, mean), varying_sd_of_sum(motion, mean)
        return cls(values, *sds, coordinates, person_sd_of_sum(motion, mean))


def peak(
    motion: Motion, frames: Frames, name: str, curve: Curve, *, side: Side = "none", either_sign: bool = False
) -> Iterator[Metric]:
    """The greatest value; nothing where it is known in none of the frames.

    What it errs by that varies through the trial is sampled (`sampled_extremes`), what is constant is added. What keeps
    its sign lies about 0, where every frame may be the farthest: its bias is that of a level curve.

    Args:
        motion: the trial.
        frames: (T,) in which it is looked for.
        name: of the metric.
        curve: of which it is the greatest.
        side: whose.
        either_sign: the value that is farthest from 0 instead; its sign is kept.
    """
    at = _usable(motion, frames, curve)
    if len(at):
        values = curve.values[at]
        high = int(at[(np.abs(values) if either_sign else values).argmax()])
        if not (reason := missing(motion, frames, curve.rests_on, extremes=(high,))):
            found = sampled_extremes(motion.time_s[at], values, curve.varying_sd[at])
            samples = np.maximum(found.highest, -found.lowest) if either_sign else found.highest
            value = abs(curve.values[high]) if either_sign else curve.values[high]
            constant = np.sqrt(np.clip(curve.sd[high] ** 2 - curve.varying_sd[high] ** 2, 0.0, None))
            most_bias = found.reach if either_sign else MOST_BIAS_SD * np.nan_to_num(curve.varying_sd[high])
            sd = np.hypot(sd_of_extreme(samples, value, most_bias=min(most_bias, found.reach)), constant)
            of_person = 0.0 if curve.person_sd is None else curve.person_sd[high]
            yield metric(name, curve.values[high], side=side, sd=sd, constant_sd=of_person)
    else:
        reason = missing(motion, frames, curve.rests_on)
    if reason:
        yield unknown_metric(name, reason=reason, side=side)


def peak_and_range(motion: Motion, frames: Frames, name: str, coordinate: str, *, side: Side) -> Iterator[Metric]:
    """Peak and range of an angle; nothing where it is known in none of the frames.

    A constant error of the angle cancels in its range; what varies through the trial is sampled.

    Args:
        motion: the trial.
        frames: (T,) in which they are looked for.
        name: of the metrics, without _peak and _range.
        coordinate: the angle.
        side: whose.
    """
    curve = Curve.of(motion, (coordinate,))
    yield from peak(motion, frames, f"{name}_peak", curve, side=side)
    at = _usable(motion, frames, curve)
    if len(at):
        values_deg = curve.values
        low, high = int(at[values_deg[at].argmin()]), int(at[values_deg[at].argmax()])
        if not (reason := missing(motion, frames, (coordinate,), extremes=(low, high))):
            found = sampled_extremes(motion.time_s[at], values_deg[at], curve.varying_sd[at])
            range_deg = values_deg[high] - values_deg[low]
            of_both_deg = curve.varying_sd[[low, high]].sum()
            ranges_deg = found.highest - found.lowest
            most_bias_deg = min(MOST_BIAS_SD * of_both_deg, 2 * found.reach)
            known = np.isfinite(of_both_deg)
            sd = sd_of_extreme(ranges_deg, range_deg, most_bias=most_bias_deg) if known else None
            yield metric(f"{name}_range", range_deg, side=side, sd=sd)
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


def _usable(motion: Motion, frames: Frames, curve: Curve) -> NDArray[np.intp]:
    """Frames that count; those of a quantity that is known nowhere do not."""
    return np.flatnonzero(frames & motion.trusted & np.isfinite(curve.values) & ~motion.not_determined(curve.rests_on))
