"""Directions, angles and distances between joint centres, for the metrics that rest on them.

Their standard deviations are those that the coordinates' deviations give to first order (`angle_errors`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from biopose.analysis.angle_errors import Slopes, person_sd_of_sum, sd_of_sum, varying_sd_of_sum
from biopose.analysis.body_points import SIDES, Side
from biopose.analysis.measured_trial import FloatArray
from biopose.analysis.motion import Motion

UP = np.array([0.0, 1.0, 0.0])
LEAST_PROJECTED = 0.5  # of a thigh's length: less, and a centimetre changes its angle by three degrees or more
LEG = ("hip", "knee", "ankle")
ALONG_ELBOW_AXIS = 0.16  # of the forearm lies along the axis of the elbow, in the Rajagopal family
MOST_STRAIGHT = 0.98  # cosine of the least angle between forearm and upper arm
BELOW_LUMBAR = 0.3  # of the line from hips to shoulders lies below the lumbar joint, in the Rajagopal family's trunk
TRUNK_LEAN: Slopes = {"pelvis_tilt": 1.0, "lumbar_extension": 1.0}  # by how much each changes `trunk_lean_deg`


def lacking(motion: Motion, points: Sequence[str]) -> str | None:
    """Why points of the body are not known: the model lacks them; None where they are.

    Args:
        motion: the trial.
        points: of `body_points_m`.
    """
    missing = [point.replace("_", " ") for point in points if point not in motion.points_m]
    return f"The model has no {', '.join(missing)}." if missing else None


def of_both_sides(*joints: str) -> list[str]:
    """Names of joints' centres on the left and on the right."""
    return [f"{joint}_{side[0]}" for joint in joints for side in SIDES]


def at(values: FloatArray, time_s: FloatArray, moment_s: float) -> FloatArray:
    """(D,) of a point (T, D) at a moment, interpolated between the two frames beside it."""
    after = int(np.searchsorted(time_s, moment_s).clip(1, len(time_s) - 1))
    share = np.clip((moment_s - time_s[after - 1]) / (time_s[after] - time_s[after - 1]), 0, 1)
    return np.asarray((1 - share) * values[after - 1] + share * values[after])


def read(motion: Motion, value_at: Callable[[float], float], moment_s: float, sd_s: float) -> tuple[float, float]:
    """A value at a moment and the standard deviation that the moment's gives it: its rate of change times that.

    Args:
        motion: the trial.
        value_at: of a moment in seconds.
        moment_s: the moment.
        sd_s: its standard deviation.
    """
    before_s, after_s = moment_s - motion.interval_s, moment_s + motion.interval_s
    rate = (value_at(after_s) - value_at(before_s)) / (after_s - before_s)
    return value_at(moment_s), abs(rate) * sd_s


@dataclass(frozen=True)
class Angle:
    """An angle over time.

    Attributes:
        deg: (T,).
        sd_deg: (T,) its standard deviation.
        varying_sd_deg: (T,) of what of that varies through the trial.
        person_sd_deg: (T,) of what of it is the same in every trial of the person.
    """

    deg: FloatArray
    sd_deg: FloatArray
    varying_sd_deg: FloatArray
    person_sd_deg: FloatArray

    @classmethod
    def of(cls, motion: Motion, deg: FloatArray, slopes: Slopes) -> Angle:
        """An angle (T,) that changes with coordinates."""
        return cls(deg, *(of(motion, slopes) for of in (sd_of_sum, varying_sd_of_sum, person_sd_of_sum)))

    @property
    def varying(self) -> Angle:
        """The angle without what it errs by all the time: for its changes."""
        return replace(self, sd_deg=self.varying_sd_deg)

    def at(self, motion: Motion, moment_s: float, sd_s: float = 0.0) -> tuple[float, float]:
        """Value and standard deviation at a moment of a standard deviation."""
        value, moving = read(motion, lambda t: float(at(self.deg, motion.time_s, t)), moment_s, sd_s)
        return value, float(np.hypot(moving, at(self.sd_deg, motion.time_s, moment_s)))

    def person_sd_at(self, motion: Motion, moment_s: float) -> float:
        """Standard deviation at a moment of what is the same in every trial of the person."""
        return float(at(self.person_sd_deg, motion.time_s, moment_s))


