"""A stored trial is solved again on a user's own model, with muscles, say, from its virtual markers."""

from pathlib import Path

import numpy as np
import opensim
import pytest

from biopose.io.mot import read_mot
from biopose.outputs.export import export_trial
from biopose.outputs.trial import write_trial
from biopose.skeleton.reader import read_osim
from tests.body.bodies import needs_body_asset
from tests.commands import run
from tests.outputs.measured import SETTINGS, VERSIONS, measured


@pytest.mark.slow
@needs_body_asset
def test_a_model_with_a_muscle_gives_the_same_angles(tmp_path: Path) -> None:
    folder = tmp_path / "jump1"
    folder.mkdir()
    write_trial(measured(frames=6), folder, settings=SETTINGS, versions=VERSIONS)
    trc, osim = export_trial(folder, tmp_path / "out", ["trc", "osim"], name="jump1")
    model = opensim.Model(str(osim))
    muscle = opensim.Millard2012EquilibriumMuscle("vastus_r", 2000.0, 0.1, 0.2, 0.0)
    muscle.addNewPathPoint("origin", model.getBodySet().get("femur_r"), opensim.Vec3(0.03, -0.2, 0.03))
    muscle.addNewPathPoint("insertion", model.getBodySet().get("tibia_r"), opensim.Vec3(0.03, -0.05, 0.0))
    model.addForce(muscle)
    model.setName("mine")
    model.finalizeConnections()
    mine, out = tmp_path / "mine.osim", tmp_path / "mine.mot"
    model.printToXML(str(mine))
    done = run("ik", "--markers", trc, "--model", mine, "--out", out)
    assert done.exit_code == 0, done.output
    rotational = read_osim(mine).rotational_names
    expected, found = (read_mot(path, rotational=rotational) for path in (folder / "coordinates.mot", out))
    for name in ("knee_angle_r", "hip_flexion_l", "ankle_angle_r"):
        column = [one.values[:, one.names.index(name)] for one in (expected, found)]
        np.testing.assert_allclose(np.degrees(column[1]), np.degrees(column[0]), atol=1.0)
