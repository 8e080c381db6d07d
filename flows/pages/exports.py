"""A trial's files in formats that are made when they are asked for, as `biopose export` writes them."""

from __future__ import annotations

import tempfile
import threading
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from biopose.outputs.file_names import EVENTS
from flows.pages.one_at_a_time import one_at_a_time
from flows.pages.trial_files import TrialFiles

FORMATS = {
    "c3d": ("application/octet-stream", "markers and events, in metres, y up"),
    "csv": ("text/csv; charset=utf-8", "every channel with its standard deviation"),
    "xlsx": (
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        "metrics, events and kinematics, a sheet each",
    ),
    "bvh": ("text/plain; charset=utf-8", "the skeleton for animation programs, in centimetres"),
}
LOCK = threading.Lock()


def exportable(files: TrialFiles) -> dict[str, str]:
    """The formats of FORMATS that a trial can be had in, with their descriptions."""
    from biopose.outputs.export import FORMATS as SOURCES

    return {
        name: description
        for name, (_, description) in FORMATS.items()
        if all(files.file(source) is not None for source in SOURCES[name][0]) and not _is_led_out(files)
    }


def exported(files: TrialFiles, wanted: str) -> bytes:
    """A trial in a format of `exportable`.

    Raises:
        FileFormatError: a file that it is made from is damaged.
        HTTPException: as `one_at_a_time` does.
    """
    from biopose.outputs.export import export_trial

    with one_at_a_time(LOCK), tempfile.TemporaryDirectory() as made, _one_thread(wanted):
        (file,) = export_trial(files.home / files.artifacts, Path(made), [wanted])
        return file.read_bytes()


def _is_led_out(files: TrialFiles) -> bool:
    """Whether the events, which a .c3d may lack, lie elsewhere behind a link."""
    return (files.home / files.artifacts / EVENTS).exists() and files.file(EVENTS) is None


def _one_thread(wanted: str) -> AbstractContextManager[None]:
    """What torch computes takes one thread; it is loaded where that is needed."""
    if wanted != "bvh":
        return nullcontext()
    from biopose.skeleton.threads import one_torch_thread

    return one_torch_thread()
