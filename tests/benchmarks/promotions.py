"""Promotions, rollbacks and canaries that are ended at each of their writes, and completed by what comes next.

    python -m tests.benchmarks.promotions writes            # ended at each write, one after another
    python -m tests.benchmarks.promotions moments 50        # kill -9 at random moments; 1 to 2 processor seconds each
    python -m tests.benchmarks.promotions moments 50 canary "roll back"    # of these alone
    python -m tests.benchmarks.promotions write HOME promote=6,10 canary=7   # in copies of a home, at these writes
    python -m tests.benchmarks.promotions seconds 50000     # the commands, with so many trials of both releases

A write is a statement that changes the warehouse, the move or removal of an alias in MLflow, or a publication; the
process is killed right before it. Then all trials must show one side or the other, readers too; and after the
next command warehouse, registry, snapshot and the rollout's state must agree, with every row that there was.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

from mlflow import MlflowClient

from flows.bench.synthetic_kinematics import describe_trials
from tasks import promotion
from tasks.model_aliases import aliased_versions
from tasks.settings import Settings
from tests.benchmarks.kills import KILLED, Writes, copied, import_ahead, in_a_process, seconds_of
from tests.tasks.registry import make_home
from warehouse.connection import opened_for_reading, opened_for_writing, transaction
from warehouse.content import content_rows
from warehouse.errors import DoneAlreadyError
from warehouse.releases import acts, canary, promoted_release, refresh_current
from warehouse.rollouts import latest
from warehouse.snapshot import publish_snapshot

ACTS = (("promote", None), ("canary", None), ("roll back", "promote"), ("roll back", "canary"))  # and what comes before
CURRENT = "SELECT trial_id, current_run_number FROM trial_manifest ORDER BY 1"


def judged(act: str, home: Path, before: dict[str, Any], end: Callable[[Settings], Any]) -> dict[str, Any]:
    """What an act left that was ended, what the next command makes of it, and the act when it is run again.

    All are judged by the state before.
    """
    with copied(home) as copy:
        settings = Settings.load(copy)
        ended = end(settings)
        left, after, again = in_a_process(lambda: (state(settings), repaired(settings), repeated(act, settings)))
    faults = [
        fault
        for fault, is_one in {
            "the act failed": ended not in ("done", KILLED),
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
            "run again it is not done once": again["acts"] != before["acts"] + 1
            or again["pointer"] == before["pointer"],
            "run again readers have another state": again["read"] != again["current"],
        }.items()
        if is_one
    ]
    moved = "done" if after["pointer"] != before["pointer"] else "not begun"
    return {"ended": ended, "after": moved, "noted": after["noted"], "faults": faults}


def repeated(act: str, settings: Settings) -> dict[str, Any]:
    """The state after the act was run again."""
    with suppress(DoneAlreadyError):
        do(act, settings)
    return state(settings)


def do(act: str, settings: Settings, write: int | None = None) -> str:
    """The act; with a write, the process is killed before that."""
    if write is not None:
        count_writes(Writes(write))
    if act == "promote":
        promotion.promote(settings)
    elif act == "canary":
        promotion.show_canary(settings, teams=teams(settings))
    else:
        promotion.roll_back(settings, reason="benchmark")
    return "done"


def count_writes(before: Writes) -> None:
    """Count statements, moves of aliases and publications."""
    before.count_statements()
    for owner, name in (
        (MlflowClient, "set_registered_model_alias"),
        (MlflowClient, "delete_registered_model_alias"),
        (promotion, "publish_snapshot"),
    ):
        setattr(owner, name, _counted(getattr(owner, name), before))


def _counted(function: Callable[..., Any], before: Writes) -> Callable[..., Any]:
    def counted(*given: Any, **named: Any) -> Any:
        before()
        return function(*given, **named)

    return counted


def teams(settings: Settings) -> list[str]:
    """All of a home, so that its canary changes what every trial shows that the candidate measured."""
    with opened_for_writing(settings.warehouse) as connection:
        return [str(team) for (team,) in connection.execute("FROM team ORDER BY 1").fetchall()]


def state(settings: Settings) -> dict[str, Any]:
    """What warehouse and readers have."""
    with opened_for_writing(settings.warehouse) as connection:
        release, rollout, shown = promoted_release(connection), latest(connection), canary(connection)
        number = len(acts(connection))
        current = connection.execute(CURRENT).fetchall()
    with opened_for_reading(settings.snapshot) as connection:
        read = connection.execute(CURRENT).fetchall()
    assert release is not None
    assert rollout is not None
    rows = content_rows(settings.warehouse)
    rows["trial"] = (rows["trial"][0], "")  # which holds what is current
    pointer = [release.versions, shown.row if shown else None]
    return {
        "promoted": release.versions,
        "pointer": pointer,
        "acts": number,
        "current": current,
        "read": read,
        "rollout": rollout.state,
        "rows": rows,
    }


def repaired(settings: Settings) -> dict[str, Any]:
    """The state after what the next command does first."""
    noted = promotion.complete_interrupted(settings)
    return {"noted": noted, **state(settings), "champion": aliased_versions(settings, promotion.CHAMPION)}


@contextmanager
def prepared(home: Path, begun: str | None) -> Iterator[Path]:
    """A copy of a home for the block in which an act was done before."""
    with copied(home) as copy:
        if begun is not None:
            in_a_process(partial(do, begun, Settings.load(copy)))
        yield copy


def moments(home: Path, number: int, *chosen: str) -> None:
    """Kill each act, or those chosen, at random moments of the time that it takes, and print the table."""
    random = Random(0)
    print("| act | s | moments | killed | done afterwards | with a fault |\n|---|---|---|---|---|---|", flush=True)
    for act, begun in ACTS:
        if chosen and act not in chosen:
            continue
        with prepared(home, begun) as start:
            before = in_a_process(partial(state, Settings.load(start)))
            with copied(start) as whole:
                took_s = seconds_of(partial(do, act, Settings.load(whole)))
            found: list[dict[str, Any]] = []
            killed = 0
            while killed < number:  # where the machine is faster than at the first run, some are too late
                after_s = random.uniform(0, took_s)
                found.append(judged(act, start, before, lambda s: in_a_process(partial(do, act, s), after_s=after_s)))  # noqa: B023
                killed += found[-1]["ended"] == KILLED
        done = sum(one["after"] == "done" for one in found)
        faults = [one for one in found if one["faults"]]
        print(f"| {named(act, begun)} | {took_s:.2f} | {len(found)} | {killed} | {done} | {len(faults)} |", flush=True)
        for one in faults:
            print(json.dumps(one), file=sys.stderr)


def writes(home: Path) -> None:
    """End each act at each of its writes, and print the table."""
    print("| act | writes | completed | taken back or not begun | with a fault |\n|---|---|---|---|---|")
    for act, begun in ACTS:
        found: list[dict[str, Any]] = []
        with prepared(home, begun) as start:
            before = in_a_process(partial(state, Settings.load(start)))
            while not found or found[-1]["ended"] == KILLED:
                write = len(found)
                found.append(judged(act, start, before, lambda s: in_a_process(partial(do, act, s, write))))  # noqa: B023
        done, faults = sum(one["after"] == "done" for one in found[:-1]), sum(bool(one["faults"]) for one in found)
        ended = len(found) - 1
        print(f"| {named(act, begun)} | {ended} | {done} | {ended - done} | {faults} |", flush=True)


def chosen_writes(home: Path, chosen: Sequence[str]) -> None:
    """End acts at some of their writes, given as ACT=NUMBER,NUMBER, each in a copy of a home; prints JSON lines."""
    for one in chosen:
        act, _, numbers = one.partition("=")
        with prepared(home, next(begun for name, begun in ACTS if name == act)) as start:
            before = in_a_process(partial(state, Settings.load(start)))
            for number in map(int, numbers.split(",")):
                found = judged(act, start, before, lambda s: in_a_process(partial(do, act, s, number)))  # noqa: B023
                print(json.dumps({"act": act, **found}), flush=True)


def seconds(home: Path, trials: int) -> None:
    """Promote and roll back by their commands, and print what each took."""
    fill(Settings.load(home), trials)
    print("| act | s | processor s |\n|---|---|---|")
    for arguments in (["promote"], ["rollback", "--reason", "benchmark"]):
        command = [sys.executable, "-m", "flows.cli.main", "rollout", *arguments, "--home", str(home)]
        before, began_s = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        took_s, after = time.monotonic() - began_s, resource.getrusage(resource.RUSAGE_CHILDREN)
        processor_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        print(f"| {arguments[0]} | {took_s:.2f} | {processor_s:.2f} |", flush=True)


def fill(settings: Settings, trials: int) -> None:
    """Add trials that both releases measured, as in a home whose frames are Parquet files."""
    with opened_for_writing(settings.warehouse) as connection, transaction(connection):
        (last,) = connection.execute("SELECT max(run_number) FROM run").fetchall()[0]
        describe_trials(connection, last, last + trials)
        rollout = latest(connection)
        assert rollout is not None
        number = f"run_number + {trials} AS run_number"
        for table in ("metric_of_every_run", "quality_of_every_run", "load_record"):
            connection.execute(
                f"INSERT INTO {table} SELECT * REPLACE ({number}) FROM {table} WHERE run_number > {last}"
            )
        of_candidate = f"{number}, '{rollout.candidate_id}' AS release_id"
        connection.execute(f"UPDATE run SET release_id = '{rollout.champion_id}' WHERE run_number > {last}")
        connection.execute(f"UPDATE release_run SET release_id = '{rollout.champion_id}' WHERE run_number > {last}")
        connection.execute(
            f"INSERT INTO run SELECT * REPLACE ({of_candidate}, '2-' || run_id AS run_id) FROM run "
            f"WHERE run_number > {last}"
        )
        connection.execute(
            f"INSERT INTO release_run SELECT * REPLACE ({of_candidate}) FROM release_run WHERE run_number > {last}"
        )
        refresh_current(connection)
    publish_snapshot(settings.warehouse, settings.snapshot)


def named(act: str, begun: str | None) -> str:
    """An act, and what it undoes."""
    return f"{act} of a {begun}" if begun else act


def main() -> None:
    """One of the commands above."""
    what, *given = sys.argv[1:]
    with tempfile.TemporaryDirectory() as scratch:
        home = Path(given.pop(0)) if what == "write" else Path(scratch) / "home"
        if what != "write":
            in_a_process(lambda: str(make_home(home).home))
        if what == "seconds":
            seconds(home, int(given[0]))
            return
        with copied(home) as copy:
            import_ahead(partial(do, "promote", Settings.load(copy)))
        if what == "write":
            chosen_writes(home, given)
        elif what == "moments":
            moments(home, int(given[0]), *given[1:])
        elif what == "writes":
            writes(home)
        else:
            sys.exit(f"{what!r} is no command of this benchmark; there are moments, seconds, write, writes")


if __name__ == "__main__":
    main()
