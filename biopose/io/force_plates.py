"""Force plates' recordings: in a .mot as OpenSim has them, or among the analogue channels of a .c3d."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from biopose.io.c3d_force_plates import plates_of_c3d
from biopose.io.files import existing_file, malformed
from biopose.io.mot import read_storage, write_storage
from biopose.io.trajectories import FloatArray, Storage
from biopose.io.units import LengthUnit
from biopose.io.up_axis import UpAxis, y_up

AXES = "xyz"
UPWARD_SHARE = 0.5  # of the vertical impulse: on less, the plates state the body's action on them
SUFFIXES = (".mot", ".sto", ".c3d")


@dataclass(frozen=True, eq=False)
class ForcePlates:
    """Ground reaction on P plates through N samples, in a world whose y is up.

    Attributes:
        time_s: (N,) increasing, on the markers' clock.
        names: of the plates.
        force_n: (N, P, 3) on the body; NaN where none was recorded.
        center_of_pressure_m: (N, P, 3).
        free_moment_nm: (N, P, 3) about the centre of pressure.
        notes: what was odd, a sentence each.
    """

    time_s: FloatArray
    names: tuple[str, ...]
    force_n: FloatArray
    center_of_pressure_m: FloatArray
    free_moment_nm: FloatArray
    notes: tuple[str, ...] = ()


def read_force_plates(path: Path, *, up: UpAxis = "y", units: LengthUnit | None = None) -> ForcePlates | None:
    """Read the force plates of a .mot, .sto or .c3d; None where a .c3d has none, P = 0 where none can be read.

    Args:
        path: the file.
        up: its vertical axis; of a .mot, too.
        units: of length in a .c3d, where it states none or a wrong one.

    Raises:
        FileFormatError: it is missing, breaks its format, or is a .mot without forces.
    """
    suffix = existing_file(path).suffix.lower()
    if suffix not in SUFFIXES:
        raise malformed(path, found=f"the suffix '{path.suffix}'", expected=f"one of {', '.join(SUFFIXES)}")
    if suffix == ".c3d":
        found = plates_of_c3d(path, units=units)
        if found is None:
            return None
        plates = ForcePlates(*found)
    else:
        plates = _of_storage(path, read_storage(path))
    return _upward(
        replace(
            plates,
            notes=(*plates.notes, *_missing_lines(plates)),
            force_n=y_up(plates.force_n, up, axis=-1),
            center_of_pressure_m=y_up(plates.center_of_pressure_m, up, axis=-1),
            free_moment_nm=np.nan_to_num(y_up(plates.free_moment_nm, up, axis=-1)),
        )
    )


def _of_storage(path: Path, storage: Storage) -> ForcePlates:
    """Columns PLATEvx to PLATEvz, PLATEpx to PLATEpz, and where there are any PLATEmx or its torque's."""
    columns = storage.columns
    plates = [name.removesuffix("vy") for name in columns if name.endswith("vy")]
    needed = [f"{plate}{kind}{axis}" for plate in plates for kind in "vp" for axis in AXES]
    missing = [name for name in needed if name not in columns]
    if not plates or missing:
        found = f"no column {missing[0]}" if missing else f"the columns {', '.join(columns[:6])}, none of a force"
        raise malformed(path, found=found, expected="ground_force_1_vx to _vz and _px to _pz of each plate")

    def of(kind: str) -> FloatArray:
        return np.stack([np.stack([column(f"{p}{kind}{axis}") for axis in AXES], axis=-1) for p in plates], axis=1)

    def column(name: str) -> FloatArray:
        return storage.values[:, columns.index(name)]

    def moment(plate: str) -> FloatArray:
        torque = [(f"{plate}m{axis}", f"{plate.replace('force', 'torque')}{axis}") for axis in AXES]
        names = [next((name for name in pair if name in columns), None) for pair in torque]
        return np.stack([np.zeros(len(storage.time_s)) if n is None else column(n) for n in names], axis=-1)

    return ForcePlates(
        storage.time_s,
        tuple(plate.rstrip("_") for plate in plates),
        of("v"),
        of("p"),
        np.stack([moment(plate) for plate in plates], axis=1),
        storage.notes,
    )


def _missing_lines(plates: ForcePlates) -> list[str]:
    counts = np.isnan(plates.force_n).any(axis=2).sum(axis=0).tolist()
    return [
        f"{name} has no force in {count} of {len(plates.time_s)} samples: no contact begins or ends there"
        for name, count in zip(plates.names, counts, strict=True)
        if count
    ]


def _upward(plates: ForcePlates) -> ForcePlates:
    """The reaction on the body, which points up; some files state the body's action on the plates."""
    vertical_n = np.nan_to_num(plates.force_n[..., 1])
    if vertical_n.clip(min=0).sum() >= UPWARD_SHARE * np.abs(vertical_n).sum():
        return plates
    note = "force plates: forces point down, the body's action on the plates; their reaction on the body is used"
    return replace(plates, force_n=-plates.force_n, free_moment_nm=-plates.free_moment_nm, notes=(*plates.notes, note))


def write_force_plates(path: Path, plates: ForcePlates) -> None:
    """Write a .mot as OpenSim's inverse dynamics takes external loads, 0 where there is none; whole or not at all."""
    columns, values = [], []
    for number, name in enumerate(plates.names):
        for kind, array in (
            ("v", np.nan_to_num(plates.force_n)),
            ("p", np.nan_to_num(plates.center_of_pressure_m)),
            ("m", plates.free_moment_nm),
        ):
            columns += [f"{name}_{kind}{axis}" for axis in AXES]
            values += list(array[:, number].T)
    table = np.stack(values, axis=1)
    write_storage(path, Storage(plates.time_s, tuple(columns), table, in_degrees=False, name="Force plates"))
