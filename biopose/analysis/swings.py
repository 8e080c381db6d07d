"""The fastest swing of a limb, as of a throw or a kick: whose it is, and when it is fastest.

Speeds are derivatives of joint centres by local polynomials (`derivatives`), which lessens their peaks: on a synthetic
throw by 1 % at 100 frames/s, by 4 to 7 % at 60. The low-pass filter of the coordinates lessens them further.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from biopose.analysis.angle_errors import Slopes, sd_of_sum, varying_sd_of_sum
from biopose.analysis.body_geometry import Angle
from biopose.analysis.body_points import CENTER_OF_MASS, OTHER, SIDES, Side
from biopose.analysis.definitions import metric, unknown_metric
from biopose.analysis.derivatives import VERTEX_REACH_S, derivative, vertex_s, vertex_sd_s
from biopose.analysis.foot_clearance import evidence_of
from biopose.analysis.gait_metrics import LEAST_FRAMES
from biopose.analysis.measured_trial import FloatArray
from biopose.analysis.motion import Motion, runs
from biopose.analysis.sampled_extremes import SMOOTH_S
from biopose.analysis.tables import Metric

RATE_WINDOW_S = 0.02  # from a frame to either end of the window of a velocity
BEND_S = 0.03  # likewise of how a curve bends at its peak
ROUGHER = np.sqrt(3)  # by which a rate with those errors changes faster than they do
FASTER = 1.3  # times the other side's: less, and the run-up or the other arm's swing may be taken for it
NEAR_S, HIDING_S = 0.3, 0.03  # of the fastest moment: a longer gap may hide one that is faster
ACCELERATION_S = 0.05  # of a pitcher's arm from the greatest external rotation to release, or of a kicking shank, about
PEAK_SD_S = 0.01  # of the fastest moment against release or ball strike: the filter and the window shift it
SPEED_NOISE_M_S, FILM_SPEED_NOISE_M_S = 0.1, 0.3
RATE_NOISE_DEG_S = 20.0  # of an angular velocity, for the time of its peak


@dataclass(frozen=True)
class Swing:
    """The fastest swing of a trial.

    Attributes:
        side: of the limb.
        time_s: when it is fastest.
        sd_s: standard deviation of that.
        speed_m_s: then, in the world.
        speed_sd_m_s: standard deviation of that.
    """

    side: Side
    time_s: float
    sd_s: float
    speed_m_s: float
    speed_sd_m_s: float


def fastest_swing(
    motion: Motion, joint: str, *, least_m_s: float, limb: str, turned_by: Mapping[str, Sequence[str]]
) -> Swing | str:
    """The swing of the limb that is fastest; why there is none, in a sentence.

    Which side's it is follows from the speeds beside the centre of mass's.

    Args:
        motion: the trial, whose points_m has the joint.
        joint: of `body_points_m`, whose speed counts.
        least_m_s: of a swing beside the centre of mass.
        limb: as a sentence names it.
        turned_by: by joint about which they turn the limb, the coordinates without their side.
    """
    body_m = motion.points_m[CENTER_OF_MASS]
    speeds = {side: speed_m_s(motion, motion.points_m[f"{joint}_{side[0]}"] - body_m) for side in SIDES}
    known = motion.body_known & np.isfinite(list(speeds.values())).all(axis=0)
    if known.sum() < LEAST_FRAMES:
        return f"Fewer than {LEAST_FRAMES} frames can be trusted."
    most = {side: float(speed[known].max()) for side, speed in speeds.items()}
    side = max(SIDES, key=lambda one: most[one])
    if most[side] < least_m_s:
        return f"Neither {limb} is as fast as {least_m_s:.0f} m/s: no swing was found."
    if most[side] < FASTER * most[OTHER[side]]:
        fast, slow = most[side], most[OTHER[side]]
        return f"Which {limb} swings is open: {fast:.1f} m/s of the {side} one, {slow:.1f} m/s of the other."
    speed = speed_m_s(motion, motion.points_m[f"{joint}_{side[0]}"])
    frame = int(np.where(known, speed, -1.0).argmax())
    if frame in (0, len(motion) - 1) or not known[frame - 1 : frame + 2].all():
        return f"The {limb} is fastest beside frames that are missing or cannot be trusted."
    near = np.abs(motion.time_s - motion.time_s[frame]) <= NEAR_S
    gaps = [(a, b) for a, b in runs(~known & near) if (b - a) * motion.interval_s > HIDING_S]
    if gaps:
        return f"The {limb} may be faster in {motion.named_frames(gaps)}, which are missing or cannot be trusted."
    noise = _speed_noise_m_s(motion, joint, side, frame, turned_by)
    # The greatest true speed may lie anywhere where the measured one is as great but for its error.
    alike_s = float(np.ptp(motion.time_s[known & near & (speed >= speed[frame] - noise)]))
    sd_s = float(np.hypot(vertex_sd_s(speed, motion.time_s, frame, least_noise=noise), alike_s / np.sqrt(12)))
    speed_sd = float(np.hypot(noise, evidence_of(motion).heights.scale_sd * speed[frame]))
    at_s = vertex_s(speed, motion.time_s, frame)
    return Swing(side, at_s, float(np.hypot(sd_s, PEAK_SD_S)), float(speed[frame]), speed_sd)


def _speed_noise_m_s(
    motion: Motion, joint: str, side: Side, frame: int, turned_by: Mapping[str, Sequence[str]]
) -> float:
    """Standard deviation of a speed: a usual one, and what the angles' errors give, which vary within SMOOTH_S.

    As if each turned the limb across its lever, from the joint about which it turns.
    """
    letter, parts = side[0], [FILM_SPEED_NOISE_M_S if motion.of_film else SPEED_NOISE_M_S]
    end_m = motion.points_m[f"{joint}_{letter}"][frame]
    for about, coordinates in turned_by.items():
        lever_m = float(np.linalg.norm(end_m - motion.points_m[f"{about}_{letter}"][frame]))
        names = [one for name in coordinates for one in (name, f"{name}_{letter}") if one in motion.varying_sd]
        sd_deg = np.nan_to_num([motion.varying_sd[name][frame] for name in names])
        parts += list(lever_m * np.radians(sd_deg) / SMOOTH_S)
    return float(np.linalg.norm(parts))


def never_determined(motion: Motion, coordinates: Sequence[str]) -> str | None:
    """Why joints are not known, where no frame's markers determine them; None where they are.

    Args:
        motion: the trial.
        coordinates: each of which is needed.
    """
    missing = [name for name in coordinates if not np.isfinite(motion.coordinates.get(name, np.nan)).any()]
    return f"No frame's markers determine {', '.join(missing)}." if missing else None


def too_slow(motion: Motion, limb: str) -> str | None:
    """Why the fastest turns of a limb are not known at this frame rate; None where they are.

    Args:
        motion: the trial.
        limb: as a sentence names it.
    """
    if LEAST_FRAMES * motion.interval_s <= ACCELERATION_S + 1e-9:
        return None
    return (
        f"The {limb} accelerates for about {ACCELERATION_S} s, which has fewer than {LEAST_FRAMES} frames at "
        f"{1 / motion.interval_s:.0f} frames/s; record at {LEAST_FRAMES / ACCELERATION_S:.0f} frames/s or more."
    )


def speed_metric(motion: Motion, name: str, swing: Swing, *, limb: str) -> Metric:
    """A swing's speed as a metric, null with the reason where the frames are too few."""
    if reason := too_slow(motion, limb):
        return unknown_metric(name, side=swing.side, reason=reason)
    return metric(name, swing.speed_m_s, side=swing.side, sd=swing.speed_sd_m_s)


