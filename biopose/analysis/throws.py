"""Events and metrics of the fastest throw of a trial: contact of the stride foot, external rotation, release.

The throwing arm is that whose wrist is by far the faster. Release is taken where the wrist is fastest, since neither
ball nor hand's opening is observed: hand and ball are fastest at release (Atwater 1979, Exerc Sport Sci Rev 7:43). The
stride foot is that of the other side, its contact the last strike before. Between both the shoulder's external rotation
is greatest (events as in Kageyama et al. 2014, J Sports Sci Med 13:742). Positive turns are those towards the target:
to the left of a person who throws with the right hand.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from biopose.analysis.angle_errors import Slopes, person_sd_of_sum, sd_of_sum
from biopose.analysis.body_geometry import (
    Angle,
    ankle_slopes,
    heading_deg,
    is_known,
    lacking,
    of_both_sides,
    read,
    shoulder_external_rotation_deg,
    shoulder_rotation_slopes,
)
from biopose.analysis.body_points import CENTER_OF_MASS, OTHER, SIDES, Side
from biopose.analysis.definitions import metric, unknown_metric
from biopose.analysis.extremes import Curve, peak
from biopose.analysis.gait_events import LEAST_NOISE_DEG
from biopose.analysis.measured_trial import FloatArray
from biopose.analysis.motion import Motion
from biopose.analysis.sampled_extremes import SMOOTH_S
from biopose.analysis.swings import (
    Swing,
    fastest_swing,
    never_determined,
    peak_between,
    peak_rate_between,
    rate_deg_s,
    speed_metric,
    too_slow,
    undetermined_between,
)
from biopose.analysis.tables import Event, Metric

POINTS = (CENTER_OF_MASS, *of_both_sides("hip", "shoulder", "elbow", "wrist", "knee", "ankle"))
COORDINATES = (
    "pelvis_rotation",
    "lumbar_extension",
    "lumbar_rotation",
    *of_both_sides("arm_flex", "arm_add", "arm_rot", "elbow_flex", "hip_flexion", "knee_angle"),
)
TURNED_BY = {
    "hip": ("pelvis_rotation", "lumbar_rotation"),
    "shoulder": ("arm_flex", "arm_add", "arm_rot"),
    "elbow": ("elbow_flex",),
}
LEAST_M_S = 4.0  # of a throwing wrist beside the centre of mass
CONTACT_WITHIN_S = 1.5  # before release
COCKING_S = 0.3  # before release, in which the arm is cocked where no contact of the foot is found
AFTER_S = 0.1  # release, in which the arm still turns faster
AT_CONTACT = ("hip_shoulder_separation_at_contact", "lead_knee_flexion_at_contact", "throw_stride_length")
SEQUENCE = ("pelvis_rotation", "trunk_rotation", "elbow_extension", "shoulder_internal_rotation")
OF_ARM = ("elbow_extension", "shoulder_internal_rotation")
NAMES = (
    "wrist_speed_peak",
    *AT_CONTACT,
    "hip_shoulder_separation_peak",
    "lead_knee_flexion_at_release",
    "shoulder_external_rotation_peak",
    *(f"{name}_velocity_peak{suffix}" for name in SEQUENCE for suffix in ("", "_time")),
)
NO_PEAK = "No peak lies between the stride foot's contact and release in frames that can be trusted."


@dataclass(frozen=True)
class Throw:
    """A throw.

    Attributes:
        release: the fastest swing of a wrist.
        contact: of the stride foot; None where no strike of it was found.
        cocked: frame, time and its standard deviation of the greatest external rotation; None where it is not known.
    """

    release: Swing
    contact: Event | None
    cocked: tuple[int, float, float] | None

    @property
    def side(self) -> Side:
        """Of the throwing arm."""
        return self.release.side

    @property
    def begins_s(self) -> float:
        """The stride foot's contact; COCKING_S before release without one."""
        return self.contact.time_s if self.contact else self.release.time_s - COCKING_S


