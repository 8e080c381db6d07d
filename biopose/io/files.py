"""Common to all motion files: one form of error message, and atomic writing."""

import hashlib
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from biopose.errors import FileFormatError, ModelError

QUOTE_LENGTH = 60  # characters of a malformed file that a message quotes
OWNER_ALONE = 0o600
KINDS_OF_FILE = (
    (stat.S_ISREG, "a file"),
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a FIFO (named pipe)"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def quoted(text: str) -> str:
    """Quote file content for a message: control and foreign characters escaped, long text cut."""
    shown = text if len(text) <= QUOTE_LENGTH else text[:QUOTE_LENGTH] + "..."
    return ascii(shown)


def malformed(path: Path, *, found: str, expected: str, line: int | None = None) -> FileFormatError:
    """Make the error for a file that breaks its format: ``path:line: found ...; expected ...``.

    Args:
        path: The file.
        found: Its content.
        expected: What the format requires; where that is not obvious, what to do about it.
        line: Line number, counted from 1; None where the format has no lines.
    """
    location = f"{path}:{line}" if line is not None else f"{path}"
    return FileFormatError(f"{location}: found {found}; expected {expected}")


def existing_file(path: Path | str) -> Path:
    """Return ``path`` as a Path to a file.

    Raises:
        FileFormatError: Nothing is there, or a folder is.
    """
    path = Path(path)
    if path.is_dir():
        raise malformed(path, found="a folder", expected="a file")
    if not path.exists():
        raise malformed(path, found="no such file", expected="a file")
    return path


def what_it_is(path: Path) -> str:
    """What lies there in place of a file, such as a FIFO; "a file" for one, "nothing" where nothing can be reached."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return "nothing"
    return next((what for is_it, what in KINDS_OF_FILE if is_it(mode)), "an unknown kind of file")


def read_regular(path: Path, *, most_bytes: int) -> bytes:
    """The content of a file; a FIFO or a device, which may never end, is not read.

    Raises:
        FileFormatError: it is no regular file, or has more than most_bytes.
        OSError: it cannot be read.
    """
    if path.exists() and not path.is_file():
        raise FileFormatError(f"{path}: is {what_it_is(path)}, no file; put the file itself there")
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))  # a FIFO put there meanwhile cannot block
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise FileFormatError(f"{path}: is no file; put the file itself there")
        content = file.read(most_bytes + 1)
    if len(content) > most_bytes:
        raise FileFormatError(f"{path}: is longer than {most_bytes} bytes; that is no file of this kind")
    return content


@contextmanager
def written_whole(path: Path | str, *, owner_alone: bool = False, durable: bool = False) -> Iterator[Path]:
    """Give a path of the same name to write to, which becomes ``path`` when the block ends without an error.

    Nobody reads a partial file, and a process that dies leaves the previous one in place. The partial file lies in a
    hidden folder beside ``path``, so that the final rename stays on one file system and is atomic.

    Args:
        path: The file.
        owner_alone: Whether nobody else can read it, at any moment, where the file system has permissions.
        durable: Whether a power cut, too, leaves the previous file or the whole new one. It costs some milliseconds;
            without, the name may be there afterwards and the content not.
    """
    path = Path(path)
    with tempfile.TemporaryDirectory(prefix=".partial-", dir=path.parent) as folder:
        partial = Path(folder) / path.name
        yield partial
        if owner_alone:
            with suppress(PermissionError):  # a file system without permissions, such as a USB stick's
                partial.chmod(OWNER_ALONE)
        if durable:
            flush(partial)
        partial.replace(path)
        if durable:
            flush(path.parent)


def flush(path: Path) -> None:
    """Write a file, or a folder's list of names, out to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def flush_files(folder: Path) -> None:
    """Write every file in a folder and below it, and their names, out to the disk."""
    for path in (*folder.rglob("*"), folder):
        flush(path)


@contextmanager
def file_format_errors(path: Path | str) -> Iterator[None]:
    """Turn a ValueError about a file's content into a FileFormatError that names the file."""
    try:
        yield
    except ValueError as error:
        raise FileFormatError(f"{path}: {error}") from error


@contextmanager
def prefixed_errors(path: Path) -> Iterator[None]:
    """Put a file's path before the message of an error about what it holds."""
    try:
        yield
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from error


def sha256_of(path: Path) -> str:
    """Hash of a file, as it is recorded beside every result.

    Raises:
        OSError: it cannot be read; also where reading ends in its middle, the error names the file.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error
