"""From a video's frames to the people in it: detection, keypoints and tracking, streamed.

A detector misses people in hard light and odd postures for many frames in a row; keypoints, once a person is found,
carry on from one frame to the next. So the keypoint network also looks where people seen shortly before should be, and
what it finds there counts if it is confident. The same lets the detector skip frames.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from biopose.perception.detections import Detection, box_around
from biopose.tracking.tracker import Tracker
from biopose.tracking.tracks import PersonTrack

if TYPE_CHECKING:
    from biopose.perception.detector import PersonBoxes, PersonDetector
    from biopose.perception.keypoint_network import KeypointNetwork, Keypoints
    from biopose.video.frames import Frame

    Watch = Callable[[Frame, NDArray[np.float64]], None]
    Record = Callable[[Frame, list[Detection]], None]

FOLLOWED = 0.4  # mean confidence of the keypoints in an expected box, from which a person is there
BATCH_FRAMES = 16
FOLLOWED_PART = 0.25  # of the picture's part of an expected box: a person who leaves is not followed out of it


@dataclass(frozen=True, eq=False)
class People:
    """Everybody in a clip.

    Attributes:
        tracks: the people, by first appearance.
        frame_count: of the clip.
        width_px: of the upright picture; 0 in a clip without frames.
        height_px: likewise.
        time_s: (frame_count,) real time of every frame.
    """

    tracks: list[PersonTrack]
    frame_count: int
    width_px: int
    height_px: int
    time_s: NDArray[np.float64]


def find_people(
    frames: Iterable[Frame],
    *,
    detector: PersonDetector,
    network: KeypointNetwork,
    batch_frames: int = BATCH_FRAMES,
    detect_every: int = 1,
    watch: Watch | None = None,
    progress: Callable[[int], None] | None = None,
) -> People:
    """Detect, locate and follow everybody; holds one batch of pictures at a time.

    Args:
        frames: of a video, in order.
        detector: of people.
        network: of keypoints.
        batch_frames: how many frames the networks are given at once.
        detect_every: the detector looks at every so manieth frame; in between people are followed by their keypoints.
        watch: called with every frame and the boxes (N, 4) of the people in it.
        progress: called with the number of frames finished since the last call.

    Raises:
        ValueError: if batch_frames or detect_every is below 1.
    """
    follower = PeopleTracker(detect_every=detect_every, watch=watch)
    own = ((follower, frame) for frame in frames)
    track_people(own, detector=detector, network=network, batch_frames=batch_frames, progress=progress)
    return follower.people()


def track_people(
    frames: Iterable[tuple[PeopleTracker, Frame]],
    *,
    detector: PersonDetector,
    network: KeypointNetwork,
    batch_frames: int = BATCH_FRAMES,
    progress: Callable[[int], None] | None = None,
) -> None:
    """Find the people of several clips, whose frames fill the networks' batches together.

    Args:
        frames: each with the follower of its clip; every clip's in order.
        detector: of people.
        network: of keypoints.
        batch_frames: how many frames the networks are given at once.
        progress: called with the number of frames finished since the last call.

    Raises:
        ValueError: if batch_frames is below 1.
    """
    if batch_frames < 1:
        raise ValueError(f"batch_frames is {batch_frames}; it counts from 1")
    for batch in _batches(frames, batch_frames):
        is_detected = [follower.next_is_detected() for follower, _ in batch]
        images = [frame.image for (_, frame), detected in zip(batch, is_detected, strict=True) if detected]
        detections = detector.detect(images) if images else []
        keypoints = network.locate(images, [d.boxes_px for d in detections]) if images else []
        found = iter(zip(detections, keypoints, strict=True))
        for (follower, frame), detected in zip(batch, is_detected, strict=True):
            follower.add(frame, *(next(found) if detected else (None, None)), network=network)
        if progress is not None:
            progress(len(batch))


class PeopleTracker:
    """Follows the people of one clip, frame by frame.

    Args:
        detect_every: the detector looks at every so manieth frame.
        watch: called with every frame and the boxes (N, 4) of the people in it.
        record: called with every frame and the people in it, each once.

    Attributes:
        tracker: who was seen so far.

    Raises:
        ValueError: if detect_every is below 1.
    """

    def __init__(self, *, detect_every: int = 1, watch: Watch | None = None, record: Record | None = None) -> None:
        if detect_every < 1:
            raise ValueError(f"detect_every is {detect_every}; it counts from 1")
        self.tracker = Tracker()
        self._detect_every = detect_every
        self._watch = watch
        self._record = record
        self._times_s: list[float] = []
        self._asked = 0
        self._size_px = (0, 0)

    def next_is_detected(self) -> bool:
        """Whether the detector looks at the next frame; asked once a frame."""
        self._asked += 1
        return (self._asked - 1) % self._detect_every == 0

    def people(self) -> People:
        """Everybody so far."""
        return People(self.tracker.tracks(), len(self._times_s), *self._size_px, np.array(self._times_s))

    def add(
        self, frame: Frame, detected: PersonBoxes | None, located: Keypoints | None, *, network: KeypointNetwork
    ) -> None:
        """Go on with the next frame.

        Args:
            frame: of the clip.
            detected: who was detected; None where the detector did not look.
            located: their keypoints.
            network: that looks where others should be.
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
        if self._watch is not None:
            self._watch(frame, boxes_px)
        self._times_s.append(frame.time_s)
        self._size_px = (frame.image.shape[1], frame.image.shape[0])
        tokens = [found.tokens for found in people if found.tokens is not None]
        detections = self.tracker.add(
            frame_index=frame.index,
            time_s=frame.time_s,
            image=frame.image,
            boxes_px=boxes_px,
            scores=scores,
            keypoints_px=np.concatenate([np.empty((0, 26, 2)), *(found.positions_px for found in people)]),
            confidence=np.concatenate([np.empty((0, 26)), *(found.confidence for found in people)]),
            tokens=np.concatenate(tokens)
            if (tokens := [found.tokens for found in people if found.tokens is not None])
            else None,
        )
        if self._record is not None:
            self._record(frame, detections)

    def _followed(self, frame: Frame, boxes_px: NDArray[np.float64], network: KeypointNetwork) -> Keypoints | None:
        """Of people who were not detected but are where they should be; None where nobody should be."""
        expected_px = self.tracker.expected_boxes_px(frame.time_s, boxes_px=boxes_px)
        expected_px = expected_px[_part_in_view(expected_px, frame.image) >= FOLLOWED_PART]
        if not len(expected_px):
            return None
        located = network.locate_in(frame.image, expected_px)
        return located.of(located.confidence.mean(1) >= FOLLOWED)


def _part_in_view(boxes_px: NDArray[np.float64], image: NDArray[np.uint8]) -> NDArray[np.float64]:
    """(N,) which part of each box's area lies in the picture."""
    size_px = np.array([image.shape[1], image.shape[0]])
    inside = np.clip(boxes_px[:, 2:], 0, size_px) - np.clip(boxes_px[:, :2], 0, size_px)
    return np.asarray(inside.prod(1) / np.maximum((boxes_px[:, 2:] - boxes_px[:, :2]).prod(1), 1e-9))


def _batches(frames: Iterable[tuple[PeopleTracker, Frame]], size: int) -> Iterator[list[tuple[PeopleTracker, Frame]]]:
    iterator = iter(frames)
    while batch := list(islice(iterator, size)):
        yield batch
