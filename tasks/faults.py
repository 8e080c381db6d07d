"""Whose fault an error is: the input's, which goes into quarantine, or the machine's, which fails the run."""

from __future__ import annotations

import errno
import traceback
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TypeVar

from biopose.errors import BioposeError, FileFormatError, VideoError
from biopose.io.file_names import is_video

MACHINE_ERRNO = frozenset(
    {errno.ENOSPC, errno.EDQUOT, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EROFS, errno.EAGAIN}
)
OUT_OF_MEMORY = "OutOfMemoryError"  # torch's, by its name: torch is not loaded here

T = TypeVar("T")


class CrashedError(BioposeError):
    """The process that worked on an input crashed at every attempt."""


class EngineError(BioposeError):
    """Ray or Dask has no process for the work: no input's fault."""


# No input causes these: a full disk, too many open files, no memory, a broken installation.
OF_THE_MACHINE = (MemoryError, ImportError, EngineError)


class UnexpectedError(BioposeError):
    """An error that nobody foresaw, raised twice by work on one input alone.

    Args:
        message: what was raised, and where.
        details: the traceback.
    """

    def __init__(self, message: str, details: str = "") -> None:
        super().__init__(message, details)
        self.details = details

    def __str__(self) -> str:
        """The message alone."""
        return str(self.args[0])


def as_input_error(error: Exception, videos: Iterable[Path]) -> BioposeError | None:
    """The error that quarantines an input; None where the machine is at fault.

    Args:
        error: raised by work on the videos.
        videos: that were worked on.
    """
    if isinstance(error, OF_THE_MACHINE):
        return None
    if isinstance(error, BioposeError):
        return error
    if isinstance(error, OSError):
        return _unreadable(error, {str(video) for video in videos})
    if type(error).__name__ == OUT_OF_MEMORY:
        return None
    frame = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{Path(frame.filename).name}:{frame.lineno}, in {frame.name}"
    names = ", ".join(map(str, videos))
    what = f"{type(error).__name__}: {' '.join(str(error).split()) or 'no message'}"
    return UnexpectedError(
        f"{names}: {what} ({where}). Nobody foresaw this; correct the trial or leave it out, and report it with the "
        "details that this record holds",
        "".join(traceback.format_exception(error)),
    )


def with_one_repeat(call: Callable[[], T], videos: Iterable[Path]) -> T:
    """The result of work on an input alone; what fails unexpectedly is repeated once, in case it was no input's fault.

    Raises:
        BioposeError: the input is at fault.
        Exception: the machine is, as it was raised.
    """
    try:
        return call()
    except BioposeError:
        raise
    except Exception as first:
        if as_input_error(first, videos) is None:
            raise
    try:
        return call()
    except Exception as error:
        wrong = as_input_error(error, videos)
        if wrong is None or wrong is error:
            raise
        raise wrong from error


def each_alone_if_need_be(
    call: Callable[[Sequence[Path], Sequence[T]], Sequence[BioposeError | None]],
    videos: Sequence[Path],
    work: Sequence[T],
) -> list[BioposeError | None]:
    """What is wrong with each of a group of inputs; where the group fails unexpectedly, each is repeated alone.

    Args:
        call: works on some of the inputs: their videos, and what is to be done with each.
        videos: of the group.
        work: what is to be done with each.

    Raises:
        Exception: the machine is at fault.
    """
    try:
        return list(call(videos, work))
    except Exception as error:
        if as_input_error(error, videos) is None:
            raise
    return [wrong for one in zip(videos, work, strict=True) for wrong in _alone(call, *one)]


def _alone(
    call: Callable[[Sequence[Path], Sequence[T]], Sequence[BioposeError | None]], video: Path, work: T
) -> Sequence[BioposeError | None]:
    try:
        return call([video], [work])
    except Exception as error:
        wrong = as_input_error(error, [video])
        if wrong is None:
            raise
        return [wrong]


def _unreadable(error: OSError, videos: set[str]) -> BioposeError | None:
    if str(error.filename) not in videos or error.errno in MACHINE_ERRNO:
        return None
    kind = VideoError if is_video(str(error.filename)) else FileFormatError
    if error.errno == errno.ENOENT:
        return kind(f"{error.filename}: vanished while it was worked on; copy it there again")
    return kind(f"{error.filename}: cannot be read ({error.strerror}); copy it again, or see to its drive")
