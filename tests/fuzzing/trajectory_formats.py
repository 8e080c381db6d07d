"""Formats of trajectories: .trc, .c3d, .mot, .sto, .parquet."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from biopose.io.c3d import read_c3d
from biopose.io.mot import read_mot, write_storage
from biopose.io.parquet import read_markers_parquet, write_markers_parquet
from biopose.io.trajectories import MarkerTrajectories, Storage
from biopose.io.trc import read_trc, write_trc
from tests.fuzzing.c3d_mutations import C3D_MUTATIONS
from tests.fuzzing.outcomes import Format, Outcome
from tests.fuzzing.table_mutations import TABLE_MUTATIONS
from tests.fuzzing.text_mutations import BYTE_MUTATIONS, TEXT_MUTATIONS
from tests.io.c3d_files import DEC, MIPS, c3d_bytes, walk

FRAMES, COUNT = 60, 6
NAMES = tuple(f"M{index}" for index in range(COUNT))
TIME_S = np.arange(FRAMES) / 100
SAME_M, SAME_RAD = 1e-3, np.deg2rad(1.0)
SAME_FRAME = 0.25  # of a time
MOST_NUMBERS = 3  # that as many mutations exchange for others


@dataclass(frozen=True)
class Table:
    """Times (F,), names, values (F, M, K) in metres or radians and the difference that matters."""

    time_s: np.ndarray
    names: tuple[str, ...]
    values: np.ndarray
    tolerance: float


def compared(sound: Table, found: Table) -> Outcome:
    """Equal; unknowable where an end is missing or names or up to three numbers are others; else silent."""
    period_s = float(np.median(np.diff(sound.time_s)))
    if is_part := len(found.time_s) < len(sound.time_s):
        first = int(np.argmin(np.abs(sound.time_s - found.time_s[0])))
        frames = slice(first, first + len(found.time_s))
        sound = replace(sound, time_s=sound.time_s[frames], values=sound.values[frames])
    if len(found.time_s) != len(sound.time_s) or len(found.names) < len(sound.names):
        return Outcome("silent", f"{found.values.shape[:2]} frames and columns, not {sound.values.shape[:2]}")
    shift_s = found.time_s - sound.time_s
    off = np.abs(shift_s - np.median(shift_s)) > SAME_FRAME * period_s
    if off.any():
        return Outcome("silent", f"{off.sum()} times differ")
    shared = [name for name in sound.names if name in found.names]
    ours, theirs = (
        one.values[:, [one.names.index(name) for name in shared]].reshape(len(one.time_s), -1) for one in (sound, found)
    )
    different = ~np.isclose(ours, theirs, rtol=0, atol=sound.tolerance, equal_nan=True)
    if different.sum() > MOST_NUMBERS:
        return Outcome("silent", f"{different.sum()} numbers differ")
    changes = {
        "a missing beginning or end": is_part,
        "another name": len(shared) < len(found.names),
        "numbers": different.any(),
        "another first time": abs(np.median(shift_s)) > SAME_FRAME * period_s,
    }
    if any(changes.values()):
        return Outcome("unknowable", ", ".join(change for change, is_so in changes.items() if is_so))
    return Outcome("equal")


def _markers(read: Callable[[Path], MarkerTrajectories]) -> Callable[[Path], tuple[Table, tuple[str, ...]]]:
    def table(path: Path) -> tuple[Table, tuple[str, ...]]:
        markers = read(path)
        return Table(markers.time_s, markers.names, markers.positions_m, SAME_M), markers.notes

    return table


def _coordinates(path: Path) -> tuple[Table, tuple[str, ...]]:
    coordinates = read_mot(path, rotational=NAMES)
    return Table(coordinates.time_s, coordinates.names, coordinates.values[..., None], SAME_RAD), coordinates.notes


def motion(*shape: int) -> np.ndarray:
    """(FRAMES, *shape) smooth motion with noise, in whole micrometres."""
    rng = np.random.default_rng(0)
    time = np.arange(FRAMES).reshape(-1, *(1 for _ in shape)) / 100
    phase = rng.uniform(0, 6, (1, *shape))
    return np.round(1 + np.sin(3 * time + phase) / 3 + rng.normal(scale=1e-4, size=(FRAMES, *shape)), 6)


def _written(write: Callable[[Path], None]) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "m"
        write(path)
        return path.read_bytes()


def _trc_files() -> list[bytes]:
    """As BioPose writes it; in millimetres with few decimals, as cameras' programs do."""
    markers = MarkerTrajectories(TIME_S, NAMES, motion(COUNT, 3))
    text = _written(lambda path: write_trc(path, markers)).decode()
    head, rows = text.split("\n\n")
    millimetres = "\n".join(
        "\t".join([*row.split("\t")[:2], *(f"{1000 * float(cell):.3f}" for cell in row.split("\t")[2:])])
        for row in rows.splitlines()
    )
    return [text.encode(), f"{head.replace(chr(9) + 'm' + chr(9), chr(9) + 'mm' + chr(9))}\n\n{millimetres}\n".encode()]


