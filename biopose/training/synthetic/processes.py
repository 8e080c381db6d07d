"""Files that hang on their number alone, made by several processes, each on one core."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import torch


class Maker(Protocol):
    """Makes files."""

    def make(self, index: int) -> Path:
        """The file of this number."""


def make_in_processes(
    begin: Callable[[], Maker], missing: Sequence[int], *, processes: int, report: Callable[[int], None]
) -> None:
    """Make files in any order.

    Args:
        begin: called once here, so that what is kept for all is made once and what is wrong is said once; then once in
            each process, which it must be able to reach.
        missing: their numbers, one or more.
        processes: at once.
        report: called with the number of each that is done.
    """
    begin()
    context = multiprocessing.get_context("spawn")
    with context.Pool(min(processes, len(missing)), _begin, (begin,)) as pool:
        for index in pool.imap_unordered(_make, missing):
            report(index)


_maker: Maker | None = None  # of this process


def _begin(begin: Callable[[], Maker]) -> None:
    global _maker
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # ^C is the parent's to answer
    torch.set_num_threads(1)
    _maker = begin()


def _make(index: int) -> int:
    assert _maker is not None
    _maker.make(index)
    return index
