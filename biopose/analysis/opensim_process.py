"""Processes in which OpenSim solves frames; they may be started before there is work, since OpenSim takes long to load.

A process reads the paths of `opensim_frames` from its standard input and writes a line when it has solved them; then it
waits for the next ones. Where its input ends, so does the process. This module loads neither OpenSim nor numpy.
"""

from __future__ import annotations

import atexit
import os
import subprocess
import sys
import tempfile
from collections import deque
from pathlib import Path

import biopose

MODULE = "biopose.analysis.opensim_frames"
SOLVED = "solved"  # the line that a process writes; else why a frame cannot be fitted
CANNOT_FIT = 3  # exit code


class OpenSimProcess:
    """One process, which solves one file of frames at a time."""

    def __init__(self) -> None:
        path = os.pathsep.join([str(Path(biopose.__file__).parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])])
        self._messages = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed with the process
        self._process = subprocess.Popen(  # noqa: S603 - fixed arguments
            [sys.executable, "-P", "-m", MODULE],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._messages,
            text=True,
            env=os.environ | {"PYTHONPATH": path},  # the BioPose that runs here, not another that is installed
        )

    def answer(self, given: Path, solved: Path) -> str:
        """The line that it writes about a file; empty where it ended instead."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(f"{given}\n{solved}\n")
            self._process.stdin.flush()
            return self._process.stdout.readline().strip()
        except BrokenPipeError:
            return ""

    def end(self, *, kill: bool = False) -> subprocess.CompletedProcess[str]:
        """Have it end, or kill it; its exit code and what it wrote to its standard error."""
        if kill:
            self._process.kill()
        with self._messages:
            self._process.communicate()
            self._messages.seek(0)
            return subprocess.CompletedProcess(MODULE, self._process.returncode, stderr=self._messages.read())


_waiting = deque[OpenSimProcess]()


def start_ahead(processes: int) -> None:
    """Start processes that wait for frames, up to so many; they end with this process."""
    while len(_waiting) < processes:
        _waiting.append(OpenSimProcess())


def run_opensim(given: Path, solved: Path) -> subprocess.CompletedProcess[str]:
    """Have a process solve the frames of a file, one that waits if there is one.

    Returns:
        Exit code and messages: 0, CANNOT_FIT with the reason, or those of a process that ended by an error or a signal.
    """
    try:
        process = _waiting.popleft()
    except IndexError:
        process = OpenSimProcess()
    try:
        answer = process.answer(given, solved)
    except BaseException:
        process.end(kill=True)  # nobody waits for its result any more
        raise
    if not answer:
        return process.end()
    _waiting.append(process)
    code = 0 if answer == SOLVED else CANNOT_FIT
    return subprocess.CompletedProcess(MODULE, code, stderr=answer)


@atexit.register
def end_waiting() -> None:
    """End the processes that wait."""
    while _waiting:
        _waiting.popleft().end()
