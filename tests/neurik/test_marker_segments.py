"""Segments laid onto markers, and the angles read from them."""

import pytest
import torch
from torch import Tensor

from biopose.body.markers import MARKERS
from biopose.neurik.joint_angles import JointAngles
from biopose.neurik.marker_segments import SEGMENTS, FittedSegments, SegmentFit, marker_owners, reference_posture
from biopose.skeleton.full_body import full_body_skeleton
from biopose.skeleton.kinematics import Kinematics, Pose
from biopose.skeleton.rotations import rotation_vector
from tests.swinging_person import frame_times, swinging
from tests.training.synthetic_markers import default_locations_m

SKELETON = full_body_skeleton()
NAMES = list(MARKERS)
OWNER = marker_owners(SKELETON)


def swinging_markers() -> tuple[Pose, Tensor]:
    q = torch.from_numpy(swinging(frame_times(20))).float()
    pose = Kinematics(SKELETON, dtype=torch.float32).with_coordinates(q)
    locations = (pose.R_ground_body[:, OWNER] @ default_locations_m()[..., None])[..., 0]
    return pose, locations + pose.p_ground_body[:, OWNER]


def fitted(markers: Tensor, weight: Tensor | None = None) -> FittedSegments:
    weight = torch.ones(markers.shape[:-1]) if weight is None else weight
    return SegmentFit(SKELETON)(markers, weight, default_locations_m())


def turned_wrongly_deg(pose: Pose, found: FittedSegments) -> Tensor:
    bodies = [SKELETON.body_names.index(name) for name in SEGMENTS]
    return rotation_vector(pose.R_ground_body[:, bodies].mT @ found.R_world_segment).norm(dim=-1).rad2deg()


def without(*names: str) -> Tensor:
    weight = torch.ones(20, len(NAMES))
    weight[:, [NAMES.index(name) for name in names]] = 0.0
    return weight


def test_segments_with_three_markers_are_found_where_they_are() -> None:
    pose, markers = swinging_markers()
    wrong = turned_wrongly_deg(pose, fitted(markers)).amax(0)
    many = [i for i, name in enumerate(SEGMENTS) if name.split("_")[0] in ("torso", "head", "femur", "tibia")]
    assert float(wrong[many].max()) < 3.0
    assert float(wrong[0]) < 0.5


def test_larger_people_differ_in_their_size_alone() -> None:
    _, markers = swinging_markers()
    default, large = fitted(markers), fitted(1.2 * markers)
    torch.testing.assert_close(large.size, 1.2 * default.size, atol=1e-3, rtol=0)
    torch.testing.assert_close(large.R_world_segment, default.R_world_segment, atol=2e-3, rtol=0)
    torch.testing.assert_close(large.residual, default.residual, atol=1e-3, rtol=0)


def test_people_of_any_proportions_are_fitted_on_their_own_skeleton() -> None:
    g = torch.Generator().manual_seed(4)
    scales = 1 + 0.08 * torch.randn(len(SKELETON.bodies), 3, generator=g)
    own = (default_locations_m() + 0.01 * torch.randn(len(NAMES), 3, generator=g)) * scales[OWNER]
    q = torch.from_numpy(swinging(frame_times(20))).float()
    pose = Kinematics(SKELETON, dtype=torch.float32).with_scales(scales).with_coordinates(q)
    markers = (pose.R_ground_body[:, OWNER] @ own[..., None])[..., 0] + pose.p_ground_body[:, OWNER]
    fit, bodies = SegmentFit(SKELETON), [SKELETON.body_names.index(name) for name in SEGMENTS]
    found = fit(markers, torch.ones(20, len(NAMES)), own[None], scales[None, bodies])
    wrong, usually = (turned_wrongly_deg(pose, found).amax(0) for found in (found, fitted(markers)))
    many = [i for i, name in enumerate(SEGMENTS) if name.split("_")[0] in ("pelvis", "torso", "head", "femur", "tibia")]
    assert float(wrong[many].max()) < 1.5
    assert float(wrong.mean()) < 0.5 * float(usually.mean())
    torch.testing.assert_close(found.size, torch.ones(20), atol=1e-3, rtol=0)


def test_proportions_of_one_are_the_default_skeleton() -> None:
    _, markers = swinging_markers()
    fit, weight = SegmentFit(SKELETON), torch.ones(20, len(NAMES))
    default = fit(markers, weight, default_locations_m())
    same = fit(markers, weight, default_locations_m()[None], torch.ones(1, len(SEGMENTS), 3))
    for name, value in vars(default).items():
        torch.testing.assert_close(getattr(same, name), value, atol=1e-4, rtol=0)


def test_segments_without_markers_stay_in_the_reference_posture_and_are_not_observable() -> None:
    _, markers = swinging_markers()
    found = fitted(markers, without("RFIN"))
    hand, radius = SEGMENTS.index("hand_r"), SEGMENTS.index("radius_r")
    turn = found.R_world_segment[:, radius].mT @ found.R_world_segment[:, hand]
    torch.testing.assert_close(turn, turn[:1].expand_as(turn), atol=1e-4, rtol=0)
    assert float(found.observability[:, hand].max()) == 0.0
    assert float(found.observability[:, radius, 0].min()) > 0.5


def test_without_the_pelvis_markers_the_others_determine_it() -> None:
    pose, markers = swinging_markers()
    found = fitted(markers, without("RASI", "LASI", "RPSI", "LPSI"))
    assert float(turned_wrongly_deg(pose, found)[:, 0].max()) < 45


def test_without_markers_everything_is_finite() -> None:
    found = fitted(torch.zeros(20, len(NAMES), 3), torch.zeros(20, len(NAMES)))
    assert all(value.isfinite().all() for value in vars(found).values())


@pytest.mark.parametrize("coordinate", ["hip_flexion_r", "knee_angle_l", "elbow_flex_r", "arm_flex_l"])
def test_closed_form_angles_are_the_true_ones(coordinate: str) -> None:
    _, markers = swinging_markers()
    fit = SegmentFit(SKELETON)
    joint_angles = JointAngles(SKELETON, fit)
    angles, sure, _ = joint_angles(fit(markers, torch.ones(20, len(NAMES)), default_locations_m()))
    column = SKELETON.coordinate_names.index(coordinate)
    limited = [c for c in SKELETON.free_coordinates if not SKELETON.coordinate_names[c].startswith("pelvis")]
    truth = torch.from_numpy(swinging(frame_times(20))[:, column]).float()
    error = (angles[:, limited.index(column)] - truth).abs().rad2deg()
    assert float(error.max()) < 4
    assert float(sure.min()) > 0.5


def test_in_the_reference_posture_no_segment_is_rotated() -> None:
    pose = Kinematics(SKELETON, dtype=torch.float32).with_coordinates(reference_posture(SKELETON).float()[None])
    markers = (pose.R_ground_body[:, OWNER] @ default_locations_m()[..., None])[..., 0] + pose.p_ground_body[:, OWNER]
    fit = SegmentFit(SKELETON)
    _, _, turn = JointAngles(SKELETON, fit)(fit(markers, torch.ones(1, len(NAMES)), default_locations_m()))
    assert float(rotation_vector(turn).norm(dim=-1).rad2deg().max()) < 1.0
