"""Threads inside torch."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

import torch

Part = TypeVar("Part")
Result = TypeVar("Result")


@contextmanager
def torch_threads(count: int | None) -> Iterator[None]:
    """Let torch use this number of threads; None leaves it its own."""
    before = torch.get_num_threads()
    torch.set_num_threads(before if count is None else count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def one_torch_thread() -> Iterator[None]:
    """Small tensors lose more by being shared among threads than they gain."""
    with torch_threads(1):
        yield


def in_threads(work: Callable[[Part], Result], parts: Sequence[Part], *, threads: int) -> list[Result]:
    """The results of parts that have nothing to do with each other, in their order.

    Args:
        work: on one part, by one of torch's threads: small tensors share no thread well.
        parts: of the work.
        threads: how many parts are worked on at a time.
    """
    with one_torch_thread():
        if min(threads, len(parts)) < 2:
            return [work(part) for part in parts]
        with ThreadPoolExecutor(max_workers=min(threads, len(parts))) as pool:
            return list(pool.map(one_torch_thread()(work), parts))  # torch counts the threads of each thread


@torch.no_grad()
def side_by_side(work: Callable[[Part], Result], parts: Sequence[Part]) -> list[Result]:
    """As `in_threads`, without gradients, on as many parts at a time as torch has threads here."""
    return in_threads(torch.no_grad()(work), parts, threads=torch.get_num_threads())
