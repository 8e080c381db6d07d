"""Whether a poor fit is one of left and right: names exchanged, or the recording mirrored.

No rotation takes a body into its mirror image, so neither fits anywhere. A mirrored recording of a symmetric marker set
is one of exchanged names, too, of a person who moves the other way round; the asymmetric markers distinguish them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from biopose.io.trajectories import MarkerTrajectories
from biopose.skeleton.ik.inverse_kinematics import IKSolution, inverse_kinematics
from biopose.skeleton.ik.recording_solver import MIN_MARKERS, Limits
from biopose.skeleton.model import Skeleton

DOUBTFUL_RMS_M = 0.030  # median marker error from which on left and right are examined
FRAMES = 16  # of the recording that are examined
EXPLAINS = 0.6  # of the marker error that an explanation may leave
_SIDES = {"l": "r", "r": "l", "left": "right", "right": "left"}
# A side is the word or letter that begins or ends a name, or stands between separators; L.ASIS, RKNE, knee_r, LeftToe.
_SIDE = re.compile(r"left|right|(?<![a-z])[lr](?![a-z])|^[lr]|[lr]$", re.IGNORECASE)


@dataclass(frozen=True)
class Handedness:
    """An explanation of a poor fit, and the marker error (RMS, metres) that it leaves in the frames examined."""

    kind: Literal["sides exchanged", "mirrored"]
    rms_m: float


def other_side(name: str, names: Sequence[str]) -> str | None:
    """The marker of the other side among names, whatever the case of its letters; None of the midline."""
    known = {n.casefold(): n for n in names}
    for match in _SIDE.finditer(name):
        other = _SIDES[match.group().casefold()]
        found = known.get((name[: match.start()] + other + name[match.end() :]).casefold())
        if found:
            return found
    return None


def examined_handedness(
    skeleton: Skeleton,
    trajectories: MarkerTrajectories,
    solution: IKSolution,
    weights: Mapping[str, float] | None = None,
    limits: Limits = "clamped",
) -> dict[str, Any] | None:
    """What explains a fit that is poor throughout, and the marker error that it leaves; None where nothing does."""
    if not solution.solved.any():
        return None
    rms_m = float(np.nanmedian(solution.rms_m))
    if rms_m < DOUBTFUL_RMS_M:
        return None
    found = explain_by_handedness(skeleton, trajectories, rms_m, weights=weights, limits=limits)
    return {"kind": found.kind, "rms_mm": round(1e3 * found.rms_m, 3)} if found else None


def explain_by_handedness(
    skeleton: Skeleton,
    trajectories: MarkerTrajectories,
    rms_m: float,
    *,
    weights: Mapping[str, float] | None = None,
    limits: Limits = "clamped",
) -> Handedness | None:
    """The better explanation of the two, if it leaves much less than rms_m; None where neither does."""
    complete = np.flatnonzero((~np.isnan(trajectories.positions_m[..., 0])).sum(axis=1) >= MIN_MARKERS)
    frames = complete[np.linspace(0, len(complete) - 1, min(FRAMES, len(complete))).round().astype(int)]
    some = trajectories.at(frames)
    candidates: list[tuple[Literal["sides exchanged", "mirrored"], MarkerTrajectories]] = [
        ("sides exchanged", _with_sides_exchanged(some)),
        ("mirrored", replace(some, positions_m=some.positions_m * (1.0, 1.0, -1.0))),
    ]
    found = []
    for kind, candidate in candidates:
        known = None if weights is None else {n: w for n, w in weights.items() if n in candidate.names}
        rms = np.nanmedian(inverse_kinematics(skeleton, candidate, weights=known, limits=limits).rms_m)
        found.append(Handedness(kind, float(rms)))
    best = min(found, key=lambda h: h.rms_m)
    return best if best.rms_m < EXPLAINS * rms_m else None


def _with_sides_exchanged(trajectories: MarkerTrajectories) -> MarkerTrajectories:
    partners = {name: other_side(name, trajectories.names) for name in trajectories.names}
    # Only pairs that name each other: any other renaming would not be one to one.
    paired = {n: p for n, p in partners.items() if p is not None and partners[p] == n}
    order = [trajectories.names.index(paired.get(name, name)) for name in trajectories.names]
    return replace(trajectories, positions_m=trajectories.positions_m[:, order])
