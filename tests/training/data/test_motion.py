from pathlib import Path

import numpy as np
import pytest

from biopose.errors import BioposeError
from biopose.skeleton.full_body import full_body_skeleton
from biopose.skeleton.model import Skeleton
from biopose.skeleton.threads import one_torch_thread
from biopose.training.data.motion import (
    Motion,
    cmu_motions,
    on_the_ground,
    sole_positions_m,
)
from tests.training.acclaim_walk import write_walk
from tests.training.recordings import CMU, needs_cmu


@pytest.fixture(scope="module")
def skeleton() -> Skeleton:
    return full_body_skeleton()


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> list[Motion]:
    folder = tmp_path_factory.mktemp("cmu")
    for name in ("02.asf", "02_03.amc"):
        (folder / name).symlink_to(CMU / name)
    with one_torch_thread():
        return cmu_motions(folder)


def _standing(skeleton: Skeleton, *, frames: int = 20) -> Motion:
    values = np.repeat(skeleton.default_pose[None], frames, axis=0)
    return Motion("standing", 60.0, skeleton.coordinate_names, values, flat_ground=True)


def test_standing_is_put_with_the_soles_on_the_ground(skeleton: Skeleton):
    high = _standing(skeleton)
    high.values[:, high.names.index("pelvis_ty")] += 0.3
    soles = sole_positions_m(skeleton, on_the_ground(high, skeleton).values)
    np.testing.assert_allclose(soles[..., 1].min(axis=1), 0.0, atol=1e-9)
    assert soles[..., 1].max() < 0.03


def test_a_jump_does_not_lift_the_ground(skeleton: Skeleton):
    jump = _standing(skeleton, frames=60)
    flight = np.clip(np.sin(np.linspace(0, np.pi, 40)), 0, None) * 0.4
    jump.values[20:, jump.names.index("pelvis_ty")] += flight
    soles = sole_positions_m(skeleton, on_the_ground(jump, skeleton).values)
    assert abs(soles[:15, :, 1].min()) < 1e-6


def test_a_folder_without_recordings_is_refused(tmp_path: Path):
    with pytest.raises(BioposeError, match=r"01\.asf"):
        cmu_motions(tmp_path)


def test_single_trials_of_a_subject_are_chosen_by_name(tmp_path: Path):
    folder = write_walk(tmp_path / "cmu", seconds=0.8)
    assert {motion.name.partition(".")[0] for motion in cmu_motions(folder, subjects=("02_03",))} == {"cmu_02_03"}
    with pytest.raises(BioposeError, match="no trials of CMU's 02_09 in"):
        cmu_motions(folder, subjects=("02_09",))


@needs_cmu
def test_a_recorded_run_becomes_one_motion_within_the_ranges(run: list[Motion], skeleton: Skeleton):
    (motion,) = run
    assert motion.name == "cmu_02_03"
    assert motion.rate_hz == 60
    assert motion.flat_ground
    assert len(motion.values) == 87  # 173 frames at 120 Hz
    for c, column in zip(skeleton.coordinates, motion.values.T, strict=True):
        if c.clamped:
            assert c.range_min - 1e-9 <= column.min()
            assert column.max() <= c.range_max + 1e-9
    np.testing.assert_allclose(skeleton.satisfy_couplings(motion.values), motion.values, atol=1e-9)


@needs_cmu
def test_a_runner_flies_and_never_sinks_into_the_ground(run: list[Motion], skeleton: Skeleton):
    lowest = sole_positions_m(skeleton, run[0].values)[..., 1].min(axis=1)
    assert -0.015 < lowest.min() < 0.005
    assert lowest.max() > 0.05


@needs_cmu
def test_bodies_move_continuously(run: list[Motion], skeleton: Skeleton):
    soles = sole_positions_m(skeleton, run[0].values)
    acceleration = np.linalg.norm(np.diff(soles, 2, axis=0), axis=-1) * run[0].rate_hz ** 2
    assert acceleration.max() < 150  # m/s2: a sprinter's foot
