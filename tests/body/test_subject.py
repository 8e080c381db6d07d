"""A body and a skeleton as one person: they stand, move and carry markers together."""

import numpy as np
import pytest
import torch

from biopose.body.anny import Body
from biopose.body.markers import MARKERS, anny_markers
from biopose.body.shape import draw_shapes
from biopose.body.subject import BodyWithSkeleton, skeleton_of_body, stretched_to
from biopose.evaluation.consistency import draw_poses
from biopose.io.trajectories import MarkerTrajectories
from biopose.skeleton.angles import nearest_representation
from biopose.skeleton.ik.inverse_kinematics import inverse_kinematics
from biopose.skeleton.kinematics import Kinematics
from biopose.skeleton.reader import read_osim
from tests.body.bodies import body_in_double, needs_body_asset
from tests.synthetic_person import SyntheticPerson

pytestmark = needs_body_asset

SHAPES, POSES = 3, 20
FLOAT32_M = 1e-6  # skin weights are stored as float32, so they sum to 1 within that


@pytest.fixture(scope="module")
def body() -> Body:
    return body_in_double()


@pytest.fixture(scope="module")
def people(body: Body, person: SyntheticPerson) -> list[BodyWithSkeleton]:
    full_body = read_osim(person.generic)
    return [skeleton_of_body(body, body.with_shape(p), full_body) for p in draw_shapes(body, SHAPES, seed=7)]


@pytest.fixture(scope="module")
def poses(people: list[BodyWithSkeleton]) -> torch.Tensor:
    return torch.from_numpy(draw_poses(people[0].skeleton, POSES, rng=np.random.default_rng(7)))


def test_the_rest_pose_gives_the_rest_mesh(people: list[BodyWithSkeleton]) -> None:
    for one in people:
        posed = one.with_coordinates(torch.from_numpy(one.rest_pose))
        torch.testing.assert_close(posed.vertices, one.shaped.vertices, atol=FLOAT32_M, rtol=0)


def test_the_pelvis_is_where_the_skeletons_is(people: list[BodyWithSkeleton], poses: torch.Tensor) -> None:
    """The root bone turns with the pelvis, and its head keeps its place in it."""
    for one in people:
        pelvis = one.skeleton.body_names.index("pelvis")
        kinematics = Kinematics(one.skeleton)
        rest = kinematics.with_coordinates(torch.from_numpy(one.rest_pose))
        moved = kinematics.with_coordinates(poses)
        in_pelvis = rest.R_ground_body[pelvis].mT @ (one.shaped.bone_heads[0] - rest.p_ground_body[pelvis])
        expected = moved.p_ground_body[:, pelvis] + moved.R_ground_body[:, pelvis] @ in_pelvis
        found = one.with_coordinates(poses).bone_heads[:, 0]
        torch.testing.assert_close(found, expected, atol=1e-9, rtol=0)


def test_moving_the_pelvis_moves_every_vertex_alike(people: list[BodyWithSkeleton]) -> None:
    one, shift = people[0], torch.tensor([0.3, -0.2, 1.5], dtype=torch.float64)
    q = torch.from_numpy(one.rest_pose).clone()
    q[[one.skeleton.coordinate_names.index(f"pelvis_t{axis}") for axis in "xyz"]] += shift
    expected = one.shaped.vertices + shift
    torch.testing.assert_close(one.with_coordinates(q).vertices, expected, atol=FLOAT32_M, rtol=0)


def test_joint_centres_coincide_at_rest(people: list[BodyWithSkeleton]) -> None:
    for one in people:
        centers = Kinematics(one.skeleton).with_coordinates(torch.from_numpy(one.rest_pose)).joint_centers
        for bone, segment in (("upperleg01.R", "femur_r"), ("lowerleg01.L", "tibia_l"), ("upperarm01.R", "humerus_r")):
            head = one.shaped.bone_heads[one.shaped.body.bone_index[bone]]
            center = centers[one.skeleton.body_names.index(segment) - 1]
            torch.testing.assert_close(head, center, atol=1e-9, rtol=0)