def find_throw(motion: Motion, events: Sequence[Event]) -> Throw | str:
    """The fastest throw; why there is none, in a sentence.

    Args:
        motion: the trial.
        events: with the foot strikes.
    """
    if reason := motion.world_unknown or lacking(motion, POINTS) or never_determined(motion, COORDINATES):
        return reason
    release = fastest_swing(motion, "wrist", least_m_s=LEAST_M_S, limb="wrist", turned_by=TURNED_BY)
    if isinstance(release, str):
        return release
    lead, end_s = OTHER[release.side], release.time_s
    strikes = [
        event
        for event in events
        if (event.event, event.side) == ("foot_strike", lead) and end_s - CONTACT_WITHIN_S <= event.time_s < end_s
    ]
    contact = strikes[-1] if strikes else None
    start_s = contact.time_s if contact else end_s - COCKING_S
    cocked = None
    if not too_slow(motion, "arm"):
        rotation_deg = shoulder_external_rotation_deg(motion, release.side, near_s=end_s)
        turning_sd = rate_deg_s(motion, rotation_deg, shoulder_rotation_slopes(motion, release.side)).sd_deg
        cocked = peak_between(motion, rotation_deg, start_s, end_s, least_noise=LEAST_NOISE_DEG, rate_sd=turning_sd)
    return Throw(release, contact, cocked)


def throw_events(motion: Motion, events: Sequence[Event]) -> Iterator[tuple[str, Side, float, float]]:
    """Name, side, time and standard deviation of each event of the throw.

    Args:
        motion: the trial.
        events: with the foot strikes.
    """
    throw = find_throw(motion, events)
    if isinstance(throw, str):
        return
    if throw.contact:
        yield "stride_foot_contact", OTHER[throw.side], throw.contact.time_s, throw.contact.sd_s or 0.0
    if throw.cocked:
        yield "external_rotation_peak", throw.side, *throw.cocked[1:]
    yield "release", throw.side, throw.release.time_s, throw.release.sd_s


def throw_metrics(motion: Motion, events: Sequence[Event]) -> Iterator[Metric]:
    """Metrics of the throw; null with the reason where there is none.

    Args:
        motion: the trial.
        events: with the foot strikes.
    """
    throw = find_throw(motion, events)
    if isinstance(throw, str):
        yield from (unknown_metric(name, reason=throw) for name in NAMES)
        return
    yield speed_metric(motion, "wrist_speed_peak", throw.release, limb="arm")
    yield from _trunk_and_legs(motion, throw)
    yield from _external_rotation(motion, throw)
    for name, (angle_deg, slopes) in _turning(motion, throw).items():
        yield from _peak_rate(motion, throw, name, angle_deg, slopes)


def _trunk_and_legs(motion: Motion, throw: Throw) -> Iterator[Metric]:
    lead, contact, release = OTHER[throw.side], throw.contact, throw.release
    separation, knee = _separation(motion, throw.side), _angle(motion, f"knee_angle_{lead[0]}")
    if contact and is_known(motion, contact.time_s):
        at_contact = (contact.time_s, contact.sd_s or 0.0)
        yield _at_moment(motion, "hip_shoulder_separation_at_contact", separation, at_contact, throw.side)
        yield _at_moment(motion, "lead_knee_flexion_at_contact", knee, at_contact, lead)
        yield _stride_length(motion, contact, lead)
    else:
        reason = "The frames of the stride foot's contact cannot be trusted."
        if not contact:
            reason = f"No contact of the {lead} foot was found in the {CONTACT_WITHIN_S} s before release."
        for name, side in zip(AT_CONTACT, (throw.side, lead, lead), strict=True):
            yield unknown_metric(name, side=side, reason=reason)
    yield _at_moment(motion, "lead_knee_flexion_at_release", knee, (release.time_s, release.sd_s), lead)
    is_inside = peak_between(
        motion,
        separation.deg,
        throw.begins_s,
        release.time_s,
        least_noise=LEAST_NOISE_DEG,
        rate_sd=separation.varying_sd_deg / SMOOTH_S,
    )
    yield from _peak(motion, throw, "hip_shoulder_separation_peak", separation, None if is_inside else NO_PEAK)


