"""People upside down and lying are found in turned crops; those who are upright are left alone."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from biopose.perception.detections import LOWER, UPPER, box_around
from biopose.perception.keypoint_network import KeypointNetwork, Keypoints
from biopose.tracking.turned_people import EIGHTH_RAD, EIGHTHS, may_lie, most_confident_turned
from tests.perception.real_people import frames_of_two_people, needs_networks

JUMPER_PX = np.array([[700.0, 60.0, 900.0, 480.0]])


@pytest.fixture(scope="module")
def network() -> KeypointNetwork:
    return KeypointNetwork.load(threads=1)


def looked_at_again(image: NDArray[np.uint8], box_px: NDArray[np.float64], network: KeypointNetwork) -> Keypoints:
    located = network.locate_in(image, box_px)
    return most_confident_turned(image, box_px, located, network, among=np.ones(1, dtype=np.bool_), mirrored=False)


def turned_in(
    image: NDArray[np.uint8],
    box_px: NDArray[np.float64],
    before_deg: float,
    network: KeypointNetwork,
    monkeypatch: pytest.MonkeyPatch,
) -> list[list[int]]:
    """The turns, in eighths, of the crops in each pass over somebody whose direction in the frame before is known."""
    passes: list[list[int]] = []
    locate_turned = network.locate_turned

    def counting(*given: Any, **options: Any) -> Keypoints:
        passes.append(np.rint(given[2] / EIGHTH_RAD).astype(int).tolist())
        return locate_turned(*given, **options)

    monkeypatch.setattr(network, "locate_turned", counting)
    located, before_rad = network.locate_in(image, box_px), np.deg2rad([before_deg])
    among = np.ones(1, dtype=np.bool_)
    most_confident_turned(image, box_px, located, network, among=among, mirrored=False, before_rad=before_rad)
    return passes


@needs_networks
@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_keypoints_of_a_turned_image_are_the_turned_keypoints(network: KeypointNetwork, quarters: int) -> None:
    image = frames_of_two_people()[2]
    rough = network.locate_in(image, JUMPER_PX)
    upright = network.locate_in(image, box_around(rough.positions_px[0], rough.confidence[0])[None])
    turned_image = np.rot90(image, quarters).copy()
    middle, turned_middle = ((np.array(each.shape[1::-1]) - 1) / 2 for each in (image, turned_image))
    angle = -quarters * np.pi / 2  # np.rot90 turns the other way
    R = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    expected_px = (upright.positions_px[0] - middle) @ R.T + turned_middle
    turned_box_px = box_around(expected_px, upright.confidence[0])[None]
    found = looked_at_again(turned_image, turned_box_px, network)
    known = upright.confidence[0] > 0.5
    errors_px = np.linalg.norm(found.positions_px[0] - expected_px, axis=-1)[known]
    assert np.median(errors_px) < 0.01 * np.ptp(expected_px, axis=0).max()
    assert network.locate_in(turned_image, turned_box_px).confidence.mean() < found.confidence.mean()


def test_crowds_and_whoever_hides_the_legs_are_not_turned() -> None:
    upright, low = np.zeros((26, 2)), np.full(26, 0.3)
    upright[LOWER, 1], hidden_legs = 100.0, np.where(np.isin(np.arange(26), UPPER), 0.8, 0.1)
    lying = upright[:, ::-1]
    found = Keypoints(
        np.stack([upright, upright, lying, upright, upright]),
        np.stack([low, hidden_legs, np.full(26, 0.6), low, low]),
        (None,) * 5,
    )
    boxes_px = np.array([[0.0, 0, 50, 100], [0, 0, 50, 100], [0, 0, 100, 50], [0, 0, 20, 40], [0, 0, 50, 100]])
    scores = np.array([0.9, 0.9, 0.9, 0.9, 0.2])
    assert may_lie(boxes_px, scores, found).tolist() == [True, False, True, False, False]
    assert len(may_lie(boxes_px[:0], scores[:0], found.of(np.zeros(5, dtype=np.bool_)))) == 0


@needs_networks
def test_who_is_located_with_confidence_in_the_upright_crop_is_left_alone(network: KeypointNetwork) -> None:
    image = frames_of_two_people()[0]
    located = network.locate_in(image, JUMPER_PX)
    found = looked_at_again(image, JUMPER_PX, network)
    assert np.array_equal(found.positions_px, located.positions_px)


@needs_networks
def test_somebody_who_lies_as_in_the_frame_before_is_located_in_one_turned_crop(
    network: KeypointNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = frames_of_two_people()[2]
    width = image.shape[1]
    left, top, right, bottom = JUMPER_PX[0]
    lying_px = np.array([[top, width - 1 - right, bottom, width - 1 - left]])  # in np.rot90(image)
    lying = np.rot90(image).copy()
    assert turned_in(lying, lying_px, -90.0, network, monkeypatch) == [[-2 % EIGHTHS]]


@needs_networks
def test_where_nobody_is_visible_no_further_directions_are_tried(
    network: KeypointNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    nobody = np.full((400, 400, 3), 128, np.uint8)
    tried = turned_in(nobody, np.array([[100.0, 150.0, 300.0, 250.0]]), 90.0, network, monkeypatch)
    assert tried == [[2], [3, 1]]
