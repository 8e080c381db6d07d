"""The body of 20 bones stands for the default one: same people, same postures, fewer numbers."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from biopose.body.anny import Body
from biopose.body.keypoint_names import KEYPOINTS
from biopose.body.keypoints import anny_keypoints
from biopose.body.rig import ShapedBody
from biopose.body.segment_body import (
    KIND,
    PARENTS,
    SEGMENTS,
    SHAPE_TERMS,
    ReferencePerson,
    SegmentBody,
    fit_segment_body,
    in_reference_posture,
)
from biopose.body.segments import SEGMENT_BONES
from biopose.body.subject import BodyWithSkeleton
from biopose.errors import ModelError
from biopose.io.checkpoint import save_checkpoint
from biopose.skeleton.full_body import full_body_skeleton
from biopose.skeleton.kinematics import Kinematics
from biopose.training.synthetic.people import draw_people
from tests.body.bodies import needs_body_asset
from tests.swinging_person import frame_times, swinging

N_MADE_UP = 30


@pytest.fixture(scope="module")
def body() -> SegmentBody:
    return SegmentBody.load()


@pytest.fixture(scope="module")
def default_body() -> Body:
    return Body.load()


@pytest.fixture(scope="module")
def drawn(default_body: Body) -> list[BodyWithSkeleton]:
    return list(draw_people(default_body, n=2, seed=99))  # not of those that the body was fitted to


def synthetic_people(body: SegmentBody) -> list[ReferencePerson]:
    """People whose shapes are linear in SHAPE_TERMS coefficients."""
    generator = torch.Generator().manual_seed(0)
    people = []
    for shape in torch.randn(N_MADE_UP, SHAPE_TERMS, generator=generator):
        at_rest = body.rig.with_coefficients(shape)
        parts = (at_rest.vertices, at_rest.bone_heads, body.keypoints.at_rest(at_rest), body.markers.at_rest(at_rest))
        people.append(ReferencePerson(*parts, height_m=1.7))
    return people


@needs_body_asset
def test_segment_orientations_pose_it_as_coordinates_pose_the_default_body(
    body: SegmentBody, default_body: Body, drawn: list[BodyWithSkeleton]
) -> None:
    q = torch.from_numpy(swinging(frame_times(6, rate_hz=5.0)))
    for person in drawn:
        expected = person.with_coordinates(q)
        reference = in_reference_posture(person, default_body, body.R_ground_reference)
        R_segment = Kinematics(person.skeleton).with_coordinates(q).R_ground_body.float()
        bodies = [person.skeleton.body_names.index(segment) for segment in SEGMENTS]
        shaped = ShapedBody(body.rig, torch.zeros(SHAPE_TERMS), reference.bone_heads)
        posed = shaped.with_global_rotations(R_segment[:, bodies] @ body.R_ground_reference.mT)
        root_m = expected.bone_heads[:, :1]

        vertices = reference.height_m * posed.skin(reference.vertices, body.rig.skin_matrix)
        assert 1000 * _distance(vertices, expected.vertices - root_m).mean() < 0.3
        keypoints = reference.height_m * posed.skin(reference.keypoints, body.keypoints.skin_matrix)
        expected_keypoints = anny_keypoints(default_body).positions(expected)
        assert 1000 * _distance(keypoints, expected_keypoints - root_m).max() < 0.01


@needs_body_asset
def test_few_coefficients_come_near_to_a_drawn_person(
    body: SegmentBody, default_body: Body, drawn: list[BodyWithSkeleton]
) -> None:
    for person in drawn:
        reference = in_reference_posture(person, default_body, body.R_ground_reference)
        shaped = body.rig.with_coefficients(body.shape_of(reference))
        off_mm = 1000 * reference.height_m * (shaped.vertices - reference.vertices).norm(dim=-1)
        assert off_mm.mean() < 2.5
        keypoints = body.keypoints.at_rest(shaped)
        assert 1000 * reference.height_m * (keypoints - reference.keypoints).norm(dim=-1).max() < 10.0


@needs_body_asset
def test_a_fit_finds_all_terms_of_people_who_have_no_more(body: SegmentBody, default_body: Body) -> None:
    people = synthetic_people(body)
    fitted = fit_segment_body(people, default_body, body.R_ground_reference)
    shapes = torch.stack([fitted.shape_of(person) for person in people])
    torch.testing.assert_close(shapes.mean(0), torch.zeros(SHAPE_TERMS), atol=2e-3, rtol=0)
    torch.testing.assert_close(shapes.var(0, correction=0), torch.ones(SHAPE_TERMS), atol=5e-3, rtol=0)
    for person, shape in zip(people, shapes, strict=True):
        shaped = fitted.rig.with_coefficients(shape)
        torch.testing.assert_close(shaped.vertices, person.vertices, atol=1e-4, rtol=0)
        torch.testing.assert_close(shaped.bone_heads, person.bone_heads, atol=1e-4, rtol=0)
        torch.testing.assert_close(fitted.markers.at_rest(shaped), person.markers, atol=1e-4, rtol=0)
    torch.testing.assert_close(fitted.rig.skin_matrix, body.rig.skin_matrix, atol=1e-3, rtol=0)


def test_shapes_are_found_again(body: SegmentBody) -> None:
    shape = torch.linspace(-2, 2, SHAPE_TERMS)
    at_rest = body.rig.with_coefficients(shape)
    person = ReferencePerson(at_rest.vertices, at_rest.bone_heads, torch.empty(0), torch.empty(0), height_m=1.7)
    torch.testing.assert_close(body.shape_of(person), shape, atol=1e-3, rtol=0)


def test_without_turns_it_is_in_the_reference_posture(body: SegmentBody) -> None:
    shaped = body.rig.with_coefficients(torch.linspace(-1, 1, SHAPE_TERMS))
    posed = shaped.with_pose(torch.eye(3).expand(len(SEGMENTS), 3, 3))
    torch.testing.assert_close(posed.vertices, shaped.vertices, atol=3e-4, rtol=0)  # weights in half precision
    torch.testing.assert_close(body.keypoints.positions(posed), body.keypoints.at_rest(shaped), atol=1e-5, rtol=0)


def test_its_mean_is_one_high_and_upright(body: SegmentBody) -> None:
    x, y, z = (body.rig.template_vertices.amax(0) - body.rig.template_vertices.amin(0)).tolist()
    assert y == pytest.approx(1.0, abs=0.03)
    assert max(x, z) < y
    assert not body.rig.template_bone_heads[0].any()
    nose, head_top = (body.keypoints.template[KEYPOINTS.index(name)] for name in ("nose", "head_top"))
    assert nose[0] > head_top[0] + 0.02  # it looks along x
    assert body.keypoints.template[KEYPOINTS.index("left_shoulder"), 2] < 0  # its right is at z > 0


def test_the_tree_is_the_skeletons() -> None:
    skeleton = full_body_skeleton()
    parent_of = {
        skeleton.body_names[joint.child]: skeleton.body_names[joint.parent]
        for joint in skeleton.joints
        if joint.parent >= 0
    }
    for segment in SEGMENTS:
        above = parent_of.get(segment)
        while above is not None and above not in SEGMENTS:
            above = parent_of.get(above)
        assert PARENTS.get(segment) == above
    assert set(SEGMENTS) == set(SEGMENT_BONES)


def test_both_sides_follow_alike(body: SegmentBody) -> None:
    mirrored = [SEGMENTS.index(_other_side(segment)) for segment in SEGMENTS]
    for row, name in enumerate(KEYPOINTS):
        other = KEYPOINTS.index(name.replace("left", "?").replace("right", "left").replace("?", "right"))
        skin = body.keypoints.skin_matrix
        torch.testing.assert_close(skin[row], skin[other][mirrored], atol=1e-5, rtol=0)
        flipped = body.keypoints.template[other] * torch.tensor([1.0, 1.0, -1.0])
        torch.testing.assert_close(body.keypoints.template[row], flipped, atol=1e-3, rtol=0)


def test_weights_are_shares(body: SegmentBody) -> None:
    for skin in (body.rig.skin_matrix, body.keypoints.skin_matrix, body.markers.skin_matrix):
        assert skin.min() >= 0
        torch.testing.assert_close(skin.sum(1), torch.ones(len(skin)), atol=2e-3, rtol=0)


def test_it_comes_back_from_a_file(body: SegmentBody, tmp_path: Path) -> None:
    path = tmp_path / "body.safetensors"
    body.save(path, made="for a test")
    again = SegmentBody.load(path)
    assert again.rig.bone_labels == body.rig.bone_labels
    assert again.rig.bone_parents == body.rig.bone_parents
    for name, tensor in body.tensors().items():
        torch.testing.assert_close(again.tensors()[name], tensor, atol=3e-4, rtol=0, msg=name)


@pytest.mark.parametrize("content", [None, b"", b"not a body"])
def test_a_broken_file_is_refused(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "body.safetensors"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ModelError, match=r"body\.safetensors.*segment_body"):
        SegmentBody.load(path)


def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "body.safetensors"
    save_checkpoint(path, {"x": torch.zeros(1)}, kind="lifter", shape={})
    with pytest.raises(ModelError, match=f"holds lifter; a {KIND}"):
        SegmentBody.load(path)


def _distance(points: Tensor, others: Tensor) -> Tensor:
    return (points - others).norm(dim=-1)


def _other_side(segment: str) -> str:
    stem, _, side = segment.rpartition("_")
    return f"{stem}_{'l' if side == 'r' else 'r'}" if side in ("r", "l") else segment