def is_known(motion: Motion, moment_s: float) -> bool:
    """Whether the body is known in both frames beside a moment."""
    after = int(np.searchsorted(motion.time_s, moment_s).clip(1, len(motion) - 1))
    return bool(motion.body_known[after - 1 : after + 1].all())


def to_the_right(motion: Motion, joint: str = "hip") -> FloatArray:
    """(T, 3) horizontal unit vector from the left of two joints to the right."""
    across_m = (motion.points_m[f"{joint}_r"] - motion.points_m[f"{joint}_l"]) * [1, 0, 1]
    return np.asarray(across_m / np.linalg.norm(across_m, axis=1, keepdims=True).clip(min=1e-9))


def facing(motion: Motion, start_s: float, end_s: float) -> FloatArray:
    """(3,) horizontal unit vector: where the pelvis faces on average between two moments; NaN if not known."""
    frames = (motion.time_s >= start_s) & (motion.time_s <= end_s)
    across = to_the_right(motion)[frames]
    forward = np.cross(UP, across[np.isfinite(across).all(axis=1)].sum(axis=0))
    length = float(np.linalg.norm(forward))
    return np.asarray(forward / length if length else np.full(3, np.nan))


def frontal_knee_deg(motion: Motion, side: Side) -> FloatArray:
    """(T,) angle at the knee between thigh and shank in the pelvis's frontal plane; positive with the knee medial.

    The frontal plane projection angle (Munro et al. 2012, J Sport Rehabil 21:7), of the joint centres. NaN where the
    thigh is nearly level, so that less than LEAST_PROJECTED of its length is left in that plane's vertical.
    """
    medial = to_the_right(motion) * (1 if side == "left" else -1)
    hip_m, knee_m, ankle_m = (motion.points_m[f"{joint}_{side[0]}"] for joint in LEG)
    thigh, shank = (
        np.arctan2(((knee_m - other_m) * medial).sum(axis=1), np.abs((knee_m - other_m)[:, 1]))
        for other_m in (hip_m, ankle_m)
    )
    level = np.abs((knee_m - hip_m)[:, 1]) < LEAST_PROJECTED * np.linalg.norm(knee_m - hip_m, axis=1)
    return np.where(level, np.nan, np.degrees(thigh + shank))


def frontal_knee_slopes(motion: Motion, side: Side) -> Slopes:
    """By how much the above changes with each coordinate, which turns the leg, or the shank alone, about an axis.

    A straight leg turns as one and its angle stays; one that is bent swings the shank to a side as the thigh rotates.
    """
    letter, mirrored = side[0], 1 if side == "left" else -1  # medial is to the right in the left leg
    hip_m, knee_m, ankle_m = (motion.points_m[f"{joint}_{letter}"] for joint in LEG)
    thigh_m, shank_m, to_right = knee_m - hip_m, ankle_m - knee_m, to_the_right(motion)
    along = _unit(thigh_m)
    across = _unit(to_right - (to_right * along).sum(axis=1, keepdims=True) * along)
    rotated = mirrored * np.radians(motion.joint_deg("hip_rotation", side))[:, None]
    through_knee = np.cos(rotated) * across + np.sin(rotated) * np.cross(along, across)

    def turned(axis: FloatArray, *, thigh: bool = True) -> FloatArray:
        of_thigh = _inclination_rate(thigh_m, np.cross(axis, thigh_m), to_right) if thigh else 0.0
        return np.asarray(mirrored * (of_thigh - _inclination_rate(shank_m, np.cross(axis, shank_m), to_right)))

    return {
        **dict.fromkeys(("pelvis_tilt", f"hip_flexion_{letter}"), turned(to_right)),
        "pelvis_list": turned(np.cross(UP, to_right)),
        f"hip_adduction_{letter}": mirrored * turned(np.cross(along, across)),
        f"hip_rotation_{letter}": mirrored * turned(along),
        f"knee_angle_{letter}": -turned(through_knee, thigh=False),
    }


