"""Published methods for foot strike and toe-off in walking, for comparison with the one that is in use.

Each is given the frame at which the foot's state changes (see `biopose.analysis.stance`), and looks for its extreme in
the same time about it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from biopose.analysis.body_points import Side
from biopose.analysis.derivatives import derivative, vertex_s
from biopose.analysis.gait_events import AFTER_S, BEFORE_S, VELOCITY_WINDOW_S
from biopose.analysis.measured_trial import FloatArray
from biopose.analysis.motion import Motion
from biopose.analysis.stance import STANDS, foot_states


def zeni_strike(motion: Motion, side: Side) -> FloatArray:
    """(T,) how far the heel is ahead of the pelvis (Zeni et al. 2008, Gait Posture 27:710): most at foot strike."""
    return _ahead_m(motion, side, 0)


def zeni_off(motion: Motion, side: Side) -> FloatArray:
    """(T,) how far the toe is behind the pelvis: most at toe-off."""
    return -_ahead_m(motion, side, -1)


def hreljac_marshall_strike(motion: Motion, side: Side) -> FloatArray:
    """(T,) the heel's vertical acceleration (Hreljac & Marshall 2000, J Biomech 33:783): greatest at foot strike."""
    return _acceleration(motion, motion.foot_points_m[side][:, 0])[:, 1]


def hreljac_marshall_off(motion: Motion, side: Side) -> FloatArray:
    """(T,) the toe's forward acceleration: greatest at toe-off."""
    return _acceleration(motion, motion.foot_points_m[side][:, -1]) @ _forward(motion)


STRIKES: Mapping[str, Callable[[Motion, Side], FloatArray]] = {
    "Zeni 2008": zeni_strike,
    "Hreljac & Marshall 2000": hreljac_marshall_strike,
}
OFFS: Mapping[str, Callable[[Motion, Side], FloatArray]] = {
    "Zeni 2008": zeni_off,
    "Hreljac & Marshall 2000": hreljac_marshall_off,
}


def moments_by_method(motion: Motion, side: Side) -> dict[str, list[tuple[str, float]]]:
    """By method, (foot_strike or foot_off, time) of every change of the foot's state.

    Beside the published methods: the change of state itself, midway between the frames before and after.
    """
    states = foot_states(motion, [])[side]
    found: dict[str, list[tuple[str, float]]] = {name: [] for name in (*STRIKES, "rest of the foot")}
    for frame in (np.flatnonzero(np.diff(states)) + 1).tolist():
        name = "foot_strike" if states[frame] == STANDS else "foot_off"
        for method, signal in (STRIKES if name == "foot_strike" else OFFS).items():
            found[method].append((name, _greatest_s(motion, signal(motion, side), frame)))
        found["rest of the foot"].append((name, float(motion.time_s[frame - 1] + motion.time_s[frame]) / 2))
    return found


def _greatest_s(motion: Motion, signal: FloatArray, frame: int) -> float:
    since_s = motion.time_s - motion.time_s[frame]
    near = np.flatnonzero((since_s >= -BEFORE_S) & (since_s <= AFTER_S))
    return vertex_s(signal, motion.time_s, int(near[signal[near].argmax()]))


def _ahead_m(motion: Motion, side: Side, point: int) -> FloatArray:
    return np.asarray((motion.foot_points_m[side][:, point] - motion.center_of_mass_m) @ _forward(motion))


def _forward(motion: Motion) -> FloatArray:
    """(3,) horizontal unit vector of walking, from the heels to the toes."""
    along_m = [points_m[:, -1] - points_m[:, 0] for points_m in motion.foot_points_m.values()]
    way = np.mean(along_m, axis=(0, 1)) * [1, 0, 1]
    return np.asarray(way / np.linalg.norm(way))


def _acceleration(motion: Motion, points_m: FloatArray) -> FloatArray:
    return derivative(points_m, motion.time_s, order=2, degree=3, half_window_s=VELOCITY_WINDOW_S)
