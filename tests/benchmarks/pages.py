"""The pages on a large warehouse: the server's time for each, and many users at once while a night loads.

    python -m tests.benchmarks.pages fill HOME --frames 10000000   # once: a home of synthetic trials
    python -m tests.benchmarks.pages load HOME --users 50 --seconds 60 --per-minute 8 60

A night on two cores measures and loads five to eight trials a minute; it is also loaded at one a second, as a night of
marker files or of many workers does. Everything is on this machine's loopback. Pages are asked for with other
athletes, trials and sessions each time, so that they are rendered and not had from the server's cache; a user reads a
page for some seconds before the next.
"""

from __future__ import annotations

import argparse
import math
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import httpx
import numpy as np
import polars as pl
import psutil

from flows.bench.synthetic_kinematics import one_trial
from flows.bench.warehouse import THREADS, fill_archived, trials_in
from flows.serving.ports import free_port
from tasks.cohort import refresh
from tasks.settings import Settings
from tasks.warehouse_writer import WarehouseWriter
from warehouse.api import open_home
from warehouse.connection import opened_for_writing

REPEATS = 7  # of each page, alone
READING_S = (2.0, 8.0)  # that a user looks at a page
ASKED_MEDIAN_S, ASKED_P95_S, ASKED_BUSY_P95_S = 0.3, 1.0, 2.0
NIGHTS_PER_MINUTE = (8, 60)  # trials that are loaded
Loads = list[tuple[dict[str, Any], Path]]  # records, and the folders of their Parquet files


def fill(home: Path, *, frames: int) -> None:
    """Make a home of so many frames of kinematics, with the mean curves of its sessions."""
    settings = Settings.load(home, cores=THREADS)
    settings.make_home()
    fill_archived(settings.warehouse, frames)
    writer = WarehouseWriter(settings.warehouse, settings.snapshot)
    writer.publish()
    refresh(settings, writer, print)


def load(home: Path, *, users: int, seconds: float, per_minute: Sequence[int]) -> None:
    """Print the server's time for each page alone, then under load while so many trials a minute are loaded."""
    trials = open_home(home).trials()
    print(f"{trials['frames'].sum():,} frames, {trials.height:,} trials")
    with _served(home) as (server, address), httpx.Client(base_url=address, trust_env=False, timeout=60) as client:
        pages = _Pages(trials, seed=1)
        client.get("/night")
        replies, processor_s = {}, {}
        for name, make in pages.by_name.items():
            before_s = _processor_s(server)
            replies[name] = [_timed(client, make()) for _ in range(REPEATS)]
            processor_s[name] = (_processor_s(server) - before_s) / REPEATS
        _print_alone(replies, processor_s)
        for rate in per_minute:
            before_s = _processor_s(server)
            busy, loaded = _under_load(
                home,
                address,
                trials,
                users=users,
                seconds=seconds,
                loads=_prepared(home, math.ceil(rate * seconds / 60)),
            )
            _print_busy(busy, loaded, users=users, server_s=_processor_s(server) - before_s)


class _Pages:
    """Addresses of the pages, of names drawn from the warehouse."""

    def __init__(self, trials: pl.DataFrame, *, seed: int) -> None:
        self._random, self._trials = Random(seed), trials
        self.by_name: dict[str, Callable[[], str]] = {
            "night": lambda: f"/night?day={self._of('session_date')}",
            "squad": lambda: f"/squad?team={self._of('team_id')}&activity={self._of('activity')}",
            "athlete": lambda: f"/athlete/{self._of('athlete_id')}?activity={self._of('activity')}",
            "trial": lambda: f"/trial/{self._of('trial_id')}",
            "curves.json": lambda: f"/trial/{self._of('trial_id')}/curves.json",
            "compare": lambda: f"/compare?first={self._of('trial_id')}&second={self._of('trial_id')}",
            "two sessions": self._two_sessions,
            "questions": lambda: "/questions",
            "question": lambda: (
                f"/questions/change_over_time?athlete={self._of('athlete_id')}&metric=knee_flexion_range"
            ),
            "models": lambda: "/models",
        }

    def any(self) -> str:
        """Of any page."""
        return self._random.choice(list(self.by_name.values()))()

    def reading_s(self) -> float:
        """How long the next page is read."""
        return self._random.uniform(*READING_S)

    def _two_sessions(self) -> str:
        one = self._trials.row(self._random.randrange(self._trials.height), named=True)
        others = self._trials.filter(
            (pl.col("activity") == one["activity"]) & (pl.col("session_id") != one["session_id"])
        )
        of_team = others.filter(pl.col("team_id") == one["team_id"])
        second = self._random.choice((of_team if of_team.height else others)["session_id"].to_list())
        sessions = f"first_session={one['session_id']}&second_session={second}"
        return f"/compare/groups?activity={one['activity']}&coordinate=knee_angle&{sessions}"

    def _of(self, column: str) -> str:
        return str(self._trials[column][self._random.randrange(self._trials.height)])


