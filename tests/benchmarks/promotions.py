"""Promotions and rollbacks that are ended at each of their writes, and completed by what comes next.

    python -m tests.benchmarks.promotions promote HOME      # a home whose rollout is at the gate; it is copied
    python -m tests.benchmarks.promotions "roll back" HOME 3 4 5

A write is a statement that changes the warehouse, the move or removal of an alias in MLflow, or a publication; the
process ends right before it, by os._exit. Then all trials must show one side or the other, readers too; and after the
next command warehouse, registry, snapshot and the rollout's state must agree, with every row that there was.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

from mlflow import MlflowClient

from tasks import promotion
from tasks.model_aliases import aliased_versions
from tasks.settings import Settings
from warehouse.connection import opened_for_reading, opened_for_writing
from warehouse.content import content_rows
from warehouse.releases import promoted_release
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
    with tempfile.TemporaryDirectory() as scratch:
        settings = Settings.load(shutil.copytree(home, Path(scratch) / "home"))
        before = in_a_process(lambda: state(settings))
        ended = in_a_process(lambda: do(act, settings, write))
        left = in_a_process(lambda: state(settings))
        after = in_a_process(lambda: repaired(settings))
    faults = [
        fault
        for fault, is_one in {
            "the act failed": ended not in ("done", "killed"),
            "readers have a mixture": left["read"] not in (before["read"], after["current"]),
            "the warehouse has a mixture": left["current"] not in (before["current"], after["current"]),
            "numbers and pointer disagree": (left["current"] == before["current"])
            != (left["promoted"] == before["promoted"]),
            "registry and warehouse disagree": after["champion"] != after["promoted"],
            "readers have another state": after["read"] != after["current"],
            "the rollout is between two states": after["rollout"] == "promote",
            "rows are lost": after["rows"] != before["rows"],
            "the act is neither done nor not": (after["promoted"] == before["promoted"])
            != (after["current"] == before["current"]),
        }.items()
        if is_one
    ]
    moved = "done" if after["promoted"] != before["promoted"] else "not begun"
    return {"act": act, "write": write, "ended": ended, "after": moved, "noted": after["noted"], "faults": faults}


def do(act: str, settings: Settings, write: int) -> str:
    """The act, with its writes counted."""
    Writes(write).cut()
    if act == "promote":
        promotion.promote(settings)
    else:
        promotion.roll_back(settings, reason="benchmark")
    return "done"


def state(settings: Settings) -> dict[str, Any]:
    """What warehouse and readers have."""
    with opened_for_writing(settings.warehouse) as connection:
        release, rollout = promoted_release(connection), latest(connection)
        current = connection.execute(CURRENT).fetchall()
    with opened_for_reading(settings.snapshot) as connection:
        read = connection.execute(CURRENT).fetchall()
    assert release is not None
    assert rollout is not None
    rows = {table: rows for table, (rows, _) in content_rows(settings.warehouse).items()}
    return {"promoted": release.versions, "current": current, "read": read, "rollout": rollout.state, "rows": rows}


def repaired(settings: Settings) -> dict[str, Any]:
    """The state after what the next command does first."""
    noted = promotion.complete_interrupted(settings)
    return {"noted": noted, **state(settings), "champion": aliased_versions(settings, promotion.CHAMPION)}


def in_a_process(work: Callable[[], Any]) -> Any:
    """The result of `work` in a process forked for it; "killed" where it ended at a write."""
    reading, writing = os.pipe()
    if (process := os.fork()) == 0:
        try:
            os.write(writing, json.dumps(work()).encode())
        except BaseException as error:
            print(repr(error), file=sys.stderr, flush=True)
            os._exit(1)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        text = pipe.read()
    exit_code = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    return "killed" if exit_code == CUT_OFF else json.loads(text) if exit_code == 0 else {"failed": exit_code}


def main() -> None:
    act, home, *writes = sys.argv[1:]
    for write in map(int, writes) if writes else count():
        found = tried(act, Path(home), write)
        print(json.dumps(found), flush=True)
        if found["ended"] == "done":
            break


if __name__ == "__main__":
    main()
