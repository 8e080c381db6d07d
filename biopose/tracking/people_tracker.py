"""From a video's frames to the people in each: detection, keypoints and tracking, streamed.

A detector misses people in hard light and odd postures for many frames in a row; keypoints, once a person is found,
carry on from one frame to the next. So the keypoint network is also run where the people of earlier frames are
expected, and what it finds there counts if it is confident. The same lets the detector skip frames.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from itertools import groupby, islice
from operator import itemgetter

import numpy as np
from numpy.typing import NDArray

from biopose.camera.motion import BackgroundSampler
from biopose.perception.detections import box_around, overlap
from biopose.perception.detector import PersonBoxes, PersonDetector
from biopose.perception.flip_augmentation import is_mirrored
from biopose.perception.keypoint_network import KeypointNetwork, Keypoints
from biopose.tracking.frame_detections import FrameDetections
from biopose.tracking.interpolated_boxes import CONFIDENT, interpolated_boxes
from biopose.tracking.tracker import Tracker
from biopose.video.frames import Frame
from biopose.video.read_ahead import read_ahead

FOLLOWED = 0.4  # mean confidence of the keypoints in an expected box, from which a person is there
BATCH_FRAMES = 8
CONTRADICTED = 0.4  # overlap of a box with that around its keypoints; of detected boxes 99 % had 0.49 and more
FOLLOWED_PART = 0.25  # of an expected box's area, in the image: a person who leaves is not followed out of it


def track_people(
    frames: Iterable[tuple[PeopleTracker, Frame]],
    *,
    detector: PersonDetector,
    network: KeypointNetwork,
    batch_frames: int = BATCH_FRAMES,
    progress: Callable[[int], None] | None = None,
) -> Generator[list[tuple[PeopleTracker, FrameDetections | None]], None, None]:
    """Detect the people of one or several clips, whose frames fill the networks' batches together.

    Holds the images of two batches at a time, and of the frames up to the next one in which people are detected.

    Args:
        frames: each with the tracker of its clip; every clip's in order.
        detector: of people.
        network: of keypoints.
        batch_frames: how many frames the network of keypoints is given at once.
        progress: called with the number of frames finished since the last call.

    Yields:
        The detections of each batch's frames; None for a frame of a clip's lead-in.

    Raises:
        ValueError: batch_frames is below 1.
    """
    if batch_frames < 1:
        raise ValueError(f"batch_frames is {batch_frames}; it counts from 1")
    with closing(read_ahead(_with_boxes(frames, detector), depth=batch_frames)) as ahead:
        while batch := list(islice(ahead, batch_frames)):
            located = network.locate(
                [frame.image for _, frame, _ in batch],
                [boxes.boxes_px for *_, boxes in batch],
                mirrored=[is_mirrored(frame.index) for _, frame, _ in batch],
            )
            looked_at_again = [
                (tracker, frame, *_checked(frame, boxes, keypoints, detector, network))
                for (tracker, frame, boxes), keypoints in zip(batch, located, strict=True)
            ]
            yield [
                (tracker, tracker.add(frame, boxes, keypoints, network=network))
                for tracker, frame, boxes, keypoints in looked_at_again
            ]
            if progress is not None:
                progress(len(batch))


def _checked(
    frame: Frame, boxes: PersonBoxes, located: Keypoints, detector: PersonDetector, network: KeypointNetwork
) -> tuple[PersonBoxes, Keypoints]:
    """Boxes and keypoints; detected anew where somebody's keypoints contradict their interpolated box.

    So it is behind a cut to another shot, or where somebody turned back between two detections.
    """
    if not boxes.interpolated:
        return boxes, located
    certain = np.flatnonzero(boxes.scores >= CONFIDENT)
    if not any(_contradicts(boxes.boxes_px[i], located.positions_px[i], located.confidence[i]) for i in certain):
        return boxes, located
    boxes = detector.detect([frame.image])[0]
    return boxes, network.locate_in(frame.image, boxes.boxes_px, mirrored=is_mirrored(frame.index))


def _contradicts(
    box_px: NDArray[np.float64], keypoints_px: NDArray[np.float64], confidence: NDArray[np.float64]
) -> bool:
    """Whether the keypoints (26, 2) of a person who is there lie elsewhere than their box (4,), or nobody is there."""
    if confidence.mean() < FOLLOWED:
        return True
    return overlap(box_around(keypoints_px, confidence), box_px) < CONTRADICTED


def _with_boxes(
    frames: Iterable[tuple[PeopleTracker, Frame]], detector: PersonDetector
) -> Iterator[tuple[PeopleTracker, Frame, PersonBoxes]]:
    """Each frame with its people's boxes: detected in some frames, between these interpolated where that is clear."""
    for tracker, clip in groupby(frames, key=itemgetter(0)):
        before: tuple[Frame, PersonBoxes] | None = None
        held: list[Frame] = []
        for _, frame in clip:
            if before is not None and not tracker.detects(frame):
                held.append(frame)
                continue
            after = frame, detector.detect([frame.image])[0]
            if before is not None:
                yield from ((tracker, *each) for each in _between(before, held, after, detector))
            yield tracker, *after
            before, held = after, []
        if before is not None and held:
            *held, last = held
            after = last, detector.detect([last.image])[0]
            yield from ((tracker, *each) for each in _between(before, held, after, detector))
            yield tracker, *after


def _between(
    before: tuple[Frame, PersonBoxes], held: list[Frame], after: tuple[Frame, PersonBoxes], detector: PersonDetector
) -> Iterator[tuple[Frame, PersonBoxes]]:
    """The frames between two, with their boxes; where it is not clear who is who, the middle one is detected, too."""
    if not held:
        return
    start_s, end_s = before[0].time_s, after[0].time_s
    shares = [(frame.time_s - start_s) / (end_s - start_s) for frame in held]
    boxes = interpolated_boxes(before[1], after[1], interval_s=end_s - start_s, shares=shares)
    if boxes is not None:
        yield from zip(held, boxes, strict=True)
        return
    half = len(held) // 2
    middle = held[half], detector.detect([held[half].image])[0]
    yield from _between(before, held[:half], middle, detector)
    yield middle
    yield from _between(middle, held[half + 1 :], after, detector)


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
        self, frame: Frame, boxes: PersonBoxes, located: Keypoints, *, network: KeypointNetwork
    ) -> FrameDetections | None:
        """Go on with the next frame.

        Args:
            frame: of the clip.
            boxes: of its people, detected or interpolated.
            located: their keypoints.
            network: of keypoints, for people who are expected and were not detected.

        Returns:
            The people in the frame, each once; None in the lead-in.
        """
        boxes_px, scores, people = boxes.boxes_px, boxes.scores, [located]
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
        located = network.locate_in(frame.image, expected_px, mirrored=is_mirrored(frame.index))
        return located.of(located.confidence.mean(1) >= FOLLOWED)


def _part_in_image(boxes_px: NDArray[np.float64], image: NDArray[np.uint8]) -> NDArray[np.float64]:
    """(N,) which part of each box's area lies in the image."""
    size_px = np.array([image.shape[1], image.shape[0]])
    inside = np.clip(boxes_px[:, 2:], 0, size_px) - np.clip(boxes_px[:, :2], 0, size_px)
    return np.asarray(inside.prod(1) / np.maximum((boxes_px[:, 2:] - boxes_px[:, :2]).prod(1), 1e-9))
