"""Work that one request does at a time, as it takes a core and much memory."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from starlette.exceptions import HTTPException

LONGEST_WAIT_S = 5.0  # each request that waits holds one of the server's 40 threads


@contextmanager
def one_at_a_time(lock: threading.Lock) -> Iterator[None]:
    """Hold a lock.

    Raises:
        HTTPException: of status 503, where others hold it for longer than LONGEST_WAIT_S.
    """
    if not lock.acquire(timeout=LONGEST_WAIT_S):
        raise HTTPException(503, "Other files are being made; ask for this one again in a minute.")
    try:
        yield
    finally:
        lock.release()
