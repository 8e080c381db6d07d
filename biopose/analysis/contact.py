"""When a foot rests on the ground, from the probabilities of heel and toe in trial.parquet.

Contact begins above one threshold and ends below a lower one, and what is shorter than a foot can do is noise.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from biopose.analysis.measured_trial import FloatArray, MeasuredTrial
from biopose.fitting.evidence import LEAST_CONFIDENCE

Side = Literal["left", "right"]
Mask = NDArray[np.bool_]

SIDES: tuple[Side, Side] = ("left", "right")
BEGINS_ABOVE, ENDS_BELOW = 0.5, 0.3
SHORTEST_CONTACT_S = 0.08  # a sprinter's is about 0.1 s
SHORTEST_SWING_S = (
    0.15  # a sprinter's is 0.3 s and more (Weyand 2000, J Appl Physiol 89:1991); a jump of 3 cm is so long
)


@dataclass(frozen=True, eq=False)
class Contact:
    """Whether something rests on the ground, (T,) each: `on`, and `known`, whether that can be told."""

    on: Mask
    known: Mask

    def changes(self) -> tuple[list[int], list[int]]:
        """Rows at which contact begins, and at which it has ended, as far as the frames on both sides are known."""
        step = np.diff(self.on.astype(np.int8))
        both_known = self.known[1:] & self.known[:-1]
        began, ended = ((np.flatnonzero((step == sign) & both_known) + 1).tolist() for sign in (1, -1))
        return began, ended


def foot_contact(trial: MeasuredTrial, side: Side) -> Contact:
    """When heel or toe of a side rests on the ground.

    Raises:
        FileFormatError: a channel is missing in trial.parquet.
    """
    points = [trial.column(f"{side}_{point}_contact_probability") for point in ("heel", "toe")]
    seen = [trial.column(f"{side}_{point}_confidence") for point in ("heel", "big_toe")]
    probability, confidence = np.fmax(*points), np.fmax(*seen)
    known = np.isfinite(probability) & (confidence >= LEAST_CONFIDENCE)
    on = _with_hysteresis(np.where(known, probability, np.nan))
    on = ~without_short(~on, at_least=frames_in(trial, SHORTEST_SWING_S))
    return Contact(without_short(on, at_least=frames_in(trial, SHORTEST_CONTACT_S)), known)


def without_short(mask: Mask, *, at_least: int) -> Mask:
    """The mask without runs of fewer frames; those at its ends may be longer than was seen, and stay."""
    mask = mask.copy()
    edges = np.flatnonzero(np.diff(mask.astype(np.int8))) + 1
    for start, stop in pairwise(edges.tolist()):
        if mask[start] and stop - start < at_least:
            mask[start:stop] = False
    return mask


def frames_in(trial: MeasuredTrial, duration_s: float) -> int:
    """How many frames last so long, at least 1."""
    return max(1, round(duration_s / trial.interval_s)) if trial.interval_s else 1


def _with_hysteresis(probability: FloatArray) -> Mask:
    """(T,) on; between the thresholds, and where the probability is NaN, as before."""
    state, on = False, []
    for p in probability:
        state = bool(p > BEGINS_ABOVE or (state and not p < ENDS_BELOW))
        on.append(state)
    return np.array(on)