def _at_moment(motion: Motion, name: str, angle: Angle, moment: tuple[float, float], side: Side) -> Metric:
    """An angle at a moment, given by its time and the time's standard deviation."""
    value, sd = angle.at(motion, *moment)
    return metric(name, value, side=side, sd=sd, constant_sd=angle.person_sd_at(motion, moment[0]))


def _peak(motion: Motion, throw: Throw, name: str, angle: Angle, reason: str | None) -> Iterator[Metric]:
    """The greatest angle from the stride foot's contact to release; null where there is a reason."""
    if reason:
        yield unknown_metric(name, side=throw.side, reason=reason)
        return
    frames = (motion.time_s >= throw.begins_s) & (motion.time_s <= throw.release.time_s)
    curve = Curve(angle.deg, angle.sd_deg, angle.varying_sd_deg, (), angle.person_sd_deg)
    yield from peak(motion, frames & motion.body_known, name, curve, side=throw.side)


def _stride_length(motion: Motion, contact: Event, lead: Side) -> Metric:
    """Level distance of the ankles' centres at the stride foot's contact; what both legs err by alike moves both."""
    between_m = (motion.points_m["ankle_l"] - motion.points_m["ankle_r"]) * [1, 0, 1]
    length_m = np.linalg.norm(between_m, axis=1)
    value_m, moving_m = read(
        motion, lambda t: float(np.interp(t, motion.time_s, length_m)), contact.time_s, contact.sd_s or 0.0
    )
    along = between_m / length_m[:, None].clip(min=1e-9)
    left, right = (ankle_slopes(motion, side, along) for side in SIDES)
    slopes = {name: left.get(name, 0.0) - right.get(name, 0.0) for name in {**left, **right}}
    legs_m, person_m = (
        float(np.interp(contact.time_s, motion.time_s, of(motion, slopes))) for of in (sd_of_sum, person_sd_of_sum)
    )
    sd_m = float(np.hypot(moving_m, legs_m))
    return metric("throw_stride_length", value_m, side=lead, sd=sd_m, constant_sd=person_m)


def _external_rotation(motion: Motion, throw: Throw) -> Iterator[Metric]:
    rotation = _rotation(motion, throw)
    reason = too_slow(motion, "arm") or _missing(motion, throw, _of_shoulder(throw.side))
    if throw.cocked is None:
        reason = reason or _no_peak(motion, rotation.deg, throw.begins_s, throw.release.time_s)
    yield from _peak(motion, throw, "shoulder_external_rotation_peak", rotation, reason)


def _peak_rate(motion: Motion, throw: Throw, name: str, angle_deg: FloatArray, slopes: Slopes) -> Iterator[Metric]:
    """The greatest rate of an angle from the stride foot's contact on, and when, before (negative) or after release.

    It is looked for as long after release as the angle is defined, AFTER_S at most.
    """
    names = [f"{name}_velocity_peak", f"{name}_velocity_peak_time"]
    reason = too_slow(motion, "arm") if name in OF_ARM else None
    reason = reason or _missing(motion, throw, _rests_on(name, throw.side))
    rate = rate_deg_s(motion, angle_deg, slopes)
    end_s = _defined_until_s(motion, rate.deg, throw)
    at = None if reason else peak_rate_between(motion, rate, throw.begins_s, end_s)
    if at is None:
        reason = reason or _no_peak(motion, angle_deg, throw.begins_s, throw.release.time_s + AFTER_S)
        yield from (unknown_metric(one, side=throw.side, reason=reason) for one in names)
        return
    frame, at_s, sd_s = at
    yield metric(names[0], rate.deg[frame], side=throw.side, sd=rate.sd_deg[frame])
    since_s = at_s - throw.release.time_s
    yield metric(names[1], since_s, side=throw.side, sd=float(np.hypot(sd_s, throw.release.sd_s)))