def _inclination_rate(segment_m: FloatArray, moving_m: FloatArray, across: FloatArray) -> FloatArray:
    """(T,) at which the angle from the vertical in the frontal plane changes as the segment's end (T, 3) moves."""
    (aside, moves_aside), height = ((of * across).sum(axis=1) for of in (segment_m, moving_m)), np.abs(segment_m[:, 1])
    rises = np.sign(segment_m[:, 1]) * moving_m[:, 1]
    return np.asarray((height * moves_aside - aside * rises) / (aside**2 + height**2).clip(min=1e-9))


def trunk_lean_deg(motion: Motion) -> FloatArray:
    """(T,) lean of the line from the middle of the hips to that of the shoulders, degrees.

    Forwards is positive: from the vertical, in the direction in which the pelvis faces.
    """
    middles_m = [(motion.points_m[f"{joint}_l"] + motion.points_m[f"{joint}_r"]) / 2 for joint in ("hip", "shoulder")]
    trunk_m = middles_m[1] - middles_m[0]
    forward_m = (trunk_m * np.cross(UP, to_the_right(motion))).sum(axis=1)
    return np.degrees(np.arctan2(forward_m, trunk_m[:, 1]))


def sagittal_slopes(side: Side, *joints: str) -> Slopes:
    """By how much a segment's sagittal inclination changes with the pelvis's tilt and some joints' flexion."""
    return {"pelvis_tilt": 1.0} | {f"{joint}_{side[0]}": -1.0 if joint == "knee_angle" else 1.0 for joint in joints}


def foot_reach_slopes(motion: Motion, side: Side, point: str) -> Slopes:
    """By how much the distance by which a point of the foot lies ahead of the pelvis changes, metres a degree.

    An error of a joint's sagittal angle moves the point by the joint's height above it.
    """
    hip_m, knee_m, foot_m = (motion.points_m[f"{joint}_{side[0]}"][:, 1] for joint in ("hip", "knee", point))
    slopes = dict.fromkeys(("pelvis_tilt", f"hip_flexion_{side[0]}"), np.radians(hip_m - foot_m))
    return slopes | {f"knee_angle_{side[0]}": -np.radians(knee_m - foot_m)}


def ankle_slopes(motion: Motion, side: Side, direction: FloatArray) -> Slopes:
    """By how much an ankle's place along a level direction changes with each coordinate, metres a degree.

    Each turns the leg, or the shank alone, about an axis; the pelvis turns both legs about the middle of the hips.

    Args:
        motion: the trial.
        side: of the ankle.
        direction: (T, 3) of unit length.
    """
    letter, points = side[0], motion.points_m
    hip_m, knee_m, ankle_m = (points[f"{joint}_{letter}"] for joint in LEG)
    to_right, along = to_the_right(motion), _unit(knee_m - hip_m)
    through_knee = _unit(to_right - (to_right * along).sum(axis=1, keepdims=True) * along)
    mirrored = 1 if side == "right" else -1

    def moved(axis: FloatArray, arm_m: FloatArray) -> FloatArray:
        return np.asarray(np.radians((np.cross(axis, arm_m) * direction).sum(axis=1)))

    from_pelvis_m = ankle_m - (points["hip_l"] + points["hip_r"]) / 2
    return {
        "pelvis_tilt": moved(to_right, from_pelvis_m),
        "pelvis_list": moved(np.cross(UP, to_right), from_pelvis_m),
        "pelvis_rotation": moved(UP, from_pelvis_m),
        f"hip_flexion_{letter}": moved(to_right, ankle_m - hip_m),
        f"hip_adduction_{letter}": mirrored * moved(_unit(np.cross(to_right, along)), ankle_m - hip_m),
        f"hip_rotation_{letter}": -mirrored * moved(along, ankle_m - hip_m),
        f"knee_angle_{letter}": -moved(through_knee, ankle_m - knee_m),
    }


def heading_deg(motion: Motion, joint: str) -> FloatArray:
    """(T,) how far the line of two joints' centres has turned to the left about the vertical, without jumps.

    Args:
        motion: the trial.
        joint: hip of the pelvis, shoulder of the trunk.
    """
    across = to_the_right(motion, joint)
    return np.degrees(np.unwrap(np.arctan2(across[:, 0], across[:, 2])))


