"""The places of work of a run, given to whoever has the lowest rank; waiting for one costs no thread.

Every kind of call lists what it takes: a network call an actor, a processor call a worker, and each of them a core
where both engines run on the cores of one machine. So the sum of busy processes never exceeds the cores, and no core
is idle while any call could use it. (A process may use more than its core for moments: video is decoded in a thread.)
"""

from __future__ import annotations

import asyncio
import heapq
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from itertools import count


class Slots:
    """Counted resources by name. It belongs to one event loop."""

    def __init__(self) -> None:
        self._free: dict[str, int] = {}
        self._waiting: dict[tuple[str, ...], list[tuple[int, int, asyncio.Future[None]]]] = {}
        self._tickets = count()
        self._busy: dict[str, _BusyTime] = {}

    def provide(self, resource: str, number: int) -> None:
        """Add to a resource; who waits for it is served."""
        self._free[resource] = self._free.get(resource, 0) + number
        self._busy.setdefault(resource, _BusyTime()).provide(number)
        self._serve()

    @asynccontextmanager
    async def taken(self, resources: Sequence[str], *, rank: int) -> AsyncIterator[None]:
        """One of each resource, for the block; whoever has the lowest rank is served first.

        Who waits for a resource holds no other.
        """
        kind = tuple(resources)
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting.setdefault(kind, []), (rank, next(self._tickets), turn))
        self._serve()
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():  # served and cancelled at the same time
                self._release(kind)
            raise
        try:
            yield
        finally:
            self._release(kind)

    def busy_share(self, resource: str) -> float:
        """The share of a resource that was busy, from when it was provided until its last release; 0: never used."""
        return self._busy[resource].share() if resource in self._busy else 0.0

    def _serve(self) -> None:
        """Give turns in the order of rank; a kind of call whose first cannot be served waits."""
        heads = [(queue[0], kind) for kind, queue in self._waiting.items() if queue]
        heapq.heapify(heads)
        while heads:
            (_, _, turn), kind = heapq.heappop(heads)
            if not all(self._free.get(name) for name in kind) and not turn.done():
                continue
            queue = self._waiting[kind]
            heapq.heappop(queue)
            if not turn.done():  # else it was cancelled
                self._take(kind)
                turn.set_result(None)
            if queue:
                heapq.heappush(heads, (queue[0], kind))

    def _take(self, kind: Sequence[str]) -> None:
        for name in kind:
            self._free[name] -= 1
            self._busy[name].change(+1)

    def _release(self, kind: Sequence[str]) -> None:
        for name in kind:
            self._free[name] += 1
            self._busy[name].change(-1)
        # A task that waits for this one resumes in the loop's next pass: going on with the trial, it asks first.
        loop = asyncio.get_running_loop()
        loop.call_soon(loop.call_soon, self._serve)


class _BusyTime:
    """Adds up how many of a resource are busy for how long."""

    def __init__(self) -> None:
        self._provided = self._busy = 0
        self._since_s = self._last_s = time.monotonic()
        self._busy_s = 0.0

    def provide(self, number: int) -> None:
        self._provided += number

    def change(self, by: int) -> None:
        now_s = time.monotonic()
        self._busy_s += self._busy * (now_s - self._last_s)
        self._busy += by
        self._last_s = now_s

    def share(self) -> float:
        provided_s = self._provided * (self._last_s - self._since_s)
        return self._busy_s / provided_s if provided_s else 0.0
