"""People's boxes in the frames between two in which the detector was run.

The detector is a third of the networks' work on a frame with one person and more. Over a fifth of a second a box moves
almost evenly: gravity bends a jumper's path by 0.05 m at most, a thirtieth of the box, and a crop reaches an eighth
beyond the box on each side. So boxes are interpolated where it is clear who is who, and detected where it is not.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from biopose.perception.detections import overlap
from biopose.perception.detector import PersonBoxes

CONFIDENT = 0.4  # detector's score from which a box may be a new person
TOP_SPEED = 7.0  # body lengths a second: a sprinter at 12 m/s
JITTER = 0.15  # body lengths, by which a box of a person at rest may move
CLEAR = 0.5  # of the distance to the second nearest box, at most, that to the nearest one has
SAME_WEAK_BOX = 0.5  # overlap of two boxes of low score that are taken for one


def interpolated_boxes(
    before: PersonBoxes, after: PersonBoxes, *, interval_s: float, shares: Sequence[float]
) -> list[PersonBoxes] | None:
    """The boxes between two frames; None where somebody confidently detected in one has no clear match in the other.

    A box of low score without a match is left out.

    Args:
        before: detected in the first frame.
        after: detected in the second.
        interval_s: between them.
        shares: of the interval, from 0 to 1, at which boxes are wanted.

    Returns:
        The boxes at each share, with the lower of the two scores.
    """
    pairs = _clear_pairs(before, after, interval_s=interval_s)
    if pairs is None:
        return None
    pairs += _weak_pairs(before, after)
    first, second = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
    scores = np.minimum(before.scores[first], after.scores[second])
    start, step = before.boxes_px[first], after.boxes_px[second] - before.boxes_px[first]
    return [PersonBoxes(start + share * step, scores, interpolated=True) for share in shares]


def _clear_pairs(before: PersonBoxes, after: PersonBoxes, *, interval_s: float) -> list[tuple[int, int]] | None:
    """Confident boxes that are each other's nearest by far; None where one has no such partner."""
    first, second = (np.flatnonzero(boxes.scores >= CONFIDENT) for boxes in (before, after))
    if len(first) != len(second):
        return None
    distance = _distances(before.boxes_px[first], after.boxes_px[second])
    nearest = distance.argmin(1) if len(first) else np.empty(0, dtype=np.int64)
    if len(set(nearest.tolist())) < len(first):
        return None
    for i, j in enumerate(nearest):
        others = np.concatenate([np.delete(distance[i], j), np.delete(distance[:, j], i)])
        if distance[i, j] > JITTER + TOP_SPEED * interval_s or (others * CLEAR < distance[i, j]).any():
            return None
    return list(zip(first.tolist(), second[nearest].tolist(), strict=True))


def _distances(a_px: NDArray[np.float64], b_px: NDArray[np.float64]) -> NDArray[np.float64]:
    """(N, M) between the boxes' edges, the farthest of the four, in lengths of the body."""
    length = np.maximum((a_px[:, 2:] - a_px[:, :2]).max(1), 1.0)
    return np.asarray(np.abs(a_px[:, None] - b_px[None]).max(-1) / length[:, None])


def _weak_pairs(before: PersonBoxes, after: PersonBoxes) -> list[tuple[int, int]]:
    """Boxes of low score that lie upon each other."""
    first, second = (np.flatnonzero(boxes.scores < CONFIDENT).tolist() for boxes in (before, after))
    pairs = []
    for i in first:
        alike = [overlap(before.boxes_px[i], after.boxes_px[j]) for j in second]
        if alike and max(alike) >= SAME_WEAK_BOX:
            pairs.append((i, second.pop(int(np.argmax(alike)))))
    return pairs
