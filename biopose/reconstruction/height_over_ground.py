"""How well a person's height over the ground is known: by the ground's plane, and by whether feet rest on its levels.

A level is known by where feet rest on it; where somebody is elsewhere, on another level, its slopes come in. But steps
that lead along the view look like a slope, and that like a floor before a camera that looks down more steeply; a step
lower than LEAST_STEP_M is part of the floor. Feet then rest beside the levels by more than on a floor, or the ground is
tilted against people's posture by more than that errs, and it may lie anywhere between the heights at which feet rest
about the vertical that was expected.

Constants: on synthetic film (CMU's 02_01 to 02_04 and 03_01, drawn jumps) of floors, boxes and a stage (43 clips) and
of stairs (14) by cameras 0.4 to 3.2 m high. Feet on a floor rest 32 mm beside the levels at most and tilt the ground by
1.2 standard deviations at most, but for walks away from cameras 2.6 and 2.8 m high (2.6). 95 % intervals hold the
heights of all floors and of 11 stairs. Of the seven that err by more than 0.1 m, all of stairs, four are named.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from biopose.camera.ground import STANDS_S, Contacts, Ground
from biopose.camera.ground_levels import LEAST_STEP_M
from biopose.reconstruction.common_floor import Footing

Floats = NDArray[np.float64]

HEIGHT_SD_M = 0.03  # over a plane that is known
OFF_LEVELS_M = 0.033  # root mean square of the rests of a clip, above which they do not
TILT_SDS = 1.5
NOTED_SD_M = 0.06  # of a height, from which there is a note
RANGE_SHARE = 0.5  # of the range of heights at which feet rest, then: standard deviation of the ground's


@dataclass(frozen=True)
class HeightOverGround:
    """How well a person's height over the ground is known.

    Attributes:
        sd_m: its standard deviation, mean over a clip; NaN of who never rests a foot.
        notes: a sentence where the ground is not known well.
    """

    sd_m: float
    notes: tuple[str, ...] = ()

    @classmethod
    def of(cls, person: Footing, ground: Ground, *, up_camera: Floats) -> HeightOverGround:
        """That of a person.

        Args:
            person: where their feet rest, two points a foot.
            ground: that was found.
            up_camera: (3,) direction of up that was expected, of unit length.
        """
        contacts = person.contacts
        if not contacts.there.any():
            return cls(float("nan"))
        of_plane_m = np.sqrt(np.mean(ground.height_sd_m(contacts.points_m.mean(axis=1)) ** 2))
        is_uneven = _is_uneven(contacts, ground)
        range_m = np.ptp(_rests_m(contacts, up_camera)) if is_uneven else 0.0
        sd_m = float(np.linalg.norm([HEIGHT_SD_M, of_plane_m, RANGE_SHARE * range_m]))
        is_noted = is_uneven and sd_m >= NOTED_SD_M
        return cls(sd_m, (_sentence(person.person, ground, up_camera, sd_m),) if is_noted else ())


def _sentence(person: int, ground: Ground, up_camera: Floats, sd_m: float) -> str:
    tilt_deg = np.degrees(np.arccos(np.clip(ground.up_camera @ up_camera, -1.0, 1.0)))
    what = (
        f"The ground is tilted by {tilt_deg:.0f} degrees against what people's posture tells of the vertical"
        if ground.tilt_sds > TILT_SDS
        else f"The feet of person {person} do not rest on the ground that was found"
    )
    return (
        f"{what}: there are steps or a slope along the view, or steps lower than {LEAST_STEP_M:.2f} m, or the camera "
        f"looks down more steeply than it seems. Heights of person {person} over the ground have a standard deviation "
        f"of {sd_m:.2f} m; a view from the side shows steps."
    )


def _is_uneven(contacts: Contacts, ground: Ground) -> bool:
    """Whether feet rest, and either beside the levels or on planes that posture contradicts."""
    rests_m = _rests_m(contacts, ground.up_camera)
    if not len(rests_m):
        return False
    off_m = np.abs(rests_m[:, None] - ground.levels_m).min(axis=1)
    return bool(ground.tilt_sds > TILT_SDS or np.sqrt(np.mean(off_m**2)) > OFF_LEVELS_M)


def _rests_m(contacts: Contacts, up_camera: Floats) -> Floats:
    """(N,) heights along a direction at which a foot rests for STANDS_S: each time of its lower point."""
    heights_m = contacts.points_m @ up_camera
    found = []
    for foot in np.arange(heights_m.shape[1]).reshape(2, -1):
        edges = np.flatnonzero(np.diff(contacts.there[:, foot].any(axis=1), prepend=False, append=False))
        for begin, end in edges.reshape(-1, 2):
            if contacts.time_s[end - 1] - contacts.time_s[begin] >= STANDS_S - 1e-9:
                resting = np.where(contacts.there[begin:end, foot], heights_m[begin:end, foot], np.nan)
                observed = resting[:, ~np.isnan(resting).all(axis=0)]
                found.append(float(np.nanmedian(observed, axis=0).min()))
    return np.array(found)
