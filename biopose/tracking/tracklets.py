"""A stretch of frames in which one person was followed without doubt."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from biopose.perception import appearance
from biopose.perception.detections import FOUND, Sighting
from biopose.tracking.constant_velocity import ConstantVelocity

# In body lengths (the longer side of the box) and seconds: a sprinter reaches 6 lengths/s, and takes a second to.
SIGHT_SD = 0.03  # of the middle of the trunk in one frame
SPEED_SD = 3.0  # of a person about whom nothing is known
DIFFUSION = 2.0  # growth of the variance of the velocity in a second
LIMB_SPEED = 1.5  # spread of keypoints about the moving trunk per second since the last sight
LIMB_SD = 0.06
POSE_CAP = 3.0
APPEARANCE_SD = 0.12
APPEARANCE_CAP = 4.0
APPEARANCE_MEMORY_S = 1.0
SIZE_MEMORY_S = 0.5


class Tracklet:
    """Grows by sightings; keeps a row of 82 numbers for each, and what the reader of the feature maps made of it.

    Attributes:
        first, last: the first and the last sighting.
        motion: of the middle of the trunk at the last sighting, pixels.
        start_velocity_px_s: (2,) of the first moments.
        size_px: the body's length, averaged over the last moments.
        start_appearance, appearance: colours when first and when last seen, None where never.
        detected_s: when the detector last agreed.
        best_score: of the detector.
        total_confidence: summed over sightings.
    """

    def __init__(self, sighting: Sighting) -> None:
        self.first = self.last = sighting
        variance = np.array((SIGHT_SD * sighting.size_px) ** 2)
        self.motion = ConstantVelocity.at_rest(
            sighting.centre_px,
            position_variance=variance,
            velocity_variance=np.array((SPEED_SD * sighting.size_px) ** 2),
        )
        self.size_px = sighting.size_px
        self.start_appearance = self.appearance = sighting.appearance
        self.detected_s = sighting.time_s
        self.best_score = 0.0
        self.total_confidence = 0.0
        self.frame_indices: list[int] = []
        self._rows: list[NDArray[np.float32]] = []
        self._read: list[NDArray[np.float16] | None] = []
        self._centres: list[tuple[float, float, float]] = []
        self._note(sighting)

    def __len__(self) -> int:
        return len(self.frame_indices)

    @property
    def rows(self) -> NDArray[np.float64]:
        """(N, 82) box, keypoints and confidence of each sighting."""
        return np.stack(self._rows).astype(np.float64)

    @property
    def read(self) -> NDArray[np.float16] | None:
        """(N, width) what was read of each sighting, NaN where nothing was; None where nothing ever was."""
        width = next((len(row) for row in self._read if row is not None), None)
        if width is None:
            return None
        nothing = np.full(width, np.nan, dtype=np.float16)
        return np.stack([nothing if row is None else row for row in self._read])

    def expected(self, time_s: float) -> ConstantVelocity:
        """Where the middle of the trunk will be."""
        return self.motion.after(time_s - self.last.time_s, diffusion=DIFFUSION * self.size_px**2)

    def expected_box_px(self, time_s: float) -> NDArray[np.float64]:
        """(4,) the last box, moved along."""
        moved = self.expected(time_s).position - self.last.centre_px
        return self.last.box_px + np.tile(moved, 2)

    def cost(self, sighting: Sighting) -> float:
        """How unlikely it is that this person is seen like that: a negative log-likelihood in body lengths."""
        expected = self.expected(sighting.time_s)
        sight = (SIGHT_SD * self.size_px) ** 2
        variance = float(expected.position_variance) + sight
        squared = float(((sighting.centre_px - expected.position) ** 2).sum()) / variance
        return (
            0.5 * squared
            + float(np.log(variance / (2 * sight)))
            + self._pose(sighting, expected)
            + self._colours(sighting)
        )

    def append(self, sighting: Sighting) -> None:
        """Go on with a sighting of a later frame."""
        sight = (SIGHT_SD * self.size_px) ** 2
        self.motion = self.expected(sighting.time_s).corrected(sighting.centre_px, variance=sight)
        dt_s = sighting.time_s - self.last.time_s
        self.size_px += (1 - np.exp(-dt_s / SIZE_MEMORY_S)) * (sighting.size_px - self.size_px)
        if sighting.appearance is not None:
            weight = 1 - float(np.exp(-dt_s / APPEARANCE_MEMORY_S))
            self.appearance = appearance.blend(self.appearance, sighting.appearance, weight=weight)
            if sighting.time_s - self.first.time_s <= APPEARANCE_MEMORY_S:
                self.start_appearance = self.appearance
        self.last = sighting
        self._note(sighting)

    def start_motion(self) -> ConstantVelocity:
        """The motion at the first sighting, backwards in time: from what came after it."""
        sight = (SIGHT_SD * self.first.size_px) ** 2
        speed = (SPEED_SD * self.first.size_px) ** 2
        times, *_ = zip(*self._centres, strict=True)
        places = np.array(self._centres)[:, 1:]
        motion = ConstantVelocity.at_rest(
            places[-1], position_variance=np.array(sight), velocity_variance=np.array(speed)
        )
        for i in range(len(times) - 2, -1, -1):
            motion = motion.after(times[i + 1] - times[i], diffusion=DIFFUSION * self.first.size_px**2)
            motion = motion.corrected(places[i], variance=sight)
        return motion

    def _note(self, sighting: Sighting) -> None:
        values = (sighting.box_px, sighting.keypoints_px.ravel(), sighting.confidence)
        self._rows.append(np.concatenate(values).astype(np.float32))
        self._read.append(None if sighting.read is None else sighting.read.astype(np.float16))  # a copy: not the batch
        self.frame_indices.append(sighting.frame_index)
        self.best_score = max(self.best_score, sighting.score)
        self.total_confidence += float(sighting.confidence.mean())
        if sighting.score > 0:
            self.detected_s = sighting.time_s
        if sighting.time_s - self.first.time_s <= SIZE_MEMORY_S:
            self._centres.append((sighting.time_s, *sighting.centre_px.tolist()))

    def _pose(self, sighting: Sighting, expected: ConstantVelocity) -> float:
        """Of the keypoints about the trunk; without common keypoints, of an ordinary difference."""
        both = np.minimum(self.last.confidence, sighting.confidence)
        both = np.where(both >= FOUND, both, 0.0)
        if both.sum() <= 0:
            return 1.0
        moved = self.last.keypoints_px + expected.position - self.last.centre_px
        spread = (LIMB_SD + LIMB_SPEED * (sighting.time_s - self.last.time_s)) * self.size_px
        squared = ((sighting.keypoints_px - moved) ** 2).sum(-1) / spread**2
        return float((both * np.minimum(0.5 * squared, POSE_CAP)).sum() / both.sum())

    def _colours(self, sighting: Sighting) -> float:
        if self.appearance is None or sighting.appearance is None:
            return 0.0
        apart = appearance.distance(self.appearance, sighting.appearance) / APPEARANCE_SD
        return min(0.5 * apart**2, APPEARANCE_CAP)
