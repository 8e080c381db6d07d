"""A process that reads damaged files, so that the death or the hanging of a reader is an outcome, too."""

from __future__ import annotations

import multiprocessing
import time
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType

import psutil

from tests.fuzzing.formats import FORMATS
from tests.fuzzing.outcomes import Outcome

MOST_CPU_S, MOST_WAIT_S = 20.0, 300.0  # a machine with other work takes longer, and a process that waits no time


class ReadingProcess:
    """Reads files of one format; it is started again when it died or took too long."""

    def __init__(self, name: str, folder: Path) -> None:
        """Starts nothing yet; sound files are written into the folder."""
        self._name, self._folder = name, folder
        self._process: multiprocessing.process.BaseProcess | None = None

    def __enter__(self) -> ReadingProcess:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._end()

    def outcome(self, damaged: Path, mutations: list[str], *, number: int) -> Outcome:
        """What reading a file comes to that these mutations made of the sound file of this number."""
        if self._process is None:
            self._start()
        self._connection.send((damaged, mutations, number))
        try:
            if self._answers():
                result: Outcome = self._connection.recv()
                return result
            outcome = Outcome("hang", f"more than {MOST_CPU_S:g} s of processor time or {MOST_WAIT_S:g} s")
        except EOFError:
            outcome = Outcome("death")
        self._end()
        return outcome

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")  # OpenSim's and torch's threads do not survive a fork
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(self._name, self._folder, theirs), daemon=True)
        self._process.start()
        theirs.close()
        self._connection.recv()

    def _answers(self) -> bool:
        process = psutil.Process(self._process.pid if self._process else None)
        began, limit_s = process.cpu_times(), time.monotonic() + MOST_WAIT_S
        while not self._connection.poll(1.0):
            now = process.cpu_times()
            if now.user + now.system > began.user + began.system + MOST_CPU_S or time.monotonic() > limit_s:
                return False
        return True

    def _end(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.join()
            self._process = None


def _serve(name: str, folder: Path, connection: Connection) -> None:
    one = FORMATS[name]
    sound = [one.read(path) for path in sound_files(name, folder)]
    connection.send(len(sound))
    while True:
        damaged, mutations, number = connection.recv()
        connection.send(one.outcome(damaged, mutations, *sound[number]))


def sound_files(name: str, folder: Path) -> list[Path]:
    """The format's sound files, each in a folder of its own."""
    one, paths = FORMATS[name], []
    for number, content in enumerate(one.sound()):
        path = folder / f"sound{number}" / one.file_name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        paths.append(path)
    return paths
