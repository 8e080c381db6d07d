"""Events, and what each is: its meaning and the method that finds it in kinematics; force plates tell some first."""

from __future__ import annotations

from collections.abc import Mapping

from biopose.analysis.definition import Definition

FREE_FALL = "free fall of the centre of mass, as in Linthorne 2001, Am J Phys 69:1198"
MCMAHON = "McMahon et al. 2018, Strength Cond J 40:96"
KAGEYAMA = "Kageyama et al. 2014, J Sports Sci Med 13:742"


def _event(meaning: str, source: str) -> Definition:
    return Definition("s", meaning, source)


EVENT_DEFINITIONS: Mapping[str, Definition] = {
    "foot_strike": _event(
        "A foot meets the ground: it sinks fastest, in running at the height at which it rests; beside a flight, the "
        "flight's end.",
        "O'Connor et al. 2007, Gait Posture 25:469",
    ),
    "foot_off": _event(
        "A foot leaves the ground: shortly after it rises fastest, in running where its knee is most extended; beside "
        "a flight, its beginning.",
        "O'Connor et al. 2007, Gait Posture 25:469; Fellin et al. 2010, J Sci Med Sport 13:646",
    ),
    "take_off": _event("The last foot leaves the ground: a flight begins.", FREE_FALL),
    "box_take_off": _event(
        "The last foot leaves the box: the flight of a drop jump begins that ends on a lower level.", FREE_FALL
    ),
    "peak": _event("The centre of mass is highest in a flight.", FREE_FALL),
    "landing": _event("The first foot meets the ground: a flight ends.", FREE_FALL),
    "lowest_point": _event("The centre of mass is lowest before take-off, or after landing.", MCMAHON),
    "peak_knee_flexion": _event(
        "The knees are bent most: the bottom of a squat, of a countermovement or of a landing.",
        "Escamilla 2001, Med Sci Sports Exerc 33:127",
    ),
    "stride_foot_contact": _event("The stride foot's last strike before release, in a throw.", KAGEYAMA),
    "external_rotation_peak": _event(
        "The throwing arm's shoulder is rotated outwards most, between the stride foot's contact and release.", KAGEYAMA
    ),
    "release": _event(
        "The throwing arm's wrist is fastest: the ball leaves the hand, which is not observed.",
        "Atwater 1979, Exerc Sport Sci Rev 7:43",
    ),
    "ball_strike": _event(
        "The kicking foot is fastest: it strikes the ball, which is not observed.",
        "Lees et al. 2010, J Sports Sci 28:805",
    ),
}
