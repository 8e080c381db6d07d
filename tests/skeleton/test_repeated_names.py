"""OpenSim allows one coordinate name in two joints; each coordinate is found, by both solvers and in every file."""

from pathlib import Path

import numpy as np
import pytest

from biopose.io.mot import read_mot, write_mot
from biopose.skeleton.ik.inverse_kinematics import inverse_kinematics
from biopose.skeleton.ik.opensim_ik import opensim_inverse_kinematics
from biopose.skeleton.quiet_opensim import opensim
from biopose.skeleton.reader import read_osim
from biopose.skeleton.scaled_model import write_scaled_osim
from biopose.skeleton.scaling import scale_to_static
from tests.skeleton.builder import ModelBuilder, linear
from tests.skeleton.models import OpenSimPoser, markers_at, motion, random_poses, recording_of

NAMES = ("upper/angle", "lower/angle", "twist")


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    b = ModelBuilder("two_hinges")
    b.joint(opensim.PinJoint, "ground", "arm", ("angle", -1, 1)).setName("upper")
    b.joint(opensim.PinJoint, "arm", "forearm", ("second", -0.5, 1.5)).setName("lower")
    b.joint(opensim.PinJoint, "forearm", "hand", ("twist", -1, 1))
    b.mark()
    path = b.write(tmp_path_factory.mktemp("repeated") / "two_hinges.osim")
    path.write_text(path.read_text(encoding="utf-8").replace('"second"', '"angle"'), encoding="utf-8")
    return path


def test_the_kinematics_are_opensims(path: Path) -> None:
    skeleton, poser = read_osim(path), OpenSimPoser(path)
    assert skeleton.coordinate_names == NAMES
    assert skeleton.notes == (
        "coordinates of one name in several joints are named by their joint: upper/angle, lower/angle",
    )
    for q in random_poses(skeleton, count=5):
        poser.pose(q)
        np.testing.assert_allclose(markers_at(skeleton, q), poser.marker_positions(), atol=1e-12)


def test_both_solvers_and_the_motion_file_name_the_joint(path: Path, tmp_path: Path) -> None:
    skeleton = read_osim(path)
    q = motion(skeleton, frames=10)
    recording = recording_of(skeleton, q)
    ours = inverse_kinematics(skeleton, recording).coordinates
    opensims = opensim_inverse_kinematics(path, recording)
    for solution in (ours, opensims):
        assert solution.names == NAMES
        np.testing.assert_allclose(solution.values, q, atol=1e-4)
    write_mot(tmp_path / "x.mot", ours, rotational=skeleton.rotational_names)
    written = read_mot(tmp_path / "x.mot", rotational=skeleton.rotational_names)
    assert written.names == NAMES
    np.testing.assert_allclose(written.values, ours.values, atol=1e-6)


def test_a_scaled_model_keeps_both(path: Path, tmp_path: Path) -> None:
    skeleton = read_osim(path)
    static = recording_of(skeleton, np.zeros((3, 3)))
    scaled = read_osim(write_scaled_osim(path, tmp_path / "scaled.osim", scale_to_static(skeleton, static)))
    assert scaled.coordinate_names == NAMES


def test_a_coupler_of_a_repeated_name_is_noted(tmp_path: Path) -> None:
    b = ModelBuilder("coupled")
    b.joint(opensim.PinJoint, "ground", "arm", ("angle", -1, 1)).setName("upper")
    b.joint(opensim.PinJoint, "arm", "forearm", ("second", -1, 1)).setName("lower")
    b.joint(opensim.PinJoint, "forearm", "hand", ("twist", -1, 1))
    b.couple("twist", "angle", linear(1.0, 0.0))
    path = b.write(tmp_path / "coupled.osim")
    path.write_text(path.read_text(encoding="utf-8").replace('"second"', '"angle"'), encoding="utf-8")
    skeleton = read_osim(path)
    assert (skeleton.couplings[0].dependent, skeleton.couplings[0].independent) == (2, 0)
    assert "names coordinate angle, which several joints have; that of joint upper is taken" in skeleton.notes[1]
