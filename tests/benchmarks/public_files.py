"""Read other people's files and compare what is read with OpenSim's or ezc3d's own reading.

    python -m tests.benchmarks.public_files FOLDER

FOLDER is searched for .osim, .trc, .c3d, .mot and .sto files. Models must move alike: the poses of all bodies and the
markers' positions at random coordinates. Tables must hold the same times, names and numbers. Where ours has a gap, the
other reader must have one, or a note must name it. Each file is read in a process of its own, since some end it.

Prints every file that was not read equally, with the reason, and then a table of how many files of each format were
read equally (without and with notes), refused by us, refused by both and read differently.
"""

from __future__ import annotations

import multiprocessing
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

import click
import ezc3d
import numpy as np
import torch
from numpy.typing import NDArray

from biopose.errors import BioposeError
from biopose.io.c3d import read_c3d
from biopose.io.mot import read_storage
from biopose.io.trc import read_trc
from biopose.io.units import UNITS_PER_METRE
from biopose.skeleton.kinematics import Kinematics
from biopose.skeleton.quiet_opensim import opensim
from biopose.skeleton.reader import read_osim
from tests.skeleton.models import OpenSimPoser, random_poses

FloatArray = NDArray[np.float64]

TIMEOUT_S = 280.0
POSES = 5
FARTHEST = 20.0  # of a coordinate without limits: rad or m
TOLERANCE = 1e-9  # m, rotation matrix elements, seconds; relative where numbers are larger than 1
OUTCOMES = ("equal", "equal, with notes", "refused by ours alone", "refused by both", "read by ours alone", "different")


@dataclass(frozen=True)
class Table:
    """Numbers over time: a column a name, which may hold several numbers."""

    time_s: FloatArray
    names: list[str]
    values: FloatArray
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Outcome:
    """What reading a file came to, and why."""

    kind: str
    reasons: tuple[str, ...] = ()


def compared(path: Path) -> Outcome:
    """Read one file twice and compare."""
    ours_of, theirs_of, difference = FORMATS[path.suffix.lower()]
    try:
        ours = ours_of(path)
    except BioposeError as error:
        refusal = str(error).replace(str(path), path.name)
        return Outcome("refused by both" if _reading(theirs_of, path)[1] else "refused by ours alone", (refusal,))
    theirs, reason = _reading(theirs_of, path)
    if reason:
        return Outcome("read by ours alone", (reason, *ours.notes))
    found = difference(ours, theirs)
    if found:
        return Outcome("different", (found, *ours.notes))
    return Outcome("equal, with notes" if ours.notes else "equal", ours.notes)


def _reading(reader: Callable[[Path], object], path: Path) -> tuple[object, str]:
    """What the other reader reads, and its reason if it does not."""
    try:
        return reader(path), ""
    except Exception as error:
        return None, " ".join(str(error).split()) or type(error).__name__


def _model_difference(skeleton, poser: OpenSimPoser) -> str:  # type: ignore[no-untyped-def]
    """Where a model's bodies or markers lie elsewhere than OpenSim's."""
    names = tuple(c.getName() for c in poser.coordinates)
    if tuple(name.split("/")[-1] for name in skeleton.coordinate_names) != names:
        return f"coordinates {skeleton.coordinate_names} for {names}"
    q = skeleton.satisfy_couplings(np.clip(random_poses(skeleton, count=POSES), -FARTHEST, FARTHEST))
    pose = Kinematics(skeleton).with_coordinates(torch.from_numpy(q))
    bodies, markers = pose.T_ground_body.numpy(), pose.markers.numpy()
    known = {poser.model.getBodySet().get(i).getName() for i in range(poser.model.getBodySet().getSize())}
    index = {name: i for i, name in enumerate(skeleton.body_names) if name in known}
    if missing := known - set(index):
        return f"bodies {', '.join(sorted(missing))} are missing"
    for coordinate in poser.coordinates:
        coordinate.setIsPrescribed(poser.state, False)
    worst = {"": 0.0}
    for frame, values in enumerate(q):
        poser.pose(values)
        for name, body in index.items():
            worst[name] = max(worst.get(name, 0.0), float(np.abs(bodies[frame, body] - poser.transform(name)).max()))
        away = np.abs(markers[frame] - poser.marker_positions()).max(initial=0.0)
        worst["markers"] = max(worst.get("markers", 0.0), float(away))
    name = max(worst, key=worst.__getitem__)
    return f"{name} differs by {worst[name]:.3g}" if not worst[name] < TOLERANCE else ""


def _table_difference(ours: Table, theirs: Table) -> str:
    """Where two tables of a recording differ; names that ours leaves out must be in a note."""
    if len(ours.time_s) != len(theirs.time_s):
        return f"{len(ours.time_s)} frames for {len(theirs.time_s)}"
    if not np.allclose(ours.time_s, theirs.time_s, rtol=TOLERANCE, atol=TOLERANCE):
        frame = int(np.abs(ours.time_s - theirs.time_s).argmax())
        return f"times: frame {frame} at {ours.time_s[frame]} s for {theirs.time_s[frame]} s"
    columns, unknown = [], []
    for position, name in enumerate(ours.names):
        found = position if theirs.names[position : position + 1] == [name] else -1
        columns.append(found if found >= 0 else theirs.names.index(name) if name in theirs.names else -1)
        if columns[-1] < 0:
            unknown.append(name)
    if unknown:
        return f"names {', '.join(unknown[:5])} ({len(unknown)}) for {', '.join(theirs.names[:5])} ..."
    left_out = [name for name in theirs.names if name not in ours.names]
    if left_out and not ours.notes:
        return f"without {', '.join(left_out[:5])}"
    values = theirs.values[:, columns]
    gap, their_gap = np.isnan(ours.values), np.isnan(values)
    if (gap & ~their_gap).any() and not ours.notes:
        return f"{(gap & ~their_gap).sum()} gaps more without a note"
    known = ~gap & ~their_gap
    away = np.abs(ours.values - values)[known] / np.maximum(1, np.abs(values[known]))
    if (~gap & their_gap).any():
        return f"{(~gap & their_gap).sum()} numbers where the other reader has a gap"
    return f"a number differs by {away.max():.3g}" if away.max(initial=0.0) > TOLERANCE else ""


