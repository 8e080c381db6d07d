"""OpenSim's solver on single frames, each from a given pose, in a process of its own.

OpenSim holds the interpreter's lock while it solves a frame, a tenth of a second, in which no thread of the process
that measures would go on. `opensim_process` starts it; it reads from standard input the path of the frames (.npz), then
that of the coordinates to write (.npy), answers by a line, and so on.
"""

from __future__ import annotations

import os
import signal
import sys
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from biopose.analysis.opensim_process import CANNOT_FIT, SOLVED, run_opensim
from biopose.errors import ModelError
from biopose.io.trajectories import MarkerTrajectories
from biopose.skeleton.ik.opensim_tracker import OpenSimTracker

ACCURACY = 1e-6  # of the solver; at OpenSim's default 1e-5 the toes and forearms stop up to 10 degrees short


def solve_frames(model: Path, markers: MarkerTrajectories, starts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Solve each frame from its own start.

    Args:
        model: .osim file with the markers.
        markers: of the frames.
        starts: (F, Q) coordinates, radians and metres.

    Returns:
        (F, Q) coordinates.

    Raises:
        ModelError: OpenSim cannot fit a frame, or its process was killed.
    """
    with tempfile.TemporaryDirectory() as folder:
        given, solved = Path(folder) / "frames.npz", Path(folder) / "solved.npy"
        np.savez(
            given,
            model=str(model.absolute()),
            time_s=markers.time_s,
            names=list(markers.names),
            positions_m=markers.positions_m,
            starts=starts,
        )
        run = run_opensim(given, solved)
        if run.returncode == CANNOT_FIT:
            raise ModelError(run.stderr.strip())
        if run.returncode < 0:
            raise ModelError(
                f"OpenSim's solver was ended by {signal.Signals(-run.returncode).name} in the cross-check; there may "
                "be too little memory: run it again with less beside it"
            )
        if run.returncode:
            raise RuntimeError(f"OpenSim's solver ended with exit code {run.returncode}: {run.stderr.strip()}")
        values: NDArray[np.float64] = np.load(solved)
        return values


class _RestartedTracker(OpenSimTracker):
    """Solves each frame from a given pose."""

    def solve_from(self, frame: int, q: NDArray[np.float64]) -> NDArray[np.float64]:
        """(Q,) coordinates of a frame, started at q (Q,)."""
        for coordinate, value in zip(self._coordinates, q.tolist(), strict=True):
            coordinate.setValue(self._state, value, False)  # constraints are the solver's
        self._assembled = False
        return self.solve(frame)


def _solve(given: Path, solved: Path) -> None:
    with np.load(given) as frames:
        markers = MarkerTrajectories(frames["time_s"], tuple(frames["names"].tolist()), frames["positions_m"])
        tracker = _RestartedTracker(Path(str(frames["model"])), markers, accuracy=ACCURACY, clamped=False)
        np.save(solved, np.stack([tracker.solve_from(frame, q) for frame, q in enumerate(frames["starts"])]))


def _answer_requests() -> None:
    """Solve the files whose paths come, until none come; what OpenSim prints is none of the answers."""
    answers = os.fdopen(os.dup(1), "w")
    with Path(os.devnull).open("w") as nowhere:
        os.dup2(nowhere.fileno(), 1)
    while given := sys.stdin.readline().rstrip("\n"):
        try:
            _solve(Path(given), Path(sys.stdin.readline().rstrip("\n")))
            answer = SOLVED
        except ModelError as error:
            answer = " ".join(str(error).split())
        print(answer, file=answers, flush=True)


if __name__ == "__main__":
    _answer_requests()
    os._exit(0)  # nothing is left to do, and unloading OpenSim would take time
