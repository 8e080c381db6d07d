"""True moments of contact, from the vertical force on plates.

A foot is on a plate while the vertical force exceeds THRESHOLD_N; the moment is interpolated between the samples on
either side. Contacts and gaps shorter than SHORTEST_S are noise. Which foot it is follows from where the force acts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from biopose.analysis.body_points import Side
from biopose.analysis.derivatives import crossing_s
from biopose.io.force_plates import ForcePlates
from biopose.reconstruction.low_pass_filter import can_filter, low_pass

FloatArray = NDArray[np.float64]

THRESHOLD_N = 20.0
SHORTEST_S = 0.05
CUTOFF_HZ = 50.0  # of forces as they are stored; contacts are found in the force as it was recorded


@dataclass(frozen=True)
class PlateContact:
    """A foot on a plate.

    Attributes:
        on_s: when it came; None where it was there from the start of the recording, or no force was recorded before.
        off_s: when it left; None where it was there at the end, or no force was recorded after.
        place_m: (2,) x and z of the mean centre of pressure.
        first_s: of its samples.
        last_s: likewise.
    """

    on_s: float | None
    off_s: float | None
    place_m: FloatArray
    first_s: float
    last_s: float

    @property
    def middle_s(self) -> float:
        """Of the samples."""
        return (self.first_s + self.last_s) / 2


def plate_contacts(plates: ForcePlates) -> list[PlateContact]:
    """The contacts on every plate of a recording, in order of time."""
    found: list[PlateContact] = []
    for number in range(len(plates.names)):
        place_m = plates.center_of_pressure_m[:, number][:, [0, 2]]
        found += _contacts(plates.time_s, plates.force_n[:, number, 1], place_m)
    return sorted(found, key=lambda contact: contact.middle_s)


def low_passed(plates: ForcePlates) -> ForcePlates:
    """Forces and free moments without what is above CUTOFF_HZ; as they are where they were sampled too slowly for that.

    The centre of pressure is that of the filtered force where a foot is on the plate, and as it was elsewhere.
    """
    if not can_filter(plates.time_s, cutoff_hz=CUTOFF_HZ):
        return plates
    samples = len(plates.time_s)
    place_m = np.nan_to_num(plates.center_of_pressure_m)
    # The moment of the force about the room's origin is linear in what was recorded; the centre of pressure is not.
    recorded_n = np.nan_to_num(plates.force_n)
    about_origin = np.cross(place_m, recorded_n)
    filtered = [
        low_pass(part.reshape(samples, -1), plates.time_s, cutoff_hz=CUTOFF_HZ).reshape(part.shape)
        for part in (recorded_n, plates.free_moment_nm, about_origin)
    ]
    force_n, free_nm, moment_nm = filtered
    vertical_n = force_n[..., 1]
    loaded = vertical_n > THRESHOLD_N
    divisor = np.where(loaded, vertical_n, 1.0)
    height_m = place_m[..., 1]
    center_m = plates.center_of_pressure_m.copy()
    center_m[loaded, 0] = ((moment_nm[..., 2] + height_m * force_n[..., 0]) / divisor)[loaded]
    center_m[loaded, 2] = ((height_m * force_n[..., 2] - moment_nm[..., 0]) / divisor)[loaded]
    return replace(plates, force_n=force_n, center_of_pressure_m=center_m, free_moment_nm=free_nm)


def nearest_foot(contact: PlateContact, time_s: FloatArray, feet_m: Mapping[Side, FloatArray]) -> Side:
    """The foot that is nearest to the force in the middle of a contact.

    Args:
        contact: on a plate.
        time_s: (T,) of the feet.
        feet_m: by side, (T, P, 3) points of the foot.
    """
    away_m = feet_apart_m(contact, time_s, feet_m)
    return min(away_m, key=lambda side: away_m[side])


def feet_apart_m(contact: PlateContact, time_s: FloatArray, feet_m: Mapping[Side, FloatArray]) -> dict[Side, float]:
    """By side, how far a foot's middle is from the force in the middle of a contact, horizontally."""
    frame = int(np.abs(time_s - contact.middle_s).argmin())
    return {side: float(np.linalg.norm(m[frame][:, [0, 2]].mean(0) - contact.place_m)) for side, m in feet_m.items()}


def stances_s(contacts: Sequence[PlateContact]) -> list[tuple[float | None, float | None]]:
    """When one foot came onto the plates and left them, each time; None as of `PlateContact`.

    A foot that rolls from one plate onto the next, so that contacts overlap or adjoin, stands once.

    Args:
        contacts: of the foot, on every plate.
    """
    found: list[list[PlateContact]] = []
    for contact in sorted(contacts, key=lambda one: one.first_s):
        if found and contact.first_s <= max(one.last_s for one in found[-1]) + SHORTEST_S:
            found[-1].append(contact)
        else:
            found.append([contact])
    return [(stance[0].on_s, max(stance, key=lambda one: one.last_s).off_s) for stance in found]


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
        on_s, off_s = (
            crossing_s(force_n, time_s, THRESHOLD_N, frame=edge)
            if 0 < edge < len(time_s) and np.isfinite(force_n[edge - 1 : edge + 1]).all()
            else None
            for edge in (start, end)
        )
        there = np.flatnonzero(np.isfinite(place_m[start:end]).all(axis=1)) + start
        weights = np.fmax(force_n[there], THRESHOLD_N)
        if len(there):
            place = np.average(place_m[there], axis=0, weights=weights)
            yield PlateContact(on_s, off_s, place, float(time_s[start]), float(time_s[end - 1]))


def _without_short(mask: NDArray[np.bool_], value: bool, shortest: float) -> NDArray[np.bool_]:
    mask = mask.copy()
    edges = np.flatnonzero(np.diff(np.concatenate([[not value], mask, [not value]]).astype(np.int8)))
    for start, end in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        if start > 0 and end < len(mask) and end - start < shortest:
            mask[start:end] = not value
    return mask
