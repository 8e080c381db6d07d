"""Heights against a common floor."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from biopose.camera.ground import Contacts, Ground, vertical_of_each_alone
from biopose.reconstruction.common_floor import Footing, floor_notes, unseen_ground_notes
from tests.camera.test_ground import one_by_one

UP = np.array([0.0, -1.0, 0.0])  # OpenCV's y points down
CAMERA_HEIGHT_M = 1.5


def footing(person: int, *, true_m: float, given_m: float, at: tuple[float, float], floor_m: float = 0.0) -> Footing:
    """Contacts of somebody on a floor, seen with a height that may be wrong: all distances scale with it."""
    x, z = at
    feet = np.array([[x + 0.1 * i, CAMERA_HEIGHT_M - floor_m, z + 0.05 * i] for i in range(10)])
    return Footing(person, given_m, one_by_one(feet * given_m / true_m))


def notes(*people: Footing, up: NDArray[np.float64] = UP, sd_deg: float = 0.1) -> dict[int, str]:
    contacts = [one.contacts for one in people]
    vertical = vertical_of_each_alone(contacts, up_camera=up, pitch_sd_deg=sd_deg, roll_sd_deg=sd_deg)
    return {person: sentence for person, (sentence,) in floor_notes(people, vertical=vertical).items()}


def test_people_of_the_right_heights_share_a_floor_without_a_note() -> None:
    assert not notes(footing(0, true_m=1.65, given_m=1.65, at=(0, 4)), footing(1, true_m=1.85, given_m=1.85, at=(1, 6)))


def test_a_wrong_height_is_reported_with_the_heights_that_would_fit() -> None:
    found = notes(footing(0, true_m=1.85, given_m=1.5, at=(0, 4)), footing(1, true_m=1.5, given_m=1.5, at=(1, 4)))
    assert list(found) == [1]
    assert "The feet of person 1 rest 0.28 m below the floor of person 0" in found[1]
    assert f"a height is wrong ({1.5 * 1.5 / 1.85:.2f} m for person 1 or 1.85 m for person 0 would put both" in found[1]
    assert "exchanged" not in found[1]


@pytest.mark.parametrize("true_m", [(1.83, 1.6), (1.6, 1.83)], ids=["a plane holds both", "no plane does"])
def test_exchanged_heights_are_reported_where_a_tilted_ground_could_hold_both(true_m: tuple[float, float]) -> None:
    """1.6 m apart in depth, as the bodies' vertical is known of two people: the plane would be tilted by 8 degrees."""
    places = [(0.0, 4.0), (0.5, 5.6)]
    for given_m in (true_m, true_m[::-1]):
        people = [
            footing(number, true_m=true, given_m=given, at=at)
            for number, (true, given, at) in enumerate(zip(true_m, given_m, places, strict=True))
        ]
        found = notes(*people, sd_deg=2.8)
        assert list(found) == ([] if given_m == true_m else [1])
        assert all("these heights are exchanged, or a height is wrong" in sentence for sentence in found.values())


@pytest.mark.parametrize("given_m", [(1.83, 1.6), (1.6, 1.83)], ids=["right", "exchanged"])
def test_where_the_camera_is_too_low_to_tell_a_note_says_that_heights_may_be_exchanged(
    given_m: tuple[float, float],
) -> None:
    low, camera = 0.5, CAMERA_HEIGHT_M  # a floor so much nearer to the camera
    for floor_m, count in ((camera - low, 1), (0.0, given_m == (1.6, 1.83))):
        people = [
            footing(number, true_m=true, given_m=given, at=at, floor_m=floor_m)
            for number, (true, given, at) in enumerate(zip((1.83, 1.6), given_m, [(0.0, 4.0), (0.5, 5.0)], strict=True))
        ]
        assert len(found := notes(*people, sd_deg=1.0)) == count
        if floor_m:
            a, b = (f"{given:.2f} m (person {number})" for number, given in enumerate(given_m))
            assert found[1].startswith(f"The picture does not tell whether the heights {a} and {b} are exchanged: ")
    alike = [footing(number, true_m=1.7, given_m=1.7 + 0.05 * number, at=(0, 4), floor_m=1.0) for number in range(2)]
    assert not notes(*alike, sd_deg=1.0)


def test_a_camera_at_the_floor_tells_nothing_about_heights() -> None:
    up = np.array([0.0, 0.0, 1.0])  # the contacts lie at different depths along it, the camera between them
    near = Footing(0, 1.7, one_by_one(np.tile([0.0, 0.0, -0.2], (5, 1))))
    far = Footing(1, 1.7, one_by_one(np.tile([0.0, 0.0, 0.3], (5, 1))))
    assert notes(near, far, up=up)[1].endswith("a height is wrong, or the camera's tilt or focal length.")


def test_somebody_without_contacts_is_left_out() -> None:
    in_the_air = replace(one_by_one(np.tile([0.0, 0.5, 4.0], (5, 1))), weights=np.zeros((5, 1)))
    flying = Footing(1, 1.7, in_the_air)
    assert not notes(footing(0, true_m=1.65, given_m=1.65, at=(0, 4)), flying)
    assert not notes(flying, footing(0, true_m=1.65, given_m=1.65, at=(0, 4)))


def test_whose_feet_fall_below_all_levels_is_told_that_the_ground_is_not_seen() -> None:
    """Half a second on a box of 0.4 m, then off it; the film ends 0.28 s later, before the landing, or goes on."""
    time_s = np.arange(48) / 60
    fallen_m = 4.9 * (time_s - 0.5).clip(0) ** 2
    points = np.tile([0.0, CAMERA_HEIGHT_M - 0.4, 4.0], (48, 4, 1))
    points[..., 1] += fallen_m[:, None]
    ground = Ground(
        UP,
        height_m=-(CAMERA_HEIGHT_M - 0.4),
        levels_m=(-(CAMERA_HEIGHT_M - 0.4),),
        tilt_sds=0.0,
        height_covariance=np.zeros((4, 4)),
    )
    falls = Footing(3, 1.7, Contacts(points, (fallen_m == 0)[:, None] * np.ones(4), time_s))
    (sentence,) = unseen_ground_notes([falls], ground)[3]
    assert sentence.startswith("From 0.67 s on both feet of person 3 are up to 0.39 m below every level")
    assert not unseen_ground_notes([falls], replace(ground, height_m=-CAMERA_HEIGHT_M))
    rests = replace(falls, contacts=replace(falls.contacts, weights=np.ones((48, 4))))
    assert not unseen_ground_notes([rests], ground)
    points[:, :2, 1] = CAMERA_HEIGHT_M - 0.4  # one foot stays on it
    assert not unseen_ground_notes([falls], ground)
