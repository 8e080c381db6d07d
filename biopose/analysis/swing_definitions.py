"""Metrics of throws and kicks, as `definitions` has those of other activities."""

from __future__ import annotations

from collections.abc import Mapping

from biopose.analysis.definition import EACH_SIDE, Definition

ESCAMILLA = "Escamilla et al. 1998, J Appl Biomech 14:1"
DILLMAN = "Dillman et al. 1993, J Orthop Sports Phys Ther 18:402"
PUTNAM = "Putnam 1993, J Biomech 26 Suppl 1:125"
STODDEN = "Stodden et al. 2001, J Appl Biomech 17:164"
LEES = "Lees et al. 2010, J Sports Sci 28:805"

CONTACT, ARM_COCKED, RELEASE, BALL = (
    ("stride_foot_contact",),
    ("external_rotation_peak",),
    ("release",),
    ("ball_strike",),
)


def _turning(name: str, meaning: str, source: str) -> dict[str, Definition]:
    """The peak of an angular velocity of a throw and when it is reached: a part of the kinematic sequence."""
    what = f"{meaning}, its greatest rate from the stride foot's contact to 0.1 s after release"
    events = (*CONTACT, *RELEASE)
    return {
        f"{name}_velocity_peak": Definition("deg/s", f"{what}.", source, events=events, sides=EACH_SIDE),
        f"{name}_velocity_peak_time": Definition(
            "s",
            f"When that rate is reached, from release on; negative before it. {meaning}.",
            PUTNAM,
            events=events,
            sides=EACH_SIDE,
        ),
    }


SWING_DEFINITIONS: Mapping[str, Definition] = {
    "wrist_speed_peak": Definition(
        "m/s",
        "Greatest speed of the throwing arm's wrist centre, at release.",
        ESCAMILLA,
        "higher",
        RELEASE,
        sides=EACH_SIDE,
    ),
    "hip_shoulder_separation_at_contact": Definition(
        "deg",
        "How much farther the line of the hips' centres is turned towards the target than that of the shoulders', "
        "about the vertical, at the stride foot's contact of a throw.",
        STODDEN,
        events=CONTACT,
        sides=EACH_SIDE,
    ),
    "hip_shoulder_separation_peak": Definition(
        "deg",
        "Greatest separation of hips and shoulders from the stride foot's contact to release, as at contact.",
        STODDEN,
        events=(*CONTACT, *RELEASE),
        sides=EACH_SIDE,
    ),
    "throw_stride_length": Definition(
        "m",
        "Level distance between the ankles' centres at the stride foot's contact.",
        ESCAMILLA,
        events=CONTACT,
        sides=EACH_SIDE,
    ),
    "lead_knee_flexion_at_contact": Definition(
        "deg",
        "Flexion of the stride leg's knee at its foot's contact in a throw.",
        ESCAMILLA,
        events=CONTACT,
        sides=EACH_SIDE,
    ),
    "lead_knee_flexion_at_release": Definition(
        "deg", "Flexion of the stride leg's knee at release.", ESCAMILLA, events=RELEASE, sides=EACH_SIDE
    ),
    "shoulder_external_rotation_peak": Definition(
        "deg",
        "Greatest rotation of the upper arm about itself before release: 0 with the forearm forwards of the trunk, 90 "
        "with it upwards.",
        DILLMAN,
        events=ARM_COCKED,
        sides=EACH_SIDE,
    ),
    **_turning("pelvis_rotation", "Turning of the line of the hips' centres towards the target", STODDEN),
    **_turning("trunk_rotation", "Turning of the line of the shoulders' centres towards the target", STODDEN),
    **_turning("elbow_extension", "Extension of the throwing arm's elbow", ESCAMILLA),
    **_turning("shoulder_internal_rotation", "Internal rotation of the throwing arm's shoulder", ESCAMILLA),
    "foot_speed_peak": Definition(
        "m/s",
        "Greatest speed of the kicking foot's metatarsophalangeal joint, at the ball's strike.",
        LEES,
        "higher",
        BALL,
        sides=EACH_SIDE,
    ),
    "knee_extension_velocity_peak": Definition(
        "deg/s",
        "Greatest rate of the kicking leg's knee extension in the half second up to 0.05 s after the ball's strike.",
        LEES,
        events=BALL,
        sides=EACH_SIDE,
    ),
    "kick_hip_flexion_peak": Definition(
        "deg",
        "Greatest hip flexion of the kicking leg in the half second up to the ball's strike.",
        LEES,
        events=BALL,
        sides=EACH_SIDE,
    ),
    "kick_hip_flexion_range": Definition(
        "deg",
        "Greatest less least hip flexion of the kicking leg in the half second up to the ball's strike.",
        LEES,
        events=BALL,
        sides=EACH_SIDE,
    ),
}
