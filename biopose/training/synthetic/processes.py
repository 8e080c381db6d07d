"""Files made by several processes, each on one core; a file depends on its number alone."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import torch

from biopose.skeleton.threads import one_torch_thread


class Maker(Protocol):
    """Makes files."""

    def make(self, index: int) -> Path:
        """The file of this number."""


def make_in_processes(
    begin: Callable[[], Maker], missing: Sequence[int], *, processes: int, report: Callable[[int], None]
) -> None:
    """Make files in any order; a single one here, since another process would take longer to start than it saves.

    Args:
        begin: called once here, so that shared files are made once and an error is raised once; then once in each
            other process, to which it is pickled.
        missing: numbers of the files, one or more.
        processes: at once.
        report: called with the number of each file that was made.
    """
    maker = begin()
    if len(missing) == 1:
        with one_torch_thread():
            maker.make(missing[0])
        report(missing[0])
        return
    del maker
    context = multiprocessing.get_context("spawn")
    with context.Pool(min(processes, len(missing)), _begin, (begin,)) as pool:
        for index in pool.imap_unordered(_make, missing):
            report(index)


_maker: Maker | None = None  # of this process


def _begin(begin: Callable[[], Maker]) -> None:
    global _maker
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # ^C is handled by the parent
    torch.set_num_threads(1)
    _maker = begin()


def _make(index: int) -> int:
    assert _maker is not None
    _maker.make(index)
    return index
