"""Work on the next items of an iterator while the ones before are used: decoding beside the networks."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import suppress
from queue import Empty, Full, Queue
from threading import Event, Thread
from typing import TypeVar

Item = TypeVar("Item")
POLL_S = 0.1


def read_ahead(items: Iterator[Item], *, depth: int) -> Generator[Item, None, None]:
    """The items in their order, made by a thread of their own.

    The thread ends when the consumer does, or is closed. What `items` raises is raised at its place.

    Args:
        items: used by the thread alone.
        depth: how many may wait.
    """
    queue: Queue[tuple[Item] | BaseException | None] = Queue(maxsize=depth)
    left = Event()

    def put(given: tuple[Item] | BaseException | None) -> None:
        while not left.is_set():
            with suppress(Full):
                queue.put(given, timeout=POLL_S)
                return

    def work() -> None:
        try:
            for item in items:
                put((item,))
                if left.is_set():
                    return
            put(None)
        except BaseException as error:  # raised by the consumer
            put(error)

    thread = Thread(target=work, name="read ahead", daemon=True)
    thread.start()
    try:
        while (given := queue.get()) is not None:
            if isinstance(given, BaseException):
                raise given
            yield given[0]
    finally:
        left.set()
        while thread.is_alive():
            with suppress(Empty):
                queue.get_nowait()
            thread.join(POLL_S)