def test_markers_coincide_at_rest(people: list[BodyWithSkeleton]) -> None:
    for one in people:
        modelled = Kinematics(one.skeleton).with_coordinates(torch.from_numpy(one.rest_pose)).markers
        assert one.skeleton.marker_names == one.markers.names
        torch.testing.assert_close(modelled, one.markers.at_rest(one.shaped), atol=1e-9, rtol=0)


def test_bony_markers_stay_on_their_segments(people: list[BodyWithSkeleton], poses: torch.Tensor) -> None:
    """What is left is the knee's glide, which the body's rig does not have."""
    bony = [i for i, name in enumerate(people[0].markers.names) if MARKERS[name].bony]
    assert len(bony) >= 28
    for one in people:
        seen = one.markers.positions(one.with_coordinates(poses))
        modelled = Kinematics(one.skeleton).with_coordinates(poses).markers
        distance_m = (seen - modelled).norm(dim=-1)[:, bony]
        assert distance_m.max() < 0.015
        above_knee = [i for i in bony if one.skeleton.body_names[one.skeleton.markers[i].body] in ("pelvis", "torso")]
        assert (seen - modelled).norm(dim=-1)[:, above_knee].max() < FLOAT32_M


def test_coordinates_survive_the_round_trip(people: list[BodyWithSkeleton], poses: torch.Tensor) -> None:
    errors_deg = []
    for one in people:
        markers = one.markers.positions(one.with_coordinates(poses)).numpy()
        recording = MarkerTrajectories(np.arange(POSES, dtype=float), one.markers.names, markers)
        solution = inverse_kinematics(one.skeleton, recording)
        assert solution.solved.all()
        names = list(one.skeleton.coordinate_names)
        found = nearest_representation(one.skeleton, names, solution.coordinates.values, poses.numpy())
        turning = [i for i, name in enumerate(names) if name in one.skeleton.rotational_names]
        errors_deg.append(np.degrees(np.abs(found - poses.numpy()))[:, turning])
    assert np.median(errors_deg) <= 1.0
    assert np.percentile(errors_deg, 95) <= 4.0


def test_any_batch_axes_give_the_same_bodies(people: list[BodyWithSkeleton], poses: torch.Tensor) -> None:
    one = people[0]
    flat = one.with_coordinates(poses[:6]).vertices
    folded = one.with_coordinates(poses[:6].reshape(2, 3, -1)).vertices
    torch.testing.assert_close(folded.reshape(flat.shape), flat, atol=1e-12, rtol=0)
    torch.testing.assert_close(one.with_coordinates(poses[4]).vertices, flat[4], atol=1e-12, rtol=0)


def test_markers_may_be_chosen(body: Body, person: SyntheticPerson) -> None:
    names = [name for name, marker in MARKERS.items() if marker.bony]
    shaped = body.with_shape(draw_shapes(body, 1, seed=1)[0])
    one = skeleton_of_body(body, shaped, read_osim(person.generic), markers=names)
    assert one.markers.names == one.skeleton.marker_names == tuple(names)
    at_rest = anny_markers(body, names).at_rest(shaped)
    modelled = Kinematics(one.skeleton).with_coordinates(torch.from_numpy(one.rest_pose)).markers
    torch.testing.assert_close(modelled, at_rest, atol=1e-9, rtol=0)


def test_several_shapes_at_once_are_refused(body: Body, person: SyntheticPerson) -> None:
    with pytest.raises(ValueError, match=r"one shape at a time; this one has batch axes \(2,\)"):
        skeleton_of_body(body, body.with_shape(draw_shapes(body, 2, seed=1)), read_osim(person.generic))