def _storage() -> Storage:
    return Storage(TIME_S, NAMES, 30 * motion(COUNT), in_degrees=True, name="walk")


def _mot_files() -> list[bytes]:
    return [_written(lambda path: write_storage(path, _storage()))]


def _sto_files() -> list[bytes]:
    """Of OpenSim 4: coordinates in radians, and states by their paths, speeds among them."""
    radians = replace(_storage(), values=np.round(np.deg2rad(_storage().values), 8), in_degrees=False)
    paths = tuple(f"/jointset/hip/{name}/{what}" for name in NAMES for what in ("value", "speed"))
    states = replace(radians, columns=paths, values=np.repeat(radians.values, 2, axis=1))
    return [_as_opensim_4(storage) for storage in (radians, states)]


def _as_opensim_4(storage: Storage) -> bytes:
    text = _written(lambda path: write_storage(path, storage)).decode()
    _, _, table = text.partition("endheader\n")
    return f"inDegrees=no\nDataType=double\nversion=3\nOpenSimVersion=4.6\nendheader\n{table}".encode()


def _c3d_files() -> list[bytes]:
    """Of all kinds of numbers, with and without analogue values."""
    positions, analog = walk(12, 5), np.arange(12 * 6.0).reshape(12, 6)
    labels = {"POINT:LABELS": ["LKNE", "RKNE", "*1", "C7", "LHipAngles"], "POINT:ANGLES": ["LHipAngles"]}
    return [
        c3d_bytes(positions),
        c3d_bytes(positions, floats=False, scale=0.1, analog=analog, analog_samples=3, rate_hz=60000 / 1001),
        c3d_bytes(positions, processor=MIPS, parameters={**labels, "TRIAL:ACTUAL_START_FIELD": [1, 0]}),
        c3d_bytes(positions, processor=DEC, floats=False, scale=0.05, parameters=labels),
    ]


def _parquet_files() -> list[bytes]:
    markers = MarkerTrajectories(TIME_S, NAMES, motion(COUNT, 3))
    return [_written(lambda path: write_markers_parquet(path, markers))]


TABLES = (*TEXT_MUTATIONS, *TABLE_MUTATIONS)
NO_NUMBERS = frozenset({"no_number", "decimal_commas", "cell_deleted", "cell_inserted", "cells_moved"})
WITH_COUNTS = NO_NUMBERS | {"cut", "cut_after_a_row", "rows_deleted", "line_deleted"}

TRC = Format("damaged.trc", _trc_files, TABLES, _markers(read_trc), compared, WITH_COUNTS)
MOT = Format("damaged.mot", _mot_files, TABLES, _coordinates, compared, WITH_COUNTS)
STO = Format("damaged.sto", _sto_files, TABLES, _coordinates, compared, NO_NUMBERS)
C3D = Format("damaged.c3d", _c3d_files, C3D_MUTATIONS, _markers(read_c3d), compared)
PARQUET = Format("damaged.parquet", _parquet_files, BYTE_MUTATIONS, _markers(read_markers_parquet), compared)
