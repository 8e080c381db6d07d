"""Metrics, and what each is: its unit, its meaning and where the field defines it.

Angles are those of the default skeleton, signs as in Rajagopal et al. 2016 (IEEE TBME 63:2068): flexion and
dorsiflexion are positive. The centre of mass is the whole body's, from the segments' masses.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from biopose.analysis.tables import Metric

Side = Literal["left", "right", "none"]

LINTHORNE = "Linthorne 2001, Am J Phys 69:1198"
PERRY = "Perry & Burnfield 2010, Gait Analysis, 2nd ed."
WHITTLE = "Levine, Richards & Whittle 2012, Whittle's Gait Analysis, 5th ed."
NOVACHECK = "Novacheck 1998, Gait Posture 7:77"
ALEXANDER = "Alexander 1989, Physiol Rev 69:1199"
FLANAGAN = "Flanagan & Comyns 2008, Strength Cond J 30:32"
RAJAGOPAL = "Rajagopal et al. 2016, IEEE TBME 63:2068"


@dataclass(frozen=True)
class Definition:
    """What a number means.

    Attributes:
        unit: of the value and its standard deviation; "1" for a count.
        meaning: in one sentence.
        source: publication that defines it so; empty where none is needed.
        better: which direction is an improvement; empty where that depends on the person, the task or the speed.
    """

    unit: str
    meaning: str
    source: str = ""
    better: Literal["higher", "lower", ""] = ""


def _of_joint(joint: str) -> dict[str, Definition]:
    trusted = "over the frames that can be trusted"
    return {
        f"{joint}_peak": Definition("deg", f"Greatest {joint.replace('_', ' ')} {trusted}.", RAJAGOPAL),
        f"{joint}_range": Definition("deg", f"Greatest less least {joint.replace('_', ' ')} {trusted}.", RAJAGOPAL),
    }


DEFINITIONS: Mapping[str, Definition] = {
    "duration": Definition("s", "From the first frame to the last."),
    **_of_joint("hip_flexion"),
    **_of_joint("knee_flexion"),
    **_of_joint("ankle_dorsiflexion"),
    "jump_count": Definition("1", "Jumps that end at the height where they began, within 0.1 m."),
    "flight_time": Definition(
        "s", "From take-off to landing: of the longest jump; in gait the median flight.", f"{LINTHORNE}; {NOVACHECK}"
    ),
    "jump_height": Definition(
        "m",
        "How far the centre of mass rises from take-off to the top of the longest jump: the mean of the heights by "
        "flight time and by the centre of mass's rise, weighted by their precision; where these two differ by more "
        "than their standard deviations explain, its own is larger.",
        LINTHORNE,
        "higher",
    ),
    "jump_height_flight": Definition(
        "m", "g t^2 / 8 of the longest jump's flight time t, g = 9.81 m/s2.", LINTHORNE, "higher"
    ),
    "jump_height_com": Definition(
        "m", "How far the centre of mass rises from take-off to the top of the longest jump.", LINTHORNE, "higher"
    ),
    "jump_height_difference": Definition(
        "m",
        "The height by the centre of mass's rise less the height by flight time; negative where somebody lands with "
        "legs more bent than at take-off.",
        LINTHORNE,
    ),
    "knee_flexion_landing_peak": Definition(
        "deg",
        "Greatest knee flexion in the second after the longest jump's landing, or up to the next take-off.",
        "Hewett et al. 2005, Am J Sports Med 33:492",
    ),
    "contact_time": Definition(
        "s",
        "From foot strike to foot off, a side's median, in running and sprinting while the other foot is in the air; "
        "of a drop jump from the landing off the box to take-off.",
        f"{PERRY}; {NOVACHECK}; Bobbert et al. 1987, Med Sci Sports Exerc 19:332",
    ),
    "reactive_strength_index": Definition(
        "m/s", "Height by flight time of a drop jump over its contact time on the ground.", FLANAGAN, "higher"
    ),
    "duty_factor": Definition(
        "1", "Contact time over stride time, of a side's medians; above 0.5 in walking, below it in running.", ALEXANDER
    ),
    "squat_depth": Definition(
        "deg",
        "Greatest flexion of both knees, on average, over the frames that can be trusted.",
        "Escamilla 2001, Med Sci Sports Exerc 33:127",
    ),
    "repetition_count": Definition("1", "Times that the knees bend by 20 degrees or more and straighten again."),
    "step_count": Definition(
        "1", "Foot strikes of both sides; none is given where a foot may strike while its state is not known.", WHITTLE
    ),
    "swing_time": Definition("s", "From foot off to the same foot's next strike, within a stride.", PERRY),
    "stride_length": Definition(
        "m", "The pelvis's horizontal way from a foot strike to the same foot's next; none on a treadmill.", PERRY
    ),
    "stride_time": Definition(
        "s",
        "From foot strike to the same foot's next, the median, in running and sprinting of strides in which the feet "
        "never stand together.",
        f"{PERRY}; {NOVACHECK}",
    ),
    "cadence": Definition("steps/min", "Two steps in each stride time, averaged over the sides.", WHITTLE),
    "mean_speed": Definition(
        "m/s", "Horizontal distance of the pelvis from the first to the last trusted frame over the time.", WHITTLE
    ),
}


def unknown_metric(name: str, *, reason: str, side: Side = "none") -> Metric:
    """A metric of a trial that cannot be known.

    Args:
        name: of DEFINITIONS.
        reason: why, in a sentence.
        side: whose.
    """
    return Metric(name, side, None, DEFINITIONS[name].unit, None, reason)


def metric(name: str, value: float, *, side: Side = "none", sd: float | None = None) -> Metric:
    """A metric of a trial with its defined unit.

    Args:
        name: of DEFINITIONS.
        value: in that unit.
        side: whose.
        sd: standard deviation, None or NaN where it is not known.
    """
    known = float(sd) if sd is not None and math.isfinite(sd) else None
    return Metric(name, side, float(value), DEFINITIONS[name].unit, known)
