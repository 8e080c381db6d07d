"""Whether a motion can be the activity that is declared: events and metrics of another one are wrong however they look.

Such a trial has kinematics alone: no events and no cycles, and metrics that are null with the reason, those of angles,
too, since the activity sets their low-pass filter's cut-off. Throws and kicks are not tested, as other motion may
surround them, and kindred activities are not distinguished: a sprint begins as a run, and a drop jump's drop may not
be recorded.
"""

from __future__ import annotations

from collections.abc import Iterable

from biopose.analysis.activity_recognition import OTHER_ACTIVITY, activity_probabilities
from biopose.analysis.definitions import unknown_metric
from biopose.analysis.flights import NEVER_IN_FLIGHT, free_falls_s
from biopose.analysis.motion import Motion
from biopose.analysis.tables import Metric

KIND = {
    "walk": "walk",
    "run": "run",
    "sprint": "run",
    "squat": "squat",
    "countermovement_jump": "jump",
    "drop_jump": "jump",
}
SURELY = 0.9  # of at most 0.95: all numbers of a trial that is contradicted wrongly are lost
CONTRADICTED = "activity_contradicted"  # quality metric of such a trial, 1
JUMP_S = 0.2  # of free fall: a jump of 5 cm; contacts of a walk that are not recognised leave none


def contradiction(motion: Motion, *, activity: str) -> str | None:
    """Half a sentence where a motion is surely of another kind than the activity; None else, or where little is known.

    Args:
        motion: the trial.
        activity: as declared.
    """
    if activity not in KIND:
        return None
    probabilities = activity_probabilities(motion) or {OTHER_ACTIVITY: 1.0}
    likeliest = max(probabilities, key=lambda name: probabilities[name])
    declared = f"declared as {activity}, "
    if probabilities[likeliest] >= SURELY and KIND.get(likeliest, KIND[activity]) != KIND[activity]:
        return f"{declared}but the motion looks like {likeliest}, with probability {probabilities[likeliest]:.2f}"
    falls_s = free_falls_s(motion) if activity in NEVER_IN_FLIGHT else []
    for start_s, end_s in falls_s:
        if end_s - start_s >= JUMP_S:
            return f"{declared}but the body falls freely from {start_s:.2f} to {end_s:.2f} s, as in a jump"
    return None


def withheld(metrics: Iterable[Metric], *, reason: str) -> list[Metric]:
    """All null with the reason.

    Args:
        metrics: of the declared activity.
        reason: a sentence.
    """
    return [unknown_metric(one.metric, side=one.side, reason=reason) for one in metrics]
