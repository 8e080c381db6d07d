from pathlib import Path

import numpy as np
import pytest

from biopose.errors import BioposeError
from biopose.training.data.acclaim import read_amc, read_asf
from tests.training.recordings import AMC, ASF, CMU, needs_cmu, write_two_bones

UNIT_M = 0.0254 / 0.5


def test_bones_come_after_their_parents_in_metres(tmp_path: Path):
    skeleton = read_asf(write_two_bones(tmp_path)[0])
    assert [bone.name for bone in skeleton.bones] == ["thigh", "shin"]
    np.testing.assert_allclose(skeleton.bone("shin").offset_m, [0, -8 * UNIT_M, 0], atol=1e-12)
    assert skeleton.bone("thigh").dof == ("rx", "rz")


def test_the_first_frame_at_zero_is_the_reference_posture(tmp_path: Path):
    asf, amc = write_two_bones(tmp_path)
    pose = read_amc(amc, read_asf(asf)).pose()
    np.testing.assert_allclose(pose.end_m["shin"][0], [0, -18 * UNIT_M, 0], atol=1e-12)


def test_a_bone_turns_about_its_own_axes_and_carries_what_hangs_on_it(tmp_path: Path):
    asf, amc = write_two_bones(tmp_path)
    pose = read_amc(amc, read_asf(asf)).pose()
    # thigh: -90 degrees about x turns down into forward (z); the root then turns forward into left (x) about y
    np.testing.assert_allclose(pose.end_m["shin"][1] / UNIT_M, [1 + 18, 20, 3], atol=1e-9)
    # shin: its y axis is the world's -x, about which 90 degrees turn down into forward
    np.testing.assert_allclose(pose.end_m["shin"][2] / UNIT_M, [0, -10, 8], atol=1e-9)


@pytest.mark.parametrize(
    ("asf", "amc", "message"),
    [
        (ASF.replace("angle deg", "angle rad"), AMC, "only degrees"),
        (ASF.replace(":hierarchy", ":nothing"), AMC, "no section :hierarchy"),
        (ASF.replace("root thigh", "shin thigh"), AMC, "are not connected to the root"),
        (ASF.replace("direction 0 -1 0", "direction 0 -1 down"), AMC, "shin"),
        (ASF, "nothing", "no frames"),
        (ASF, AMC.replace("shin 90\n", ""), "lacks values"),
        (ASF, AMC.replace("thigh 0 0", "thigh 0"), "lacks values"),
    ],
)
def test_a_broken_file_is_refused_with_its_name(tmp_path: Path, asf: str, amc: str, message: str):
    paths = write_two_bones(tmp_path, asf=asf, amc=amc)
    with pytest.raises(BioposeError, match=message) as refusal:
        read_amc(paths[1], read_asf(paths[0]))
    assert "00" in str(refusal.value)


@needs_cmu
def test_a_walker_of_cmus_walks_forward_on_legs_of_human_length():
    skeleton = read_asf(CMU / "02.asf")
    pose = read_amc(CMU / "02_01.amc", skeleton).pose()
    leg_m = sum(np.linalg.norm(skeleton.bone(bone).offset_m) for bone in ("rfemur", "rtibia"))
    assert 0.75 < leg_m < 0.95
    assert 0.8 < pose.end_m["root"][:, 1].mean() < 1.1
    assert pose.end_m["root"][-1, 2] - pose.end_m["root"][0, 2] > 2
    assert (pose.end_m["lfemur"] - pose.end_m["rfemur"])[:, 0].min() > 0  # left is +x