def shoulder_external_rotation_deg(motion: Motion, side: Side, *, near_s: float) -> FloatArray:
    """(T,) rotation of the upper arm: of the forearm about it, 0 where that points forwards and 90 upwards.

    Forwards and upwards are the trunk's, by the centres of hips and shoulders (Dillman et al. 1993, J Orthop Sports
    Phys Ther 18:402). It goes on over time without jumps. NaN where the upper arm points forwards or backwards, so that
    its rotation has no such zero.

    Args:
        motion: the trial.
        side: of the arm.
        near_s: a moment, such as release, in the frame next to which it lies from -90 to 270.
    """
    arm = _arm(motion, side)
    turned = np.degrees(
        np.arctan2((arm.forearm * arm.upwards).sum(axis=1), (arm.forearm * _unit(arm.zero)).sum(axis=1))
    )
    defined = np.flatnonzero((np.linalg.norm(arm.zero, axis=1) >= LEAST_PROJECTED) & np.isfinite(turned))
    rotation_deg = np.full(len(turned), np.nan)
    if len(defined):
        going_on = np.unwrap(turned[defined], period=360)
        nearest = np.abs(motion.time_s[defined] - near_s).argmin()
        rotation_deg[defined] = going_on - 360 * np.floor((going_on[nearest] + 90) / 360)
    return rotation_deg


def shoulder_rotation_slopes(motion: Motion, side: Side) -> Slopes:
    """By how much the above changes with each coordinate: of an arm that points sideways, with its flexion, too.

    The trunk's bending turns the line from the hips to the shoulders by less than the arm. The elbow's axis is not
    quite across the forearm, which therefore turns about the upper arm as the elbow extends.
    """
    arm, letter = _arm(motion, side), side[0]
    bent = ((arm.along * arm.forearm).sum(axis=1)).clip(-MOST_STRAIGHT, MOST_STRAIGHT)
    flexion = np.radians(motion.coordinates[f"arm_flex_{letter}"])
    of_zero = np.linalg.norm(arm.zero, axis=1).clip(min=LEAST_PROJECTED)
    by_flexion = (arm.upwards * np.cross(arm.right, arm.ahead)).sum(axis=1) / of_zero
    by_adduction = -np.sin(flexion) * (arm.upwards * arm.right).sum(axis=1) / of_zero
    return {
        f"arm_rot_{letter}": -1.0,
        f"arm_flex_{letter}": by_flexion,
        f"arm_add_{letter}": by_adduction,
        f"elbow_flex_{letter}": -ALONG_ELBOW_AXIS * bent / (1 - bent**2),
        "lumbar_extension": BELOW_LUMBAR * by_flexion,
    }


@dataclass(frozen=True)
class _Arm:
    """Directions (T, 3) of an upper arm and the trunk, all but `zero` of unit length.

    Attributes:
        right: of the trunk.
        ahead: likewise.
        zero: across the upper arm, the part of `ahead` where the forearm's rotation is 0.
        upwards: across both, where it is 90 degrees.
        along: the upper arm, to the elbow.
        forearm: to the wrist.
    """

    right: FloatArray
    ahead: FloatArray
    zero: FloatArray
    upwards: FloatArray
    along: FloatArray
    forearm: FloatArray


def _arm(motion: Motion, side: Side) -> _Arm:
    letter, points = side[0], motion.points_m
    upper = _unit(points[f"elbow_{letter}"] - points[f"shoulder_{letter}"])
    up = sum(points[f"shoulder_{a}"] - points[f"hip_{a}"] for a in "lr")
    right = _unit(points["shoulder_r"] - points["shoulder_l"])
    ahead = _unit(np.cross(up, right))
    zero = ahead - (ahead * upper).sum(axis=1, keepdims=True) * upper
    forearm = _unit(points[f"wrist_{letter}"] - points[f"elbow_{letter}"])
    return _Arm(right, ahead, zero, _unit(np.cross(upper, zero) * (-1 if side == "left" else 1)), upper, forearm)


def _unit(vectors: FloatArray) -> FloatArray:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True).clip(min=1e-9))


def leg_length_m(motion: Motion, side: Side) -> float:
    """From the hip's centre through those of knee and ankle to the heel, the median over the trial."""
    points_m = [motion.points_m[f"{joint}_{side[0]}"] for joint in (*LEG, "heel")]
    lengths_m = np.linalg.norm(np.diff(points_m, axis=0), axis=-1).sum(axis=0)
    return float(np.median(lengths_m))
