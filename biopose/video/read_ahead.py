"""Work on the next items of an iterator while the ones before are used: decoding beside the networks."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from queue import Queue
from threading import Event, Semaphore, Thread
from typing import TypeVar

Item = TypeVar("Item")
POLL_S = 0.1


def read_ahead(items: Iterator[Item], *, depth: int) -> Generator[Item, None, None]:
    """The items in their order, made by a thread of their own.

    The thread ends when the consumer does, or is closed. What `items` raises is raised at its place.

    Args:
        items: used by the thread alone.
        depth: how many may be made, or in the making, before the consumer asks for them.
    """
    queue: Queue[tuple[Item] | BaseException | None] = Queue()
    room, left = Semaphore(depth), Event()

    def work() -> None:
        try:
            while not left.is_set():
                if room.acquire(timeout=POLL_S):
                    queue.put((next(items),))
        except StopIteration:
            queue.put(None)
        except BaseException as error:  # raised by the consumer
            queue.put(error)

    thread = Thread(target=work, name="read ahead", daemon=True)
    thread.start()
    try:
        while (given := queue.get()) is not None:
            if isinstance(given, BaseException):
                raise given
            room.release()
            yield given[0]
    finally:
        left.set()
        thread.join()
