"""From a video's frames to the people in each: detection, keypoints and tracking, streamed.

A detector misses people in hard light and odd postures for many frames in a row; keypoints, once a person is found,
carry on from one frame to the next. So the keypoint network is also run where the people of earlier frames are
expected, and what it finds there counts if it is confident. The same lets the detector skip frames.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from biopose.camera.motion import BackgroundSampler
from biopose.perception.detections import box_around
from biopose.perception.detector import PersonBoxes, PersonDetector
from biopose.perception.keypoint_network import KeypointNetwork, Keypoints
from biopose.tracking.frame_detections import FrameDetections
from biopose.tracking.tracker import Tracker
from biopose.video.frames import Frame

FOLLOWED = 0.4  # mean confidence of the keypoints in an expected box, from which a person is there
BATCH_FRAMES = 16
FOLLOWED_PART = 0.25  # of an expected box's area, in the image: a person who leaves is not followed out of it


def track_people(
    frames: Iterable[tuple[PeopleTracker, Frame]],
    *,
    detector: PersonDetector,
    network: KeypointNetwork,
    batch_frames: int = BATCH_FRAMES,
    progress: Callable[[int], None] | None = None,
) -> Iterator[list[tuple[PeopleTracker, FrameDetections | None]]]:
    """Detect the people of one or several clips, whose frames fill the networks' batches together.

    Holds one batch of images at a time.

    Args:
        frames: each with the tracker of its clip; every clip's in order.
        detector: of people.
        network: of keypoints.
        batch_frames: how many frames the networks are given at once.
        progress: called with the number of frames finished since the last call.

    Yields:
        The detections of each batch's frames; None for a frame of a clip's lead-in.

    Raises:
        ValueError: batch_frames is below 1.
    """
    if batch_frames < 1:
        raise ValueError(f"batch_frames is {batch_frames}; it counts from 1")
    iterator = iter(frames)
    while batch := list(islice(iterator, batch_frames)):
        is_detected = [tracker.next_is_detected() for tracker, _ in batch]
        images = [frame.image for (_, frame), detected in zip(batch, is_detected, strict=True) if detected]
        boxes = detector.detect(images) if images else []
        keypoints = network.locate(images, [b.boxes_px for b in boxes]) if images else []
        found = iter(zip(boxes, keypoints, strict=True))
        yield [
            (tracker, tracker.add(frame, *(next(found) if detected else (None, None)), network=network))
            for (tracker, frame), detected in zip(batch, is_detected, strict=True)
        ]
        if progress is not None:
            progress(len(batch))


class PeopleTracker:
    """Tracks the people of one clip, frame by frame.

    Args:
        detect_every: the detector is run on every n-th frame; in between people are followed by their keypoints.
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
        self._frames = 0

    def next_is_detected(self) -> bool:
        """Whether the detector is run on the next frame; to be called once a frame."""
        self._frames += 1
        return (self._frames - 1) % self._detect_every == 0

    def add(
        self, frame: Frame, detected: PersonBoxes | None, located: Keypoints | None, *, network: KeypointNetwork
    ) -> FrameDetections | None:
        """Go on with the next frame.

        Args:
            frame: of the clip.
            detected: who was detected; None where the detector was not run.
            located: their keypoints.
            network: of keypoints, for people who are expected and were not detected.

        Returns:
            The people in the frame, each once; None in the lead-in.
        """
        boxes_px, scores = np.empty((0, 4)), np.empty(0)
        people: list[Keypoints] = []
        if detected is not None and located is not None:
            boxes_px, scores = detected.boxes_px, detected.scores
            people.append(located)
        followed = self._followed(frame, boxes_px, network)
        if followed is not None and len(followed):
            around = [box_around(*person) for person in zip(followed.positions_px, followed.confidence, strict=True)]
            boxes_px = np.concatenate([boxes_px, around])
            scores = np.concatenate([scores, np.zeros(len(around))])
            people.append(followed)
        tokens = [found.tokens for found in people if found.tokens is not None]
        detections = self._tracker.add(
            frame_index=frame.index,
            time_s=frame.time_s,
            image=frame.image,
            boxes_px=boxes_px,
            scores=scores,
            keypoints_px=np.concatenate([np.empty((0, 26, 2)), *(found.positions_px for found in people)]),
            confidence=np.concatenate([np.empty((0, 26)), *(found.confidence for found in people)]),
            tokens=np.concatenate(tokens) if tokens else None,
        )
        if frame.time_s < self._from_s:
            return None
        background = self._backgrounds.sample(frame.image, time_s=frame.time_s, boxes_px=boxes_px)
        return FrameDetections(frame.index, frame.time_s, detections, background, frame.timed, frame.change)

    def _followed(self, frame: Frame, boxes_px: NDArray[np.float64], network: KeypointNetwork) -> Keypoints | None:
        """Keypoints of people who are expected and were not detected; None where nobody is expected."""
        expected_px = self._tracker.expected_boxes_px(frame.time_s, boxes_px=boxes_px)
        expected_px = expected_px[_part_in_image(expected_px, frame.image) >= FOLLOWED_PART]
        if not len(expected_px):
            return None
        located = network.locate_in(frame.image, expected_px)
        return located.of(located.confidence.mean(1) >= FOLLOWED)


def _part_in_image(boxes_px: NDArray[np.float64], image: NDArray[np.uint8]) -> NDArray[np.float64]:
    """(N,) which part of each box's area lies in the image."""
    size_px = np.array([image.shape[1], image.shape[0]])
    inside = np.clip(boxes_px[:, 2:], 0, size_px) - np.clip(boxes_px[:, :2], 0, size_px)
    return np.asarray(inside.prod(1) / np.maximum((boxes_px[:, 2:] - boxes_px[:, :2]).prod(1), 1e-9))
