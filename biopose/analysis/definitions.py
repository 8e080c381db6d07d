"""Metrics, and what each is: its unit, its meaning and where the field defines it.

Angles are those of the default skeleton, signs as in Rajagopal et al. 2016 (IEEE TBME 63:2068): flexion and
dorsiflexion are positive. The centre of mass is the whole body's, from the segments' masses.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from biopose.analysis.definition import EACH_SIDE, WHOLE_BODY, Definition, Side
from biopose.analysis.swing_definitions import SWING_DEFINITIONS
from biopose.analysis.tables import Metric

LINTHORNE = "Linthorne 2001, Am J Phys 69:1198"
PERRY = "Perry & Burnfield 2010, Gait Analysis, 2nd ed."
WHITTLE = "Levine, Richards & Whittle 2012, Whittle's Gait Analysis, 5th ed."
NOVACHECK = "Novacheck 1998, Gait Posture 7:77"
ALEXANDER = "Alexander 1989, Physiol Rev 69:1199"
FLANAGAN = "Flanagan & Comyns 2008, Strength Cond J 30:32"
MORIN = "Morin et al. 2005, J Appl Biomech 21:167"
HEIDERSCHEIT = "Heiderscheit et al. 2011, Med Sci Sports Exerc 43:296"
WINTER = "Winter 2009, Biomechanics and Motor Control of Human Movement, 4th ed."
MCMAHON = "McMahon et al. 2018, Strength Cond J 40:96"
HEWETT = "Hewett et al. 2005, Am J Sports Med 33:492"
MUNRO = "Munro et al. 2012, J Sport Rehabil 21:7"
PADUA = "Padua et al. 2009, Am J Sports Med 37:1996"
RAJAGOPAL = "Rajagopal et al. 2016, IEEE TBME 63:2068"


STEPS, CONTACT = ("foot_strike",), ("foot_strike", "foot_off")
FLIGHT, WITH_PEAK, COUNTERMOVEMENT = (
    ("take_off", "landing"),
    ("take_off", "peak", "landing"),
    ("lowest_point", "take_off"),
)
BOX_LANDING = ("box_take_off", "landing")


def _of_joint(joint: str) -> dict[str, Definition]:
    trusted = "over the frames that can be trusted"
    return {
        f"{joint}_peak": Definition(
            "deg", f"Greatest {joint.replace('_', ' ')} {trusted}.", RAJAGOPAL, sides=EACH_SIDE
        ),
        f"{joint}_range": Definition(
            "deg", f"Greatest less least {joint.replace('_', ' ')} {trusted}.", RAJAGOPAL, sides=EACH_SIDE
        ),
    }


def _landing_error(number: int, meaning: str) -> Definition:
    """An item of the Landing Error Scoring System, by its number there."""
    scored = (
        f"1 where, after the landing off a box, {meaning}, else 0; item {number} of the Landing Error Scoring System."
    )
    return Definition("1", scored, PADUA, "lower", BOX_LANDING, EACH_SIDE)


DEFINITIONS: Mapping[str, Definition] = {
    "duration": Definition("s", "From the first frame to the last."),
    **_of_joint("hip_flexion"),
    **_of_joint("knee_flexion"),
    **_of_joint("ankle_dorsiflexion"),
    "jump_count": Definition("1", "Jumps that end at the height where they began, within 0.1 m.", events=FLIGHT),
    "flight_time": Definition(
        "s",
        "From take-off to landing: of the longest jump; in gait the median flight.",
        f"{LINTHORNE}; {NOVACHECK}",
        events=FLIGHT,
    ),
    "jump_height": Definition(
        "m",
        "How far the centre of mass rises from take-off to the top of the longest jump: the mean of the heights by "
        "flight time and by the centre of mass's rise, weighted by their precision; where these two differ by more "
        "than their standard deviations explain, its own is larger.",
        LINTHORNE,
        "higher",
        events=WITH_PEAK,
    ),
    "jump_height_flight": Definition(
        "m", "g t^2 / 8 of the longest jump's flight time t, g = 9.81 m/s2.", LINTHORNE, "higher", events=FLIGHT
    ),
    "jump_height_com": Definition(
        "m",
        "How far the centre of mass rises from take-off to the top of the longest jump.",
        LINTHORNE,
        "higher",
        events=WITH_PEAK,
    ),
    "jump_height_difference": Definition(
        "m",
        "The height by the centre of mass's rise less the height by flight time; negative where somebody lands with "
        "legs more bent than at take-off.",
        LINTHORNE,
        events=WITH_PEAK,
    ),
    "knee_flexion_landing_peak": Definition(
        "deg",
        "Greatest knee flexion in the second after the longest jump's landing, or up to the next take-off.",
        HEWETT,
        events=FLIGHT,
        sides=EACH_SIDE,
    ),
    "contact_time": Definition(
        "s",
        "Stance: from foot strike to foot off, a side's median, in running and sprinting while the other foot is in "
        "the air; of a drop jump from the landing off the box to take-off.",
        f"{PERRY}; {NOVACHECK}; Bobbert et al. 1987, Med Sci Sports Exerc 19:332",
        events=CONTACT,
        sides=(*EACH_SIDE, *WHOLE_BODY),
    ),
    "reactive_strength_index": Definition(
        "m/s",
        "Height by flight time of a drop jump over its contact time on the ground.",
        FLANAGAN,
        "higher",
        events=FLIGHT,
    ),
    "duty_factor": Definition(
        "1",
        "Contact time over stride time, of a side's medians; above 0.5 in walking, below it in running.",
        ALEXANDER,
        events=CONTACT,
        sides=EACH_SIDE,
    ),
    "squat_depth": Definition(
        "deg",
        "Greatest flexion of both knees, on average, over the frames that can be trusted.",
        "Escamilla 2001, Med Sci Sports Exerc 33:127",
    ),
    "repetition_count": Definition("1", "Times that the knees bend by 20 degrees or more and straighten again."),
    "step_count": Definition(
        "1",
        "Foot strikes of both sides, one in a short gap between air and stance included; none is given where it is not "
        "known how often a foot strikes while its state is not known.",
        WHITTLE,
        events=STEPS,
    ),
    "swing_time": Definition(
        "s",
        "Swing: from foot off to the same foot's next strike, within a stride, a side's median.",
        PERRY,
        events=CONTACT,
        sides=EACH_SIDE,
    ),
    "stride_length": Definition(
        "m",
        "The pelvis's horizontal way from a foot strike to the same foot's next; none on a treadmill.",
        PERRY,
        events=STEPS,
        sides=EACH_SIDE,
    ),
    "stride_time": Definition(
        "s",
        "From foot strike to the same foot's next, the median, in running and sprinting of strides in which the feet "
        "never stand together.",
        f"{PERRY}; {NOVACHECK}",
        events=STEPS,
        sides=EACH_SIDE,
    ),
    "cadence": Definition(
        "steps/min", "Two steps in each stride time, averaged over the sides.", WHITTLE, events=STEPS
    ),
    "mean_speed": Definition(
        "m/s", "Horizontal distance of the pelvis from the first to the last trusted frame over the time.", WHITTLE
    ),
    "step_length": Definition(
        "m",
        "How far a heel at its strike lies ahead of the other heel at that foot's preceding strike, along where the "
        "pelvis faces, a side's median; the side is that of the foot ahead; none on a treadmill.",
        WHITTLE,
        events=STEPS,
        sides=EACH_SIDE,
    ),
    "double_support": Definition(
        "1",
        "Share of a side's stride in which both feet are on the ground, of both such phases, the median, in walking.",
        PERRY,
        events=CONTACT,
        sides=EACH_SIDE,
    ),
    "vertical_oscillation": Definition(
        "m",
        "Greatest less least height of the centre of mass within a stride, from film over the line between its heights "
        "at the stride's ends, the median of both sides' strides.",
        NOVACHECK,
        events=STEPS,
    ),
    "overstride": Definition(
        "m",
        "How far the ankle's centre lies ahead of the centre of mass at foot strike in running, along where the pelvis "
        "faces, a side's median.",
        f"{HEIDERSCHEIT}, of the heel",
        events=STEPS,
        sides=EACH_SIDE,
    ),
    "touch_down_distance": Definition(
        "m",
        "How far the metatarsophalangeal joint lies ahead of the centre of mass at foot strike in sprinting, along "
        "where the pelvis faces, a side's median.",
        "Hunter et al. 2005, J Appl Biomech 21:31",
        events=STEPS,
        sides=EACH_SIDE,
    ),
    "shank_angle_at_contact": Definition(
        "deg",
        "Of the shank from the vertical at foot strike, in the direction in which the pelvis faces, a side's median; "
        "positive with the ankle ahead of the knee.",
        WINTER,
        events=STEPS,
        sides=EACH_SIDE,
    ),
    "leg_stiffness": Definition(
        "N/m/kg",
        "Greatest vertical force over the greatest shortening of the leg in running, for each kilogram of body mass: "
        "of a spring-mass model from contact and flight time, mean speed and the leg's length; times the mass it is in "
        "N/m.",
        MORIN,
        events=CONTACT,
        sides=EACH_SIDE,
    ),
    "step_frequency": Definition("steps/s", "Cadence in steps a second, in sprinting.", NOVACHECK, events=STEPS),
    "countermovement_depth": Definition(
        "m",
        "How far the centre of mass sinks from where it begins to sink faster than 0.1 m/s to its lowest point before "
        "the longest jump's take-off.",
        MCMAHON,
        events=COUNTERMOVEMENT,
    ),
    "countermovement_time": Definition(
        "s",
        "From where the centre of mass begins to sink faster than 0.1 m/s to its lowest point before take-off: the "
        "unweighting and braking phases.",
        MCMAHON,
        events=COUNTERMOVEMENT,
    ),
    "unweighting_time": Definition(
        "s",
        "From where the centre of mass begins to sink faster than 0.1 m/s to where it sinks fastest: the unweighting "
        "phase.",
        MCMAHON,
        events=COUNTERMOVEMENT,
    ),
    "braking_time": Definition(
        "s",
        "From where the centre of mass sinks fastest to its lowest point before take-off: the braking phase.",
        MCMAHON,
        events=COUNTERMOVEMENT,
    ),
    "propulsion_time": Definition(
        "s",
        "From the lowest point of the centre of mass to take-off: the propulsion phase.",
        MCMAHON,
        events=COUNTERMOVEMENT,
    ),
    "time_to_take_off": Definition(
        "s",
        "From where the centre of mass begins to sink faster than 0.1 m/s to take-off of the longest jump.",
        MCMAHON,
        events=COUNTERMOVEMENT,
    ),
    "reactive_strength_index_modified": Definition(
        "m/s",
        "Height by flight time of a countermovement jump over its time to take-off.",
        "Ebben & Petushek 2010, J Strength Cond Res 24:1983",
        "higher",
        (*COUNTERMOVEMENT, "landing"),
    ),
    "trunk_lean_peak": Definition(
        "deg",
        "Greatest forward lean of the trunk from the vertical in squats, of the line from the middle of the hips to "
        "that of the shoulders, over the frames that can be trusted.",
        "Escamilla 2001, Med Sci Sports Exerc 33:127",
    ),
    "hip_shift_peak": Definition(
        "m",
        "How far the middle of the hips lies beside the middle of the ankles, along the line of the ankles, where it "
        "is farthest over the frames of squats that can be trusted; positive to the right.",
    ),
    "knee_frontal_angle_peak": Definition(
        "deg",
        "Greatest angle between thigh and shank in the pelvis's frontal plane in squats, over the frames that can be "
        "trusted; positive with the knee medial.",
        MUNRO,
        sides=EACH_SIDE,
    ),
    "knee_flexion_at_contact": Definition(
        "deg",
        "Knee flexion when the foot meets the ground in the landing off a box.",
        HEWETT,
        events=BOX_LANDING,
        sides=EACH_SIDE,
    ),
    "knee_flexion_drop_landing_peak": Definition(
        "deg",
        "Greatest knee flexion after the landing off a box, up to the next take-off.",
        HEWETT,
        events=BOX_LANDING,
        sides=EACH_SIDE,
    ),
    "hip_adduction_at_contact": Definition(
        "deg",
        "Hip adduction when the foot meets the ground in the landing off a box.",
        HEWETT,
        events=BOX_LANDING,
        sides=EACH_SIDE,
    ),
    "hip_adduction_at_peak_knee_flexion": Definition(
        "deg",
        "Hip adduction at the greatest knee flexion after the landing off a box.",
        HEWETT,
        events=BOX_LANDING,
        sides=EACH_SIDE,
    ),
    "knee_frontal_angle_at_contact": Definition(
        "deg",
        "Angle between thigh and shank in the pelvis's frontal plane when the foot meets the ground in the landing off "
        "a box; positive with the knee medial.",
        MUNRO,
        events=BOX_LANDING,
        sides=EACH_SIDE,
    ),
    "knee_frontal_angle_at_peak_knee_flexion": Definition(
        "deg",
        "Angle between thigh and shank in the pelvis's frontal plane at the greatest knee flexion after the landing "
        "off a box; positive with the knee medial.",
        MUNRO,
        events=BOX_LANDING,
        sides=EACH_SIDE,
    ),
    "landing_error_knee_flexion_contact": _landing_error(1, "the knee is flexed by 30 degrees or less at contact"),
    "landing_error_heel_first": _landing_error(4, "the heel is not higher than the toes at contact"),
    "landing_error_toe_in": _landing_error(
        9, "the foot is turned inwards by 30 degrees or more from where the pelvis faces"
    ),
    "landing_error_toe_out": _landing_error(
        10, "the foot is turned outwards by 30 degrees or more from where the pelvis faces"
    ),
    "landing_error_knee_flexion_displacement": _landing_error(
        12, "the knee flexes by 45 degrees or less from contact to its greatest flexion"
    ),
    "landing_error_hip_flexion_displacement": _landing_error(
        13, "the hip is not more flexed at the greatest knee flexion than at contact"
    ),
    "landing_error_trunk_flexion_displacement": _landing_error(
        14, "the trunk does not lean farther forward at the greatest knee flexion than at contact"
    ),
    "landing_error_score": Definition(
        "1",
        "Sum of the seven items of the Landing Error Scoring System that are measured here, of its seventeen: not "
        "comparable with a score of all.",
        PADUA,
        "lower",
        BOX_LANDING,
        sides=EACH_SIDE,
    ),
    **SWING_DEFINITIONS,
}


def unknown_metric(name: str, *, reason: str, side: Side = "none") -> Metric:
    """A metric of a trial that cannot be known.

    Args:
        name: of DEFINITIONS.
        reason: why, in a sentence.
        side: whose.
    """
    return Metric(name, side, None, DEFINITIONS[name].unit, None, reason)


def metric(
    name: str, value: float, *, side: Side = "none", sd: float | None = None, constant_sd: float = 0.0
) -> Metric:
    """A metric of a trial with its defined unit.

    Args:
        name: of DEFINITIONS.
        value: in that unit.
        side: whose.
        sd: standard deviation, None or NaN where it is not known.
        constant_sd: of it the part that is the same in every trial of the person; at most sd counts.
    """
    known = float(sd) if sd is not None and math.isfinite(sd) else None
    constant = min(float(constant_sd), known) if known is not None and constant_sd > 0 else None
    return Metric(name, side, float(value), DEFINITIONS[name].unit, known, constant_sd=constant)
