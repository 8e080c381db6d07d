"""Which activity a motion is, where the manifest names none, and how sure that is.

Each activity is defined by features that its analysis rests on: steps with or without flight between them and their
speed, flights from both feet to both feet, a body that sinks between two stances, one limb that is by far the fastest.
A feature counts by how far it lies beyond a limit, which is uncertain itself (`_beyond`); an activity's probability is
the product of its features', and what is left is `other`: somersaults, hops on one leg, sitting down. Limits lie
between the values of the activities that they separate: walks are slower than 2.6 m/s and runs faster than 1.6 (they
change into each other at about 2, Hreljac 1993, Med Sci Sports Exerc 25:1158), sprints are faster than 6 m/s. Nobody
who walks or runs sinks by 0.2 m and rises again; who walks up to a bar and squats does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pyarrow as pa

from biopose.analysis.body_geometry import lacking
from biopose.analysis.body_points import CENTER_OF_MASS, OTHER, SIDES
from biopose.analysis.events import LEVEL_M
from biopose.analysis.flights import Flight, find_flights
from biopose.analysis.foot_motion import belt_velocities_m_s
from biopose.analysis.kicks import POINTS as OF_KICK
from biopose.analysis.measured_trial import FloatArray
from biopose.analysis.motion import Motion, runs
from biopose.analysis.stance import AIR, STANDS, foot_states
from biopose.analysis.swings import speed_m_s
from biopose.analysis.tables import QualityMetric
from biopose.analysis.throws import POINTS as OF_THROW

OTHER_ACTIVITY = "other"
RECOGNISED = ("walk", "run", "sprint", "squat", "countermovement_jump", "drop_jump", "throw", "kick")
QUIET_M_S = 0.8  # of both wrists beside the centre of mass: which is faster tells nothing
MOST_SURE = 0.95  # no feature tells apart what is done to look alike, such as a throw without a ball
LEAST_FRAMES, LEAST_S = 10, 0.5  # less shows no whole step, swing or jump
SURE = 0.8  # from which a name is suggested
STEP_S = (0.12, 1.3)  # from a foot's strike to the other's
STEP_POINTS = 40  # at which a step's height is read
BOTH_WITHIN_S = 0.15  # of take-off and landing, in which both feet stand
SINKS_WITHIN_S = 1.2  # before take-off
REBOUND_S = 1.0  # from a landing to the take-off of a drop jump
BOTTOM = 0.15  # of a squat's depth
NEAR_PEAK, APART_S = 0.6, 0.25  # peaks of a limb's speed that are as high, and as far apart, are swings of their own
QUALITY = "activity_probability_"  # before an activity, in a trial's quality


def activity_probabilities(motion: Motion) -> dict[str, float] | None:
    """By activity, `other` last, how probable it is that the motion is that; None where too little is known.

    Args:
        motion: the trial.
    """
    known = motion.body_known
    if motion.world_unknown or lacking(motion, [*OF_KICK, *OF_THROW]):
        return None
    if known.sum() < LEAST_FRAMES or known.sum() * motion.interval_s < LEAST_S:
        return None
    steps, vertical = _Steps.of(motion), _Vertical.of(motion)
    swings = {"throw": _throw(motion), "kick": _kick(motion)}
    likely = steps.likely(vertical) | vertical.likely(steps) | swings
    none_swings = (1 - swings["throw"]) * (1 - swings["kick"])
    likely = {name: one if name in swings else one * none_swings for name, one in likely.items()}
    if not np.isfinite(list(likely.values())).all():  # where no frame determines a coordinate
        return None
    untold = float(np.mean(known)) * MOST_SURE / max(sum(likely.values()), 1.0)
    found = {name: likely[name] * untold for name in RECOGNISED}
    return found | {OTHER_ACTIVITY: 1 - sum(found.values())}


def recognition_metrics(motion: Motion) -> list[QualityMetric]:
    """Those probabilities as quality metrics, the likeliest first; none where too little is known."""
    found = activity_probabilities(motion) or {}
    ordered = sorted(found.items(), key=lambda pair: -pair[1])
    return [QualityMetric(f"{QUALITY}{name}", probability, "1") for name, probability in ordered]


def _beyond(value: float, limit: float, *, width: float) -> float:
    """From 0 to 1, how probable it is that a value is beyond a limit whose own error is logistic."""
    return float(1 / (1 + np.exp(-np.clip((value - limit) / width, -50, 50))))


def _below(value: float, limit: float, *, width: float) -> float:
    return 1 - _beyond(value, limit, width=width)


@dataclass(frozen=True)
class _Steps:
    """Strikes of one foot, then the other.

    Attributes:
        count: of the steps.
        in_flight: of these, the share that ends with a flight from one foot to the other.
        speed_m_s: of the pelvis over the ground, from the first strike to the last.
        vault_m: how far the centre of mass is higher in the middle of a step than at its ends. Who walks vaults over
            the standing leg; who runs is lowest there, a slow jogger whose feet hardly leave the ground, too
            (Cavagna et al. 1976, J Physiol 262:639).
    """

    count: int
    in_flight: float
    speed_m_s: float
    vault_m: float

    @classmethod
    def of(cls, motion: Motion) -> _Steps:
        flights = find_flights(motion, running=True).found
        states = foot_states(motion, flights, running=True)
        strikes = sorted(
            (float(motion.time_s[frame]), side)
            for side in SIDES
            for frame in np.flatnonzero((states[side][:-1] == AIR) & (states[side][1:] == STANDS)) + 1
        )
        steps = [(a, b) for (a, of), (b, then) in pairwise(strikes) if of != then and STEP_S[0] <= b - a <= STEP_S[1]]
        if not steps:
            return cls(0, 0.0, 0.0, 0.0)
        flown = [any(a < one.take_off_s < b + BOTH_WITHIN_S and one.landing_s > a for one in flights) for a, b in steps]
        speed_m_s = _speed_over_ground(motion, steps[0][0], steps[-1][1])
        return cls(len(steps), float(np.mean(flown)), speed_m_s, _vault_m(motion, steps))

    def likely(self, vertical: _Vertical) -> dict[str, float]:
        """How probable each gait is."""
        gait = _beyond(self.count, 2.5, width=0.4) * (1 - vertical.jumps) * _below(vertical.sinks_m, 0.2, width=0.02)
        runs_ = gait * _beyond(self.in_flight, 0.5, width=0.1) * _beyond(self.speed_m_s, 1.6, width=0.2)
        walks = gait * _below(self.in_flight, 0.3, width=0.08) * _below(self.speed_m_s, 2.6, width=0.2)
        walks *= _beyond(self.vault_m, -0.015, width=0.004)
        sprints = _beyond(self.speed_m_s, 6.0, width=0.4)
        return {
            "walk": walks * _beyond(self.speed_m_s, 0.4, width=0.08),
            "run": runs_ * (1 - sprints),
            "sprint": runs_ * sprints,
        }


def _speed_over_ground(motion: Motion, start_s: float, end_s: float) -> float:
    way_m = [
        np.diff(np.interp([start_s, end_s], motion.time_s, motion.coordinates[f"pelvis_t{axis}"]))[0] for axis in "xz"
    ]
    belts_m_s = belt_velocities_m_s(motion.foot_points_m, motion.time_s).values()
    there = (motion.time_s >= start_s) & (motion.time_s <= end_s)
    belt_m_s = np.mean([belt[there].mean(axis=0) for belt in belts_m_s], axis=0)[[0, 2]]
    return float(np.linalg.norm(np.array(way_m) / (end_s - start_s) - belt_m_s))


def _vault_m(motion: Motion, steps: Sequence[tuple[float, float]]) -> float:
    """Of the mean step, over the line between its ends: the first harmonic in its middle less that at its ends."""
    phase = np.arange(STEP_POINTS) / STEP_POINTS
    ends = np.array(steps)
    at_s = ends[:, :1] + np.diff(ends) * phase
    height_m = np.interp(at_s, motion.time_s, motion.center_of_mass_m[:, 1])
    end_m = np.interp(ends, motion.time_s, motion.center_of_mass_m[:, 1])
    above_m = (height_m - end_m[:, :1] - np.diff(end_m) * phase).mean(axis=0)
    return float(-4 * np.mean(above_m * np.cos(2 * np.pi * phase)))


@dataclass(frozen=True)
class _Vertical:
    """What the body does up and down.

    Attributes:
        jumps: how probable it is that there is a flight from both feet to both, or a drop to a lower level.
        countermovement: of a jump after a countermovement, on the spot.
        rebound: of a drop with a jump after it.
        squat: of sinking and rising on both feet.
        sinks_m: by how much the centre of mass sinks and rises again.
    """

    jumps: float
    countermovement: float
    rebound: float
    squat: float
    sinks_m: float

    @classmethod
    def of(cls, motion: Motion) -> _Vertical:
        flights = find_flights(motion).found
        states = foot_states(motion, flights)

        def both_stand(start_s: float, end_s: float) -> bool:
            inside = (motion.time_s >= start_s) & (motion.time_s <= end_s)
            return bool((inside & np.all([own == STANDS for own in states.values()], axis=0)).any())

        on_both = [one for one in flights if both_stand(one.landing_s, one.landing_s + 2 * BOTH_WITHIN_S)]
        drops = [one for one in on_both if one.level_change_m < -LEVEL_M]
        jumps = [
            one
            for one in on_both
            if abs(one.level_change_m) <= LEVEL_M and both_stand(one.take_off_s - BOTH_WITHIN_S, one.take_off_s)
        ]
        spot = [_countermovement(motion, one) for one in jumps]
        rebounds = [one for one in jumps for drop in drops[:1] if 0 < one.take_off_s - drop.landing_s <= REBOUND_S]
        alone = _below(len(flights) - len(jumps) - len(drops), 0.5, width=0.15)
        return cls(
            jumps=float(bool(jumps or drops)),
            countermovement=alone * float(np.mean(spot)) * (not drops) if spot else 0.0,
            rebound=alone * float(bool(rebounds)) * _below(len(drops), 1.5, width=0.15),
            squat=0.0 if flights else _squat(motion),
            sinks_m=_sinks(motion)[0],
        )

    def likely(self, steps: _Steps) -> dict[str, float]:
        """How probable squats and jumps are."""
        stays = _below(steps.count, 3.5, width=0.5)
        return {
            "squat": self.squat * _below(steps.count, 1.5, width=0.3),
            "countermovement_jump": self.countermovement * stays,
            "drop_jump": self.rebound * stays,
        }


def _countermovement(motion: Motion, jump: Flight) -> float:
    """How probable it is that a jump follows a countermovement, and lands where it took off."""
    before = (motion.time_s >= jump.take_off_s - SINKS_WITHIN_S) & (motion.time_s <= jump.take_off_s)
    height_m = motion.center_of_mass_m[before, 1]
    if len(height_m) < LEAST_FRAMES:
        return 0.0
    lowest = int(height_m.argmin())
    sunk_m = float(height_m[: lowest + 1].max() - height_m[lowest])
    ends_m = np.stack(
        [
            np.interp([jump.take_off_s, jump.landing_s], motion.time_s, motion.center_of_mass_m[:, axis])
            for axis in (0, 2)
        ]
    )
    travels_m = float(np.linalg.norm(np.diff(ends_m, axis=1)))
    return _beyond(sunk_m, 0.08, width=0.015) * _below(travels_m, 0.4, width=0.05)


def _squat(motion: Motion) -> float:
    """How probable it is that somebody squats: sinks by bending both knees alike, does not rest there, and rises.

    The arms are kept or move alike: CMU's recordings of sword play and of scooping bend the knees as far.
    """
    wrist = _Limb.of(motion, "wrist")
    depth_m, lowest = _sinks(motion)
    height_m = np.where(motion.body_known, motion.center_of_mass_m[:, 1], np.nan)
    knees_deg = np.array([motion.joint_deg("knee_angle", side)[lowest] for side in SIDES])
    bottom = height_m < height_m[lowest] + BOTTOM * depth_m
    rests_s = max(((end - start) * motion.interval_s for start, end in runs(bottom)), default=0.0)
    return (
        _beyond(depth_m, 0.15, width=0.02)
        * _beyond(float(knees_deg.min()), 68.0, width=4.0)
        * _below(float(np.ptp(knees_deg)), 30.0, width=4.0)
        * _below(rests_s, 1.2, width=0.12)
        * (_below(wrist.ratio, 1.6, width=0.08) if wrist.fastest_m_s > QUIET_M_S else 1.0)
        * _below(wrist.fastest_m_s, 3.0, width=0.25)
    )


def _sinks(motion: Motion) -> tuple[float, int]:
    """By how much the centre of mass sinks and rises again, and the frame in which it is lowest."""
    height_m = np.where(motion.body_known, motion.center_of_mass_m[:, 1], np.nan)
    if not np.isfinite(height_m).any():
        return 0.0, 0
    lowest = int(np.nanargmin(height_m))
    return float(min(np.nanmax(height_m[: lowest + 1]), np.nanmax(height_m[lowest:])) - height_m[lowest]), lowest


def _throw(motion: Motion) -> float:
    """How probable it is that somebody throws: one wrist is fast once, far faster than the other and than the feet."""
    wrist, foot = _Limb.of(motion, "wrist"), _Limb.of(motion, "toes")
    return (
        _beyond(wrist.fastest_m_s - wrist.body_m_s, 8.5, width=0.6)
        * _beyond(wrist.ratio, 1.6, width=0.1)
        * _below(wrist.swings, 1.5, width=0.15)
        * _beyond(wrist.fastest_m_s / max(foot.fastest_m_s, 0.1), 1.1, width=0.07)
    )


def _kick(motion: Motion) -> float:
    """How probable it is that somebody kicks: one foot is fast once, faster than the run-up and the arms make it."""
    foot, wrist = _Limb.of(motion, "toes"), _Limb.of(motion, "wrist")
    return (
        _beyond(foot.fastest_m_s - 1.6 * foot.body_m_s, 5.5, width=0.4)
        * _beyond(foot.ratio, 1.35, width=0.06)
        * _below(foot.swings, 1.5, width=0.15)
        * _beyond(foot.fastest_m_s / max(wrist.fastest_m_s, 0.1), 1.1, width=0.07)
    )


@dataclass(frozen=True)
class _Limb:
    """The faster of two limbs, beside the centre of mass.

    Attributes:
        fastest_m_s: its greatest speed.
        ratio: of that to the other limb's greatest.
        body_m_s: level speed of the centre of mass then.
        swings: how often it is nearly as fast.
    """

    fastest_m_s: float
    ratio: float
    body_m_s: float
    swings: int

    @classmethod
    def of(cls, motion: Motion, joint: str) -> _Limb:
        body_m = motion.points_m[CENTER_OF_MASS]
        speeds = {
            side: np.where(motion.body_known, speed_m_s(motion, motion.points_m[f"{joint}_{side[0]}"] - body_m), 0.0)
            for side in SIDES
        }
        side = max(SIDES, key=lambda one: speeds[one].max())
        speed = speeds[side]
        frame = int(speed.argmax())
        level = speed_m_s(motion, body_m * [1, 0, 1])
        ratio = float(speed[frame] / max(speeds[OTHER[side]].max(), 0.1))
        return cls(float(speed[frame]), ratio, float(level[frame]), _peaks(motion, speed))


def _peaks(motion: Motion, speed: FloatArray) -> int:
    """How many stretches of a speed are near its greatest, those that are near in time as one."""
    near_s = motion.time_s[speed >= NEAR_PEAK * speed.max()]
    return 1 + int((np.diff(near_s) > APART_S).sum())


def recognition_sentence(quality: pa.Table) -> str | None:
    """What a trial's motion most looks like, as a sentence; None where its quality does not tell.

    Args:
        quality: of `tables.quality_table`.
    """
    rows = [one for one in quality.to_pylist() if one["name"].startswith(QUALITY) and one["value"] is not None]
    if not rows:
        return None
    likeliest = max(rows, key=lambda one: one["value"])
    name, probability = likeliest["name"].removeprefix(QUALITY), likeliest["value"]
    if name == OTHER_ACTIVITY:
        return f"the motion looks like none of the activities, with probability {probability:.2f}"
    remedy = f"; --activity {name} gives its events and metrics" if probability >= SURE else ""
    return f"the motion looks like {name}, with probability {probability:.2f}{remedy}"
