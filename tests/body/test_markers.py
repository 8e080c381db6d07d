import itertools

import pytest
import torch

from biopose.body.anny import Body
from biopose.body.markers import ANNY_PLACES, BONY_LANDMARKS, MARKERS, MarkerSet, anny_markers
from biopose.body.segments import SEGMENT_BONES
from biopose.body.shape import phenotype_for
from tests.body.bodies import body_in_double, needs_body_asset, random_rotations
from tests.body.joint_centres import JOINT_CENTRE_BONES, joint_centres

J = 104


@pytest.fixture(scope="module")
def body() -> Body:
    return body_in_double()


@pytest.fixture(scope="module")
def markers(body: Body) -> MarkerSet:
    return anny_markers(body)


@pytest.fixture(scope="module")
def shapes(body: Body) -> torch.Tensor:
    """A small woman, an average man, a tall heavy man."""
    height, mass = torch.tensor([1.55, 1.76, 1.95]), torch.tensor([48.0, 78.0, 118.0])
    return phenotype_for(body, height_m=height, mass_kg=mass, gender=torch.tensor([1.0, 0.0, 0.0]))


def test_there_are_28_bony_landmarks_of_known_segments() -> None:
    assert len(set(BONY_LANDMARKS)) == 28
    assert all(MARKERS[name].bony for name in BONY_LANDMARKS)
    assert {marker.segment for marker in MARKERS.values()} <= set(SEGMENT_BONES)


def test_every_right_marker_has_a_left_one() -> None:
    right = {name[1:] for name in MARKERS if name.startswith("R")}
    assert right == {name[1:] for name in MARKERS if name.startswith("L")}
    assert all(MARKERS[f"L{name}"].segment.replace("_l", "_r") == MARKERS[f"R{name}"].segment for name in right)


def test_places_are_means_of_at_most_four_vertices() -> None:
    for place in ANNY_PLACES.values():
        assert 1 <= len(place) <= 4
        assert sum(weight for _, weight in place) == pytest.approx(1.0, abs=1e-9)


@needs_body_asset
def test_every_bone_belongs_to_one_segment(body: Body) -> None:
    assert sorted(bone for bones in SEGMENT_BONES.values() for bone in bones) == sorted(body.bone_labels)


@needs_body_asset
def test_markers_lie_on_the_mesh(body: Body, markers: MarkerSet, shapes: torch.Tensor) -> None:
    shaped = body.with_shape(shapes)
    to_mesh = torch.cdist(markers.at_rest(shaped), shaped.vertices).amin(dim=-1)
    assert to_mesh.max() < 0.02


@needs_body_asset
def test_left_mirrors_right(body: Body, markers: MarkerSet, shapes: torch.Tensor) -> None:
    rest = dict(zip(markers.names, markers.at_rest(body.with_shape(shapes)).unbind(1), strict=True))
    mirror = torch.tensor([1.0, 1.0, -1.0], dtype=torch.float64)
    for name, position in rest.items():
        partner = f"L{name[1:]}" if name.startswith("R") else name
        if not name.startswith("L"):
            torch.testing.assert_close(rest[partner] * mirror, position, atol=1e-3, rtol=0)


@needs_body_asset
def test_landmarks_have_anatomical_order(body: Body, markers: MarkerSet, shapes: torch.Tensor) -> None:
    at = dict(zip(markers.names, markers.at_rest(body.with_shape(shapes)).unbind(1), strict=True))
    downward = ("TOPH", "C7", "T1", "T8", "T10", "T12", "RPSI", "RKNE", "RANK", "RHEE")
    assert all((at[a][:, 1] > at[b][:, 1]).all() for a, b in itertools.pairwise(downward))
    assert (at["RASI"][:, 0] - at["RPSI"][:, 0] > 0.1).all()
    lateral_of = (("RASI", "RPSI"), ("RKNE", "RKNI"), ("RANK", "RANI"), ("RELB", "RELBIN"), ("RMT5", "RMT1"))
    assert all((at[lateral][:, 2] > at[medial][:, 2]).all() for lateral, medial in lateral_of)


@needs_body_asset
def test_bony_landmarks_are_rigid_in_their_segment(body: Body, markers: MarkerSet, shapes: torch.Tensor) -> None:
    """Pose segments at random: a landmark keeps its place relative to its own segment's bones."""
    shaped = body.with_shape(shapes[1])
    R_segment = random_rotations(len(SEGMENT_BONES), degrees=60, seed=1)
    R_world = torch.empty(J, 3, 3, dtype=torch.float64)
    for R, bones in zip(R_segment, SEGMENT_BONES.values(), strict=True):
        R_world[[body.bone_index[bone] for bone in bones]] = R
    posed = shaped.with_global_rotations(R_world)
    rest, moved = markers.at_rest(shaped), markers.positions(posed)
    for row, name in enumerate(markers.names):
        if MARKERS[name].bony:
            bone = body.bone_index[SEGMENT_BONES[MARKERS[name].segment][0]]
            rigid = R_world[bone] @ (rest[row] - shaped.bone_heads[bone]) + posed.bone_heads[bone]
            torch.testing.assert_close(moved[row], rigid)


@needs_body_asset
def test_cluster_markers_move_with_the_skin(body: Body, shapes: torch.Tensor) -> None:
    posed = body.with_shape(shapes).with_pose(random_rotations(3, J, degrees=40, seed=2))
    (vertex, _), *_ = ANNY_PLACES["RUPA3"]
    skin = posed.points(torch.tensor([vertex]))
    torch.testing.assert_close(anny_markers(body, ["RUPA3"]).positions(posed), skin)


@needs_body_asset
def test_knee_ankle_and_elbow_centres_lie_between_their_landmarks(
    body: Body, markers: MarkerSet, shapes: torch.Tensor
) -> None:
    shaped = body.with_shape(shapes[1])
    at = dict(zip(markers.names, markers.at_rest(shaped), strict=True))
    centres = joint_centres(shaped.with_pose({}))
    assert set(centres) == set(JOINT_CENTRE_BONES)
    for joint, lateral, medial in (
        ("knee_r", "RKNE", "RKNI"),
        ("ankle_l", "LANK", "LANI"),
        ("elbow_r", "RELB", "RELBIN"),
    ):
        assert ((at[lateral] + at[medial]) / 2 - centres[joint]).norm() < 0.01


@needs_body_asset
def test_unknown_marker_is_refused(body: Body) -> None:
    with pytest.raises(ValueError, match="NOSE"):
        anny_markers(body, ["C7", "NOSE"])