def _timed(client: httpx.Client, address: str) -> tuple[float, int]:
    """Seconds until the whole reply is there, and its status; 0 where the request failed."""
    began = time.perf_counter()
    try:
        status = client.get(address).status_code
    except httpx.HTTPError:
        status = 0
    return time.perf_counter() - began, status


def _processor_s(process: subprocess.Popen[bytes]) -> float:
    times = psutil.Process(process.pid).cpu_times()
    return times.user + times.system


def _under_load(
    home: Path, address: str, trials: pl.DataFrame, *, users: int, seconds: float, loads: Loads
) -> tuple[list[tuple[float, int]], int]:
    """The replies that all users had, and how many trials were loaded meanwhile."""
    ended = threading.Event()
    with ThreadPoolExecutor(users + 1) as threads:
        night = threads.submit(_load_trials, home, ended, loads, seconds / len(loads))
        replies = [threads.submit(_use, address, trials, ended, seed) for seed in range(users)]
        ended.wait(seconds)
        ended.set()
        return [one for reply in replies for one in reply.result()], night.result()


def _use(address: str, trials: pl.DataFrame, ended: threading.Event, seed: int) -> list[tuple[float, int]]:
    pages, replies = _Pages(trials, seed=seed), []
    with httpx.Client(base_url=address, trust_env=False, timeout=60) as client:
        while not ended.wait(pages.reading_s()):
            replies.append(_timed(client, pages.any()))
    return replies


def _prepared(home: Path, count: int) -> Loads:
    """Trials as the night's processes leave them for its writer."""
    scratch = home / "scratch"
    shutil.rmtree(scratch, ignore_errors=True)
    with opened_for_writing(Settings.load(home).warehouse) as connection:
        first = trials_in(connection)
        folders = [scratch / str(number) for number in range(first, first + count)]
        for folder in folders:
            folder.mkdir(parents=True)
        return [(one_trial(connection, first + place, folder), folder) for place, folder in enumerate(folders)]


def _load_trials(home: Path, ended: threading.Event, loads: Loads, every_s: float) -> int:
    """Load one after another, each at its time or right after the one before; how many until the end."""
    settings, began_s = Settings.load(home), time.monotonic()
    writer = WarehouseWriter(settings.warehouse, settings.snapshot)
    for number, (record, folder) in enumerate(loads):
        if ended.wait(max(began_s + number * every_s - time.monotonic(), 0.0)):
            return number
        writer.load(record, folder)
    return len(loads)


@contextmanager
def _served(home: Path) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    port = free_port()
    server = subprocess.Popen(
        [sys.executable, "-m", "flows.cli.main", "serve", "--home", str(home), "--port", str(port)],
        stdout=subprocess.DEVNULL,
    )
    address = f"http://127.0.0.1:{port}"
    try:
        while _timed(httpx.Client(base_url=address, trust_env=False), "/health")[1] != 200:
            time.sleep(0.2)
        yield server, address
    finally:
        server.terminate()
        server.wait()


def _print_alone(replies: dict[str, list[tuple[float, int]]], processor_s: dict[str, float]) -> None:
    print(f"{'page, alone':<16}{'median s':>10}{'slowest s':>10}{'processor s':>13}")
    for name, timed in replies.items():
        seconds, problems = [one for one, _ in timed], [status for _, status in timed if status != 200]
        status = f"  status {problems}" if problems else ""
        print(f"{name:<16}{np.median(seconds):>10.2f}{max(seconds):>10.2f}{processor_s[name]:>13.3f}{status}")
    every = [one for timed in replies.values() for one, _ in timed]
    print(
        f"all pages: median {np.median(every):.2f} s (asked {ASKED_MEDIAN_S}), "
        f"95 % {np.quantile(every, 0.95):.2f} s (asked {ASKED_P95_S})"
    )


def _print_busy(replies: list[tuple[float, int]], loaded: int, *, users: int, server_s: float) -> None:
    seconds, errors = [one for one, _ in replies], sum(status != 200 for _, status in replies)
    print(
        f"{users} users, {len(replies)} pages while {loaded} trials were loaded: {errors} errors, "
        f"median {np.median(seconds):.2f} s, 95 % {np.quantile(seconds, 0.95):.2f} s (asked {ASKED_BUSY_P95_S}); "
        f"the server took {server_s:.0f} processor seconds"
    )


def main() -> None:
    """Fill a home, or load its pages."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("act", choices=["fill", "load"])
    parser.add_argument("home", type=Path)
    parser.add_argument("--frames", type=int, default=10_000_000)
    parser.add_argument("--users", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--per-minute", type=int, nargs="+", default=NIGHTS_PER_MINUTE)
    given = parser.parse_args()
    home = given.home.absolute()
    act = {
        "fill": partial(fill, home, frames=given.frames),
        "load": partial(load, home, users=given.users, seconds=given.seconds, per_minute=given.per_minute),
    }
    act[given.act]()


if __name__ == "__main__":
    main()
