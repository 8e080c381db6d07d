"""When a foot leaves the level on which it rested and comes to that on which it rests next, from its points' heights.

Where feet rest gives the levels of the ground: each flight has the level from which it takes off and on which it lands,
so a box, a kerb or stairs need not be known.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from biopose.analysis.body_points import OTHER, SIDES, Side
from biopose.analysis.derivatives import crossing_s
from biopose.analysis.foot_motion import LOWEST, RESTS_UP_TO_M_S
from biopose.analysis.free_fall import GRAVITY_M_S2, HeightErrors
from biopose.analysis.measured_trial import FloatArray
from biopose.analysis.motion import Motion
from biopose.camera.ground_levels import LEAST_STEP_M

SINKING_S = 0.08  # in which a foot's speed of sinking before its contact is measured
SINKING_SHARE = 0.3  # standard deviation of what it has left to sink, of which the speed changes and the height errs
# At least, of a runner's landing. The heights of the centre of mass give it 4 ms early to 8 ms late in synthetic
# runners at 6 to 2.5 m/s whose force rises as a half sine: later the slower they run, and the more frames there are.
LEAST_RUNNING_LANDING_SD_S = 0.012
EDGE_S = 0.08  # within which of the free fall's edges the feet leave and meet the ground
# Of who comes down to the level from which they rose: within which of the free fall's end, and how much higher or
# lower a foot's points seem to rest than before.
SAME_LEVEL_S, SAME_LEVEL_SD_M = 0.04, 0.02


@dataclass(frozen=True)
class FootEvidence:
    """When a foot has left the ground or met it, by how the motion was measured.

    Attributes:
        off_the_ground_m: of a foot's lowest point above its resting height.
        take_off_sd_s: standard deviation of the foot's coming up to this height, against its leaving the ground.
        landing_sd_s: of the foot's coming down to this height.
        drop_sd_s: like take_off_sd_s, of a foot that drops from a box.
        gravity_within: share of gravity's acceleration by which that of the heights in flight may differ from it.
        heights: how those of the centre of mass err.
    """

    off_the_ground_m: float
    take_off_sd_s: float
    landing_sd_s: float
    drop_sd_s: float
    gravity_within: float
    heights: HeightErrors


MARKERS = FootEvidence(
    off_the_ground_m=0.015,
    take_off_sd_s=0.012,
    landing_sd_s=0.012,
    drop_sd_s=0.012,
    gravity_within=0.4,
    heights=HeightErrors(),
)
# Chosen on film of 16 synthetic jumps (`biopose evaluate events --source synthetic`): 30 mm among 15, 30 and 45, at
# which take-off and landing are found best. There the heights' acceleration in flight differs from gravity's by 2 % on
# average, at most by 6 % (14 % where somebody drops from a box). The apex's error is of 17 such jumps of all kinds: 2
# ms on average, 10 at most, where the parabola's fit alone gives it 0.7 ms.
FILM = FootEvidence(
    off_the_ground_m=0.03,
    take_off_sd_s=0.018,
    landing_sd_s=0.01,
    drop_sd_s=0.03,
    gravity_within=0.25,
    heights=HeightErrors(repeated_s=0.05, scale_sd=0.05, event_sd_s=0.008, apex_sd_s=0.004),
)


def evidence_of(motion: Motion) -> FootEvidence:
    """FILM or MARKERS."""
    return FILM if motion.of_film else MARKERS


def left_ground_s(motion: Motion, side: Side, before: NDArray[np.intp], *, near: int) -> tuple[float, float] | None:
    """When a foot left the level on which it rested, and the time's standard deviation; None where it did not rest.

    Args:
        motion: the trial.
        side: of the foot.
        before: frames in which it may rest.
        near: the first frame of the free fall that follows.
    """
    clearance_m = _clearance_m(motion, side, before)
    if clearance_m is None:
        return None
    evidence = evidence_of(motion)
    away = np.abs(clearance_m) > evidence.off_the_ground_m  # off a box a foot may only fall
    last = min(frame_at(motion.time_s, motion.time_s[near] + EDGE_S), len(away) - 1)
    on_ground = np.flatnonzero(~away[before[0] : last + 1]) + before[0]
    if not len(on_ground) or on_ground[-1] + 1 >= len(away):
        return None
    frame = int(on_ground[-1]) + 1
    off_s = crossing_s(np.abs(clearance_m), motion.time_s, evidence.off_the_ground_m, frame=frame)
    resolution_s = motion.interval_s / np.sqrt(12)
    if motion.of_film and clearance_m[frame] < 0:
        fallen_s = float(np.sqrt(2 * evidence.off_the_ground_m / GRAVITY_M_S2))
        return off_s - fallen_s, float(np.hypot(evidence.drop_sd_s, resolution_s))
    return off_s, float(np.hypot(evidence.take_off_sd_s, resolution_s))


def met_ground_s(motion: Motion, side: Side, after: NDArray[np.intp], *, near: int) -> tuple[float, float] | None:
    """When a foot came down to the level on which it rests, and the time's standard deviation; None where it does not.

    Args:
        motion: the trial.
        side: of the foot.
        after: frames in which it may rest.
        near: the last frame of the free fall before.
    """
    clearance_m = _clearance_m(motion, side, after)
    if clearance_m is None:
        return None
    evidence = evidence_of(motion)
    first = max(frame_at(motion.time_s, motion.time_s[near] - EDGE_S), 1)
    on_ground = np.flatnonzero(clearance_m[first : after[-1] + 1] <= evidence.off_the_ground_m) + first
    if not len(on_ground):
        return None
    met_s = crossing_s(clearance_m, motion.time_s, evidence.off_the_ground_m, frame=int(on_ground[0]))
    return met_s, float(np.hypot(evidence.landing_sd_s, motion.interval_s / np.sqrt(12)))


def met_same_ground_s(motion: Motion, side: Side, before: NDArray[np.intp], *, near: int) -> tuple[float, float] | None:
    """When a foot comes down to the level from which it rose, and the time's standard deviation.

    It is the landing where the foot does not rest in the recording afterwards. None where it does not come down to
    it as the free fall ends, as after a jump onto a box or off it.

    Args:
        motion: the trial.
        side: of the foot.
        before: frames in which it rests, before the flight.
        near: the last frame of the free fall before.
    """
    clearance_m = _clearance_m(motion, side, before)
    if clearance_m is None:
        return None
    evidence, time_s = evidence_of(motion), motion.time_s
    first = max(frame_at(time_s, time_s[near] - SAME_LEVEL_S), 1)
    last = frame_at(time_s, time_s[near] + SAME_LEVEL_S)
    down = np.flatnonzero(clearance_m[first : last + 1] <= evidence.off_the_ground_m) + first
    if not len(down) or clearance_m[first - 1] <= evidence.off_the_ground_m:
        return None
    frame = int(down[0])
    met_s = crossing_s(clearance_m, time_s, evidence.off_the_ground_m, frame=frame)
    sinks_m_s = (clearance_m[frame - 1] - clearance_m[frame]) / (time_s[frame] - time_s[frame - 1])
    sds_s = (evidence.landing_sd_s, SAME_LEVEL_SD_M / sinks_m_s, motion.interval_s / np.sqrt(12))
    return met_s, float(np.linalg.norm(sds_s))


def met_ground_running_s(
    motion: Motion, side: Side, after: NDArray[np.intp], *, near: int
) -> tuple[float, float] | None:
    """Like `met_ground_s`, in running: when the foot, sinking on at the same speed, reaches the ground.

    A runner's foot comes down at 1 m/s or less: on film it passes the height of FootEvidence 30 ms before its contact.

    Args:
        motion: the trial.
        side: of the foot.
        after: frames in which it may rest.
        near: the last frame of the swing before.
    """
    met = met_ground_s(motion, side, after, near=near)
    clearance_m = _clearance_m(motion, side, after)
    if met is None or clearance_m is None:
        return None
    met_s, sd_s = met
    before_s = max(met_s - SINKING_S, float(motion.time_s[0]))
    height_m = evidence_of(motion).off_the_ground_m
    sunk_m = float(np.interp(before_s, motion.time_s, clearance_m)) - height_m
    later_s = min(height_m * (met_s - before_s) / sunk_m, SINKING_S / 2) if sunk_m > 0 else 0.0
    return met_s + later_s, float(np.hypot(sd_s, SINKING_SHARE * later_s))


def _clearance_m(motion: Motion, side: Side, frames: NDArray[np.intp]) -> FloatArray | None:
    """(T,) how far the foot is above where it rests in some frames: each point above its own lowest, the least."""
    resting = frames[motion.foot_speed_m_s[side][frames] <= RESTS_UP_TO_M_S]
    if not len(resting) or not motion.foot_observed[side][resting].any():
        return None
    heights_m = motion.foot_points_m[side][..., 1]
    return np.asarray((heights_m - np.quantile(heights_m[resting], LOWEST, axis=0)).min(axis=1))


def level_change_m(motion: Motion, before: NDArray[np.intp], after: NDArray[np.intp]) -> float:
    """How much higher feet rest in some frames than in earlier ones: of a foot's lowest point, from median to median.

    It is averaged over the feet that rest in both, since on film each foot's heights have their own zero. Where no foot
    does, as in a run, all feet's heights are compared.

    Args:
        motion: the trial.
        before: frames in which feet rest.
        after: later ones.
    """
    lowest_m = [(_resting_m(motion, side, before), _resting_m(motion, side, after)) for side in SIDES]
    changes_m = [np.median(last) - np.median(first) for first, last in lowest_m if len(first) and len(last)]
    if not changes_m:
        first_m, last_m = (np.concatenate(heights) for heights in zip(*lowest_m, strict=True))
        return float(np.median(last_m) - np.median(first_m))
    return float(np.mean(changes_m))


def _resting_m(motion: Motion, side: Side, frames: NDArray[np.intp]) -> FloatArray:
    """Heights of a foot's lowest point in those frames in which it rests."""
    resting = frames[motion.foot_speed_m_s[side][frames] <= RESTS_UP_TO_M_S]
    lowest_m = motion.foot_points_m[side][resting, :, 1].min(axis=1)
    nearer_m = motion.foot_rise_along_view_m.get(side)
    return np.asarray(lowest_m if nearer_m is None else lowest_m + nearer_m[resting])


def is_raised(motion: Motion, side: Side, frames: NDArray[np.intp]) -> bool:
    """Whether a foot rests above the other one by a level of the ground, LEAST_STEP_M or more.

    False where they do not rest together.

    Args:
        motion: the trial.
        side: of the foot.
        frames: in which it may.
    """
    rest = [motion.foot_speed_m_s[one][frames] <= RESTS_UP_TO_M_S for one in SIDES]
    together, names = frames[np.logical_and(*rest)], ("heel", "toes")
    if not len(together) or not {f"{name}_{one[0]}" for name in names for one in SIDES} <= set(motion.points_m):
        return False
    own_m, other_m = (
        np.min([motion.points_m[f"{name}_{one[0]}"][together, 1] for name in names], axis=0)
        for one in (side, OTHER[side])
    )
    return bool(np.median(own_m - other_m) > LEAST_STEP_M)


def frame_at(time_s: FloatArray, at_s: float) -> int:
    """The first frame at or after a time."""
    return int(np.searchsorted(time_s, at_s - 1e-9))
