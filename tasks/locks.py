"""One ingest at a time in a home, one training in a folder: a lock that the system frees however its process dies."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from biopose.errors import BioposeError


@contextmanager
def exclusive(home: Path, work: str = "an ingest") -> Iterator[None]:
    """Hold the home's lock.

    Args:
        home: or another folder; made if need be.
        work: what there may be one of.

    Raises:
        BioposeError: another process holds it; the message says which.
    """
    home.mkdir(parents=True, exist_ok=True)
    path = home / f"{work.split()[-1]}.lock"
    with path.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise BioposeError(
                f"{home}: {work} is at work here (process {file.read().strip() or 'unknown'}); wait for its end, or "
                "stop it: nothing is lost"
            ) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield
