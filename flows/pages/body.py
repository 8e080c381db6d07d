"""A trial's body as .glb, for the 3D view; what needs torch is loaded with the first one that is asked for."""

from __future__ import annotations

import tempfile
import threading
from functools import lru_cache
from pathlib import Path

from flows.pages.one_at_a_time import one_at_a_time
from flows.pages.reader import Row
from flows.pages.trial_files import TRIAL, TrialFiles

MOST_BODIES = 8
LOCK = threading.Lock()


def has_body(files: TrialFiles, described: Row) -> bool:
    """Whether a trial has a body to be shown: recordings of markers and keypoints have a skeleton alone.

    Args:
        files: of the trial.
        described: its row of the query trial_description.
    """
    return described["recording"] == "video" and files.file(TRIAL) is not None


def glb_of(trial: Path) -> bytes:
    """The .glb of a trial.parquet.

    Raises:
        FileFormatError: the file lacks what describes the body.
        ModelError: the body's asset is missing.
        HTTPException: as `one_at_a_time` does.
    """
    with one_at_a_time(LOCK):
        return _glb(trial, trial.stat().st_mtime_ns)


@lru_cache(maxsize=MOST_BODIES)
def _glb(trial: Path, written_ns: int) -> bytes:  # noqa: ARG001 - part of the key
    from biopose.outputs.glb import write_glb
    from biopose.skeleton.threads import one_torch_thread

    with tempfile.TemporaryDirectory() as folder, one_torch_thread():
        path = Path(folder) / "body.glb"
        write_glb(trial, path)
        return path.read_bytes()
