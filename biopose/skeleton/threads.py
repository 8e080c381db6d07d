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


@torch.no_grad()
def side_by_side(work: Callable[[Part], Result], parts: Sequence[Part]) -> list[Result]:
    """The results of parts that have nothing to do with each other, in their order, without gradients.

    As many are worked on at a time as torch has threads here, each by one of them: small tensors share no thread well.
    """

    def alone(part: Part) -> Result:
        with torch.no_grad(), one_torch_thread():  # both hold for one thread only
            return work(part)

    threads = min(torch.get_num_threads(), len(parts))
    if threads < 2:
        return [alone(part) for part in parts]
    with ThreadPoolExecutor(max_workers=threads) as pool:
        return list(pool.map(alone, parts))
