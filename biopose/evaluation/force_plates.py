"""True moments of contact, from the vertical force on plates.

A foot is on a plate while the vertical force exceeds THRESHOLD_N; the moment is interpolated between the samples on
either side. Contacts and gaps shorter than SHORTEST_S are noise. Which foot it is follows from where the force acts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from biopose.analysis.body_points import Side
from biopose.analysis.derivatives import crossing_s
from biopose.io.mot import read_mot

FloatArray = NDArray[np.float64]

THRESHOLD_N = 20.0
SHORTEST_S = 0.05


@dataclass(frozen=True)
class PlateContact:
    """A foot on a plate.

    Attributes:
        on_s: when it came; None where it was there from the start of the recording.
        off_s: when it left; None where it was there at the end.
        place_m: (2,) x and z of the mean centre of pressure.
        middle_s: of the contact, within the recording.
    """

    on_s: float | None
    off_s: float | None
    place_m: FloatArray
    middle_s: float


def plate_contacts(path: Path) -> list[PlateContact]:
    """The contacts on every plate of a recording, in order of time.

    Args:
        path: a .mot with columns ground_force_N_vy, _px and _pz for each plate N.

    Raises:
        FileFormatError: it is no such file.
    """
    recording = read_mot(path, rotational=frozenset())
    plates = [name.removesuffix("_vy") for name in recording.names if name.endswith("_vy")]
    found = []
    for plate in plates:
        force_n, x_m, z_m = recording.select([f"{plate}_{part}" for part in ("vy", "px", "pz")]).values.T
        found += list(_contacts(recording.time_s, force_n, np.stack([x_m, z_m], axis=1)))
    return sorted(found, key=lambda contact: contact.middle_s)


def nearest_foot(contact: PlateContact, time_s: FloatArray, feet_m: Mapping[Side, FloatArray]) -> Side:
    """The foot that is nearest to the force in the middle of a contact.

    Args:
        contact: on a plate.
        time_s: (T,) of the feet.
        feet_m: by side, (T, P, 3) points of the foot.
    """
    frame = int(np.abs(time_s - contact.middle_s).argmin())
    away_m = {side: np.linalg.norm(m[frame][:, [0, 2]].mean(0) - contact.place_m) for side, m in feet_m.items()}
    return min(away_m, key=lambda side: away_m[side])


def flight_between(contacts: Sequence[PlateContact]) -> tuple[float, float] | None:
    """Take-off and landing: the longest time in which no plate is touched between two contacts; None without one."""
    spans = []
    for contact in contacts:
        if contact.off_s is not None:
            later = [c.on_s for c in contacts if c.on_s is not None and c.on_s > contact.off_s]
            spans += [(contact.off_s, min(later))] if later else []
    free = [(a, b) for a, b in spans if not any(_touches(c, a, b) for c in contacts)]
    return max(free, key=lambda span: span[1] - span[0], default=None)


def _touches(contact: PlateContact, start_s: float, end_s: float) -> bool:
    on_s = -np.inf if contact.on_s is None else contact.on_s
    off_s = np.inf if contact.off_s is None else contact.off_s
    return bool(on_s < end_s and off_s > start_s)


def _contacts(time_s: FloatArray, force_n: FloatArray, place_m: FloatArray) -> Iterator[PlateContact]:
    shortest = SHORTEST_S / float(np.median(np.diff(time_s)))
    loaded = _without_short(_without_short(force_n > THRESHOLD_N, False, shortest), True, shortest)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], loaded, [False]]).astype(np.int8)))
    for start, end in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        on_s = crossing_s(force_n, time_s, THRESHOLD_N, frame=start) if start else None
        off_s = crossing_s(force_n, time_s, THRESHOLD_N, frame=end) if end < len(time_s) else None
        weights = np.maximum(force_n[start:end], THRESHOLD_N)
        middle_s = float(time_s[start] + time_s[end - 1]) / 2
        yield PlateContact(on_s, off_s, np.average(place_m[start:end], axis=0, weights=weights), middle_s)


def _without_short(mask: NDArray[np.bool_], value: bool, shortest: float) -> NDArray[np.bool_]:
    mask = mask.copy()
    edges = np.flatnonzero(np.diff(np.concatenate([[not value], mask, [not value]]).astype(np.int8)))
    for start, end in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        if start > 0 and end < len(mask) and end - start < shortest:
            mask[start:end] = not value
    return mask
