"""Frames in windows that the networks are given at once, with people's boxes and keypoints in every frame.

The detector is run on some of the frames, and where it is not clear between two of these who is who, on the middle
one, until it is. Keypoints are located there, and a confident person's box is drawn around them: the detector's own
changes by 1 to 4 % of its size for no reason, and with it the crop and what the keypoint network makes of it (given a
mirror image of the sample clip, the detector draws other boxes by 0.8 to 1.4 % of the body's length in the median, 3 to
4 % at 95 %; those around keypoints differ by 0.3 to 0.5 and 1.3 %). Between these frames boxes are interpolated. Where
keypoints contradict them, the frame is detected, too: so it is behind a cut to another shot, or where somebody turned
back between two detections.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby, pairwise
from operator import itemgetter
from typing import Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from biopose.perception.detections import box_around, overlap
from biopose.perception.detector import PersonBoxes, PersonDetector
from biopose.perception.flip_augmentation import is_mirrored
from biopose.perception.keypoint_network import KeypointNetwork, Keypoints
from biopose.tracking.interpolated_boxes import CONFIDENT, interpolated_boxes
from biopose.video.frames import Frame

FOLLOWED = 0.4  # mean confidence of the keypoints in an expected box, from which a person is there
CONTRADICTED = 0.4  # overlap of a box with that around its keypoints; of detected boxes 99 % had 0.49 and more


class Schedule(Protocol):
    """Of the detector on one clip."""

    def detects(self, frame: Frame) -> bool:
        """Whether the detector is run on a frame whatever the others show."""


Clip = TypeVar("Clip", bound=Schedule)


@dataclass(frozen=True, eq=False)
class Scheduled(Generic[Clip]):
    """A frame of a clip, and whether the detector is run on it whatever the others show."""

    clip: Clip
    frame: Frame
    detected: bool


@dataclass(frozen=True, eq=False)
class LocatedPeople(Generic[Clip]):
    """The boxes in a frame of a clip, and the keypoints in them."""

    clip: Clip
    frame: Frame
    boxes: PersonBoxes
    keypoints: Keypoints


@dataclass(frozen=True, eq=False)
class Window(Generic[Clip]):
    """Consecutive frames, of one clip or several.

    Attributes:
        scheduled: the frames.
        boxes: of the people in each.
        keypoints: by the number of each detected frame; they are not located yet in the others.
    """

    scheduled: list[Scheduled[Clip]]
    boxes: list[PersonBoxes]
    keypoints: dict[int, Keypoints]


def windows_of(
    frames: Iterable[tuple[Clip, Frame]], *, detector: PersonDetector, network: KeypointNetwork, at_least: int
) -> Iterator[Window[Clip]]:
    """Frames in windows, with people's boxes in each frame.

    Args:
        frames: with their clips; every clip's in order.
        detector: of people.
        network: of keypoints.
        at_least: frames in a window, which ends with the next detected one.
    """
    before: tuple[Frame, PersonBoxes] | None = None
    for scheduled in _windows(frames, at_least=at_least):
        detected = _DetectedFrames([each.frame for each in scheduled], detector, network)
        boxes = _boxes(scheduled, before, detected)
        before = scheduled[-1].frame, boxes[-1]
        yield Window(scheduled, boxes, detected.keypoints)


def located_people(
    windows: Iterable[Window[Clip]], *, detector: PersonDetector, network: KeypointNetwork
) -> Iterator[list[LocatedPeople[Clip]]]:
    """The people of each window."""
    for window in windows:
        yield _located(window, detector, network)


def _windows(frames: Iterable[tuple[Clip, Frame]], *, at_least: int) -> Iterator[list[Scheduled[Clip]]]:
    """Each ends with a detected frame."""
    window = list[Scheduled[Clip]]()
    for scheduled in _scheduled(frames):
        window.append(scheduled)
        if scheduled.detected and len(window) >= at_least:
            yield window
            window = []
    if window:
        yield window


def _scheduled(frames: Iterable[tuple[Clip, Frame]]) -> Iterator[Scheduled[Clip]]:
    """The first and the last frame of a clip are detected."""
    for clip, group in groupby(frames, key=itemgetter(0)):
        of_clip = map(itemgetter(1), group)
        frame, first = next(of_clip), True
        for following in of_clip:
            yield Scheduled(clip, frame, first or clip.detects(frame))
            frame, first = following, False
        yield Scheduled(clip, frame, detected=True)


@dataclass(frozen=True, eq=False)
class _DetectedFrames:
    """Those frames of a window in which people are detected: their boxes and keypoints, by the frame's number."""

    frames: Sequence[Frame]
    detector: PersonDetector
    network: KeypointNetwork
    boxes: dict[int, PersonBoxes] = field(default_factory=dict)
    keypoints: dict[int, Keypoints] = field(default_factory=dict)

    def add(self, numbers: Sequence[int]) -> None:
        """Detect people in further frames, and locate their keypoints."""
        if not numbers:
            return
        found = _detected([self.frames[i] for i in numbers], self.detector, self.network)
        for number, (boxes, keypoints) in zip(numbers, found, strict=True):
            self.boxes[number], self.keypoints[number] = boxes, keypoints


