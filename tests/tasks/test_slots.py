"""Who is served when by the slots of a run."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from tasks.slots import Slots


def run(test: Coroutine[Any, Any, None]) -> None:
    asyncio.run(test)


async def settle() -> None:
    """Let every task run as far as it can."""
    for _ in range(20):
        await asyncio.sleep(0)


class Calls:
    """Calls that hold their resources until they are ended; `begun` lists them in the order of their turns."""

    def __init__(self, slots: Slots) -> None:
        self._slots, self.begun, self._ends, self.tasks = slots, list[str](), dict[str, asyncio.Event](), {}

    def add(self, name: str, *resources: str, rank: int) -> None:
        async def call() -> None:
            async with self._slots.taken(resources, rank=rank):
                self.begun.append(name)
                await self._ends[name].wait()

        self._ends[name] = asyncio.Event()
        self.tasks[name] = asyncio.create_task(call())

    async def end(self, name: str) -> None:
        self._ends[name].set()
        await settle()


def test_the_lowest_rank_is_served_first_and_equal_ranks_in_order() -> None:
    async def test() -> None:
        slots = Slots()
        calls = Calls(slots)
        for name, rank in (("a", 2), ("b", 1), ("c", 1), ("d", 0)):
            calls.add(name, "core", rank=rank)
        await settle()
        assert calls.begun == []
        slots.provide("core", 1)
        for name in ("d", "b", "c", "a"):
            await settle()
            assert calls.begun[-1] == name
            await calls.end(name)

    run(test())


def test_both_kinds_of_calls_share_the_cores_and_none_stays_idle() -> None:
    async def test() -> None:
        slots = Slots()
        for resource in ("core", "actor", "worker"):
            slots.provide(resource, 2)
        calls = Calls(slots)
        calls.add("network 0", "core", "actor", rank=0)
        calls.add("network 1", "core", "actor", rank=1)
        calls.add("network 2", "core", "actor", rank=2)
        calls.add("processor 1", "core", "worker", rank=1)
        await settle()
        assert calls.begun == ["network 0", "network 1"]
        await calls.end("network 0")
        assert calls.begun[2:] == ["processor 1"]
        await calls.end("network 1")
        assert calls.begun[3:] == ["network 2"]

    run(test())


def test_a_call_that_lacks_an_actor_does_not_keep_others_from_the_cores() -> None:
    async def test() -> None:
        slots = Slots()
        for resource in ("core", "worker"):
            slots.provide(resource, 1)
        calls = Calls(slots)
        calls.add("network", "core", "actor", rank=0)
        calls.add("processor", "core", "worker", rank=1)
        await settle()
        assert calls.begun == ["processor"]

    run(test())


@pytest.mark.parametrize("served", [False, True])
def test_a_cancelled_call_gives_its_slot_back(served: bool) -> None:
    async def test() -> None:
        slots = Slots()
        calls = Calls(slots)
        calls.add("first", "core", rank=0)
        calls.add("second", "core", rank=1)
        await settle()
        if served:
            slots.provide("core", 1)  # its turn has come, it has not run yet
        calls.tasks["first"].cancel()
        await settle()
        slots.provide("core", 0 if served else 1)
        await settle()
        assert calls.begun == ["second"]

    run(test())


def test_the_share_of_busy_time_counts_every_slot() -> None:
    async def test() -> None:
        slots = Slots()
        slots.provide("core", 2)
        async with slots.taken(["core"], rank=0):
            await asyncio.sleep(0.05)
        assert slots.busy_share("core") == pytest.approx(0.5, abs=0.05)
        assert slots.busy_share("actor") == 0

    run(test())
