"""Read randomly damaged files: each must be refused by our errors, read equally, or read with a note.

    python -m tests.benchmarks.fuzz_readers --format trc --mutations 2000

Readers run in a process of their own, so that one that dies or hangs is counted, too. Prints how many were refused,
equal, noted and different without a note, and every file that ended otherwise; such files are kept in --keep.
"""

from __future__ import annotations

import multiprocessing
import tempfile
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

import click
import numpy as np

from biopose.errors import BioposeError
from biopose.io.mot import read_storage, write_storage
from biopose.io.trajectories import MarkerTrajectories, Storage
from biopose.io.trc import read_trc, write_trc
from tests.mutations import mutated

TIMEOUT_S = 20.0
FRAMES, COUNT = 60, 6


@dataclass(frozen=True)
class Format:
    """A file format: how to write a sound file, and how to read one into its notes and its numbers."""

    suffix: str
    write: Callable[[Path], None]
    read: Callable[[Path], tuple[tuple[str, ...], list[np.ndarray]]]


def _motion(*shape: int) -> np.ndarray:
    """(FRAMES, *shape) smooth motion with noise, in whole micrometres."""
    rng = np.random.default_rng(0)
    time = np.arange(FRAMES).reshape(-1, *(1 for _ in shape)) / 100
    phase = rng.uniform(0, 6, (1, *shape))
    return np.round(1 + np.sin(3 * time + phase) / 3 + rng.normal(scale=1e-4, size=(FRAMES, *shape)), 6)


NAMES = tuple(f"M{index}" for index in range(COUNT))
TIME_S = np.arange(FRAMES) / 100


def _write_trc(path: Path) -> None:
    write_trc(path, MarkerTrajectories(TIME_S, NAMES, _motion(COUNT, 3)))


def _read_trc(path: Path) -> tuple[tuple[str, ...], list[np.ndarray]]:
    markers = read_trc(path)
    return markers.notes, [markers.time_s, np.array(markers.names), markers.positions_m]


def _write_mot(path: Path) -> None:
    write_storage(path, Storage(TIME_S, NAMES, 30 * _motion(COUNT), in_degrees=True, name="walk"))


def _read_mot(path: Path) -> tuple[tuple[str, ...], list[np.ndarray]]:
    storage = read_storage(path)
    return storage.notes, [storage.time_s, np.array(storage.columns), storage.values, np.array(storage.in_degrees)]


FORMATS = {"trc": Format(".trc", _write_trc, _read_trc), "mot": Format(".mot", _write_mot, _read_mot)}


def outcome(one: Format, path: Path, sound: list[np.ndarray]) -> str:
    """What reading came to: refused, equal, noted, different, or a fault (an exception of another type)."""
    try:
        notes, arrays = one.read(path)
    except BioposeError:
        return "refused"
    except Exception:
        return f"FAULT\n{traceback.format_exc()}"
    if notes:
        return "noted"
    same = all(a.dtype.kind == b.dtype.kind and np.array_equal(a, b) for a, b in zip(arrays, sound, strict=True))
    return "equal" if same else "different"


class ReadingProcess:
    """A process that reads files of one format; it is started again when it died or took too long."""

    def __init__(self, name: str, sound: list[np.ndarray]) -> None:
        """Start nothing yet."""
        self._name, self._sound = name, sound
        self._process: multiprocessing.process.BaseProcess | None = None

    def outcome(self, path: Path) -> str:
        """As `outcome`; DIED or HANGS where the process did."""
        if self._process is None:
            context = multiprocessing.get_context("fork")
            self._connection, theirs = context.Pipe()
            self._process = context.Process(target=_serve, args=(self._name, self._sound, theirs), daemon=True)
            self._process.start()
            theirs.close()
        self._connection.send(path)
        try:
            if self._connection.poll(TIMEOUT_S):
                return str(self._connection.recv())
            result = "HANGS"
        except EOFError:
            result = "DIED"
        self.close()
        return result

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._process.join()
            self._process = None


def _serve(name: str, sound: list[np.ndarray], connection: Connection) -> None:
    while True:
        connection.send(outcome(FORMATS[name], connection.recv(), sound))


@click.command()
@click.option("--format", "name", type=click.Choice(sorted(FORMATS)), required=True)
@click.option("--mutations", default=2000, show_default=True)
@click.option("--seed", default=0, show_default=True)
@click.option("--keep", type=click.Path(path_type=Path), help="Folder for files that ended in a fault or a difference.")
def main(name: str, mutations: int, seed: int, keep: Path | None) -> None:
    """Read damaged files of a format and count what it came to."""
    one, counts, rng = FORMATS[name], Counter[str](), np.random.default_rng(seed)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"m{one.suffix}"
        one.write(path)
        content = path.read_bytes()
        reading = ReadingProcess(name, one.read(path)[1])
        for number in range(mutations):
            path.write_bytes(mutated(content, rng))
            result = reading.outcome(path)
            kind, _, details = result.partition("\n")
            counts[kind] += 1
            if details or kind in ("DIED", "HANGS"):
                click.echo(f"mutation {number}: {result}")
            if keep and kind not in ("refused", "equal", "noted"):
                keep.mkdir(parents=True, exist_ok=True)
                (keep / f"{kind.lower()}_{number}{one.suffix}").write_bytes(path.read_bytes())
        reading.close()
    click.echo(f"{name}: {mutations} mutations: " + ", ".join(f"{n} {kind}" for kind, n in sorted(counts.items())))
    raise SystemExit(bool(counts["FAULT"] or counts["DIED"] or counts["HANGS"]))


if __name__ == "__main__":
    main()