def _boxes(
    window: Sequence[Scheduled[Clip]], before: tuple[Frame, PersonBoxes] | None, detected: _DetectedFrames
) -> list[PersonBoxes]:
    """Of each frame of a window; `before` is the last one of the window before, numbered -1, where there is one."""
    times_s = {number: scheduled.frame.time_s for number, scheduled in enumerate(window)}
    known: dict[int, PersonBoxes] = {}
    if before:
        times_s[-1], known[-1] = before[0].time_s, before[1]
    detected.add([number for number, scheduled in enumerate(window) if scheduled.detected])
    known |= detected.boxes
    gaps = list(pairwise(sorted(known)))
    while gaps := [(i, j) for i, j in gaps if j > i + 1]:
        unclear = [gap for gap in gaps if not _interpolate(known, times_s, *gap)]
        middles = [(i + j) // 2 for i, j in unclear]
        detected.add(middles)
        known |= detected.boxes
        gaps = [half for (i, j), middle in zip(unclear, middles, strict=True) for half in ((i, middle), (middle, j))]
    return [known[i] for i in range(len(window))]


def _interpolate(known: dict[int, PersonBoxes], times_s: Mapping[int, float], i: int, j: int) -> bool:
    """Fill in the boxes between two frames of a clip; False where it is not clear who is who."""
    start_s, end_s = times_s[i], times_s[j]
    between = range(i + 1, j)
    shares = [(times_s[k] - start_s) / (end_s - start_s) for k in between]
    boxes = interpolated_boxes(known[i], known[j], interval_s=end_s - start_s, shares=shares)
    known.update(zip(between, boxes or (), strict=False))
    return boxes is not None


def _located(window: Window[Clip], detector: PersonDetector, network: KeypointNetwork) -> list[LocatedPeople[Clip]]:
    """With keypoints; detected and located anew where they contradict interpolated boxes."""
    frames, boxes, keypoints = [each.frame for each in window.scheduled], [*window.boxes], {**window.keypoints}
    between = [i for i in range(len(frames)) if i not in keypoints]
    located = _keypoints([frames[i] for i in between], [boxes[i] for i in between], network)
    keypoints.update(zip(between, located, strict=True))
    contradicted = [i for i in between if _contradicts(boxes[i], keypoints[i])]
    if contradicted:
        found = _detected([frames[i] for i in contradicted], detector, network)
        for i, (box, points) in zip(contradicted, found, strict=True):
            boxes[i], keypoints[i] = box, points
    return [
        LocatedPeople(scheduled.clip, scheduled.frame, boxes[i], keypoints[i])
        for i, scheduled in enumerate(window.scheduled)
    ]


def _detected(
    frames: Sequence[Frame], detector: PersonDetector, network: KeypointNetwork
) -> list[tuple[PersonBoxes, Keypoints]]:
    """The people of frames: their boxes, those of confident ones around their keypoints, and these."""
    boxes = detector.detect([frame.image for frame in frames])
    keypoints = _keypoints(frames, boxes, network)
    return [(_around_keypoints(*each), each[1]) for each in zip(boxes, keypoints, strict=True)]


def _around_keypoints(boxes: PersonBoxes, located: Keypoints) -> PersonBoxes:
    boxes_px = boxes.boxes_px.copy()
    for i in np.flatnonzero(boxes.scores >= CONFIDENT).tolist():
        if not _contradicted(boxes_px[i], located, i):
            boxes_px[i] = box_around(located.positions_px[i], located.confidence[i])
    return replace(boxes, boxes_px=boxes_px)


def _keypoints(frames: Sequence[Frame], boxes: Sequence[PersonBoxes], network: KeypointNetwork) -> list[Keypoints]:
    return network.locate(
        [frame.image for frame in frames],
        [each.boxes_px for each in boxes],
        mirrored=[is_mirrored(frame.index) for frame in frames],
    )


def _contradicts(boxes: PersonBoxes, located: Keypoints) -> bool:
    """Whether the keypoints of somebody who is certainly there lie elsewhere than their box, or show nobody."""
    return any(_contradicted(boxes.boxes_px[i], located, i) for i in np.flatnonzero(boxes.scores >= CONFIDENT).tolist())


def _contradicted(box_px: NDArray[np.float64], located: Keypoints, person: int) -> bool:
    if located.confidence[person].mean() < FOLLOWED:
        return True
    return overlap(box_around(located.positions_px[person], located.confidence[person]), box_px) < CONTRADICTED
