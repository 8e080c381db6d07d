"""Poses of segments brought onto the default skeleton: the angles of the motion that made them come back."""

import re
from dataclasses import replace

import numpy as np
import pytest

from biopose.errors import ModelError
from biopose.io.c3d_rotations import SegmentPoses
from biopose.skeleton.full_body import full_body_skeleton
from biopose.skeleton.ik.inverse_kinematics import IKSolution, inverse_kinematics
from biopose.skeleton.segment_markers import SegmentRecording, import_segments
from tests.skeleton.segment_motions import ANIMATION, VISUAL3D, person, segment_poses, swinging

LEGS_AND_ARMS = ("hip_flexion", "hip_adduction", "hip_rotation", "knee_angle", "ankle_angle", "elbow_flex")
PERSON = person()
Q = swinging(PERSON)


def imported(poses: SegmentPoses, *, static: SegmentPoses | None = None) -> SegmentRecording:
    return import_segments(full_body_skeleton(), poses, static=static, scale=True)


def solved(recording: SegmentRecording) -> IKSolution:
    return inverse_kinematics(recording.skeleton, recording.markers)


def worst_deg(solution: IKSolution, q: np.ndarray = Q, *, of: tuple[str, ...] = LEGS_AND_ARMS) -> dict[str, float]:
    errors = np.degrees(np.abs(solution.coordinates.values - q))
    names = solution.coordinates.names
    return {n: float(np.nanmax(errors[:, c])) for c, n in enumerate(names) if n.startswith(of)}


def shuffled(poses: SegmentPoses, *, seed: int = 0) -> SegmentPoses:
    """The same segments, each with axes of its own."""
    rng = np.random.default_rng(seed)
    T = poses.T_lab_segment.copy()
    for column in range(T.shape[1]):
        R, _ = np.linalg.qr(rng.normal(size=(3, 3)))
        T[:, column, :3, :3] = T[:, column, :3, :3] @ (R * np.sign(np.linalg.det(R)))
    return replace(poses, T_lab_segment=T)


def with_label(poses: SegmentPoses, **labels: str) -> SegmentPoses:
    return replace(poses, names=tuple(labels.get(name, name) for name in poses.names))


@pytest.mark.parametrize("convention", [VISUAL3D, ANIMATION])
def test_angles_come_back_in_each_convention(convention: str) -> None:
    recording = imported(segment_poses(PERSON, Q, convention=convention))
    assert f"axes of the segments: {convention}; " in "\n".join(recording.markers.notes)
    solution = solved(recording)
    assert max(worst_deg(solution).values()) < 0.5
    assert max(worst_deg(solution, of=("lumbar", "neck", "pelvis_tilt", "wrist", "mtp", "subtalar")).values()) < 1.0
    assert np.nanmax(1e3 * solution.rms_m) < 1.0


def test_the_default_model_is_scaled_to_distances_of_joint_centres() -> None:
    recording = imported(segment_poses(PERSON, Q))
    factors = dict(zip(recording.skeleton.body_names, recording.body_scales[:, 0], strict=True))
    assert factors["tibia_r"] == pytest.approx(0.94, abs=0.005)
    assert factors["femur_l"] == pytest.approx(1.08, abs=0.01)
    assert factors["humerus_l"] == pytest.approx(0.9, abs=0.005)
    assert factors["talus_l"] == factors["calcn_l"] == pytest.approx(1.0, abs=0.01)


def test_a_model_of_the_person_is_not_scaled() -> None:
    recording = import_segments(PERSON, segment_poses(PERSON, Q), scale=False)
    assert (recording.body_scales == 1).all()
    assert any(
        "the model was not scaled; recorded lengths over its own: pelvis 1.000" in n for n in recording.markers.notes
    )
    assert max(worst_deg(solved(recording)).values()) < 0.5


def test_a_foot_whose_axes_lie_along_it_is_turned_to_the_model() -> None:
    c, s = np.cos(np.radians(55)), np.sin(np.radians(55))
    about_x = np.array([[1, 0, 0], [0, c, -s], [0, s, c]])
    recording = imported(segment_poses(PERSON, Q, turned={"l_foot": about_x, "r_foot": about_x}))
    assert "axes turned to the model's joint centres: l_foot 55 degrees, r_foot 55 degrees" in recording.markers.notes
    assert max(worst_deg(solved(recording)).values()) < 1.5


