import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from biopose.skeleton.full_body import full_body_skeleton
from biopose.skeleton.ik.inverse_kinematics import IKSolution
from biopose.skeleton.kinematics import Kinematics
from biopose.skeleton.model import Skeleton
from biopose.skeleton.threads import one_torch_thread
from biopose.training.data.acclaim import read_amc, read_asf
from biopose.training.data.cmu import CALIBRATIONS, Subject, retarget
from tests.training.recordings import CMU, needs_cmu

pytestmark = needs_cmu


@pytest.fixture(scope="module")
def skeleton() -> Skeleton:
    return full_body_skeleton()


@pytest.fixture(scope="module")
def walk(skeleton: Skeleton) -> IKSolution:
    acclaim = read_asf(CMU / "02.asf")
    motions = [read_amc(CMU / f"02_{trial}.amc", acclaim) for trial in ("01", "03")]
    with one_torch_thread():
        return retarget(Subject.of(acclaim, motions, CALIBRATIONS["02"], skeleton), motions[0], skeleton)


def _deg(walk: IKSolution, name: str) -> NDArray[np.float64]:
    return np.degrees(walk.coordinates.values[:, walk.coordinates.names.index(name)])


def test_the_joints_can_do_nearly_all_that_was_recorded(walk: IKSolution):
    assert walk.converged.all()
    assert np.percentile(walk.rms_m, 95) < 0.015


@pytest.mark.parametrize("side", "rl")
def test_a_walk_has_the_angles_of_a_walk(walk: IKSolution, side: str):
    knee, hip, ankle = (_deg(walk, f"{n}_{side}") for n in ("knee_angle", "hip_flexion", "ankle_angle"))
    assert 0 <= knee.min() < 8
    assert 55 < knee.max() < 75
    assert -20 < hip.min() < -5
    assert 25 < hip.max() < 45
    assert -30 < ankle.min() < -10
    assert 5 < ankle.max() < 25
    assert _deg(walk, f"elbow_flex_{side}").min() > 5
    assert 80 < np.median(_deg(walk, f"pro_sup_{side}")) < 140
    assert abs(np.median(_deg(walk, f"hip_rotation_{side}"))) < 15
    assert abs(np.median(_deg(walk, f"subtalar_angle_{side}"))) < 10


def test_the_walker_faces_where_they_go(walk: IKSolution):
    values, names = walk.coordinates.values, walk.coordinates.names
    assert values[-1, names.index("pelvis_tx")] - values[0, names.index("pelvis_tx")] > 2
    assert np.abs(_deg(walk, "pelvis_rotation")).max() < 20
    assert -15 < _deg(walk, "pelvis_tilt").mean() < -5


def test_a_foot_in_stance_rests_on_the_level_floor(walk: IKSolution, skeleton: Skeleton):
    centers = Kinematics(skeleton).with_coordinates(torch.from_numpy(walk.coordinates.values)).joint_centers.numpy()
    balls = centers[:, [skeleton.body_names.index(f"toes_{s}") - 1 for s in "rl"]]
    speed = np.linalg.norm(np.gradient(balls, 1 / 60, axis=0), axis=-1)
    assert np.mean(speed.min(axis=1) < 0.25) > 0.6
    assert balls[..., 1][speed < 0.1].std() < 0.006
