"""Processes in which OpenSim solves frames; they may be started before there is work, since OpenSim takes long to load.

A process reads the paths of `opensim_frames` from its standard input; where that ends without any, so does the process.
This module loads neither OpenSim nor numpy.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections import deque
from pathlib import Path

import biopose

MODULE = "biopose.analysis.opensim_frames"
Process = subprocess.Popen[str]
_waiting = deque[Process]()


def start_ahead(processes: int) -> None:
    """Start processes that wait for frames, up to so many; those without work end with this process."""
    while len(_waiting) < processes:
        _waiting.append(_started())


def run_opensim(given: Path, solved: Path) -> subprocess.CompletedProcess[str]:
    """Have a process solve the frames of a file, one that waits if there is one; for its exit code and messages."""
    try:
        process = _waiting.popleft()
    except IndexError:
        process = _started()
    with process:
        try:
            _, messages = process.communicate(f"{given}\n{solved}\n")
        except BaseException:
            process.kill()  # nobody waits for its result any more
            raise
    return subprocess.CompletedProcess(process.args, process.returncode, stderr=messages)


def _started() -> Process:
    path = os.pathsep.join([str(Path(biopose.__file__).parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])])
    return subprocess.Popen(  # noqa: S603 - fixed arguments
        [sys.executable, "-P", "-m", MODULE],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": path},  # the BioPose that runs here, not another that is installed
    )
