"""Promotions, rollbacks and canaries that are ended at each of their writes, and completed by what comes next.

    python -m tests.benchmarks.promotions promote HOME      # a home whose rollout is at the gate; it is copied
    python -m tests.benchmarks.promotions canary HOME       # likewise
    python -m tests.benchmarks.promotions "roll back" HOME 3 4 5    # of a promotion, or of a canary
    python -m tests.benchmarks.promotions moments HOME 50   # all of these, kill -9 at random moments; a table

A write is a statement that changes the warehouse, the move or removal of an alias in MLflow, or a publication; the
process ends right before it, by os._exit. Then all trials must show one side or the other, readers too; and after the
next command warehouse, registry, snapshot and the rollout's state must agree, with every row that there was.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import count
from pathlib import Path
from random import Random
from threading import Timer
from typing import Any

from mlflow import MlflowClient

from tasks import promotion
from tasks.model_aliases import aliased_versions
from tasks.settings import Settings
from warehouse.connection import opened_for_reading, opened_for_writing
from warehouse.content import content_rows
from warehouse.releases import canary, promoted_release
from warehouse.rollouts import latest

CUT_OFF = 9  # exit code of a process that was ended at a write
CURRENT = "SELECT trial_id, current_run_number FROM trial_manifest ORDER BY 1"


class Writes:
    """Counts writes, and ends the process before the one whose turn it is."""

    def __init__(self, allowed: int) -> None:
        self._left = allowed

    def __call__(self) -> None:
        if self._left == 0:
            os._exit(CUT_OFF)
        self._left -= 1

    def cut(self) -> None:
        """Let everything that an act writes through here."""
        set_alias, publish = MlflowClient.set_registered_model_alias, promotion.publish_snapshot
        delete_alias = MlflowClient.delete_registered_model_alias

        @contextmanager
        def opened(database: Path) -> Iterator[Any]:
            with opened_for_writing(database) as connection:
                yield CountedConnection(connection, self)

        promotion.opened_for_writing = opened  # type: ignore[assignment]
        MlflowClient.set_registered_model_alias = lambda *given: (self(), set_alias(*given))  # type: ignore
        MlflowClient.delete_registered_model_alias = lambda *given: (self(), delete_alias(*given))  # type: ignore
        promotion.publish_snapshot = lambda *given: (self(), publish(*given))  # type: ignore


class CountedConnection:
    """A connection whose changes are counted."""

    def __init__(self, connection: Any, before: Writes) -> None:
        self._connection, self._before = connection, before

    def execute(self, sql: str, *values: Any) -> Any:
        if not sql.lstrip().upper().startswith(("SELECT", "FROM")):
            self._before()
        return self._connection.execute(sql, *values)


def tried(act: str, home: Path, write: int) -> dict[str, Any]:
    """An act that is ended at a write, what it left, and what the next command makes of it."""
    return judged(act, home, lambda settings: in_a_process(lambda: do(act, settings, write)), write=write)


def killed(act: str, home: Path, after_s: float) -> dict[str, Any]:
    """Likewise of an act that is killed after so many seconds."""
    return judged(act, home, lambda settings: in_a_process(lambda: do(act, settings), after_s=after_s), s=after_s)


def judged(act: str, home: Path, end: Callable[[Settings], Any], **moment: float) -> dict[str, Any]:
    """What an act left that was ended, and what the next command makes of it."""
    with tempfile.TemporaryDirectory() as scratch:
        settings = Settings.load(shutil.copytree(home, Path(scratch) / "home"))
        before = in_a_process(lambda: state(settings))
        ended = end(settings)
        left = in_a_process(lambda: state(settings))
        after = in_a_process(lambda: repaired(settings))
    faults = [
        fault
        for fault, is_one in {
            "the act failed": ended not in ("done", "killed"),
            "readers have a mixture": left["read"] not in (before["read"], after["current"]),
            "the warehouse has a mixture": left["current"] not in (before["current"], after["current"]),
            "numbers and pointer disagree": (left["current"] == before["current"])
            != (left["pointer"] == before["pointer"]),
            "registry and warehouse disagree": after["champion"] != after["promoted"],
            "readers have another state": after["read"] != after["current"],
            "the rollout is between two states": after["rollout"] == "promote",
            "rows are lost": after["rows"] != before["rows"],
            "the act is neither done nor not": (after["pointer"] == before["pointer"])
            != (after["current"] == before["current"]),
        }.items()
        if is_one
    ]
    moved = "done" if after["pointer"] != before["pointer"] else "not begun"
    return {"act": act, **moment, "ended": ended, "after": moved, "noted": after["noted"], "faults": faults}


def do(act: str, settings: Settings, write: int | None = None) -> str:
    """The act, with its writes counted where it is to be ended at one."""
    if write is not None:
        Writes(write).cut()
    if act == "promote":
        promotion.promote(settings)
    elif act == "canary":
        promotion.show_canary(settings, teams=teams(settings))
    else:
        promotion.roll_back(settings, reason="benchmark")
    return "done"


def teams(settings: Settings) -> list[str]:
    """All of a home, so that its canary changes what every trial shows that the candidate measured."""
    with opened_for_writing(settings.warehouse) as connection:
        return [str(team) for (team,) in connection.execute("FROM team ORDER BY 1").fetchall()]


def state(settings: Settings) -> dict[str, Any]:
    """What warehouse and readers have."""
    with opened_for_writing(settings.warehouse) as connection:
        release, rollout, shown = promoted_release(connection), latest(connection), canary(connection)
        current = connection.execute(CURRENT).fetchall()
    with opened_for_reading(settings.snapshot) as connection:
        read = connection.execute(CURRENT).fetchall()
    assert release is not None
    assert rollout is not None
    rows = {table: rows for table, (rows, _) in content_rows(settings.warehouse).items()}
    pointer = [release.versions, shown.row if shown else None]
    return {
        "promoted": release.versions,
        "pointer": pointer,
        "current": current,
        "read": read,
        "rollout": rollout.state,
        "rows": rows,
    }


def repaired(settings: Settings) -> dict[str, Any]:
    """The state after what the next command does first."""
    noted = promotion.complete_interrupted(settings)
    return {"noted": noted, **state(settings), "champion": aliased_versions(settings, promotion.CHAMPION)}


def in_a_process(work: Callable[[], Any], *, after_s: float | None = None) -> Any:
    """The result of `work` in a process forked for it; "killed" where it ended at a write, or after so many seconds."""
    reading, writing = os.pipe()
    if (process := os.fork()) == 0:
        try:
            os.write(writing, json.dumps(work()).encode())
        except BaseException as error:
            print(repr(error), file=sys.stderr, flush=True)
            os._exit(1)
        os._exit(0)
    os.close(writing)
    killing = Timer(after_s or 0.0, partial(os.kill, process, signal.SIGKILL))
    if after_s is not None:
        killing.start()
    with os.fdopen(reading, "rb") as pipe:
        text = pipe.read()
    killing.cancel()  # while the process is not waited for, its number is no other's
    exit_code = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    return (
        "killed"
        if exit_code in (CUT_OFF, -signal.SIGKILL)
        else json.loads(text)
        if exit_code == 0
        else {"failed": exit_code}
    )


def moments(home: Path, number: int) -> None:
    """Kill each act at random moments of the time that it takes, and print the table."""
    random = Random(0)
    table = []
    for act, begun in (("promote", None), ("canary", None), ("roll back", "promote"), ("roll back", "canary")):
        with tempfile.TemporaryDirectory() as scratch:
            prepared = Path(shutil.copytree(home, Path(scratch) / "home"))
            if begun is not None:
                in_a_process(partial(do, begun, Settings.load(prepared)))
            whole = Path(shutil.copytree(prepared, Path(scratch) / "whole"))
            began_s = time.monotonic()
            in_a_process(partial(do, act, Settings.load(whole)))
            took_s = time.monotonic() - began_s
            found = [killed(act, prepared, random.uniform(0, took_s)) for _ in range(number)]
        name = f"{act} of a {begun}" if begun else act
        counts = [sum(one["ended"] == "killed" for one in found), sum(one["after"] == "done" for one in found)]
        table.append([name, f"{took_s:.2f}", number, *counts, sum(bool(one["faults"]) for one in found)])
        print(json.dumps([one for one in found if one["faults"]]), file=sys.stderr)
    print("| act | s | moments | killed | done afterwards | with a fault |\n|---|---|---|---|---|---|")
    for row in table:
        print(f"| {' | '.join(map(str, row))} |")


def main() -> None:
    act, home, *writes = sys.argv[1:]
    if act == "moments":
        moments(Path(home), *map(int, writes or ["50"]))
        return
    for write in map(int, writes) if writes else count():
        found = tried(act, Path(home), write)
        print(json.dumps(found), flush=True)
        if found["ended"] == "done":
            break


if __name__ == "__main__":
    main()
