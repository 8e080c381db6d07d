"""From a video's frames to the people in each: detection, keypoints, tracking and tokens, streamed.

A detector misses people in hard light and odd postures for many frames in a row; keypoints, once a person is found,
carry on from one frame to the next. So the keypoint network is also run where the people of earlier frames are
expected, and what it finds there counts if it is confident. The same lets the detector skip frames.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from biopose.camera.motion import BackgroundSampler
from biopose.perception.detections import Detection, box_around
from biopose.perception.detector import PersonBoxes, PersonDetector
from biopose.perception.flip_augmentation import is_mirrored
from biopose.perception.keypoint_network import KeypointNetwork, Keypoints
from biopose.perception.person_features import PersonFeatures
from biopose.tracking.detection_windows import FOLLOWED, LocatedPeople, located_people, windows_of
from biopose.tracking.frame_detections import FrameDetections
from biopose.tracking.token_batches import TokenBatches
from biopose.tracking.tracker import Tracker
from biopose.tracking.turned_people import FOLLOWED_TILTED, may_lie, most_confident_turned
from biopose.video.frames import Frame
from biopose.video.read_ahead import read_ahead

Item = TypeVar("Item")

FRAMES_PER_DETECTION = 6  # in a window, for each image that the detector is quick with at a time
DECODED_AHEAD = 4  # frames
FOLLOWED_PART = 0.25  # of an expected box's area, in the image: a person who leaves is not followed out of it


class PeopleTracker:
    """Tracks the people of one clip, frame by frame.

    Args:
        detect_every: the detector is run on every n-th frame of the file, and where it is not clear who is who between.
        from_s: real time at which the clip begins; frames before it are a lead-in, which shows who is there.

    Raises:
        ValueError: detect_every is below 1.
    """

    def __init__(self, *, detect_every: int = 1, from_s: float = -math.inf) -> None:
        if detect_every < 1:
            raise ValueError(f"detect_every is {detect_every}; it counts from 1")
        self._tracker = Tracker()
        self._backgrounds = BackgroundSampler()
        self._detect_every = detect_every
        self._from_s = from_s

    def detects(self, frame: Frame) -> bool:
        """Whether the detector is run on a frame whatever the others show."""
        return frame.index % self._detect_every == 0

    def add(
        self, frame: Frame, boxes: PersonBoxes, located: Keypoints, network: KeypointNetwork
    ) -> tuple[FrameDetections | None, list[PersonFeatures]]:
        """Go on with the next frame.

        Args:
            frame: of the clip.
            boxes: of its people, detected or interpolated.
            located: their keypoints.
            network: of keypoints, for people who are expected and were not detected.

        Returns:
            The people in the frame, each once, and their features for a head; None of nobody in the lead-in.
        """
        boxes_px, scores = boxes.boxes_px, boxes.scores
        among, mirrored = may_lie(boxes_px, scores, located), is_mirrored(frame.index)
        people = [most_confident_turned(frame.image, boxes_px, located, network, among=among, mirrored=mirrored)]
        followed = self._followed(frame, boxes_px, network)
        if followed is not None and len(followed):
            around = [box_around(*person) for person in zip(followed.positions_px, followed.confidence, strict=True)]
            boxes_px = np.concatenate([boxes_px, around])
            scores = np.concatenate([scores, np.zeros(len(around))])
            people.append(followed)
        features = [each for found in people for each in found.features]
        detections = self._tracker.add(
            frame_index=frame.index,
            time_s=frame.time_s,
            image=frame.image,
            boxes_px=boxes_px,
            scores=scores,
            keypoints_px=np.concatenate([np.empty((0, 26, 2)), *(found.positions_px for found in people)]),
            confidence=np.concatenate([np.empty((0, 26)), *(found.confidence for found in people)]),
        )
        if frame.time_s < self._from_s:
            return None, []
        background = self._backgrounds.sample(frame.image, time_s=frame.time_s, boxes_px=boxes_px)
        located_in = [_of_box(features, detection) for detection in detections]
        detections = [
            replace(detection, region_px=crop.region_px, turn_rad=crop.turn_rad)
            for detection, crop in zip(detections, located_in, strict=True)
        ]
        found = FrameDetections(frame.index, frame.time_s, detections, background, frame.timed, frame.change)
        return found, located_in

    def _followed(self, frame: Frame, boxes_px: NDArray[np.float64], network: KeypointNetwork) -> Keypoints | None:
        """Keypoints of people who are expected and were not detected; None where nobody is expected."""
        expected_px, axes_rad = self._tracker.expected_people(frame.time_s, boxes_px=boxes_px)
        in_image = _part_in_image(expected_px, frame.image) >= FOLLOWED_PART
        expected_px, axes_rad = expected_px[in_image], axes_rad[in_image]
        if not len(expected_px):
            return None
        mirrored, tilted = is_mirrored(frame.index), ~np.isnan(axes_rad)
        located = network.locate_in(frame.image, expected_px, mirrored=mirrored)
        located = most_confident_turned(
            frame.image, expected_px, located, network, among=tilted, mirrored=mirrored, before_rad=axes_rad
        )
        return located.of(located.confidence.mean(1) >= np.where(tilted, FOLLOWED_TILTED, FOLLOWED))


def _of_box(features: Sequence[PersonFeatures | None], detection: Detection) -> PersonFeatures:
    """The features of somebody who was detected, in whose box there is something."""
    found = features[detection.number]
    assert found is not None
    return found


def _part_in_image(boxes_px: NDArray[np.float64], image: NDArray[np.uint8]) -> NDArray[np.float64]:
    """(N,) which part of each box's area lies in the image."""
    size_px = np.array([image.shape[1], image.shape[0]])
    inside = np.clip(boxes_px[:, 2:], 0, size_px) - np.clip(boxes_px[:, :2], 0, size_px)
    return np.asarray(inside.prod(1) / np.maximum((boxes_px[:, 2:] - boxes_px[:, :2]).prod(1), 1e-9))


