"""Both sides' keypoints on one limb: the network located one leg twice.

The side that left its path to get there is not on its own limb; its confidence is lowered. Legs that pass each
other come together along their paths, and keep theirs.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from biopose.body.keypoint_names import KEYPOINTS
from biopose.tracking.body_length import body_length_px
from biopose.tracking.tracks import PersonTrack

JOINTS = ("knee", "ankle", "heel", "big_toe", "small_toe", "elbow", "wrist")

# In body lengths and seconds.
TOGETHER = 0.03  # nearer than this, both keypoints are on the same joint
APART = 0.1  # where the paths say that the joints are this far apart, they are not together
LONGEST_S = 0.4  # between the last frame with both apart and the next: beyond, the path is not known
TRUST = 0.2  # what is left of the confidence


def distrust_collapsed_sides(track: PersonTrack) -> PersonTrack:
    """The track with the confidence lowered of the keypoints that lie on the other side's limb for a moment."""
    confidence = track.confidence.copy()
    length_px = body_length_px(track)
    frames = np.flatnonzero(track.detected)
    for joint in JOINTS:
        sides = [KEYPOINTS.index(f"{side}_{joint}") for side in ("left", "right")]
        strayed = _strayed(track.time_s[frames], track.keypoints_px[frames][:, sides] / length_px[frames, None, None])
        confidence[frames[:, None], sides] *= np.where(strayed, TRUST, 1.0)
    return replace(track, confidence=confidence)


def _strayed(time_s: NDArray[np.float64], positions: NDArray[np.float64]) -> NDArray[np.bool_]:
    """(N, 2) which of two joints, at (N, 2, 2) in body lengths, is not on its own path."""
    strayed = np.zeros(positions.shape[:2], dtype=bool)
    together = np.linalg.norm(positions[:, 0] - positions[:, 1], axis=-1) < TOGETHER
    for first, end in _runs(together):
        before, after = first - 1, end
        if before < 0 or after >= len(time_s) or time_s[after] - time_s[before] > LONGEST_S:
            continue
        part = (time_s[first:end] - time_s[before]) / (time_s[after] - time_s[before])
        path = positions[before] + part[:, None, None] * (positions[after] - positions[before])
        off_path = np.linalg.norm(positions[first:end] - path, axis=-1)
        apart = np.linalg.norm(path[:, 0] - path[:, 1], axis=-1) >= APART
        strayed[first:end] = apart[:, None] & (off_path >= off_path.max(1, keepdims=True))
    return strayed


def _runs(flags: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """First and one past the last index of each run of true flags."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]])))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))
