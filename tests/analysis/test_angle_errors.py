"""What angles err by alike cancels where it is subtracted, and adds up where it is added."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from biopose.analysis.angle_errors import person_sd_of_sum, sd_of_sum, varying_sd_of_sum
from biopose.analysis.measured_trial import MeasuredTrial
from biopose.analysis.motion import Motion, motion_of
from biopose.outputs.trial import trial_table
from biopose.skeleton.constant_errors import OWN_SD_DEG, PELVIS_SD_DEG, UNSEEN_ON_FILM_SD_DEG, constant_sd_rad
from tests.analysis.motions import motion
from tests.body.bodies import needs_body_asset
from tests.outputs.measured import measured, with_sd

FRAMES, VARYING_DEG = 4, 3.0
NAMES = ("pelvis_tilt", "hip_flexion_l", "hip_flexion_r", "knee_angle_l", "knee_angle_r", "hip_rotation_r")


@pytest.fixture
def one() -> Motion:
    constant_deg = dict(zip(NAMES, np.degrees(constant_sd_rad(NAMES)), strict=True))
    sd = {name: np.full(FRAMES, np.hypot(VARYING_DEG, deg)) for name, deg in constant_deg.items()}
    return replace(motion(frames=FRAMES, coordinate_sd=sd), constant_sd=constant_deg)


def constant_sd_deg(one: Motion, **slopes: float) -> float:
    sd, varying_sd = (of(one, slopes) for of in (sd_of_sum, varying_sd_of_sum))
    return float(np.sqrt(sd**2 - varying_sd**2)[0])


def test_the_pelvis_frame_tilts_the_pelvis_and_turns_the_hips_the_other_way(one: Motion) -> None:
    own_deg = OWN_SD_DEG["hip_flexion"]
    assert constant_sd_deg(one, pelvis_tilt=1.0) == pytest.approx(PELVIS_SD_DEG)
    assert constant_sd_deg(one, hip_flexion_r=1.0) == pytest.approx(np.hypot(PELVIS_SD_DEG, own_deg))
    assert constant_sd_deg(one, pelvis_tilt=1.0, hip_flexion_r=1.0) == pytest.approx(own_deg)  # the thigh's


def test_both_sides_err_alike(one: Motion) -> None:
    for name in ("hip_flexion", "knee_angle"):
        assert constant_sd_deg(one, **{f"{name}_l": 1.0, f"{name}_r": -1.0}) == pytest.approx(0.0, abs=1e-6)
    assert constant_sd_deg(one, knee_angle_l=0.5, knee_angle_r=0.5) == pytest.approx(OWN_SD_DEG["knee_angle"])


def test_the_tilt_that_film_does_not_show_cancels_in_the_thighs_inclination(one: Motion) -> None:
    names = ("pelvis_tilt", "hip_flexion_l", "hip_flexion_r", "knee_angle_r")
    sd_deg = np.degrees(constant_sd_rad(names, of_film=True))
    film = replace(
        one, constant_sd=dict(zip(names, sd_deg, strict=True)), coordinate_sd=dict.fromkeys(names, np.zeros(len(one)))
    )
    alone = sd_of_sum(film, {"hip_flexion_r": 1.0})
    np.testing.assert_allclose(alone, np.hypot(PELVIS_SD_DEG, UNSEEN_ON_FILM_SD_DEG["hip_flexion"]))
    np.testing.assert_allclose(sd_of_sum(film, {"pelvis_tilt": 1.0}), PELVIS_SD_DEG)
    thigh = {"pelvis_tilt": 1.0, "hip_flexion_r": 1.0}
    np.testing.assert_allclose(sd_of_sum(film, thigh), OWN_SD_DEG["hip_flexion"])
    shank = sd_of_sum(film, {**thigh, "knee_angle_r": -1.0})
    np.testing.assert_allclose(shank, np.hypot(OWN_SD_DEG["hip_flexion"], OWN_SD_DEG["knee_angle"]))
    both = sd_of_sum(film, {"hip_flexion_l": 1.0, "hip_flexion_r": -1.0})
    np.testing.assert_allclose(both, 0.0, atol=1e-12)
    np.testing.assert_allclose(person_sd_of_sum(film, thigh), OWN_SD_DEG["hip_flexion"])


def test_what_varies_is_shared_in_the_sagittal_plane_alone(one: Motion) -> None:
    thigh = varying_sd_of_sum(one, {"pelvis_tilt": 1.0, "hip_flexion_r": 1.0})
    np.testing.assert_allclose(thigh, VARYING_DEG * np.sqrt(2 - 2 * 0.9))
    knees = varying_sd_of_sum(one, {"knee_angle_l": 1.0, "knee_angle_r": -1.0})
    np.testing.assert_allclose(knees, VARYING_DEG * np.sqrt(2 - 2 * 0.81))
    independent = varying_sd_of_sum(one, {"hip_rotation_r": 1.0, "knee_angle_r": 1.0})
    np.testing.assert_allclose(independent, VARYING_DEG * np.sqrt(2))


@needs_body_asset
def test_a_trials_file_tells_the_analysis_what_is_constant() -> None:
    person = with_sd(measured(frames=20))
    names = person.coordinates.names
    constant = replace(person, constant_sd=constant_sd_rad(names, of_film=True))
    found = motion_of(MeasuredTrial(Path(), trial_table(constant, settings={}, versions={})), person.person.skeleton)
    assert found.constant_sd["pelvis_tilt"] == pytest.approx(PELVIS_SD_DEG)
    assert found.constant_sd["pro_sup_l"] == pytest.approx(46.2)
    assert found.constant_sd["hip_flexion_r"] == pytest.approx(np.hypot(PELVIS_SD_DEG, 6.5))
    assert "pelvis_tx" not in found.constant_sd
    before = motion_of(MeasuredTrial(Path(), trial_table(person, settings={}, versions={})), person.person.skeleton)
    assert not before.constant_sd
