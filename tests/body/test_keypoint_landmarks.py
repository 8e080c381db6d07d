"""The keypoints on the skeleton: where the constants come from, and that they scale and move with it."""

import numpy as np
import pytest
import torch

from biopose.body.anny import Body
from biopose.body.keypoint_landmarks import PREFIX, keypoint_locations, skeleton_with_keypoints
from biopose.body.keypoint_names import KEYPOINTS, MIRRORED
from biopose.body.keypoints import anny_keypoints
from biopose.body.shape import draw_shapes
from biopose.body.subject import skeleton_of_body
from biopose.skeleton.kinematics import Kinematics
from biopose.skeleton.model import Skeleton
from biopose.skeleton.reader import read_osim
from tests.body.bodies import body_in_double, needs_body_asset
from tests.synthetic_person import SyntheticPerson

AGREEMENT_M = 0.003  # of the constants with a mean over shapes
ONE_PERSON_M = 0.025  # of the constants with one person's own body


@pytest.fixture(scope="module")
def full_body(person: SyntheticPerson) -> Skeleton:
    return read_osim(person.generic)


def test_there_are_26_markers_in_the_networks_order(full_body: Skeleton) -> None:
    assert skeleton_with_keypoints(full_body).marker_names == tuple(PREFIX + name for name in KEYPOINTS)


def test_left_mirrors_right_in_the_neutral_pose(full_body: Skeleton) -> None:
    skeleton = skeleton_with_keypoints(full_body)
    at = Kinematics(skeleton).with_coordinates(torch.zeros(len(skeleton.coordinates))).markers
    mirrored = at[list(MIRRORED)] * torch.tensor([1.0, 1.0, -1.0])
    torch.testing.assert_close(mirrored, at, atol=1e-9, rtol=0)


def test_a_skeleton_without_a_segment_is_refused(full_body: Skeleton) -> None:
    legs = full_body.select_markers(["RKNE"]).without_bare_branches()
    with pytest.raises(ValueError, match=r"has no .*head"):
        skeleton_with_keypoints(legs)


@needs_body_asset
def test_scaled_keypoints_lie_where_the_body_has_them(full_body: Skeleton) -> None:
    body = body_in_double()
    kinematics = Kinematics(skeleton_with_keypoints(full_body))
    for phenotype in draw_shapes(body, 2, seed=11):
        person = skeleton_of_body(body, body.with_shape(phenotype), full_body)
        rest_pose = torch.from_numpy(person.rest_pose)
        scaled = kinematics.with_scales(torch.from_numpy(person.body_scales)).with_coordinates(rest_pose)
        distance_m = (scaled.markers - anny_keypoints(body).at_rest(person.shaped)).norm(dim=-1)
        assert distance_m.max() < ONE_PERSON_M
        assert distance_m.mean() < ONE_PERSON_M / 3


def _disagreement_m(body: Body, full_body: Skeleton, shapes: int) -> float:
    found = keypoint_locations(body, draw_shapes(body, shapes, seed=0), full_body).mean(0)
    stored = np.array([marker.location_m for marker in skeleton_with_keypoints(full_body).markers])
    return float(np.linalg.norm(found - stored, axis=-1).max())


@needs_body_asset
def test_the_constants_are_the_mean_over_a_few_shapes(full_body: Skeleton) -> None:
    assert _disagreement_m(body_in_double(), full_body, 3) < 4 * AGREEMENT_M


@needs_body_asset
@pytest.mark.slow
def test_the_constants_are_the_mean_over_50_shapes(full_body: Skeleton) -> None:
    assert _disagreement_m(body_in_double(), full_body, 50) < AGREEMENT_M
