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

from biopose.analysis.angle_errors import sd_of_sum
from biopose.analysis.body_geometry import (
    Angle,
    foot_reach_slopes,
    heading_deg,
    is_known,
    lacking,
    of_both_sides,
    read,
    shoulder_external_rotation_deg,
)
from biopose.analysis.body_points import CENTER_OF_MASS, OTHER, Side
from biopose.analysis.definitions import metric, unknown_metric
from biopose.analysis.gait_events import LEAST_NOISE_DEG
from biopose.analysis.motion import Motion
from biopose.analysis.swings import (
    RATE_NOISE_DEG_S,
    Swing,
    fastest_swing,
    never_determined,
    peak_between,
    rate_deg_s,
    speed_metric,
    too_slow,
    undetermined_between,
)
from biopose.analysis.tables import Event, Metric

POINTS = (CENTER_OF_MASS, *of_both_sides("hip", "shoulder", "elbow", "wrist", "knee", "ankle"))
COORDINATES = (
    "pelvis_rotation",
    "lumbar_rotation",
    *of_both_sides("arm_flex", "arm_add", "arm_rot", "elbow_flex", "hip_flexion", "knee_angle"),
)
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
    release = fastest_swing(motion, "wrist", least_m_s=LEAST_M_S, limb="wrist")
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
        rotation_deg = shoulder_external_rotation_deg(motion, release.side)
        cocked = peak_between(motion, rotation_deg, start_s, end_s, least_noise=LEAST_NOISE_DEG)
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
    for name, angle in _turning(motion, throw.side).items():
        yield from _peak_rate(motion, throw, name, angle)


def _trunk_and_legs(motion: Motion, throw: Throw) -> Iterator[Metric]:
    lead, contact, release = OTHER[throw.side], throw.contact, throw.release
    separation, knee = _separation(motion, throw.side), _angle(motion, f"knee_angle_{lead[0]}")
    if contact and is_known(motion, contact.time_s):
        value, sd = separation.at(motion, contact.time_s, contact.sd_s or 0.0)
        yield metric("hip_shoulder_separation_at_contact", value, side=throw.side, sd=sd)
        value, sd = knee.at(motion, contact.time_s, contact.sd_s or 0.0)
        yield metric("lead_knee_flexion_at_contact", value, side=lead, sd=sd)
        yield _stride_length(motion, contact, lead)
    else:
        reason = "The frames of the stride foot's contact cannot be trusted."
        if not contact:
            reason = f"No contact of the {lead} foot was found in the {CONTACT_WITHIN_S} s before release."
        for name, side in zip(AT_CONTACT, (throw.side, lead, lead), strict=True):
            yield unknown_metric(name, side=side, reason=reason)
    value, sd = knee.at(motion, release.time_s, release.sd_s)
    yield metric("lead_knee_flexion_at_release", value, side=lead, sd=sd)
    peak = peak_between(motion, separation.deg, throw.begins_s, release.time_s, least_noise=LEAST_NOISE_DEG)
    name = "hip_shoulder_separation_peak"
    if peak:
        yield metric(name, separation.deg[peak[0]], side=throw.side, sd=separation.sd_deg[peak[0]])
    else:
        yield unknown_metric(name, side=throw.side, reason=NO_PEAK)


def _stride_length(motion: Motion, contact: Event, lead: Side) -> Metric:
    """Level distance of the ankles' centres at the stride foot's contact."""
    between_m = motion.points_m["ankle_l"] - motion.points_m["ankle_r"]
    length_m = np.linalg.norm(between_m[:, [0, 2]], axis=1)
    value_m, moving_m = read(
        motion, lambda t: float(np.interp(t, motion.time_s, length_m)), contact.time_s, contact.sd_s or 0.0
    )
    reaches = [sd_of_sum(motion, foot_reach_slopes(motion, side, "ankle")) for side in OTHER]
    parts = [float(np.interp(contact.time_s, motion.time_s, sd_m)) for sd_m in reaches]
    return metric("throw_stride_length", value_m, side=lead, sd=float(np.linalg.norm([moving_m, *parts])))