def rate_deg_s(motion: Motion, deg: FloatArray, slopes: Slopes) -> Angle:
    """(T,) rate of change of an angle (T,) that changes with coordinates, degrees a second.

    Its standard deviation is that of errors whose correlation falls as `sampled_extremes` says, and of how the slopes
    change: what a coordinate errs by, constant or not, then moves the angle by more or less.
    """
    changing = {name: _rate(motion, of) for name, of in slopes.items() if isinstance(of, np.ndarray)}
    rate_sd = np.hypot(varying_sd_of_sum(motion, slopes) / SMOOTH_S, sd_of_sum(motion, changing) if changing else 0.0)
    return Angle(_rate(motion, deg), rate_sd, rate_sd, np.zeros(len(motion)))


def _rate(motion: Motion, values: FloatArray) -> FloatArray:
    return derivative(values, motion.time_s, order=1, degree=3, half_window_s=RATE_WINDOW_S)


def peak_between(
    motion: Motion, values: FloatArray, start_s: float, end_s: float, *, least_noise: float, rate_sd: FloatArray
) -> tuple[int, float, float] | None:
    """Frame, time and the time's standard deviation of the greatest value strictly between two moments.

    None where it is at either end, or some frame is not known.

    Args:
        motion: the trial.
        values: (T,).
        start_s: the first moment.
        end_s: the last.
        least_noise: standard deviation of a value.
        rate_sd: (T,) of the values' rate of change, a second, by errors that neighbouring frames share.
    """
    frames = np.flatnonzero((motion.time_s >= start_s) & (motion.time_s <= end_s))
    if len(frames) < LEAST_FRAMES or not np.isfinite(values[frames]).all() or not motion.body_known[frames].all():
        return None
    frame = int(frames[values[frames].argmax()])
    if frame in (frames[0], frames[-1]):
        return None
    known = np.isfinite(values)
    at = int(known[:frame].sum())
    sd_s = vertex_sd_s(values[known], motion.time_s[known], at, least_noise=least_noise)
    bend = abs(float(derivative(values[known], motion.time_s[known], order=2, degree=2, half_window_s=BEND_S)[at]))
    shared_s = min(float(rate_sd[frame]) / max(bend, 1e-6), VERTEX_REACH_S)
    return frame, vertex_s(values, motion.time_s, frame), float(np.hypot(sd_s, shared_s))


def peak_rate_between(motion: Motion, rate: Angle, start_s: float, end_s: float) -> tuple[int, float, float] | None:
    """As `peak_between`, of a rate by `rate_deg_s`."""
    rate_sd = ROUGHER * rate.varying_sd_deg / SMOOTH_S
    return peak_between(motion, rate.deg, start_s, end_s, least_noise=RATE_NOISE_DEG_S, rate_sd=rate_sd)


def undetermined_between(motion: Motion, coordinates: Sequence[str], start_s: float, end_s: float) -> str | None:
    """Why coordinates are not known between two moments; None where they are."""
    inside = (motion.time_s >= start_s) & (motion.time_s <= end_s)
    gaps = int((motion.not_determined(coordinates) & inside).sum())
    return f"Not determined in {gaps} of {inside.sum()} frames: markers are missing." if gaps else None


def speed_m_s(motion: Motion, points_m: FloatArray) -> FloatArray:
    """(T,) how fast a point (T, 3) moves."""
    velocity = derivative(points_m, motion.time_s, order=1, degree=3, half_window_s=RATE_WINDOW_S)
    return np.asarray(np.linalg.norm(velocity, axis=1))