def _our_markers(reader: Callable[[Path], object]) -> Callable[[Path], Table]:
    def read(path: Path) -> Table:
        markers = reader(path)
        return Table(markers.time_s, list(markers.names), markers.positions_m, markers.notes)  # type: ignore[attr-defined]

    return read


def _our_storage(path: Path) -> Table:
    storage = read_storage(path)
    return Table(storage.time_s, list(storage.columns), storage.values, storage.notes)


def _opensim_model(path: Path) -> OpenSimPoser:
    return OpenSimPoser(path)


def _opensim_markers(path: Path) -> Table:
    table = opensim.TimeSeriesTableVec3(str(path))
    units = table.getTableMetaDataString("Units")
    values = np.array([[list(row[i].to_numpy()) for i in range(row.size())] for row in _rows(table)])
    return Table(np.array(table.getIndependentColumn()), list(table.getColumnLabels()), values / UNITS_PER_METRE[units])


def _rows(table: opensim.TimeSeriesTableVec3) -> list[opensim.RowVectorVec3]:
    return [table.getRowAtIndex(i) for i in range(table.getNumRows())]


def _opensim_storage(path: Path) -> Table:
    try:
        table = opensim.TimeSeriesTable(str(path))
        matrix = table.getMatrix().to_numpy()
        return Table(np.array(table.getIndependentColumn()), list(table.getColumnLabels()), matrix)
    except RuntimeError:  # of what only the older class reads
        storage = opensim.Storage(str(path))
    labels = [storage.getColumnLabels().get(i) for i in range(1, storage.getColumnLabels().getSize())]
    vectors = [storage.getStateVector(i) for i in range(storage.getSize())]
    values = [[vector.getData().get(i) for i in range(vector.getSize())] for vector in vectors]
    return Table(np.array([vector.getTime() for vector in vectors]), labels, np.array(values))


def _ezc3d_markers(path: Path) -> Table:
    """What ezc3d reads; it mixes points and analogue samples where the rates make no whole number."""
    content = ezc3d.c3d(str(path))
    points, header = content["parameters"]["POINT"], content["header"]
    rate = float(points["RATE"]["value"][0]) or header["points"]["frame_rate"]
    per_metre = UNITS_PER_METRE[points["UNITS"]["value"][0].strip()]
    positions = content["data"]["points"][:3].transpose(2, 1, 0) / per_metre
    residuals = content["data"]["meta_points"]["residuals"][0].T
    positions[residuals < 0] = np.nan
    time_s = (header["points"]["first_frame"] + np.arange(len(positions))) / rate
    labels = [
        str(label).strip() for key in sorted(points) if key.startswith("LABELS") for label in points[key]["value"]
    ]
    return Table(time_s, labels, positions)


FORMATS: dict[str, tuple[Callable, Callable, Callable]] = {
    ".osim": (read_osim, _opensim_model, _model_difference),
    ".trc": (_our_markers(read_trc), _opensim_markers, _table_difference),
    ".c3d": (_our_markers(read_c3d), _ezc3d_markers, _table_difference),
    ".mot": (_our_storage, _opensim_storage, _table_difference),
    ".sto": (_our_storage, _opensim_storage, _table_difference),
}


def apart(path: Path) -> Outcome:
    """As `compared`, in a process of its own."""
    context = multiprocessing.get_context("fork")
    receiving, sending = context.Pipe(duplex=False)
    process = context.Process(target=_send, args=(path, sending), daemon=True)
    process.start()
    sending.close()
    try:
        return receiving.recv() if receiving.poll(TIMEOUT_S) else Outcome("different", ("no end",))
    except EOFError:
        return Outcome("different", ("the process died",))
    finally:
        process.kill()
        process.join()


def _send(path: Path, sending: Connection) -> None:
    sending.send(compared(path))


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--notes", is_flag=True, help="Also list the files that were read equally with notes.")
def main(folder: Path, notes: bool) -> None:
    """Compare our reading of every file in a folder with OpenSim's or ezc3d's."""
    torch.set_num_threads(1)
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in FORMATS and path.is_file())
    outcomes = {}
    for path in paths:
        outcomes[path] = apart(path)
        if outcomes[path].kind not in OUTCOMES[: 1 if notes else 2]:
            lines = [f"{path.relative_to(folder)}: {outcomes[path].kind}", *outcomes[path].reasons]
            click.echo("\n    ".join(lines))
    click.echo(f"| format | files | {' | '.join(OUTCOMES)} |\n|{'---|' * (2 + len(OUTCOMES))}")
    for suffix in FORMATS:
        kinds = Counter(outcome.kind for path, outcome in outcomes.items() if path.suffix.lower() == suffix)
        counts = " | ".join(str(kinds[kind]) for kind in OUTCOMES)
        click.echo(f"| {suffix} | {kinds.total()} | {counts} |")
    raise SystemExit(any(outcome.kind == "different" for outcome in outcomes.values()))


if __name__ == "__main__":
    main()