def scaled_segments(one: BodyWithSkeleton, **factors: float) -> np.ndarray:
    """The person's own factors with some segments' lengths multiplied."""
    body_scales = one.body_scales.copy()
    for segment, factor in factors.items():
        body_scales[one.skeleton.body_names.index(segment)] *= factor
    return body_scales


def bone_lengths(heads: torch.Tensor, one: BodyWithSkeleton) -> dict[str, float]:
    index = one.shaped.body.bone_index
    ends = {
        "thigh": ("upperleg01.R", "lowerleg01.R"),
        "shank": ("lowerleg01.R", "foot.R"),
        "left shank": ("lowerleg01.L", "foot.L"),
        "upper arm": ("upperarm01.L", "lowerarm01.L"),
    }
    return {name: float((heads[index[a]] - heads[index[b]]).norm()) for name, (a, b) in ends.items()}


def test_the_persons_own_factors_stretch_nothing(people: list[BodyWithSkeleton]) -> None:
    for one in people:
        same = stretched_to(one, one.body_scales)
        torch.testing.assert_close(same.bone_heads, one.shaped.bone_heads, atol=1e-9, rtol=0)
        torch.testing.assert_close(same.vertices, one.shaped.vertices, atol=FLOAT32_M, rtol=0)


def test_segments_are_stretched_in_the_ratio_of_their_factors(people: list[BodyWithSkeleton]) -> None:
    for one in people:
        longer = stretched_to(one, scaled_segments(one, tibia_r=1.1, humerus_l=0.9))
        before, after = bone_lengths(one.shaped.bone_heads, one), bone_lengths(longer.bone_heads, one)
        for name, factor in {"thigh": 1.0, "shank": 1.1, "left shank": 1.0, "upper arm": 0.9}.items():
            assert after[name] / before[name] == pytest.approx(factor, abs=0.01), name


def test_a_person_stretched_all_over_is_as_much_taller(people: list[BodyWithSkeleton]) -> None:
    one = people[0]
    tall = stretched_to(one, 1.08 * one.body_scales)

    def height(vertices: torch.Tensor) -> float:
        return float(vertices[:, 1].max() - vertices[:, 1].min())

    assert height(tall.vertices) / height(one.shaped.vertices) == pytest.approx(1.08, abs=0.002)


def test_scaling_to_a_stretched_body_finds_the_factors_again(
    body: Body, person: SyntheticPerson, people: list[BodyWithSkeleton]
) -> None:
    wanted = scaled_segments(people[0], femur_r=1.06, femur_l=1.06, tibia_r=0.96, tibia_l=0.96, humerus_r=1.05)
    found = skeleton_of_body(body, stretched_to(people[0], wanted), read_osim(person.generic)).body_scales
    for segment in ("femur_r", "femur_l", "tibia_r", "tibia_l", "humerus_r", "humerus_l"):
        row = people[0].skeleton.body_names.index(segment)
        assert found[row, 1] / wanted[row, 1] == pytest.approx(1.0, abs=0.035), segment


def test_a_stretched_body_moves_with_its_longer_bones(people: list[BodyWithSkeleton]) -> None:
    """A knee bent by a right angle: the foot goes round the knee by the longer shank."""
    one = people[0]
    stretched = stretched_to(one, scaled_segments(one, tibia_r=1.2))
    back = torch.tensor([[0.0, 1.0, 0.0], [-1.0, 0.0, 0.0], [0.0, 0.0, 1.0]], dtype=torch.float64)
    posed = stretched.with_pose({"lowerleg01.R": back})
    knee, ankle = (one.shaped.body.bone_index[bone] for bone in ("lowerleg01.R", "foot.R"))
    shank, bent = (heads[ankle] - heads[knee] for heads in (stretched.bone_heads, posed.bone_heads))
    torch.testing.assert_close(bent, back @ shank, atol=1e-9, rtol=0)
    torch.testing.assert_close(posed.bone_heads[knee], stretched.bone_heads[knee], atol=1e-9, rtol=0)