Tracked = tuple[PeopleTracker, FrameDetections | None]  # a frame of a clip; None in its lead-in


def track_people(
    frames: Iterable[tuple[PeopleTracker, Frame]],
    *,
    detector: PersonDetector,
    network: KeypointNetwork,
    batch_frames: int | None = None,
    progress: Callable[[int], None] | None = None,
) -> Generator[list[Tracked], None, None]:
    """Detect the people of one or several clips, whose frames fill the networks' batches together.

    While tokens of a window's people are made, the next window is tracked, keypoints are located in the one behind it,
    people are detected in some frames of the one behind that, and further frames are decoded: the images of three
    windows and of four frames are held.

    Args:
        frames: each with the tracker of its clip; every clip's in order.
        detector: of people.
        network: of keypoints, and of tokens if it has a head.
        batch_frames: how many frames a window has at least; it ends with one in which people are detected. None: as
            many as the networks are quick with.
        progress: called with the number of frames finished since the last call.

    Yields:
        The detections of some frames; None for a frame of a clip's lead-in.

    Raises:
        ValueError: batch_frames is below 1.
    """
    if batch_frames is None:
        batch_frames = FRAMES_PER_DETECTION * detector.batch_size
    if batch_frames < 1:
        raise ValueError(f"batch_frames is {batch_frames}; it counts from 1")
    batches = TokenBatches[PeopleTracker](network)
    with ExitStack() as threads:

        def beside(items: Iterable[Item], *, depth: int = 1) -> Iterator[Item]:
            return threads.enter_context(closing(read_ahead(iter(items), depth=depth)))

        decoded = beside(frames, depth=DECODED_AHEAD)
        windows = beside(windows_of(decoded, detector=detector, network=network, at_least=batch_frames))
        located = beside(located_people(windows, detector=detector, network=network))
        for window in beside(_tracked(located, network)):
            for found in window:
                batches.add(*found)
            yield from _finished(batches.ready(), progress)
    yield from _finished(batches.ready(last=True), progress)


def _tracked(
    windows: Iterable[list[LocatedPeople[PeopleTracker]]], network: KeypointNetwork
) -> Iterator[list[tuple[PeopleTracker, FrameDetections | None, list[PersonFeatures]]]]:
    """The people in each frame of the windows, and their features."""
    for window in windows:
        yield [(one.clip, *one.clip.add(one.frame, one.boxes, one.keypoints, network)) for one in window]


def _finished(done: list[Tracked], progress: Callable[[int], None] | None) -> Iterator[list[Tracked]]:
    if done:
        yield done
        if progress is not None:
            progress(len(done))
