"""Following people through the frames of a whole clip: who is who, through crossings and occlusions.

Trackers that can be installed (trackers 2.6, norfair 2.3 and its fork) are made for live images: they decide at once,
mostly use boxes only, and bring OpenCV or an old numpy along. Here the whole clip is at hand, frames come at uneven
times, and 26 keypoints a person are already known. So detections are joined into tracklets where that is beyond doubt
(Kalman prediction of the trunk, keypoints about it, colours of the clothes; Hungarian assignment, confident detections
first as in Zhang et al. 2022, ByteTrack), and tracklets are linked over gaps afterwards, knowing both ends
(tracklet_linking.py).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from biopose.perception.detections import Detection, detections_of_frame, overlap
from biopose.tracking.assignment import least_cost_pairs
from biopose.tracking.interpolated_boxes import CONFIDENT
from biopose.tracking.tracklet_linking import linked
from biopose.tracking.tracklets import Tracklet
from biopose.tracking.tracks import PersonTrack

COAST_S = 0.5  # a person not detected for this long is left to the linking
EXPECT_S = 1.5  # how long a person is followed by keypoints alone, without the detector
SOUGHT_S = 0.25  # how long after they were last found: later, the box moved along is a guess
GATE = 10.0  # cost above which a detection is of someone else
WEAK_GATE = 8.0  # for boxes of low score
TILTED_GATE = 16.0  # of a body last found tilted: it falls, and turns other colours to the camera
LEAST_PERSON_S = 0.3  # who is detected for less is taken for a false alarm ...
LEAST_PERSON_CONFIDENCE = 0.3  # ... and whose keypoints are on average less confident than this, too
COVERED = 0.5  # overlap with a box of the frame from which an expected box adds nothing


class Tracker:
    """Collects the people of one frame after the other; memory grows by 0.4 kB for each person and frame.

    With tokens, by those, too.
    """

    def __init__(self) -> None:
        self._live: list[Tracklet] = []
        self._ended: list[Tracklet] = []
        self._times_s: list[float] = []
        self._first_index: int | None = None

    def expected_people(
        self, time_s: float, *, boxes_px: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Where people of the frames shortly before are expected, though no box of the frame is there.

        Args:
            time_s: of a frame that was not added yet.
            boxes_px: (N, 4) what was detected in it.

        Returns:
            (M, 4) boxes, and (M,) the direction of each one's body when last found, `Detection.axis_rad`; NaN of those
            who were upright. Their keypoints, once located, are added with a score of 0.
        """
        recent = [t for t in self._live if time_s - t.detected_s <= EXPECT_S and time_s - t.last.time_s <= SOUGHT_S]
        expected = [(t.expected_box_px(time_s), t.last.axis_rad if t.last.tilted else np.nan) for t in recent]
        free = [each for each in expected if all(overlap(each[0], other) < COVERED for other in boxes_px)]
        return np.array([box for box, _ in free]).reshape(-1, 4), np.array([axis for _, axis in free])

    def add(
        self,
        *,
        frame_index: int,
        time_s: float,
        image: NDArray[np.uint8] | None,
        boxes_px: NDArray[np.float64],
        scores: NDArray[np.float64],
        keypoints_px: NDArray[np.float64],
        confidence: NDArray[np.float64],
    ) -> list[Detection]:
        """Go on with the next frame.

        Args:
            frame_index: of the video, the previous one plus 1.
            time_s: real time, later than the previous frame's.
            image: (H, W, 3) RGB, for the colours of clothes; None: people are distinguished by motion and pose alone.
            boxes_px: (N, 4) left, top, right, bottom.
            scores: (N,) the detector's; 0 for boxes that were expected and not detected.
            keypoints_px: (N, 26, 2).
            confidence: (N, 26).

        Returns:
            The people of the frame, each once.

        Raises:
            ValueError: if the frame does not follow the previous one.
        """
        detections = detections_of_frame(
            frame_index=frame_index,
            time_s=time_s,
            image=image,
            boxes_px=np.asarray(boxes_px, dtype=np.float64).reshape(-1, 4),
            scores=np.asarray(scores, dtype=np.float64),
            keypoints_px=np.asarray(keypoints_px, dtype=np.float64).reshape(-1, 26, 2),
            confidence=np.asarray(confidence, dtype=np.float64).reshape(-1, 26),
        )
        self.follow(detections, frame_index=frame_index, time_s=time_s)
        return detections

    def follow(self, detections: list[Detection], *, frame_index: int, time_s: float) -> None:
        """Go on with the next frame, whose people are detected already.

        Args:
            detections: of the frame, each person once.
            frame_index: of the video, the previous one plus 1.
            time_s: real time, later than the previous frame's.

        Raises:
            ValueError: if the frame does not follow the previous one.
        """
        self._check_order(frame_index, time_s)
        self._times_s.append(time_s)
        strong = [s for s in detections if s.score >= CONFIDENT]
        weak = [s for s in detections if s.score < CONFIDENT]
        waiting, new = _matched(self._live, strong, gate=GATE)
        _matched(waiting, weak, gate=WEAK_GATE)
        self._live.extend(map(Tracklet, new))
        self._end_lost(time_s)

    def tracks(self) -> list[PersonTrack]:
        """The people of all frames so far, by first appearance, then by size; false alarms left out.

        A false alarm is a person detected for less than 0.3 s in all, in a clip that is longer, or whose keypoints have
        a mean confidence below 0.3.
        """
        times_s = np.array(self._times_s)
        people = [chain for chain in linked(self._ended + self._live) if self._is_person(chain)]
        people.sort(key=lambda chain: (chain[0].first.frame_index, -chain[0].first.size_px))
        return [self._track(number, chain, times_s) for number, chain in enumerate(people)]

    def _check_order(self, frame_index: int, time_s: float) -> None:
        if self._first_index is None:
            self._first_index = frame_index
        if frame_index != self._first_index + len(self._times_s):
            raise ValueError(f"frame {frame_index} after frame {self._first_index + len(self._times_s) - 1}")
        if self._times_s and time_s <= self._times_s[-1]:
            raise ValueError(f"frame {frame_index} at {time_s} s is not later than the one before it")

    def _end_lost(self, time_s: float) -> None:
        lost = [t for t in self._live if time_s - t.last.time_s > COAST_S]
        self._live = [t for t in self._live if t not in lost]
        self._ended.extend(lost)

    def _is_person(self, chain: list[Tracklet]) -> bool:
        detected = sum(map(len, chain))
        frames = len(self._times_s)
        interval_s = (self._times_s[-1] - self._times_s[0]) / max(frames - 1, 1)
        long_enough = detected >= frames / 2 or detected * interval_s >= LEAST_PERSON_S
        return long_enough and sum(t.total_confidence for t in chain) / detected >= LEAST_PERSON_CONFIDENCE

    def _track(self, number: int, chain: list[Tracklet], times_s: NDArray[np.float64]) -> PersonTrack:
        first, last = chain[0].first.frame_index, chain[-1].last.frame_index
        rows = np.full((last - first + 1, 82), np.nan)
        for tracklet in chain:
            rows[np.array(tracklet.frame_indices) - first] = tracklet.rows
        start = first - (self._first_index or 0)
        return PersonTrack(
            person=number,
            frame_indices=np.arange(first, last + 1),
            time_s=times_s[start : start + len(rows)],
            boxes_px=rows[:, :4],
            keypoints_px=rows[:, 4:56].reshape(-1, 26, 2),
            confidence=np.nan_to_num(rows[:, 56:]),
            tokens=_tokens(chain),
        )


