"""People's boxes in the frames between two in which the detector was run.

The detector takes three times as long as the keypoints of a person. Over a fifth of a second a box moves almost evenly:
gravity bends a jumper's path by 0.05 m at most, a thirtieth of the box, and a crop reaches an eighth beyond the box on
each side. (With every eighth frame at 30 Hz in place of every sixth, sides of a tumbling person were exchanged in half
as many frames again.) So boxes are interpolated where it is clear who is who, and detected where it is not.
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
SAME_BOX = 0.5  # overlap of two boxes, one of low score, that are taken for one person's


def interpolated_boxes(
    before: PersonBoxes, after: PersonBoxes, *, interval_s: float, shares: Sequence[float]
) -> list[PersonBoxes] | None:
    """The boxes between two frames; None where somebody confidently detected in one has no clear match in the other.

    A match is a confident box, or where there is none, one of low score that lies upon it. Other boxes of low score
    are left out unless two lie upon each other.

    Args:
        before: detected in the first frame.
        after: detected in the second.
        interval_s: between them.
        shares: of the interval, from 0 to 1, at which boxes are wanted.

    Returns:
        The boxes at each share, with the lower of the two scores; with one that is just confident, where only one is.
    """
    pairs = _clear_pairs(before, after, interval_s=interval_s)
    if pairs is None:
        return None
    pairs += _weak_pairs(before, after, pairs)
    first, second = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
    lower, higher = np.sort([before.scores[first], after.scores[second]], axis=0)
    scores = np.where(higher >= CONFIDENT, np.maximum(lower, CONFIDENT), lower)
    start, step = before.boxes_px[first], after.boxes_px[second] - before.boxes_px[first]
    return [PersonBoxes(start + share * step, scores, interpolated=True) for share in shares]


def _clear_pairs(before: PersonBoxes, after: PersonBoxes, *, interval_s: float) -> list[tuple[int, int]] | None:
    """Boxes of people that are each other's nearest by far; None where one has no such partner."""
    first, second = _people(before, after), _people(after, before)
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


def _people(boxes: PersonBoxes, other: PersonBoxes) -> NDArray[np.int64]:
    """The confident boxes, and of those upon which only a confident one of the other frame lies, the nearest to it."""
    people = np.flatnonzero(boxes.scores >= CONFIDENT).tolist()
    weak = np.flatnonzero(boxes.scores < CONFIDENT).tolist()
    for i in np.flatnonzero(other.scores >= CONFIDENT):
        upon = [overlap(boxes.boxes_px[j], other.boxes_px[i]) for j in range(len(boxes))]
        if weak and max(upon[j] for j in weak) >= SAME_BOX > max((upon[j] for j in people), default=0.0):
            people.append(max(weak, key=lambda j: upon[j]))
            weak.remove(people[-1])
    return np.array(people, dtype=np.int64)


def _distances(a_px: NDArray[np.float64], b_px: NDArray[np.float64]) -> NDArray[np.float64]:
    """(N, M) between the boxes' edges, the farthest of the four, in lengths of the body."""
    length = np.maximum((a_px[:, 2:] - a_px[:, :2]).max(1), 1.0)
    return np.asarray(np.abs(a_px[:, None] - b_px[None]).max(-1) / length[:, None])


def _weak_pairs(before: PersonBoxes, after: PersonBoxes, paired: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Further boxes of low score that lie upon each other."""
    first, second = (np.flatnonzero(boxes.scores < CONFIDENT).tolist() for boxes in (before, after))
    first, second = [i for i in first if i not in dict(paired)], [j for j in second if j not in dict(paired).values()]
    pairs = []
    for i in first:
        alike = [overlap(before.boxes_px[i], after.boxes_px[j]) for j in second]
        if alike and max(alike) >= SAME_BOX:
            pairs.append((i, second.pop(int(np.argmax(alike)))))
    return pairs
