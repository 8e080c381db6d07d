"""Frames in windows that the networks are given at once, with people's boxes and keypoints in every frame.

The detector is run on some of the frames, and where it is not clear between two of these who is who, on the middle
one, until it is. Between them boxes are interpolated. Where keypoints contradict them, the frame is detected, too: so
it is behind a cut to another shot, or where somebody turned back between two detections.

The detector's boxes jitter, and with them the crops and what the keypoint network makes of these: given the mirror
image of the sample clip, it draws other boxes by 0.8 and 1.4 % of the body's length in the median (two people), 3 and
4 % at 95 %. So a confident person's box is drawn anew around the keypoints that are located in it (0.3 and 0.5 %, 1.3 %
at 95 %), and keypoints are located again in that: on rendered people they are nearer to the truth by a tenth. (All
measured with a margin of 0.06; that of DETECTED_MARGIN came later.)
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
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
DETECTED_MARGIN = 0.1  # of the detector's boxes about keypoints: 0.09 above the head, 0.11 below the feet (sample clip)
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


Window = tuple[list[Scheduled[Clip]], list[PersonBoxes]]


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
    for window in _windows(frames, at_least=at_least):
        boxes = _boxes(window, before, detector, network)
        before = window[-1].frame, boxes[-1]
        yield window, boxes


def located_people(
    windows: Iterable[Window[Clip]], *, detector: PersonDetector, network: KeypointNetwork
) -> Iterator[list[LocatedPeople[Clip]]]:
    """The people of each window."""
    for window, boxes in windows:
        yield _located(window, boxes, detector, network)


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


def _boxes(
    window: Sequence[Scheduled[Clip]],
    before: tuple[Frame, PersonBoxes] | None,
    detector: PersonDetector,
    network: KeypointNetwork,
) -> list[PersonBoxes]:
    """Of each frame of a window; `before` is the last one of the window before, where there is one."""
    frames = [*([before[0]] if before else []), *(scheduled.frame for scheduled in window)]
    known: dict[int, PersonBoxes] = {0: before[1]} if before else {}

    def detect(numbers: Sequence[int]) -> None:
        known.update(zip(numbers, _detected([frames[i] for i in numbers], detector, network), strict=True))

    skipped = len(frames) - len(window)
    detect([i + skipped for i, scheduled in enumerate(window) if scheduled.detected])
    gaps = list(pairwise(sorted(known)))
    while gaps := [(i, j) for i, j in gaps if j > i + 1]:
        unclear = [gap for gap in gaps if not _interpolate(known, frames, *gap)]
        middles = [(i + j) // 2 for i, j in unclear]
        detect(middles)
        gaps = [half for (i, j), middle in zip(unclear, middles, strict=True) for half in ((i, middle), (middle, j))]
    return [known[i] for i in range(skipped, len(frames))]


def _interpolate(known: dict[int, PersonBoxes], frames: Sequence[Frame], i: int, j: int) -> bool:
    """Fill in the boxes between two frames of a clip; False where it is not clear who is who."""
    start_s, end_s = frames[i].time_s, frames[j].time_s
    between = range(i + 1, j)
    shares = [(frames[k].time_s - start_s) / (end_s - start_s) for k in between]
    boxes = interpolated_boxes(known[i], known[j], interval_s=end_s - start_s, shares=shares)
    known.update(zip(between, boxes or (), strict=False))
    return boxes is not None


def _located(
    window: Sequence[Scheduled[Clip]], boxes: list[PersonBoxes], detector: PersonDetector, network: KeypointNetwork
) -> list[LocatedPeople[Clip]]:
    """With keypoints; detected and located anew where they contradict interpolated boxes."""
    frames = [scheduled.frame for scheduled in window]
    keypoints = _keypoints(frames, boxes, network)
    contradicted = [i for i, found in enumerate(keypoints) if boxes[i].interpolated and _contradicts(boxes[i], found)]
    if contradicted:
        again = [frames[i] for i in contradicted]
        detected = _detected(again, detector, network)
        for i, box, found in zip(contradicted, detected, _keypoints(again, detected, network), strict=True):
            boxes[i], keypoints[i] = box, found
    people = zip(window, boxes, keypoints, strict=True)
    return [LocatedPeople(scheduled.clip, scheduled.frame, box, found) for scheduled, box, found in people]


def _detected(frames: Sequence[Frame], detector: PersonDetector, network: KeypointNetwork) -> list[PersonBoxes]:
    """The boxes of the people in frames, those of confident ones around their keypoints."""
    if not frames:
        return []
    found = detector.detect([frame.image for frame in frames])
    confident = [np.flatnonzero(boxes.scores >= CONFIDENT) for boxes in found]
    people = [replace(b, boxes_px=b.boxes_px[i], scores=b.scores[i]) for b, i in zip(found, confident, strict=True)]
    located = _keypoints(frames, people, network)
    return [_around_keypoints(*each) for each in zip(found, confident, located, strict=True)]


def _around_keypoints(boxes: PersonBoxes, people: NDArray[np.int64], located: Keypoints) -> PersonBoxes:
    """With the boxes of people (M,) around their keypoints, unless these contradict them."""
    boxes_px = boxes.boxes_px.copy()
    for person, number in enumerate(people.tolist()):
        if not _contradicted(boxes_px[number], located, person):
            positions_px, confidence = located.positions_px[person], located.confidence[person]
            boxes_px[number] = box_around(positions_px, confidence, margin=DETECTED_MARGIN)
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
