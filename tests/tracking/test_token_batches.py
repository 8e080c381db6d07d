"""Frames wait for the tokens of their people, and not for ever."""

from __future__ import annotations

import numpy as np
import pytest

from biopose.hmr.feature_head import MqhmrHead
from biopose.perception.keypoint_network import KeypointNetwork
from biopose.perception.person_features import PersonFeatures
from biopose.tracking.frame_detections import FrameDetections
from biopose.tracking.token_batches import MOST_WAITING, TokenBatches
from tests.perception.real_people import frames_of_two_people, needs_networks

JUMPER_PX = np.array([[600.0, 200.0, 760.0, 560.0]])


@pytest.fixture(scope="module")
def network() -> KeypointNetwork:
    return KeypointNetwork.load(head=MqhmrHead.load(), threads=1)


@pytest.fixture(scope="module")
def somebody(network: KeypointNetwork) -> list[PersonFeatures]:
    return list(network.locate_in(frames_of_two_people()[0], JUMPER_PX).features)


def empty_frame(index: int) -> FrameDetections:
    return FrameDetections(index, index / 30, [], None)


@needs_networks
def test_somebody_who_walks_out_does_not_hold_back_the_empty_frames_that_follow(
    network: KeypointNetwork, somebody: list[PersonFeatures]
) -> None:
    waiting, given = TokenBatches[str](network), 0
    assert len(somebody) == 1
    waiting.add("clip", None, somebody)
    for index in range(1, 500):
        waiting.add("clip", empty_frame(index), [])
        given += len(waiting.ready())
    assert given >= 500 - MOST_WAITING - 1


@needs_networks
def test_frames_come_back_in_order_and_all_of_them_at_the_end(network: KeypointNetwork) -> None:
    waiting = TokenBatches[str](network)
    for index in range(40):
        waiting.add("clip", empty_frame(index), [])
    indices = [found.frame_index for _, found in waiting.ready(last=True) if found is not None]
    assert indices == list(range(40))
