"""A trial's files for other programs: NAME.trc, NAME.mot, NAME.osim, NAME.c3d, NAME.glb, NAME.parquet, NAME.csv.

NAME_forces.mot are the force plates of a recording of markers, as OpenSim takes external loads.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.csv

from biopose.errors import FileFormatError
from biopose.io.c3d import write_c3d
from biopose.io.files import existing_file, written_whole
from biopose.io.parquet import read_parquet_table
from biopose.io.trc import read_trc
from biopose.outputs.glb import write_glb
from biopose.outputs.marker_trial import FORCES
from biopose.outputs.trial import COORDINATES, MARKERS, MODEL, TRIAL


def _as_c3d(markers: Path, target: Path) -> None:
    try:
        write_c3d(target, read_trc(markers))
    except ValueError as error:
        raise FileFormatError(f"{markers}: no .c3d can hold it: {error}") from error


def _as_csv(trial: Path, target: Path) -> None:
    table = read_parquet_table(trial)
    columns = {name: pa.array(table[name].to_numpy(), from_pandas=True) for name in table.column_names}
    pyarrow.csv.write_csv(pa.table(columns), target)  # a NaN is null there, an empty field


def _copied(source: Path, target: Path) -> None:
    shutil.copyfile(source, target)


# Of each format the trial's file that it comes from, and how.
FORMATS: Mapping[str, tuple[str, Callable[[Path, Path], None]]] = {
    "trc": (MARKERS, _copied),
    "mot": (COORDINATES, _copied),
    "osim": (MODEL, _copied),
    "c3d": (MARKERS, _as_c3d),
    "glb": (TRIAL, write_glb),
    "parquet": (TRIAL, _copied),
    "csv": (TRIAL, _as_csv),
    "forces": (FORCES, _copied),
}
NAMES = {"forces": "{}_forces.mot"}  # of files that would have another's name, or none that a program opens


def export_trial(folder: Path, out: Path, formats: Collection[str], *, name: str | None = None) -> list[Path]:
    """Write a trial's files under its name, each whole or not at all.

    Args:
        folder: of the trial, as `biopose.outputs.trial` writes it.
        out: folder for the files, made if need be; files of these names in it are replaced.
        formats: of FORMATS.
        name: of the files, before the dot; the folder's own where it is not given.

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
    sources = {one: existing_file(folder / FORMATS[one][0]) for one in wanted}
    out.mkdir(parents=True, exist_ok=True)
    targets = []
    for one, source in sources.items():
        target = out / NAMES.get(one, f"{{}}.{one}").format(name or folder.resolve().name)
        with written_whole(target) as partial:
            FORMATS[one][1](source, partial)
        targets.append(target)
    return targets
