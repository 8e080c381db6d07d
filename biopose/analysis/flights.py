"""When both feet are off the ground and the body flies.

Feet that are lost, or that shuffle, look as if they were off the ground; but what flies falls. In a flight of t seconds
the centre of mass rises g t^2 / 8 above the straight line between its heights at take-off and landing, whatever its
speed; the pelvis, which follows it, must do so for the most part.
"""

from __future__ import annotations

import numpy as np

from biopose.analysis.contact import SIDES, Contact, foot_contact, frames_in, without_short
from biopose.analysis.measured_trial import MeasuredTrial

GRAVITY_M_S2 = 9.80665
SHORTEST_S = 0.06  # a slow run's
LEAST_OF_FALL = 0.4  # the pelvis is not the centre of mass, and its height is filtered


def flights(trial: MeasuredTrial) -> list[tuple[int, int]]:
    """Rows of take-off and landing of every flight that was seen whole: the first frame in the air, and after it."""
    left, right = (foot_contact(trial, side) for side in SIDES)
    on = ~without_short(~(left.on | right.on), at_least=frames_in(trial, SHORTEST_S))
    landed, left_ground = Contact(on, left.known & right.known).changes()
    changes = sorted([(row, "landing") for row in landed] + [(row, "take_off") for row in left_ground])
    kinds = [kind for _, kind in changes]
    pairs = [
        (changes[i][0], changes[i + 1][0])
        for i in range(len(changes) - 1)
        if kinds[i : i + 2] == ["take_off", "landing"]
    ]
    return [(start, end) for start, end in pairs if _falls(trial, start, end)]


def _falls(trial: MeasuredTrial, start: int, end: int) -> bool:
    time_s, height_m = (trial.column(name)[start : end + 1] for name in ("time_s", "pelvis_ty_m"))
    line_m = np.interp(time_s, time_s[[0, -1]], height_m[[0, -1]])
    fall_m = GRAVITY_M_S2 * (time_s[-1] - time_s[0]) ** 2 / 8
    return bool((height_m - line_m).max() >= LEAST_OF_FALL * fall_m)
