"""Metrics of the landing off a box in a drop jump: the leg at contact and at its deepest, and landing errors.

The errors are those items of the Landing Error Scoring System (Padua et al. 2009, Am J Sports Med 37:1996) that have a
criterion which joint centres and angles of the model decide: items 1, 4, 9, 10, 12, 13 and 14 of 17. Left out are those
that a rater judges without such a criterion (hip and trunk flexed at contact, lateral trunk flexion, stance width,
symmetry of the contact, joint displacement, overall impression), and both that compare the patella with midfoot and
great toe, which the model does not place to the centimetre that decides: `knee_frontal_angle` is measured instead. So
the score is not comparable with one of all 17 items.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from biopose.analysis.angle_errors import sd_of_sum
from biopose.analysis.body_geometry import (
    TRUNK_LEAN,
    UP,
    Angle,
    facing,
    frontal_knee_deg,
    frontal_knee_slopes,
    is_known,
    lacking,
    of_both_sides,
    sagittal_slopes,
    trunk_lean_deg,
)
from biopose.analysis.body_points import SIDES, Side
from biopose.analysis.definitions import metric, unknown_metric
from biopose.analysis.events import begins_from_box
from biopose.analysis.flights import Flight, Flights
from biopose.analysis.jump_metrics import LANDING_S
from biopose.analysis.motion import Motion
from biopose.analysis.tables import Metric

READINGS = {
    "knee_flexion_at_contact": ("knee_flexion", "contact"),
    "knee_flexion_drop_landing_peak": ("knee_flexion", "deepest"),
    "hip_adduction_at_contact": ("hip_adduction", "contact"),
    "hip_adduction_at_peak_knee_flexion": ("hip_adduction", "deepest"),
    "knee_frontal_angle_at_contact": ("knee_frontal_angle", "contact"),
    "knee_frontal_angle_at_peak_knee_flexion": ("knee_frontal_angle", "deepest"),
}
ERRORS = (
    "landing_error_knee_flexion_contact",
    "landing_error_heel_first",
    "landing_error_toe_in",
    "landing_error_toe_out",
    "landing_error_knee_flexion_displacement",
    "landing_error_hip_flexion_displacement",
    "landing_error_trunk_flexion_displacement",
)
NAMES = (*READINGS, *ERRORS, "landing_error_score")
NEEDED = ("hip", "knee", "ankle", "heel", "toes", "shoulder")
BENT_DEG, DISPLACED_DEG, TURNED_DEG = 30.0, 45.0, 30.0  # of the knee at contact, from contact on; of the foot
NO_DROP = "No landing off a box, after a flight within the recording, was found."
LEVEL_THIGH = "The thigh is too level there for an angle in the frontal plane."
NOT_TRUSTED = "The frames of the contact or of the deepest knee flexion cannot be trusted."


def landing_metrics(motion: Motion, search: Flights) -> Iterator[Metric]:
    """Metrics of each leg in the last landing off a box; null with the reason where there is none to be measured.

    Args:
        motion: a drop jump.
        search: its flights.
    """
    drops = [flight for flight in search.found if begins_from_box(flight)]
    for side in SIDES:
        reason = motion.world_unknown or lacking(motion, of_both_sides(*NEEDED))
        if not drops and not reason:
            reason = " ".join(search.refused) or NO_DROP
        yield from _nulls(side, reason) if reason else _of_side(motion, drops[-1], search.found, side)


def _nulls(side: Side, reason: str) -> Iterator[Metric]:
    yield from (unknown_metric(name, side=side, reason=reason) for name in NAMES)


def _of_side(motion: Motion, drop: Flight, flights: Sequence[Flight], side: Side) -> Iterator[Metric]:
    contact_s, sd_s = drop.on_s.get(side, drop.landing_s), drop.fall.landing_sd_s
    end_s = min([contact_s + LANDING_S, *(f.take_off_s for f in flights if f.take_off_s > contact_s)])
    frames = np.flatnonzero((motion.time_s >= contact_s) & (motion.time_s <= end_s))
    if not len(frames):
        yield from _nulls(side, NO_DROP)
        return
    deepest = int(frames[motion.joint_deg("knee_angle", side)[frames].argmax()])
    deepest_s = float(motion.time_s[deepest])
    if gaps := motion.body_undetermined[max(frames[0] - 1, 0) : deepest + 2].sum():
        yield from _nulls(side, f"Not determined in {gaps} frames between contact and deepest: {motion.gaps_cause}.")
        return
    if not (is_known(motion, contact_s) and is_known(motion, deepest_s)):
        yield from _nulls(side, NOT_TRUSTED)
        return
    angles = _angles(motion, side)
    moments = {"contact": (contact_s, sd_s), "deepest": (deepest_s, 0.0)}
    read_at, varying_at = (
        {(name, when): angle.at(motion, *moment) for name, angle in of.items() for when, moment in moments.items()}
        for of in (angles, {name: angle.varying for name, angle in angles.items()})
    )
    for name, (angle, when) in READINGS.items():
        value, sd = read_at[angle, when]
        if math.isfinite(value):
            constant_sd = angles[angle].person_sd_at(motion, moments[when][0])
            yield metric(name, value, side=side, sd=sd, constant_sd=constant_sd)
        else:
            yield unknown_metric(name, side=side, reason=LEVEL_THIGH)
    margins = _margins(read_at["knee_flexion", "contact"], varying_at) | _foot_margins(
        motion, side, contact_s, sd_s, deepest_s
    )
    yield from _errors(margins, side)


def _angles(motion: Motion, side: Side) -> Mapping[str, Angle]:
    of_leg = {"knee_flexion": "knee_angle", "hip_adduction": "hip_adduction", "hip_flexion": "hip_flexion"}
    angles = {
        name: Angle.of(motion, motion.joint_deg(joint, side), {f"{joint}_{side[0]}": 1.0})
        for name, joint in of_leg.items()
    }
    frontal = Angle.of(motion, frontal_knee_deg(motion, side), frontal_knee_slopes(motion, side))
    return angles | {"knee_frontal_angle": frontal, "trunk_lean": Angle.of(motion, trunk_lean_deg(motion), TRUNK_LEAN)}


def _margins(
    bent: tuple[float, float], varying_at: Mapping[tuple[str, str], tuple[float, float]]
) -> dict[str, tuple[float, float]]:
    """By how much, with its deviation, each item of the joints' angles is no error; an error where not positive.

    Args:
        bent: the knee's flexion at contact.
        varying_at: angles at contact and at the deepest, with what of their deviations does not cancel between these.
    """
    moved = {
        name: (deep - start, float(np.hypot(deep_sd, start_sd)))
        for name in ("knee_flexion", "hip_flexion", "trunk_lean")
        for (start, start_sd), (deep, deep_sd) in [(varying_at[name, "contact"], varying_at[name, "deepest"])]
    }
    return {
        "landing_error_knee_flexion_contact": (bent[0] - BENT_DEG, bent[1]),
        "landing_error_knee_flexion_displacement": (moved["knee_flexion"][0] - DISPLACED_DEG, moved["knee_flexion"][1]),
        "landing_error_hip_flexion_displacement": moved["hip_flexion"],
        "landing_error_trunk_flexion_displacement": moved["trunk_lean"],
    }


def _foot_margins(
    motion: Motion, side: Side, contact_s: float, sd_s: float, deepest_s: float
) -> dict[str, tuple[float, float]]:
    """Likewise of the items of the foot."""
    letter, inward = side[0], -1 if side == "right" else 1  # of a turn to the right
    foot_m = motion.points_m[f"toes_{letter}"] - motion.points_m[f"heel_{letter}"]
    pitch = np.degrees(np.arctan2(-foot_m[:, 1], np.linalg.norm(foot_m[:, [0, 2]], axis=1)))
    pitched = Angle.of(motion, pitch, sagittal_slopes(side, "hip_flexion", "knee_angle", "ankle_angle"))
    forward = facing(motion, contact_s - motion.interval_s, deepest_s)
    turned = np.degrees(np.arctan2(foot_m @ np.cross(forward, UP), foot_m @ forward)) * inward
    turned_sd = sd_of_sum(motion, {f"{name}_{letter}": 1.0 for name in ("hip_rotation", "subtalar_angle")})
    planted = np.flatnonzero((motion.time_s >= contact_s) & (motion.time_s <= deepest_s))
    most_in, most_out = planted[turned[planted].argmax()], planted[turned[planted].argmin()]
    return {
        "landing_error_heel_first": pitched.at(motion, contact_s, sd_s),
        "landing_error_toe_in": (TURNED_DEG - turned[most_in], turned_sd[most_in]),
        "landing_error_toe_out": (TURNED_DEG + turned[most_out], turned_sd[most_out]),
    }


def _errors(margins: Mapping[str, tuple[float, float]], side: Side) -> Iterator[Metric]:
    """Each item, 1 for an error, and their sum; a deviation is the root of the mean square error to be expected.

    Each item's margin is on the other side of its criterion with some probability, independent of the others'.
    """
    present = np.array([float(margins[name][0] <= 0) for name in ERRORS])
    likely = np.array([_probability_below(*margins[name]) for name in ERRORS])
    for name, value, probability in zip(ERRORS, present, likely, strict=True):
        yield metric(name, value, side=side, sd=math.sqrt(abs(probability - value)))
    variance, bias = (likely * (1 - likely)).sum(), (likely - present).sum()
    yield metric("landing_error_score", present.sum(), side=side, sd=math.sqrt(variance + bias**2))


def _probability_below(margin: float, sd: float) -> float:
    """That a margin of normally distributed error is negative; NaN where its deviation is not known."""
    return 0.5 * math.erfc(margin / (sd * math.sqrt(2))) if sd > 0 else math.nan
