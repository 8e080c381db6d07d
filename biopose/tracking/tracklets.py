"""A stretch of frames in which one person was followed without doubt."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from biopose.perception import appearance
from biopose.perception.detections import FOUND, Detection
from biopose.tracking.constant_velocity import ConstantVelocity

# In body lengths (the longer side of the box) and seconds: a sprinter reaches 6 lengths/s, and takes a second to.
DETECTION_SD = 0.03  # of the middle of the trunk in one frame
SPEED_SD = 3.0  # of a person about whom nothing is known
DIFFUSION = 2.0  # growth of the variance of the velocity in a second
LIMB_SPEED = 1.5  # spread of keypoints about the moving trunk per second since the last detection
LIMB_SD = 0.06
POSE_CAP = 3.0
APPEARANCE_SD = 0.12
APPEARANCE_CAP = 4.0
APPEARANCE_MEMORY_S = 1.0
SIZE_MEMORY_S = 0.5


class Tracklet:
    """Grows by detections; keeps a row of 82 numbers for each, and its tokens.

    Attributes:
        first, last: the first and the last detection.
        motion: of the middle of the trunk at the last detection, pixels.
        start_velocity_px_s: (2,) of the first moments.
        size_px: the body's length, averaged over the last moments.
        start_appearance, appearance: colours of the first and of the last moments, None where never known.
        detected_s: when the detector last found the person.
        best_score: of the detector.
        total_confidence: summed over detections.
    """

    def __init__(self, detection: Detection) -> None:
        self.first = self.last = detection
        variance = np.array((DETECTION_SD * detection.size_px) ** 2)
        self.motion = ConstantVelocity.at_rest(
            detection.centre_px,
            position_variance=variance,
            velocity_variance=np.array((SPEED_SD * detection.size_px) ** 2),
        )
        self.size_px = detection.size_px
        self.start_appearance = self.appearance = detection.appearance
        self.detected_s = detection.time_s
        self.best_score = 0.0
        self.total_confidence = 0.0
        self.frame_indices: list[int] = []
        self._rows: list[NDArray[np.float32]] = []
        self._tokens: list[NDArray[np.float16] | None] = []
        self._centres: list[tuple[float, float, float]] = []
        self._note(detection)

    def __len__(self) -> int:
        return len(self.frame_indices)

    @property
    def rows(self) -> NDArray[np.float64]:
        """(N, 82) box, keypoints and confidence of each detection."""
        return np.stack(self._rows).astype(np.float64)

    @property
    def tokens(self) -> NDArray[np.float16] | None:
        """(N, width) tokens of each detection, NaN where it has none; None where none has any."""
        width = next((len(row) for row in self._tokens if row is not None), None)
        if width is None:
            return None
        nothing = np.full(width, np.nan, dtype=np.float16)
        return np.stack([nothing if row is None else row for row in self._tokens])

    def expected(self, time_s: float) -> ConstantVelocity:
        """Where the middle of the trunk will be."""
        return self.motion.after(time_s - self.last.time_s, diffusion=DIFFUSION * self.size_px**2)

    def expected_box_px(self, time_s: float) -> NDArray[np.float64]:
        """(4,) the last box, moved along."""
        moved = self.expected(time_s).position - self.last.centre_px
        return self.last.box_px + np.tile(moved, 2)

    def cost(self, detection: Detection) -> float:
        """How unlikely the detection is of this person: a negative log-likelihood in body lengths."""
        expected = self.expected(detection.time_s)
        variance_px2 = (DETECTION_SD * self.size_px) ** 2
        variance = float(expected.position_variance) + variance_px2
        squared = float(((detection.centre_px - expected.position) ** 2).sum()) / variance
        return (
            0.5 * squared
            + float(np.log(variance / (2 * variance_px2)))
            + self._pose(detection, expected)
            + self._colours(detection)
        )

    def append(self, detection: Detection) -> None:
        """Go on with a detection of a later frame."""
        variance_px2 = (DETECTION_SD * self.size_px) ** 2
        self.motion = self.expected(detection.time_s).corrected(detection.centre_px, variance=variance_px2)
        dt_s = detection.time_s - self.last.time_s
        self.size_px += (1 - np.exp(-dt_s / SIZE_MEMORY_S)) * (detection.size_px - self.size_px)
        if detection.appearance is not None:
            weight = 1 - float(np.exp(-dt_s / APPEARANCE_MEMORY_S))
            self.appearance = appearance.blend(self.appearance, detection.appearance, weight=weight)
            if detection.time_s - self.first.time_s <= APPEARANCE_MEMORY_S:
                self.start_appearance = self.appearance
        self.last = detection
        self._note(detection)

    def start_motion(self) -> ConstantVelocity:
        """The motion at the first detection, backwards in time: from what came after it."""
        variance_px2 = (DETECTION_SD * self.first.size_px) ** 2
        speed = (SPEED_SD * self.first.size_px) ** 2
        times, *_ = zip(*self._centres, strict=True)
        places = np.array(self._centres)[:, 1:]
        motion = ConstantVelocity.at_rest(
            places[-1], position_variance=np.array(variance_px2), velocity_variance=np.array(speed)
        )
        for i in range(len(times) - 2, -1, -1):
            motion = motion.after(times[i + 1] - times[i], diffusion=DIFFUSION * self.first.size_px**2)
            motion = motion.corrected(places[i], variance=variance_px2)
        return motion

    def _note(self, detection: Detection) -> None:
        values = (detection.box_px, detection.keypoints_px.ravel(), detection.confidence)
        self._rows.append(np.concatenate(values).astype(np.float32))
        self._tokens.append(
            None if detection.tokens is None else detection.tokens.astype(np.float16)
        )  # a copy: not the batch
        self.frame_indices.append(detection.frame_index)
        self.best_score = max(self.best_score, detection.score)
        self.total_confidence += float(detection.confidence.mean())
        if detection.score > 0:
            self.detected_s = detection.time_s
        if detection.time_s - self.first.time_s <= SIZE_MEMORY_S:
            self._centres.append((detection.time_s, *detection.centre_px.tolist()))

    def _pose(self, detection: Detection, expected: ConstantVelocity) -> float:
        """Of the keypoints about the trunk; without common keypoints, of an ordinary difference."""
        both = np.minimum(self.last.confidence, detection.confidence)
        both = np.where(both >= FOUND, both, 0.0)
        if both.sum() <= 0:
            return 1.0
        moved = self.last.keypoints_px + expected.position - self.last.centre_px
        spread = (LIMB_SD + LIMB_SPEED * (detection.time_s - self.last.time_s)) * self.size_px
        squared = ((detection.keypoints_px - moved) ** 2).sum(-1) / spread**2
        return float((both * np.minimum(0.5 * squared, POSE_CAP)).sum() / both.sum())

    def _colours(self, detection: Detection) -> float:
        if self.appearance is None or detection.appearance is None:
            return 0.0
        distance = appearance.distance(self.appearance, detection.appearance) / APPEARANCE_SD
        return min(0.5 * distance**2, APPEARANCE_CAP)
