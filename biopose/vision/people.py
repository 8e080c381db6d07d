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

from biopose.vision.sightings import box_around
from biopose.vision.tracking import Tracker
from biopose.vision.tracks import PersonTrack

if TYPE_CHECKING:
    from biopose.vision.detection import Detections, PersonDetector
    from biopose.vision.keypoints import KeypointNetwork, Keypoints
    from biopose.vision.video import Frame

FOLLOWED = 0.4  # mean confidence of the keypoints in an expected box, from which a person is there
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
    batch_frames: int = 16,
    detect_every: int = 1,
    watch: Callable[[Frame, NDArray[np.float64]], None] | None = None,
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
    if batch_frames < 1 or detect_every < 1:
        raise ValueError(f"batch_frames {batch_frames} and detect_every {detect_every}: both count from 1")
    follower = _Follower(detector, network, detect_every=detect_every, watch=watch)
    times_s: list[float] = []
    width_px = height_px = 0
    for batch in _batches(frames, batch_frames):
        follower.follow(batch)
        times_s.extend(frame.time_s for frame in batch)
        height_px, width_px = batch[0].image.shape[:2]
        if progress is not None:
            progress(len(batch))
    return People(follower.tracker.tracks(), len(times_s), width_px, height_px, np.array(times_s))


class _Follower:
    def __init__(
        self,
        detector: PersonDetector,
        network: KeypointNetwork,
        *,
        detect_every: int,
        watch: Callable[[Frame, NDArray[np.float64]], None] | None,
    ) -> None:
        self.tracker = Tracker()
        self._detector = detector
        self._network = network
        self._detect_every = detect_every
        self._watch = watch
        self._frames_seen = 0

    def follow(self, batch: list[Frame]) -> None:
        """Detection and the detected people's keypoints in one go, then frame by frame."""
        looked_at = [i for i in range(len(batch)) if (self._frames_seen + i) % self._detect_every == 0]
        self._frames_seen += len(batch)
        images = [batch[i].image for i in looked_at]
        detections = self._detector.detect(images) if images else []
        keypoints = self._network.locate(images, [d.boxes_px for d in detections]) if images else []
        found = dict(zip(looked_at, zip(detections, keypoints, strict=True), strict=True))
        for i, frame in enumerate(batch):
            self._add(frame, *found.get(i, (None, None)))

    def _add(self, frame: Frame, detected: Detections | None, located: Keypoints | None) -> None:
        boxes_px, scores = np.empty((0, 4)), np.empty(0)
        keypoints_px, confidence = np.empty((0, 26, 2)), np.empty((0, 26))
        if detected is not None and located is not None:
            boxes_px, scores = detected.boxes_px, detected.scores
            keypoints_px, confidence = located.positions_px, located.confidence
        followed_px, followed_confidence = self._followed(frame, boxes_px)
        if len(followed_px):
            around = [box_around(*person) for person in zip(followed_px, followed_confidence, strict=True)]
            boxes_px = np.concatenate([boxes_px, around])
            scores = np.concatenate([scores, np.zeros(len(around))])
            keypoints_px = np.concatenate([keypoints_px, followed_px])
            confidence = np.concatenate([confidence, followed_confidence])
        if self._watch is not None:
            self._watch(frame, boxes_px)
        self.tracker.add(
            frame_index=frame.index,
            time_s=frame.time_s,
            image=frame.image,
            boxes_px=boxes_px,
            scores=scores,
            keypoints_px=keypoints_px,
            confidence=confidence,
        )

    def _followed(self, frame: Frame, boxes_px: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Keypoints (M, 26, 2) and confidence (M, 26) of people who were not detected but are where they should be."""
        expected_px = self.tracker.expected_boxes_px(frame.time_s, boxes_px=boxes_px)
        expected_px = expected_px[_part_in_view(expected_px, frame.image) >= FOLLOWED_PART]
        if not len(expected_px):
            return np.empty((0, 26, 2)), np.empty((0, 26))
        located = self._network.locate([frame.image], [expected_px])[0]
        sure = located.confidence.mean(1) >= FOLLOWED
        return located.positions_px[sure], located.confidence[sure]


def _part_in_view(boxes_px: NDArray[np.float64], image: NDArray[np.uint8]) -> NDArray[np.float64]:
    """(N,) which part of each box's area lies in the picture."""
    size_px = np.array([image.shape[1], image.shape[0]])
    inside = np.clip(boxes_px[:, 2:], 0, size_px) - np.clip(boxes_px[:, :2], 0, size_px)
    return np.asarray(inside.prod(1) / np.maximum((boxes_px[:, 2:] - boxes_px[:, :2]).prod(1), 1e-9))


def _batches(frames: Iterable[Frame], size: int) -> Iterator[list[Frame]]:
    iterator = iter(frames)
    while batch := list(islice(iterator, size)):
        yield batch