def _tokens(chain: list[Tracklet]) -> NDArray[np.float16] | None:
    """(T, width) tokens of a person, NaN where they were not found; None without a feature head."""
    rows = {t: t.tokens for t in chain}
    width = next((part.shape[1] for part in rows.values() if part is not None), None)
    if width is None:
        return None
    first, last = chain[0].first.frame_index, chain[-1].last.frame_index
    together = np.full((last - first + 1, width), np.nan, dtype=np.float16)
    for tracklet, part in rows.items():
        if part is not None:
            together[np.array(tracklet.frame_indices) - first] = part
    return together


def _matched(
    tracklets: list[Tracklet], detections: list[Detection], *, gate: float
) -> tuple[list[Tracklet], list[Detection]]:
    """Append to each tracklet its detection; those tracklets and detections that are left over."""
    if not tracklets or not detections:
        return tracklets, detections
    gates = [TILTED_GATE if t.last.tilted else gate for t in tracklets]
    costs = np.array([[min(t.cost(s), most) for s in detections] for t, most in zip(tracklets, gates, strict=True)])
    pairs = [(i, j) for i, j in least_cost_pairs(costs) if costs[i, j] < gates[i]]
    for i, j in pairs:
        tracklets[i].append(detections[j])
    used, matched = {i for i, _ in pairs}, {j for _, j in pairs}
    return (
        [t for i, t in enumerate(tracklets) if i not in used],
        [s for j, s in enumerate(detections) if j not in matched],
    )
