"""A stored trial is solved again on a user's own model, with muscles, say, from its virtual markers."""

import json
from pathlib import Path

import numpy as np
import opensim
import pytest

from biopose.io.mot import read_mot
from biopose.outputs.export import export_trial
from biopose.outputs.trial import write_trial
from biopose.skeleton.reader import read_osim
from tests.body.bodies import needs_body_asset
from tests.commands import assert_refused, run
from tests.outputs.measured import SETTINGS, VERSIONS, measured
from tests.warehouse.trials import SyntheticTrial
from warehouse import DATABASE, SNAPSHOT
from warehouse.load import load_trial
from warehouse.snapshot import publish_snapshot


@pytest.mark.slow
@needs_body_asset
def test_a_model_with_a_muscle_gives_the_same_angles(tmp_path: Path) -> None:
    stored = SyntheticTrial()
    folder = tmp_path / "home" / stored.record["run"]["artifacts"]
    load_trial(tmp_path / "home" / DATABASE, stored.record, stored.write(folder))
    publish_snapshot(tmp_path / "home" / DATABASE, tmp_path / "home" / SNAPSHOT)
    write_trial(measured(frames=6), folder, settings=SETTINGS, versions=VERSIONS)
    (osim,) = export_trial(folder, tmp_path / "out", ["osim"], name="jump1")
    model = opensim.Model(str(osim))
    muscle = opensim.Millard2012EquilibriumMuscle("vastus_r", 2000.0, 0.1, 0.2, 0.0)
    muscle.addNewPathPoint("origin", model.getBodySet().get("femur_r"), opensim.Vec3(0.03, -0.2, 0.03))
    muscle.addNewPathPoint("insertion", model.getBodySet().get("tibia_r"), opensim.Vec3(0.03, -0.05, 0.0))
    model.addForce(muscle)
    model.setName("mine")
    model.finalizeConnections()
    mine, out = tmp_path / "mine.osim", tmp_path / "out" / "jump1.mot"
    model.printToXML(str(mine))
    given = ("--home", tmp_path / "home", "--out", out.parent, "--model", mine)
    done = run("export", stored.trial_id, *given, "--json")
    assert done.exit_code == 0, done.output
    result = json.loads(done.stdout)
    assert [Path(file).name for file in result["files"]] == ["jump1.trc", "jump1.mot", "jump1.osim"]
    assert result["solved"]["out"] == str(out)
    assert (out.with_suffix(".osim")).read_bytes() == mine.read_bytes()
    assert result["solved"]["frames"] == 6
    assert [Path(file).stat().st_mode & 0o777 for file in result["files"]] == [0o600] * 3
    refused = run("export", stored.trial_id, *given, "--format", "trc")
    assert_refused(refused, "--model has no effect without --format mot", exit_code=2)
    rotational = read_osim(mine).rotational_names
    expected, found = (read_mot(path, rotational=rotational) for path in (folder / "coordinates.mot", out))
    for name in ("knee_angle_r", "hip_flexion_l", "ankle_angle_r"):
        column = [one.values[:, one.names.index(name)] for one in (expected, found)]
        np.testing.assert_allclose(np.degrees(column[1]), np.degrees(column[0]), atol=1.0)