def _defined_until_s(motion: Motion, values: FloatArray, throw: Throw) -> float:
    """Up to when values (T,) are defined from release on; AFTER_S after it at most."""
    end_s = throw.release.time_s + AFTER_S
    undefined = np.flatnonzero(~np.isfinite(values) & (motion.time_s > throw.release.time_s) & (motion.time_s <= end_s))
    return float(motion.time_s[undefined[0] - 1]) if len(undefined) else end_s


def _no_peak(motion: Motion, angle_deg: FloatArray, start_s: float, end_s: float) -> str:
    """Why an angle has no peak between two moments."""
    inside = (motion.time_s >= start_s) & (motion.time_s <= end_s)
    undefined = int((inside & motion.body_known & ~np.isfinite(angle_deg)).sum())
    if not undefined:
        return NO_PEAK
    return (
        f"In {undefined} of {inside.sum()} frames the upper arm points within 30 degrees of forwards or backwards, "
        "where its rotation is not defined: its peak is not known."
    )


def _turning(motion: Motion, throw: Throw) -> Mapping[str, tuple[FloatArray, Slopes]]:
    """By name of SEQUENCE, (T,) the angle whose rate counts, degrees, and by how much it changes with coordinates."""
    left = 1 if throw.side == "right" else -1
    elbow = f"elbow_flex_{throw.side[0]}"
    rotation_deg = shoulder_external_rotation_deg(motion, throw.side, near_s=throw.release.time_s)
    return {
        "pelvis_rotation": (left * heading_deg(motion, "hip"), {"pelvis_rotation": 1.0}),
        "trunk_rotation": (
            left * heading_deg(motion, "shoulder"),
            {"pelvis_rotation": 1.0, "lumbar_rotation": 1.0},
        ),
        "elbow_extension": (-motion.coordinates[elbow], {elbow: 1.0}),
        "shoulder_internal_rotation": (-rotation_deg, shoulder_rotation_slopes(motion, throw.side)),
    }


def _rotation(motion: Motion, throw: Throw) -> Angle:
    """External rotation of the throwing arm's shoulder."""
    rotation_deg = shoulder_external_rotation_deg(motion, throw.side, near_s=throw.release.time_s)
    return Angle.of(motion, rotation_deg, shoulder_rotation_slopes(motion, throw.side))


def _of_shoulder(side: Side) -> list[str]:
    return [f"arm_{name}_{side[0]}" for name in ("flex", "add", "rot")]


def _separation(motion: Motion, side: Side) -> Angle:
    """How much farther the pelvis is turned towards the target than the trunk."""
    left = 1 if side == "right" else -1
    apart = left * (heading_deg(motion, "hip") - heading_deg(motion, "shoulder"))
    return Angle.of(motion, (apart + 180) % 360 - 180, {"lumbar_rotation": 1.0})


def _rests_on(name: str, side: Side) -> list[str]:
    of_arm = {"elbow_extension": [f"elbow_flex_{side[0]}"], "shoulder_internal_rotation": _of_shoulder(side)}
    return of_arm.get(name, ["pelvis_rotation"] + (["lumbar_rotation"] if name == "trunk_rotation" else []))


def _missing(motion: Motion, throw: Throw, coordinates: Sequence[str]) -> str | None:
    return undetermined_between(motion, coordinates, throw.begins_s, throw.release.time_s + AFTER_S)


def _angle(motion: Motion, coordinate: str) -> Angle:
    return Angle.of(motion, motion.coordinates[coordinate], {coordinate: 1.0})
