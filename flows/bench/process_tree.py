"""Memory and processor time of a process and of all that it starts, sampled while it runs."""

from __future__ import annotations

import re
from collections import Counter
from itertools import count
from pathlib import Path
from threading import Event, Thread
from types import TracebackType

import psutil

SAMPLE_S = 0.5  # some processes live for a second
MEMORY_EVERY = 4  # samples: that of memory takes a tenth of a second
KINDS = {  # by a part of the command line
    "actors": "ray::PerceptionActor",
    "workers": "multiprocessing.forkserver",
    "cross-check": "opensim_frames",
    "Ray itself": "ray",
    "Prefect server": "uvicorn",
    "flow": "flows.cli.main",
}


class ProcessTree:
    """Samples a tree of processes for the block.

    Memory shared by several counts once (proportional set size), where the system tells it; else unshared memory alone.

    Args:
        pid: of its root.

    Attributes:
        peak_mb: the largest sum over the tree.
        peak_mb_by_process: that sum by kind of process.
    """

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._processor_s: dict[psutil.Process, tuple[str, float]] = {}
        self._ended = Event()
        self._thread = Thread(target=self._watch)
        self.peak_mb = 0.0
        self.peak_mb_by_process: dict[str, float] = {}

    @property
    def processor_s(self) -> float:
        """Of all processes."""
        return sum(self.processor_s_by_process.values())

    @property
    def processor_s_by_process(self) -> dict[str, float]:
        """By kind of process, up to the last sample of each."""
        seconds: Counter[str] = Counter()
        for kind, processor_s in self._processor_s.values():
            seconds[kind] += processor_s  # type: ignore[assignment]
        return dict(seconds.most_common())

    def __enter__(self) -> ProcessTree:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        samples = count()
        while not self._ended.wait(SAMPLE_S):
            mb: Counter[str] = Counter()
            with_memory = next(samples) % MEMORY_EVERY == 0
            for process in self._processes():
                try:
                    times, command = process.cpu_times(), " ".join(process.cmdline())
                    # One that has just ended has no command line any more, but still its times.
                    kind = _kind(command) if command else self._processor_s.get(process, ("other", 0.0))[0]
                    self._processor_s[process] = kind, times.user + times.system
                    if with_memory:
                        mb[kind] += _bytes(process) / 2**20  # type: ignore[assignment]
                except (psutil.NoSuchProcess, psutil.AccessDenied):
                    continue
            if mb.total() > self.peak_mb:
                self.peak_mb, self.peak_mb_by_process = mb.total(), dict(mb.most_common())

    def _processes(self) -> list[psutil.Process]:
        try:
            root = psutil.Process(self._pid)
            return [root, *root.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []


def _kind(command: str) -> str:
    return next((kind for kind, part in KINDS.items() if part in command), "other")


def _bytes(process: psutil.Process) -> int:
    rollup = Path(f"/proc/{process.pid}/smaps_rollup")
    try:
        found = re.search(r"^Pss: +(\d+) kB", rollup.read_text(), re.MULTILINE)
    except OSError:
        found = None
    return int(found[1]) * 1024 if found else int(process.memory_full_info().uss)
