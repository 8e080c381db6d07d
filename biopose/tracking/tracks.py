"""One person's keypoints through the frames of a video."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class PersonTrack:
    """One person, from the first frame in which they are detected to the last, without a frame left out.

    Attributes:
        person: a number, stable through the video; 0 is the first chosen.
        frame_indices: (T,) consecutive frames of the video, from 0.
        time_s: (T,) real time of each frame (slow motion undone), increasing, not always evenly.
        boxes_px: (T, 4) left, top, right, bottom; NaN where the person was not found.
        keypoints_px: (T, 26, 2) x to the right, y down, in the upright image's pixels (the centre of the first
            pixel is 0, 0); NaN where the person was not found.
        confidence: (T, 26) from 0 to 1; 0 where the person was not found.
        tokens: (T, width) of the feature head (`biopose.perception.keypoint_network.FeatureHead`); NaN where the
            person was not found; None where no head was used.
    """

    person: int
    frame_indices: NDArray[np.int64]
    time_s: NDArray[np.float64]
    boxes_px: NDArray[np.float64]
    keypoints_px: NDArray[np.float64]
    confidence: NDArray[np.float64]
    tokens: NDArray[np.float16] | None = None

    def __len__(self) -> int:
        return len(self.frame_indices)

    @property
    def detected(self) -> NDArray[np.bool_]:
        """(T,) in which frames the person was found."""
        return ~np.isnan(self.boxes_px[:, 0])

    @property
    def rate_hz(self) -> float:
        """Frames per second of real time: one over the median interval; nan for a single frame."""
        return float(1.0 / np.median(np.diff(self.time_s))) if len(self) > 1 else float("nan")
