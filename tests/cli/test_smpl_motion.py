"""`biopose ik` of a motion of SMPL or SMPL-X: the user brings the motion and the body model's file."""

import json
from pathlib import Path

import numpy as np
import pytest

from biopose.io.mot import read_mot
from biopose.skeleton.full_body import full_body_skeleton
from tests.body.bodies import needs_body_asset
from tests.body.smpl_files import SIZES, person_arrays, saved
from tests.commands import assert_refused, run

FRAMES, RATE_HZ = 60, 60.0
LEFT_KNEE = 4
SPEED_M_S = 1.2


@pytest.fixture(scope="module", params=SIZES)
def files(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A person whose left knee bends and who moves to their left, with z up as in AMASS; and their body model."""
    folder = tmp_path_factory.mktemp(request.param)
    poses = np.zeros((FRAMES, SIZES[request.param][1], 3))
    poses[:, 0, 0] = np.pi / 2
    poses[:, LEFT_KNEE, 0] = knee_rad()
    trans = np.zeros((FRAMES, 3))
    trans[:, 0] = SPEED_M_S * np.arange(FRAMES) / RATE_HZ
    motion = {
        "poses": poses.reshape(FRAMES, -1),
        "trans": trans,
        "betas": np.zeros(16),
        "mocap_frame_rate": np.array(RATE_HZ),
        "gender": np.array("neutral"),
    }
    body_model = saved(folder / f"{request.param.upper()}_NEUTRAL.npz", person_arrays(request.param))
    return saved(folder / "motion.npz", motion), body_model


def knee_rad() -> np.ndarray:
    return np.deg2rad(70) * np.sin(np.pi * np.arange(FRAMES) / FRAMES) ** 2


@needs_body_asset
def test_angles_of_a_motion_come_from_its_body_models_markers(files: tuple[Path, Path], tmp_path: Path) -> None:
    motion, body_model = files
    result = run(
        *("ik", "--markers", motion, "--body-model", body_model, "--up", "z", "--solver", "neurik"),
        *("--out", tmp_path / "q.mot", "--model-out", tmp_path / "m.osim", "--json"),
    )
    assert result.exit_code == 0, result.output
    summary = json.loads(result.stdout)
    assert (summary["frames"], summary["rate_hz"], summary["lies_on_its_side"]) == (FRAMES, RATE_HZ, False)
    q = read_mot(tmp_path / "q.mot", rotational=full_body_skeleton().rotational_names)
    np.testing.assert_allclose(q.time_s, np.arange(FRAMES) / RATE_HZ, atol=1e-6)

    def of(name: str) -> np.ndarray:
        return q.values[:, q.names.index(name)]

    knee_deg = np.degrees(of("knee_angle_l"))
    assert knee_deg - knee_deg[0] == pytest.approx(np.degrees(knee_rad()), abs=8)
    assert np.ptp(np.degrees(of("knee_angle_r"))) < 8
    moved_m = np.stack([of(f"pelvis_t{axis}") for axis in "xyz"], axis=1)
    assert np.linalg.norm(np.diff(moved_m[[0, -1]], axis=0)) == pytest.approx(SPEED_M_S * (FRAMES - 1) / RATE_HZ, 0.05)
    assert np.ptp(moved_m[:, 1]) < 0.05
    again = run(
        "ik",
        "--markers",
        motion,
        "--body-model",
        body_model,
        "--up",
        "z",
        "--model",
        tmp_path / "m.osim",
        "--out",
        tmp_path / "solved.mot",
        "--json",
    )
    assert json.loads(again.stdout)["rms_mm"] < summary["rms_mm"]


def test_a_motion_without_its_body_model_and_a_body_model_without_a_motion_are_refused(tmp_path: Path) -> None:
    (tmp_path / "motion.npz").touch()
    (tmp_path / "trial.trc").touch()
    options = ("--solver", "neurik", "--out", tmp_path / "q.mot")
    refused = run("ik", "--markers", tmp_path / "motion.npz", *options)
    assert_refused(refused, "give its body model, --body-model", exit_code=2)
    refused = run("ik", "--markers", tmp_path / "trial.trc", "--body-model", tmp_path / "motion.npz", *options)
    assert_refused(refused, "--body-model goes with a motion of SMPL or SMPL-X", exit_code=2)
    of_motion = ("--markers", tmp_path / "motion.npz", "--body-model", tmp_path / "motion.npz", *options)
    refused = run("ik", *of_motion, "--units", "mm", "--subject", "Ann")
    assert_refused(refused, "--units and --subject cannot be used with", exit_code=2)


@needs_body_asset
def test_a_motion_of_another_body_model_is_refused(files: tuple[Path, Path], tmp_path: Path) -> None:
    motion, body_model = files
    other = saved(tmp_path / "other.npz", {**np.load(motion), "poses": np.zeros((FRAMES, 30))})
    refused = run(
        *("ik", "--markers", other, "--body-model", body_model, "--solver", "neurik", "--out", tmp_path / "q.mot")
    )
    assert_refused(refused, "other.npz: found poses of 30 numbers a frame; expected", exit_code=1)
    assert not (tmp_path / "q.mot").exists()
