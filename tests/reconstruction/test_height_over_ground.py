"""Deviations of heights over the ground, and the note where feet rest beside its levels."""

import numpy as np
import pytest
from numpy.typing import NDArray

from biopose.camera.ground import Contacts, ground_from_contacts
from biopose.reconstruction.common_floor import Footing
from biopose.reconstruction.height_over_ground import HeightOverGround
from tests.camera.test_ground import on_plane, tilted

UP = tilted(-6, 0)  # of a camera that looks down a little


def walk(heights_m: NDArray[np.float64], *, sideways: bool = False) -> Footing:
    """Steps of 0.6 m along the view or across it, each at its height, the feet in turn for 0.5 s, at 30 Hz."""
    points, weights = np.zeros((15 * len(heights_m), 4, 3)), np.zeros((15 * len(heights_m), 4))
    for number, height_m in enumerate(heights_m):
        foot, frames = 2 * (number % 2), slice(15 * number, 15 * number + 15)
        heel = np.array([0.6 * number, 5.0] if sideways else [0.0, 4 + 0.6 * number])
        toe = heel + ([0.2, 0.0] if sideways else [0.0, 0.2])
        points[frames] = on_plane(UP, -1.5, np.stack([heel, toe, heel, toe])) + height_m * UP
        weights[frames, foot : foot + 2] = 1.0
    return Footing(2, 1.7, Contacts(points, weights, np.arange(len(points)) / 30))


def measured(person: Footing) -> tuple[float, tuple[str, ...]]:
    ground = ground_from_contacts([person.contacts], up_camera=UP, pitch_sd_deg=5.0, roll_sd_deg=1.0)
    found = HeightOverGround.of(person, ground, up_camera=UP)
    return found.sd_m, found.notes


@pytest.mark.parametrize("sideways", [True, False], ids=["across", "along"])
def test_on_a_floor_heights_are_known_and_there_is_no_note(sideways: bool) -> None:
    sd_m, sentences = measured(walk(np.random.default_rng(0).normal(0, 0.015, 8), sideways=sideways))
    assert sd_m < 0.035
    assert sentences == ()


@pytest.mark.parametrize(
    ("heights_m", "what"),
    [
        (
            -0.11 * np.arange(8),
            "The ground is tilted by 10 degrees against what people's posture tells of the vertical",
        ),
        (-0.12 * (np.arange(8) > 4), "The feet of person 2 do not rest on the ground that was found"),
    ],
    ids=["even steps", "a kerb"],
)
def test_steps_along_the_view_that_pass_for_a_slope_or_a_floor_are_named(
    heights_m: NDArray[np.float64], what: str
) -> None:
    sd_m, (sentence,) = measured(walk(heights_m))
    assert sd_m == pytest.approx(np.hypot(0.034, np.ptp(heights_m) / 2), rel=0.1)
    assert sentence.startswith(f"{what}: there are steps or a slope along the view, or steps lower than 0.12 m, or ")
    assert f"Heights of person 2 over the ground have a standard deviation of {sd_m:.2f} m;" in sentence


def test_the_heights_of_who_never_rests_are_not_known() -> None:
    person = walk(np.zeros(4))
    flying = Footing(2, 1.7, Contacts(person.contacts.points_m, np.zeros((60, 4)), person.contacts.time_s))
    ground = ground_from_contacts([person.contacts], up_camera=UP, pitch_sd_deg=5, roll_sd_deg=1)
    found = HeightOverGround.of(flying, ground, up_camera=UP)
    assert np.isnan(found.sd_m)
    assert found.notes == ()
