"""Which markers of a recording NeurIK can use, whether they are enough, and whether its sampling is uniform."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from biopose.body.markers import BONY_LANDMARKS, MARKERS
from biopose.errors import ModelError
from biopose.io.trajectories import FloatArray, MarkerTrajectories, frame_rate_hz
from biopose.skeleton.ik.recording_solver import MIN_MARKERS

MIN_NAMED = 20  # the network was trained on a third of the 68, or more
MIN_PELVIS = 3  # that determine the pelvis, which all features are relative to
NAMES_SHOWN = 12
UNEVEN_SHARE = 0.05  # of an interval
ROUNDED_S, ROUNDED_SHARE = 0.0011, 0.25  # times in whole milliseconds are as even as they can be written


def usable_markers(recording: MarkerTrajectories) -> tuple[MarkerTrajectories, NDArray[np.bool_]]:
    """The named markers that are ever there, and which frames (F,) have enough of them for a prediction.

    Raises:
        ModelError: if they are too few, or no frame has enough.
    """
    known = [name for name in MARKERS if name in recording.names]
    if not known:
        raise _too_few([])
    present = present_in(recording.select(known))
    solved = present.sum(axis=1) >= MIN_MARKERS
    if len(known) >= MIN_NAMED and not solved.any():
        raise ModelError(f"no frame has {MIN_MARKERS} of the markers that BioPose names; nothing was written")
    used = [name for name, any_time in zip(known, present[solved].any(axis=0), strict=True) if any_time]
    if len(used) < MIN_NAMED or sum(on_pelvis(used)) < MIN_PELVIS:
        raise _too_few(used)
    return recording.select(used), solved


def _too_few(used: list[str]) -> ModelError:
    """An error that names the markers that would help most: the pelvis's, then those of segments that have none."""
    segments = {MARKERS[name].segment for name in used}
    absent = [name for name in BONY_LANDMARKS if name not in used]
    absent.sort(key=lambda name: (MARKERS[name].segment != "pelvis", MARKERS[name].segment in segments))
    absent += [name for name in MARKERS if name not in used and name not in absent]
    pelvis = sum(on_pelvis(used))
    return ModelError(
        f"has {len(used)} of the {len(MARKERS)} markers that BioPose names, {pelvis} of them on the pelvis ("
        f"{_some(used)}); NeurIK needs {MIN_NAMED} and {MIN_PELVIS}. Most wanted: {_some(absent)}. Names must be the "
        "same to the letter; for other markers there is --solver biopose with a model that has them"
    )


def _some(names: list[str]) -> str:
    more = f" and {len(names) - NAMES_SHOWN} more" if len(names) > NAMES_SHOWN else ""
    return ", ".join(names[:NAMES_SHOWN]) + more or "none"


def present_in(markers: MarkerTrajectories) -> NDArray[np.bool_]:
    """(F, M) whether a marker is there."""
    return np.asarray(~np.isnan(markers.positions_m).any(axis=-1))


def on_pelvis(names: Sequence[str]) -> list[bool]:
    """Whether each named marker is the pelvis's."""
    return [MARKERS[name].segment == "pelvis" for name in names]


def even_interval_s(time_s: FloatArray) -> float | None:
    """Seconds between frames; None of a single one.

    Raises:
        ModelError: if they differ by more than a few percent, and more than rounding to milliseconds makes them.
    """
    if len(time_s) == 1:
        return None
    interval_s = 1 / frame_rate_hz(time_s)
    deviation_s = np.abs(np.diff(time_s) - interval_s)
    worst = int(deviation_s.argmax())
    if deviation_s[worst] > max(UNEVEN_SHARE * interval_s, min(ROUNDED_S, ROUNDED_SHARE * interval_s)):
        interval_ms = 1e3 * float(time_s[worst + 1] - time_s[worst])
        raise ModelError(
            f"uneven times: frame {worst + 1} (counted from 0) comes {interval_ms:.1f} ms after the one before, others "
            f"{1e3 * interval_s:.1f} ms; NeurIK needs one rate. Write lost frames as empty ones, resample the "
            "recording, or take --solver biopose, which solves each frame by itself"
        )
    return interval_s