def _external_rotation(motion: Motion, throw: Throw) -> Iterator[Metric]:
    name, letter = "shoulder_external_rotation_peak", throw.side[0]
    reason = too_slow(motion, "arm") or _missing(motion, throw, [f"arm_rot_{letter}"])
    if throw.cocked is None or reason:
        yield unknown_metric(name, side=throw.side, reason=reason or NO_PEAK)
        return
    frame = throw.cocked[0]
    value_deg = shoulder_external_rotation_deg(motion, throw.side)[frame]
    yield metric(name, value_deg, side=throw.side, sd=motion.coordinate_sd[f"arm_rot_{letter}"][frame])


def _peak_rate(motion: Motion, throw: Throw, name: str, angle: Angle) -> Iterator[Metric]:
    """The greatest rate of an angle from the stride foot's contact on, and when, before (negative) or after release."""
    names = [f"{name}_velocity_peak", f"{name}_velocity_peak_time"]
    reason = too_slow(motion, "arm") if name in OF_ARM else None
    reason = reason or _missing(motion, throw, _rests_on(name, throw.side))
    rate = rate_deg_s(motion, angle)
    end_s = throw.release.time_s + AFTER_S
    peak = None if reason else peak_between(motion, rate.deg, throw.begins_s, end_s, least_noise=RATE_NOISE_DEG_S)
    if peak is None:
        yield from (unknown_metric(one, side=throw.side, reason=reason or NO_PEAK) for one in names)
        return
    frame, at_s, sd_s = peak
    yield metric(names[0], rate.deg[frame], side=throw.side, sd=rate.sd_deg[frame])
    since_s = at_s - throw.release.time_s
    yield metric(names[1], since_s, side=throw.side, sd=float(np.hypot(sd_s, throw.release.sd_s)))


def _turning(motion: Motion, side: Side) -> Mapping[str, Angle]:
    """By name of SEQUENCE, the angle whose rate counts."""
    left = 1 if side == "right" else -1
    elbow, arm = f"elbow_flex_{side[0]}", f"arm_rot_{side[0]}"
    rotation_deg = -shoulder_external_rotation_deg(motion, side)
    return {
        "pelvis_rotation": Angle.of(motion, left * heading_deg(motion, "hip"), {"pelvis_rotation": 1.0}),
        "trunk_rotation": Angle.of(
            motion, left * heading_deg(motion, "shoulder"), {"pelvis_rotation": 1.0, "lumbar_rotation": 1.0}
        ),
        "elbow_extension": Angle.of(motion, -motion.coordinates[elbow], {elbow: 1.0}),
        "shoulder_internal_rotation": Angle.of(motion, rotation_deg, {arm: 1.0}),
    }


def _separation(motion: Motion, side: Side) -> Angle:
    """How much farther the pelvis is turned towards the target than the trunk."""
    left = 1 if side == "right" else -1
    apart = left * (heading_deg(motion, "hip") - heading_deg(motion, "shoulder"))
    return Angle.of(motion, (apart + 180) % 360 - 180, {"lumbar_rotation": 1.0})


def _rests_on(name: str, side: Side) -> list[str]:
    of_arm = {"elbow_extension": [f"elbow_flex_{side[0]}"], "shoulder_internal_rotation": [f"arm_rot_{side[0]}"]}
    return of_arm.get(name, ["pelvis_rotation"] + (["lumbar_rotation"] if name == "trunk_rotation" else []))


def _missing(motion: Motion, throw: Throw, coordinates: Sequence[str]) -> str | None:
    return undetermined_between(motion, coordinates, throw.begins_s, throw.release.time_s + AFTER_S)


def _angle(motion: Motion, coordinate: str) -> Angle:
    return Angle.of(motion, motion.coordinates[coordinate], {coordinate: 1.0})
