"""A person detected in one frame, and the similarity of two detections."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from biopose.body.keypoint_names import KEYPOINTS
from biopose.perception.appearance import appearance

FOUND = 0.3  # confidence above which a keypoint counts as located
SAME_POSITION_SD = 0.06  # body lengths, of the distance of keypoints in their similarity
DUPLICATE = 0.6  # similarity of keypoints above which two boxes of a frame hold the same body
BOX_MARGIN = 0.06  # of the box's longer side, that the body reaches beyond its keypoints

TILTED_RAD = np.deg2rad(20.0)  # from the vertical of the image: walkers and runners lean less

UPPER = [KEYPOINTS.index(name) for name in ("head_top", "neck", "left_shoulder", "right_shoulder")]
LOWER = [KEYPOINTS.index(f"{side}_{joint}") for side in ("left", "right") for joint in ("knee", "ankle")]
_TRUNK = tuple(KEYPOINTS.index(name) for name in ("left_shoulder", "right_shoulder", "left_hip", "right_hip"))


@dataclass(frozen=True, eq=False)
class Detection:
    """One person in one frame.

    Attributes:
        frame_index: of the video.
        time_s: real time.
        box_px: (4,) left, top, right, bottom.
        score: the detector's, from 0 to 1; 0 where a box was expected from earlier frames and not detected.
        keypoints_px: (26, 2).
        confidence: (26,).
        appearance: (2, bins) or None.
        tokens: (width,) of the feature head; None without one.
        number: of its box among those that the frame was given with.
        region_px: (4,) of the crop that its keypoints were located in, as of `PersonFeatures`; None: not known.
        turn_rad: of that crop, likewise.
    """

    frame_index: int
    time_s: float
    box_px: NDArray[np.float64]
    score: float
    keypoints_px: NDArray[np.float64]
    confidence: NDArray[np.float64]
    appearance: NDArray[np.float64] | None = None
    tokens: NDArray[np.float16] | None = None
    number: int = 0
    region_px: NDArray[np.float64] | None = None
    turn_rad: float = 0.0

    @cached_property
    def size_px(self) -> float:
        """The box's longer side: the length of a body that stands, lies or stretches its arms."""
        return max(float((self.box_px[2:] - self.box_px[:2]).max()), 1.0)

    @cached_property
    def centre_px(self) -> NDArray[np.float64]:
        """(2,) the middle of the trunk, which limbs do not move; of the box where the trunk was not found.

        Of a tilted body, whose box changes with every frame, the trunk by its keypoints' confidence.
        """
        trunk = list(_TRUNK)
        if self.confidence[trunk].min() >= FOUND:
            return np.asarray(self.keypoints_px[trunk].mean(0))
        if self.tilted:
            return np.asarray(np.average(self.keypoints_px[trunk], axis=0, weights=self.confidence[trunk] + 1e-6))
        return (self.box_px[:2] + self.box_px[2:]) / 2

    @cached_property
    def axis_rad(self) -> float:
        """The body's direction in the image, see `body_axis_rad`."""
        return body_axis_rad(self.keypoints_px, self.confidence)

    @cached_property
    def tilted(self) -> bool:
        """Whether the body is not upright in the image; False where its direction was not found."""
        return abs(self.axis_rad) > TILTED_RAD

    @cached_property
    def trust(self) -> float:
        """Confidence that this is a whole person: the detector's plus the keypoints' mean."""
        return self.score + float(self.confidence.mean())


def detections_of_frame(
    *,
    frame_index: int,
    time_s: float,
    image: NDArray[np.uint8] | None,
    boxes_px: NDArray[np.float64],
    scores: NDArray[np.float64],
    keypoints_px: NDArray[np.float64],
    confidence: NDArray[np.float64],
) -> list[Detection]:
    """The people of a frame, each once: of boxes that hold the same body the one with the highest confidence stays."""
    people = zip(boxes_px, scores, keypoints_px, confidence, strict=True)
    found = [
        Detection(frame_index, time_s, box, float(score), points, trust, number=number)
        for number, (box, score, points, trust) in enumerate(people)
        if np.isfinite(box).all() and np.isfinite(points).all()
    ]
    kept: list[Detection] = []
    for detection in sorted(found, key=lambda d: -d.trust):
        if all(_same_body(detection, other) < DUPLICATE for other in kept):
            kept.append(detection)
    return [_with_appearance(detection, image, kept) for detection in kept]


def similarity(
    a_px: NDArray[np.float64], b_px: NDArray[np.float64], weights: NDArray[np.float64], *, tolerance_px: float
) -> float:
    """Weighted mean of a Gaussian of the distances of keypoints (26, 2), from 0 to 1; NaN without weight."""
    if weights.sum() <= 0:
        return float("nan")
    squared = ((a_px - b_px) ** 2).sum(-1) / tolerance_px**2
    return float((weights * np.exp(-0.5 * squared)).sum() / weights.sum())


def overlap(a_px: NDArray[np.float64], b_px: NDArray[np.float64]) -> float:
    """Intersection over union of two boxes (4,)."""
    sides = np.clip(np.minimum(a_px[2:], b_px[2:]) - np.maximum(a_px[:2], b_px[:2]), 0, None)
    common = float(sides.prod())
    return common / max(float((a_px[2:] - a_px[:2]).prod() + (b_px[2:] - b_px[:2]).prod()) - common, 1e-9)


def box_around(
    keypoints_px: NDArray[np.float64], confidence: NDArray[np.float64], *, margin: float = BOX_MARGIN
) -> NDArray[np.float64]:
    """(4,) a box around the keypoints (26, 2) that were found.

    Args:
        keypoints_px: (26, 2).
        confidence: (26,).
        margin: about them, as a share of their box's longer side; by default what the body reaches beyond them.
    """
    found = keypoints_px[confidence >= FOUND] if (confidence >= FOUND).sum() >= 4 else keypoints_px
    low, high = found.min(0), found.max(0)
    margin_px = margin * (high - low).max()
    return np.concatenate([low - margin_px, high + margin_px])


def body_axis_rad(keypoints_px: NDArray[np.float64], confidence: NDArray[np.float64]) -> float:
    """A body's direction in the image, from legs to head, clockwise from up; NaN where either was not found.

    Args:
        keypoints_px: (26, 2).
        confidence: (26,).
    """
    upper, lower = ([i for i in part if confidence[i] >= FOUND] for part in (UPPER, LOWER))
    if not upper or not lower:
        return float("nan")
    x, y = keypoints_px[upper].mean(0) - keypoints_px[lower].mean(0)
    return float(np.arctan2(x, -y))


def _same_body(a: Detection, b: Detection) -> float:
    both = np.minimum(a.confidence, b.confidence)
    tolerance_px = SAME_POSITION_SD * min(a.size_px, b.size_px)
    alike = similarity(a.keypoints_px, b.keypoints_px, both, tolerance_px=tolerance_px)
    return 0.0 if np.isnan(alike) else alike


def _with_appearance(detection: Detection, image: NDArray[np.uint8] | None, everybody: list[Detection]) -> Detection:
    """With the colours of the clothes, unless another person may stand before them."""
    if image is None or any(_covers(other, detection) for other in everybody if other is not detection):
        return detection
    return replace(detection, appearance=appearance(image, detection.keypoints_px, detection.confidence))


def _covers(other: Detection, detection: Detection) -> bool:
    centre = detection.centre_px
    return bool((other.box_px[:2] < centre).all() and (centre < other.box_px[2:]).all())
