"""A trial's files in formats that are made when they are asked for, as `biopose export` writes them."""

from __future__ import annotations

import tempfile
import threading
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

FORMATS = {
    "c3d": ("application/octet-stream", "virtual markers and events, in metres, y up"),
    "csv": ("text/csv; charset=utf-8", "every channel with its standard deviation"),
    "xlsx": (
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        "metrics, events and kinematics, a sheet each",
    ),
    "bvh": ("text/plain; charset=utf-8", "the skeleton for animation programs, in centimetres"),
}
ONE_AT_A_TIME = threading.Lock()


def exported(folder: Path, wanted: str) -> bytes:
    """A trial in a format of FORMATS.

    Args:
        folder: of the trial's current run.
        wanted: the format.

    Raises:
        FileFormatError: a file that it is made from is missing or damaged.
    """
    from biopose.outputs.export import export_trial

    with ONE_AT_A_TIME, tempfile.TemporaryDirectory() as made, _one_thread(wanted):
        (file,) = export_trial(folder, Path(made), [wanted])
        return file.read_bytes()


def _one_thread(wanted: str) -> AbstractContextManager[None]:
    """What torch computes takes one thread; it is loaded where that is needed."""
    if wanted != "bvh":
        return nullcontext()
    from biopose.skeleton.threads import one_torch_thread

    return one_torch_thread()