def test_a_missing_segment_leaves_its_angles_open_and_the_others_right() -> None:
    recording = imported(segment_poses(PERSON, Q, without=["r_foot", "r_toes"]))
    assert any("segments of the model without poses: r_foot, r_toes" in note for note in recording.markers.notes)
    solution = solved(recording)
    assert {"ankle_angle_r", "subtalar_angle_r", "mtp_angle_r"} <= set(solution.held)
    assert max(value for name, value in worst_deg(solution).items() if name != "ankle_angle_r") < 0.5


def test_frames_without_a_pose_are_not_determined() -> None:
    poses = segment_poses(PERSON, Q)
    poses.T_lab_segment[3:6, [poses.names.index(name) for name in ("r_shank", "r_foot", "r_toes")]] = np.nan
    solution = solved(imported(poses))
    column = solution.coordinates.names.index("knee_angle_r")
    assert np.flatnonzero(np.isnan(solution.coordinates.values[:, column])).tolist() == [3, 4, 5]
    assert max(worst_deg(solution).values()) < 0.5


def test_exchanged_sides_are_refused() -> None:
    poses = segment_poses(PERSON, Q)
    exchange = {name: f"{'rl'['lr'.index(name[0])]}{name[1:]}" for name in poses.names if name[:2] in ("l_", "r_")}
    with pytest.raises(ModelError, match="left and right are exchanged in the names of the segments"):
        imported(with_label(poses, **exchange))


def test_a_mirrored_recording_is_refused() -> None:
    poses = segment_poses(PERSON, Q)
    T = np.diag([1.0, 1.0, -1.0, 1.0]) @ poses.T_lab_segment @ np.diag([-1.0, 1.0, 1.0, 1.0])
    exchange = {"l": "r", "r": "l"}
    names = tuple(exchange[n[0]] + n[1:] if n[:2] in ("l_", "r_") else n for n in poses.names)
    mirrored = replace(poses, T_lab_segment=T, names=names)
    with_exchanged_names = solved(imported(mirrored))
    assert max(worst_deg(with_exchanged_names, mirror_image(Q)).values()) < 0.5
    with pytest.raises(ModelError, match="or the recording is mirrored"):
        imported(replace(mirrored, names=poses.names))


def mirror_image(q: np.ndarray) -> np.ndarray:
    """Coordinates with left and right exchanged, of joints whose signs are the same on both sides."""
    names = PERSON.coordinate_names
    other = [re.sub("_([rl])(?=_|$)", lambda side: {"r": "_l", "l": "_r"}[side[1]], name) for name in names]
    return q[:, [names.index(name) for name in other]]


def test_axes_of_no_convention_are_refused_and_known_from_the_neutral_posture() -> None:
    neutral = PERSON.default_pose[None].repeat(3, axis=0)
    heading = PERSON.coordinate_names.index("pelvis_rotation")
    neutral[:, heading] = 2.0
    standing, moving = shuffled(segment_poses(PERSON, neutral)), shuffled(segment_poses(PERSON, Q))
    with pytest.raises(ModelError, match=r"those of no known convention: .* --static"):
        imported(moving)
    recording = imported(moving, static=standing)
    assert "axes of the segments: from the neutral posture of the static trial" in recording.markers.notes
    assert max(worst_deg(solved(recording)).values()) < 0.5


ALL = segment_poses(PERSON, Q)
LIMBS = ["l_thigh", "r_thigh", "l_shank", "l_foot", "r_foot", "l_uarm", "r_uarm"]


@pytest.mark.parametrize(
    ("poses", "message"),
    [
        (segment_poses(PERSON, Q, without=LIMBS), "unknown"),
        (with_label(ALL, torso="Thorax", head="trunk"), "Thorax and trunk would both move torso"),
        (with_label(ALL, **{name: f"S{name}x" for name in ALL.names}), "none has a name"),
    ],
)
def test_segments_that_cannot_be_used_are_refused(poses: SegmentPoses, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        imported(poses)


def test_segments_of_another_unit_are_refused() -> None:
    poses = segment_poses(PERSON, Q)
    poses.T_lab_segment[..., :3, 3] *= 1000
    with pytest.raises(ModelError, match=r"pelvis 930, .* times as far apart as joint centres .* \(--units\)"):
        imported(poses)


def test_segments_whose_axes_disagree_with_the_pelvis_are_refused() -> None:
    about_z = np.diag([-1.0, -1.0, 1.0])
    with pytest.raises(ModelError, match="the axes of l_shank point another way than the pelvis's"):
        imported(segment_poses(PERSON, Q, turned={"l_shank": about_z}))
