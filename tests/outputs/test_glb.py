"""A trial as .glb, read by two programs that are not ours: VTK moves the body, trimesh reads the meshes."""

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
import trimesh
from vtkmodules.util.numpy_support import vtk_to_numpy
from vtkmodules.vtkIOGeometry import vtkGLTFReader

from biopose.errors import FileFormatError
from biopose.io.parquet import METADATA_KEY
from biopose.outputs.glb import write_glb
from biopose.outputs.trial import write_trial_parquet
from biopose.outputs.trial_person import read_trial_person
from biopose.reconstruction.measurement import PersonMeasurement
from tests.body.bodies import needs_body_asset
from tests.outputs.measured import SETTINGS, VERSIONS, measured

pytestmark = needs_body_asset
VALIDATOR = Path(__file__).parents[2] / ".venv" / "npm" / "node_modules" / "gltf-validator"  # .ci/run installs it
VALIDATE = """
const report = require(process.argv[1]).validateBytes(new Uint8Array(require("fs").readFileSync(process.argv[2])));
report.then((found) => console.log(JSON.stringify(found.issues)));
"""
FRAMES = 12
BYTES_PER_FRAME = 600  # of every joint's rotation and the first one's position


@pytest.fixture(scope="module")
def one() -> PersonMeasurement:
    return measured(frames=FRAMES)


@pytest.fixture(scope="module")
def trial(one: PersonMeasurement, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("glb") / "trial.parquet"
    write_trial_parquet(one, path, settings=SETTINGS, versions=VERSIONS)
    return path


@pytest.fixture(scope="module")
def glb(trial: Path) -> Path:
    path = trial.with_name("trial.glb")
    write_glb(trial, path)
    return path


def test_the_person_of_a_trial_is_the_one_that_was_measured(one: PersonMeasurement, trial: Path) -> None:
    found = read_trial_person(trial)
    expected = one.person.with_coordinates(torch.from_numpy(one.coordinates.values)).vertices.numpy()
    vertices = found.person.with_coordinates(torch.from_numpy(found.q)).vertices.numpy()
    assert np.linalg.norm(vertices - expected, axis=-1).max() < 2e-3


def test_another_program_moves_the_body_as_we_do(trial: Path, glb: Path) -> None:
    measured = read_trial_person(trial)
    reader = vtkGLTFReader()
    reader.SetFileName(str(glb))
    reader.SetApplyDeformationsToGeometry(True)
    reader.UpdateInformation()
    reader.EnableAnimation(0)
    assert reader.GetAnimationDuration(0) == pytest.approx(measured.time_s[-1] - measured.time_s[0], abs=1e-6)
    for frame in (0, FRAMES // 2, FRAMES - 1):
        reader.UpdateInformation()
        reader.UpdateTimeStep(measured.time_s[frame] - measured.time_s[0])
        body = reader.GetOutput().NewIterator().GetCurrentDataObject()
        expected = measured.person.with_coordinates(torch.from_numpy(measured.q[frame])).vertices.numpy()
        np.testing.assert_allclose(vtk_to_numpy(body.GetPoints().GetData()), expected, atol=5e-4)


def test_it_has_a_body_and_a_skeleton_in_metres_and_is_small(glb: Path) -> None:
    scene = trimesh.load(glb)
    assert sorted(scene.geometry) == ["body", "skeleton"]
    body, skeleton = (scene.geometry[name].vertices for name in ("body", "skeleton"))
    assert 1.4 < np.ptp(body[:, 1]) < 2.1
    assert (skeleton.min(0) > body.min(0)).all()
    assert (skeleton.max(0) < body.max(0)).all()
    assert glb.stat().st_size + 600 * BYTES_PER_FRAME < 3e6, "ten seconds at 60 Hz take less than 3 MB"


@pytest.mark.skipif(
    not (VALIDATOR.is_dir() and shutil.which("node")), reason=f"{VALIDATOR} is not there: .ci/run installs it"
)
def test_khronos_validator_finds_nothing(glb: Path) -> None:
    done = subprocess.run(["node", "-e", VALIDATE, VALIDATOR, glb], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["messages"] == []


def test_a_damaged_table_is_refused(trial: Path, tmp_path: Path) -> None:
    damaged = tmp_path / "trial.parquet"
    damaged.write_bytes(trial.read_bytes()[:-100])
    with pytest.raises(FileFormatError, match=r"trial\.parquet: found no readable Parquet"):
        read_trial_person(damaged)
    pq.write_table(pq.read_table(trial).slice(0, 0), damaged)
    with pytest.raises(FileFormatError, match="has no frames"):
        read_trial_person(damaged)


def test_a_table_without_a_body_is_refused(trial: Path, tmp_path: Path) -> None:
    bare = tmp_path / "trial.parquet"
    pq.write_table(pq.read_table(trial).replace_schema_metadata({}), bare)
    with pytest.raises(FileFormatError, match="measure the trial again"):
        write_glb(bare, tmp_path / "trial.glb")


def test_a_recording_of_markers_has_no_body_to_show_and_the_format_is_named(tmp_path: Path) -> None:
    table = pa.table({"time_s": [0.0]}).replace_schema_metadata({METADATA_KEY: b"{}"})
    pq.write_table(table, tmp_path / "trial.parquet")
    with pytest.raises(FileFormatError, match="recordings of markers; leave out the format glb"):
        write_glb(tmp_path / "trial.parquet", tmp_path / "trial.glb")
