"""Errors of a run that no input caused."""

from biopose.errors import BioposeError


class TrialsFailedError(RuntimeError):
    """Trials failed for a reason that no input caused; the message names the first, its error and what to do."""


class GivesWayError(BioposeError):
    """A trial was not begun, or not ended, since a night needs the machine."""

    def __init__(self) -> None:
        super().__init__("an ingest needs the machine; it is measured when that is done")
