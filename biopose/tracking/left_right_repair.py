"""Left and right exchanged by the keypoint network: found by how limbs move on, and put right.

A network sees one image at a time, and in a view from the side it may label the right leg left for a few frames.
Limbs, however, do not jump. For each limb this finds the most likely sequence of {kept, exchanged} (Viterbi 1967),
where each candidate carries Kalman filters of its own (per-survivor processing, Raheli et al. 1995), so that legs which
pass each other go on in their directions. The network's own labels count for every second that they hold,
so what is exchanged is the smaller part of a clip, never all of it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product

import numpy as np
from numpy.typing import NDArray

from biopose.body.keypoint_names import KEYPOINTS
from biopose.tracking.body_length import body_length_px
from biopose.tracking.collapsed_limbs import distrust_collapsed_sides
from biopose.tracking.constant_velocity import ConstantVelocity
from biopose.tracking.tracks import PersonTrack

Part = tuple[str, ...]

# Joints of a part are exchanged together; parts of a chain mostly are. First the whole body, taken for its back, then
# what is left of single limbs.
CHAINS: tuple[tuple[Part, ...], ...] = (
    (("shoulder", "elbow", "wrist"), ("hip", "knee", "ankle", "heel", "big_toe", "small_toe")),
    (("knee",), ("ankle", "heel", "big_toe", "small_toe")),
    (("elbow",), ("wrist",)),
    (("hip",),),
    (("shoulder",),),
    (("eye", "ear"),),
)

# In body lengths and seconds; costs are negative log-likelihoods.
DETECTION_SD = 0.012  # of a keypoint of full confidence; of a lower one, more in proportion
LEAST_CONFIDENCE = 0.05
SPEED_SD = 4.0  # of a limb about which nothing is known
DIFFUSION = 20.0  # growth of the variance of a limb's velocity in a second
JOINT_CAP = 8.0  # a keypoint costs no more than this: networks also err in other ways than by exchanging
LABEL_EVIDENCE = 6.0  # a second of exchanged labels, for each pair of joints of full confidence
CHAIN_EVIDENCE = 20.0  # a second in which of a chain one part is exchanged and the next is not
FOOT = ("ankle", "heel", "big_toe", "small_toe")
FOOT_WEIGHT = 0.5  # of each of these four, which err together
CHANGE = 2.0  # between kept and exchanged, for each part
LONGEST_GAP_S = 0.5  # over which a limb's motion identifies it


def repair_side_swaps(track: PersonTrack) -> PersonTrack:
    """The track with exchanged limbs put right, and less confidence where both sides lie on one limb."""
    for chain in CHAINS:
        track = _put_right(track, chain, exchanged_frames(track, chain))
    return distrust_collapsed_sides(track)


def exchanged_frames(track: PersonTrack, chain: tuple[Part, ...]) -> NDArray[np.bool_]:
    """(T, parts) in which frames each part of a chain has left and right exchanged."""
    exchanged = np.zeros((len(track), len(chain)), dtype=bool)
    frames = np.flatnonzero(track.detected)
    for section in np.split(frames, np.flatnonzero(np.diff(track.time_s[frames]) > LONGEST_GAP_S) + 1):
        if len(section) > 1:
            sequence = _Sequence.of(track, section, chain)
            exchanged[section] = np.array(sequence.states)[sequence.most_likely()]
    return exchanged


def _put_right(track: PersonTrack, chain: tuple[Part, ...], exchanged: NDArray[np.bool_]) -> PersonTrack:
    keypoints_px, confidence = track.keypoints_px.copy(), track.confidence.copy()
    for part, frames in zip(chain, exchanged.T, strict=True):
        left, right = _joints(part)
        for values in (keypoints_px, confidence):
            values[np.ix_(frames, left + right)] = values[np.ix_(frames, right + left)]
    return replace(track, keypoints_px=keypoints_px, confidence=confidence)


def _joints(part: Part) -> tuple[list[int], list[int]]:
    """Keypoints of the left side and, in the same order, of the right."""
    left, right = ([KEYPOINTS.index(f"{side}_{joint}") for joint in part] for side in ("left", "right"))
    return left, right


@dataclass(frozen=True, eq=False)
class _Sequence:
    """The positions of a chain's P pairs of joints in N frames, and the S ways in which its parts may be exchanged.

    Attributes:
        time_s: (N,).
        positions: (N, P, 2, 2) pixels of the left and the right joint.
        confidence: (N, P) the lower one of a pair.
        length_px: (N,) of the body.
        weights: (P,) of the pairs.
        states: of each part, whether it is exchanged.
        exchanged: (S, P) the same of each pair.
    """

    time_s: NDArray[np.float64]
    positions: NDArray[np.float64]
    confidence: NDArray[np.float64]
    length_px: NDArray[np.float64]
    weights: NDArray[np.float64]
    states: list[tuple[bool, ...]]
    exchanged: NDArray[np.bool_]

    @classmethod
    def of(cls, track: PersonTrack, frames: NDArray[np.int64], chain: tuple[Part, ...]) -> _Sequence:
        left, right = ([k for part in chain for k in _joints(part)[side]] for side in (0, 1))
        states = list(product((False, True), repeat=len(chain)))
        repeats = [len(part) for part in chain]
        return cls(
            track.time_s[frames],
            np.stack([track.keypoints_px[frames][:, side] for side in (left, right)], axis=2),
            np.minimum(*(track.confidence[frames][:, side] for side in (left, right))),
            body_length_px(track)[frames],
            np.array([FOOT_WEIGHT if joint in FOOT else 1.0 for part in chain for joint in part]),
            states,
            np.repeat(np.array(states), repeats, axis=1),
        )

    def most_likely(self) -> NDArray[np.int64]:
        """(N,) the state of each frame."""
        labels = self._label_costs()
        changes = CHANGE * np.array([[np.not_equal(a, b).sum() for b in self.states] for a in self.states])
        filters = self._begin()
        total = labels[0]
        origins = np.zeros((len(self.time_s), len(self.states)), dtype=np.int64)
        for n in range(1, len(self.time_s)):
            diffusion = DIFFUSION * self.length_px[n] ** 2
            filters = filters.after(self.time_s[n] - self.time_s[n - 1], diffusion=diffusion)
            costs = total[:, None] + changes + self._costs(filters, n)
            origins[n] = costs.argmin(0)
            total = costs.min(0) + labels[n]
            filters = self._continued(filters, origins[n], n)
        return self._by_majority(_traced_back(origins, int(total.argmin())), labels)

    def _by_majority(self, path: NDArray[np.int64], labels: NDArray[np.float64]) -> NDArray[np.int64]:
        """The path, or all of it exchanged, which is as continuous: whichever the labels agree with more."""
        opposite = len(self.states) - 1 - path
        frames = np.arange(len(path))
        return path if labels[frames, path].sum() <= labels[frames, opposite].sum() else opposite

    def _begin(self) -> ConstantVelocity:
        speed = np.full(self.confidence.shape[1], (SPEED_SD * self.length_px[0]) ** 2)
        return ConstantVelocity.at_rest(
            self._ordered(0), position_variance=_per_side(self._variance(0)), velocity_variance=_per_side(speed)
        )

    def _continued(self, filters: ConstantVelocity, origins: NDArray[np.int64], n: int) -> ConstantVelocity:
        """Each state's filters go on from those of the state that it comes from."""
        chosen = replace(filters, position=filters.position[origins], velocity=filters.velocity[origins])
        return chosen.corrected(self._ordered(n), variance=_per_side(self._variance(n)))

    def _costs(self, filters: ConstantVelocity, n: int) -> NDArray[np.float64]:
        """(S, S) of going from each state's prediction to each state's order of the positions in frame n."""
        squared = ((self._ordered(n)[None] - filters.position[:, None]) ** 2).sum(-1)
        variance = filters.position_variance + _per_side(self._variance(n))
        return np.asarray(np.minimum(0.5 * squared / variance, JOINT_CAP).sum(-1) @ self.weights)

    def _ordered(self, n: int) -> NDArray[np.float64]:
        """(S, P, 2, 2) the positions of frame n as each state orders the sides."""
        positions = self.positions[n]
        return np.where(self.exchanged[:, :, None, None], positions[:, ::-1], positions)

    def _variance(self, n: int) -> NDArray[np.float64]:
        sd = DETECTION_SD * self.length_px[n] / np.maximum(self.confidence[n], LEAST_CONFIDENCE)
        return np.asarray(sd**2)

    def _label_costs(self) -> NDArray[np.float64]:
        """(N, S) of the network's labels being wrong for the time around each frame, and of a chain being torn."""
        interval_s = np.minimum(np.gradient(self.time_s), 1.0)[:, None]
        torn = np.array([np.not_equal(state[1:], state[:-1]).sum() for state in self.states])
        wrong = LABEL_EVIDENCE * (self.weights * self.confidence) @ self.exchanged.T.astype(np.float64)
        return np.asarray(interval_s * (wrong + CHAIN_EVIDENCE * torn))


def _per_side(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """(P,) as (P, 2): the two joints of a pair share it."""
    return np.repeat(values[:, None], 2, axis=1)


def _traced_back(origins: NDArray[np.int64], last: int) -> NDArray[np.int64]:
    path = np.empty(len(origins), dtype=np.int64)
    path[-1] = last
    for n in range(len(origins) - 1, 0, -1):
        path[n - 1] = origins[n, path[n]]
    return path
