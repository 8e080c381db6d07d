"""A trial's files for other programs: NAME.trc, .mot, .osim, .c3d, .glb, .bvh, .parquet, .csv and .xlsx.

NAME_forces.mot are the force plates of a recording of markers, as OpenSim takes external loads.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Literal

import pyarrow as pa
import pyarrow.csv

from biopose.errors import FileFormatError
from biopose.io.c3d import write_c3d
from biopose.io.c3d_events import C3DEvent
from biopose.io.files import existing_file, written_whole
from biopose.io.parquet import read_parquet_table
from biopose.io.trc import read_trc
from biopose.io.up_axis import UpAxis, from_y_up
from biopose.outputs.file_names import COORDINATES, EVENTS, FORCES, MARKERS, MODEL, TRIAL
from biopose.outputs.workbook import SHEETS, write_workbook


@dataclass(frozen=True)
class C3DOptions:
    """How a .c3d is written.

    Attributes:
        units: of length.
        up: the vertical axis.
    """

    units: Literal["m", "mm"] = "m"
    up: UpAxis = "y"


def _as_c3d(folder: Path, target: Path, options: C3DOptions) -> None:
    markers = read_trc(folder / MARKERS)
    turned = replace(markers, positions_m=from_y_up(markers.positions_m, options.up, axis=-1))
    try:
        write_c3d(target, turned, units=options.units, events=_events(folder))
    except ValueError as error:
        raise FileFormatError(f"{folder / MARKERS}: no .c3d can hold it: {error}") from error


def _events(folder: Path) -> list[C3DEvent]:
    """Of a trial; none of one whose files lack them."""
    if not (folder / EVENTS).exists():
        return []
    table = read_parquet_table(folder / EVENTS).to_pydict()
    return [C3DEvent(*one) for one in zip(table["event"], table["side"], table["time_s"], strict=True)]


def _as_csv(folder: Path, target: Path) -> None:
    table = read_parquet_table(folder / TRIAL)
    columns = {name: pa.array(table[name].to_numpy(), from_pandas=True) for name in table.column_names}
    pyarrow.csv.write_csv(pa.table(columns), target)  # a NaN is null there, an empty field


def _as_glb(folder: Path, target: Path) -> None:
    from biopose.outputs.glb import write_glb  # loads torch, which copies of files do not need

    write_glb(folder / TRIAL, target)


def _as_bvh(folder: Path, target: Path) -> None:
    from biopose.outputs.bvh import write_bvh  # likewise

    write_bvh(folder, target)


def _copied(name: str) -> Callable[[Path, Path], None]:
    def copy(folder: Path, target: Path) -> None:
        shutil.copyfile(folder / name, target)

    return copy


# Of each format the trial's files that it needs, and how it is written from the trial's folder.
FORMATS: Mapping[str, tuple[tuple[str, ...], Callable[[Path, Path], None]]] = {
    "trc": ((MARKERS,), _copied(MARKERS)),
    "mot": ((COORDINATES,), _copied(COORDINATES)),
    "osim": ((MODEL,), _copied(MODEL)),
    "c3d": ((MARKERS,), partial(_as_c3d, options=C3DOptions())),
    "glb": ((TRIAL,), _as_glb),
    "bvh": ((MODEL, COORDINATES), _as_bvh),
    "parquet": ((TRIAL,), _copied(TRIAL)),
    "csv": ((TRIAL,), _as_csv),
    "xlsx": (tuple(SHEETS.values()), write_workbook),
    "forces": ((FORCES,), _copied(FORCES)),
}
NAMES = {"forces": "{}_forces.mot"}  # of files that would have another's name, or none that a program opens


def export_trial(
    folder: Path,
    out: Path,
    formats: Collection[str],
    *,
    name: str | None = None,
    c3d: C3DOptions = C3DOptions(),
) -> list[Path]:
    """Write a trial's files under its name, each whole or not at all, for their owner alone: they are health data.

    Args:
        folder: of the trial, as `biopose.outputs.trial` writes it.
        out: folder for the files, made if need be; files of these names in it are replaced.
        formats: of FORMATS.
        name: of the files, before the dot; the folder's own where it is not given.
        c3d: how a .c3d is written.

    Returns:
        The files, in the order of the formats.

    Raises:
        ValueError: an unknown format, or none.
        FileFormatError: a file of the trial is missing, or a .c3d cannot hold its frames.
    """
    wanted = list(dict.fromkeys(formats))
    if unknown := [one for one in wanted if one not in FORMATS]:
        raise ValueError(f"no format {', '.join(one or repr(one) for one in unknown)}; there are {', '.join(FORMATS)}")
    if not wanted:
        raise ValueError(f"no format is asked for; there are {', '.join(FORMATS)}")
    if "forces" in wanted and not (folder / FORCES).exists():
        raise FileFormatError(f"{folder}: the trial has no force plates; leave out the format forces")
    for one in wanted:
        for source in FORMATS[one][0]:
            existing_file(folder / source)
    out.mkdir(parents=True, exist_ok=True)
    targets = []
    for one in wanted:
        write = partial(_as_c3d, options=c3d) if one == "c3d" else FORMATS[one][1]
        target = out / NAMES.get(one, f"{{}}.{one}").format(name or folder.resolve().name)
        with written_whole(target, owner_alone=True) as unfinished:
            write(folder, unfinished)
        targets.append(target)
    return targets
