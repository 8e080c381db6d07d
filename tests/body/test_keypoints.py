"""The keypoints on the body: where they lie, and what they move with."""

import pytest
import torch

from biopose.body.anny import Body
from biopose.body.keypoint_names import KEYPOINTS, MIRRORED
from biopose.body.keypoints import KEYPOINT_SEGMENTS, RIGHT_PLACES, anny_keypoints
from biopose.body.markers import MarkerSet, anny_markers
from biopose.body.segments import SEGMENT_BONES
from biopose.body.shape import phenotype_for
from tests.body.bodies import body_in_double, needs_body_asset, random_rotations


@pytest.fixture(scope="module")
def body() -> Body:
    return body_in_double()


@pytest.fixture(scope="module")
def keypoints(body: Body) -> MarkerSet:
    return anny_keypoints(body)


@pytest.fixture(scope="module")
def shapes(body: Body) -> torch.Tensor:
    """A small woman, an average man, a tall heavy man."""
    height, mass = torch.tensor([1.55, 1.76, 1.95]), torch.tensor([48.0, 78.0, 118.0])
    return phenotype_for(body, height_m=height, mass_kg=mass, gender=torch.tensor([1.0, 0.0, 0.0]))


def test_every_keypoint_belongs_to_a_segment() -> None:
    assert tuple(KEYPOINT_SEGMENTS) == KEYPOINTS
    assert set(KEYPOINT_SEGMENTS.values()) <= set(SEGMENT_BONES)


def test_places_are_convex_combinations() -> None:
    for _, place in RIGHT_PLACES.values():
        assert sum(weight for _, weight in place) == pytest.approx(1.0, abs=1e-9)
        assert min(weight for _, weight in place) > 0


@needs_body_asset
def test_left_mirrors_right(body: Body, keypoints: MarkerSet, shapes: torch.Tensor) -> None:
    at_rest = keypoints.at_rest(body.with_shape(shapes))
    mirrored = at_rest[:, list(MIRRORED)] * torch.tensor([1.0, 1.0, -1.0], dtype=torch.float64)
    torch.testing.assert_close(mirrored, at_rest, atol=1e-3, rtol=0)


@needs_body_asset
def test_keypoints_lie_near_the_landmarks_around_them(body: Body, keypoints: MarkerSet, shapes: torch.Tensor) -> None:
    shaped = body.with_shape(shapes)
    at = dict(zip(KEYPOINTS, keypoints.at_rest(shaped).unbind(1), strict=True))
    marker_set = anny_markers(body)
    marker = dict(zip(marker_set.names, marker_set.at_rest(shaped).unbind(1), strict=True))
    for keypoint, around, limit_m in (
        ("right_knee", ("RKNE", "RKNI"), 0.04),
        ("left_ankle", ("LANK", "LANI"), 0.04),
        ("right_elbow", ("RELB", "RELBIN"), 0.04),
        ("left_wrist", ("LOWR", "LIWR"), 0.04),
        ("right_heel", ("RHEE",), 0.05),
        ("left_big_toe", ("LTOE",), 0.06),
        ("neck", ("C7", "CLAV"), 0.08),
        ("head_top", ("TOPH",), 0.06),
    ):
        centre = torch.stack([marker[name] for name in around]).mean(0)
        assert (at[keypoint] - centre).norm(dim=-1).max() < limit_m, keypoint


@needs_body_asset
def test_a_keypoint_is_rigid_in_its_segment(body: Body, keypoints: MarkerSet, shapes: torch.Tensor) -> None:
    """However the other bones turn, it keeps its place in its own."""
    shaped = body.with_shape(shapes[1])
    own = [body.bone_index[bone] for bone in SEGMENT_BONES["femur_r"]]
    R = random_rotations(len(body.bone_labels), degrees=60.0, seed=3)
    R[own] = R[own[0]].clone()
    posed = shaped.with_global_rotations(R)
    row = KEYPOINTS.index("right_knee")
    at_rest, moved = keypoints.at_rest(shaped)[row], keypoints.positions(posed)[row]
    head = own[0]
    expected = posed.bone_heads[head] + R[head] @ (at_rest - shaped.bone_heads[head])
    torch.testing.assert_close(moved, expected, atol=1e-6, rtol=0)


@needs_body_asset
def test_names_may_be_chosen(body: Body, keypoints: MarkerSet, shapes: torch.Tensor) -> None:
    some = anny_keypoints(body, ["left_knee", "mid_hip"])
    rows = [KEYPOINTS.index("left_knee"), KEYPOINTS.index("mid_hip")]
    shaped = body.with_shape(shapes)
    torch.testing.assert_close(some.at_rest(shaped), keypoints.at_rest(shaped)[:, rows])


@needs_body_asset
def test_unknown_keypoint_is_refused(body: Body) -> None:
    with pytest.raises(ValueError, match="chin"):
        anny_keypoints(body, ["nose", "chin"])
