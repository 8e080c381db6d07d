"""Acts on a home that are killed and run again: nights, commands and rollouts, what serves them, how each is judged."""

from __future__ import annotations

import os
import random
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from functools import cached_property, partial
from io import StringIO
from pathlib import Path
from typing import Any

import click
import psutil

from flows.serving.ingest_server import ingest_server
from flows.serving.programs import PREFECT_APPLICATION
from tasks.audit import AuditLog
from tasks.settings import Settings
from tests.benchmarks import promotions
from tests.benchmarks.kills import (
    KILLED,
    Writes,
    copied,
    import_ahead,
    in_a_process,
    kill,
    kill_process,
    named,
    seconds_of,
)
from tests.benchmarks.power_cut import Disk, disk
from tests.benchmarks.stored_home import make_home as make_stored_home
from tests.commands import run as run_command
from tests.flows.cluster import certificate_of_this_machine, dask_cluster, dask_tls
from tests.flows.ingest_runs import run_ingest, small_inbox, start_ingest
from tests.marker_recordings import HEAD, TRIAL, laboratory, swinging_markers, written_trc
from tests.prefect_server import wait_until_up_again
from tests.tasks.registry import make_home
from warehouse.content import content_rows

SERVER, WORKER, POWER, WRITE, PROCESS = "Prefect server", "Dask worker", "power cut", "loader, at a write", "process"
NIGHT, WHOLE, VIDEO = "night of markers", "night of markers, with its servers", "night of video, with its servers"
JOINED = {"BIOPOSE_REPORTS_AFTER_NIGHTS": "false"}  # half of a night's time
AT_ONCE = {f"BIOPOSE_{kind}_DAYS": "0" for kind in ("INTERMEDIATES", "SUPERSEDED", "DELETED", "RAY_LOGS")}
COMMANDS = {
    "erase": ("erase", "blue/ben", "--yes"),
    "prune": ("prune",),
    "delete": ("delete", "blue/2026-11-25-jumps/jump2"),
}
BEN = '\n[[athlete]]\nid = "ben"\nheight_m = 1.70\nconsent = true\n'
FRAMES = 20  # of each recording
KEPT = ("artifacts", "reports", "quarantine", "golden")  # folders of a home whose files are compared


@dataclass(frozen=True)
class Outcome:
    """What came of a kill.

    Attributes:
        act: that was killed.
        victim: of the kill.
        after_s: when, or before which write.
        killed: whether the victim was there then.
        faults: how the home differs from an undisturbed one once the act was run again.
    """

    act: str
    victim: str
    after_s: float
    killed: bool
    faults: tuple[str, ...]


def state(settings: Settings) -> dict[str, Any]:
    """What warehouse, readers and folders of a home have."""
    files = (path for top in KEPT for path in (settings.home / top).rglob("*") if path.is_file())
    names = sorted(str(path.relative_to(settings.home)) for path in files if path.stat().st_size)
    return {
        "rows": content_rows(settings.warehouse),
        "read": content_rows(settings.snapshot),
        "files": [name for name in names if ".partial-" not in name],
        "audited": _audited(settings),
    }


def _audited(settings: Settings) -> list[tuple[str, ...]]:
    """What the audit log has, once each: who, act, athletes and trials; it must be whole."""
    log = AuditLog(settings.home)
    log.verify()
    return sorted({(one.who, one.act, *one.athletes, *one.trials) for one in log.entries() if one.act != "repair"})


def faults(repeated: Any, after: Any, whole: dict[str, Any]) -> tuple[str, ...]:
    """How a home that an act was repeated in differs from one that it was done in once."""
    if isinstance(repeated, dict):
        return (f"the second run: {repeated}",)
    if "failed" in after:
        return ("the warehouse cannot be read",)
    found = [
        f"{table}: {after['rows'][table]} in place of {rows}"
        for table, rows in whole["rows"].items()
        if after["rows"][table] != rows
    ]
    missing, added = (
        sorted(set(ours) - set(theirs))
        for ours, theirs in ((whole["files"], after["files"]), (after["files"], whole["files"]))
    )
    found += [f"readers have another {table}" for table, rows in after["read"].items() if after["rows"][table] != rows]
    found += [f"audited are {after['audited']}"] if after["audited"] != whole["audited"] else []
    found += [f"{len(missing)} files are missing, such as {missing[0]}"] if missing else []
    return (*found, *([f"{len(added)} files more, such as {added[0]}"] if added else []))


def night(inbox: Path, home: Path, write: int | None = None) -> int:
    """An ingest in this process, killed before a write; how many it made."""
    from flows.ingest import ingest

    writes = Writes(-1 if write is None else write)
    writes.count_statements()
    with redirect_stdout(StringIO()):
        account = ingest(inbox=str(inbox), home=str(home), method="keypoint_fit")
    assert not account["quarantined"], account["quarantined"]
    return writes.done


def command(act: str, home: Path) -> int:
    """A command in this process."""
    if act == "prune":
        os.environ.update(AT_ONCE)
    result = run_command(*COMMANDS[act], "--home", home)
    assert result.exit_code == 0, result.output
    return result.exit_code


class KilledActs:
    """The homes that acts begin with, what serves them, and how each act is killed and repeated.

    Args:
        folder: of everything.
        running: keeps servers and the disk until the end.
    """

    def __init__(self, folder: Path, running: ExitStack) -> None:
        self._folder, self._running = folder, running
        self._on_disk: dict[Path, Path] = {}
        self._wholes: dict[str, tuple[Any, float, int]] = {}

    @cached_property
    def _stored(self) -> Path:
        """A home of stored trials."""
        settings = Settings.load(self._folder / "stored")
        in_a_process(partial(make_stored_home, settings))
        for act in COMMANDS:
            with copied(settings.home) as copy:
                import_ahead(partial(command, act, copy))
        return settings.home

    @cached_property
    def _promoted(self) -> Path:
        """A home whose promoted release and candidate have measured trials."""
        home = self._folder / "promoted"
        in_a_process(lambda: str(make_home(home).home))
        with copied(home) as copy:
            import_ahead(partial(promotions.do, "promote", Settings.load(copy)))
        return home

    @cached_property
    def _inbox(self) -> Path:
        """Recordings of markers."""
        return _recordings(self._folder / "inbox")

    @cached_property
    def _videos(self) -> Path:
        return small_inbox(self._folder / "videos", trials=2, frames=10)

    @cached_property
    def _empty(self) -> Path:
        """A home with registered models alone; from now on a Prefect server and a Dask cluster serve nights."""
        from tasks.registration import register_once

        settings = Settings.load(self._folder / "empty")
        settings.make_home()
        certificate, key = certificate_of_this_machine(self._folder)
        os.environ.update(dask_tls(certificate, key))
        in_a_process(lambda: register_once(settings))
        dask = self._running.enter_context(dask_cluster(self._folder / "dask", certificate, key))
        with redirect_stderr(StringIO()):
            self._running.enter_context(ingest_server(settings, lambda _: None))()
        os.environ.update(JOINED | {"BIOPOSE_DASK_ADDRESS": dask})
        with copied(settings.home) as copy:
            import_ahead(partial(night, self._inbox, copy))
        return settings.home

    @cached_property
    def _disk(self) -> Disk:
        return self._running.enter_context(disk(self._folder / "power"))

    def once(self, act: str, victim: str, draw: random.Random) -> Outcome:
        """Kill an act once, and run it again."""
        if act in (WHOLE, VIDEO):
            return self._with_servers(act, victim, draw)
        if act in dict(promotions_acts()):
            return self._promotion(act, draw)
        start = self._stored if act in COMMANDS else self._empty
        work = partial(command, act) if act in COMMANDS else partial(night, self._inbox)
        whole, took_s, writes = self._undisturbed(act, start, work)
        after_s = float(draw.randrange(writes)) if victim == WRITE else draw.uniform(0.0, took_s)
        with self._copy(start, victim) as copy:
            if victim == WRITE:
                ended = in_a_process(partial(work, copy, write=int(after_s)))
            else:
                killed: list[bool] = []
                ended = in_a_process(
                    partial(work, copy),
                    after_s=after_s,
                    kill=lambda process: killed.append(self._kill(victim, process)),
                )
                ended = KILLED if any(killed) else ended
            if victim == POWER and ended == KILLED:
                self._restore_power()
            if victim == SERVER:
                wait_until_up_again(os.environ["PREFECT_API_URL"])
            repeated = in_a_process(partial(work, copy))
            after = in_a_process(partial(state, Settings.load(copy)))
        if victim != WRITE:
            self._timed(act, after_s, killed=ended == KILLED)
        return Outcome(act, victim, after_s, ended == KILLED, faults(repeated, after, whole))

    def _timed(self, act: str, after_s: float, *, killed: bool) -> None:
        """Where an act had ended by then, it takes no longer: the machine was busier when it was timed."""
        if not killed:
            whole, took_s, writes = self._wholes[act]
            self._wholes[act] = whole, min(took_s, after_s), writes

    def _undisturbed(self, act: str, start: Path, work: Callable[..., int]) -> tuple[Any, float, int]:
        """The state that an act leaves, how long it takes, and its writes."""
        if act not in self._wholes:
            with copied(start) as copy:
                began_s = time.monotonic()
                writes = in_a_process(partial(work, copy))
                took_s = time.monotonic() - began_s
                whole = in_a_process(partial(state, Settings.load(copy)))
            self._wholes[act] = whole, took_s, int(writes)
            rows = {table: count for table, (count, _) in whole["rows"].items()}
            click.echo(f"{act}: {took_s:.1f} s, {writes} writes, {len(whole['files'])} files, rows {rows}", err=True)
        return self._wholes[act]

    @contextmanager
    def _copy(self, start: Path, victim: str) -> Iterator[Path]:
        if victim == POWER and start not in self._on_disk:
            self._on_disk[start] = self._disk.folder / start.name
            shutil.copytree(start, self._on_disk[start], ignore=shutil.ignore_patterns("logs"))
        with copied(self._on_disk[start] if victim == POWER else start) as copy:
            if victim == POWER:
                self._disk.flush()
            yield copy

    def _kill(self, victim: str, process: int) -> bool:
        """Kill; whether there was something to kill."""
        if victim == POWER:
            self._disk.cut()
        if victim in (WORKER, POWER):
            for worker in named(psutil.Process(), "spawn_main"):  # a nanny starts another
                worker.kill()
        if victim == SERVER:
            for server in named(psutil.Process(), PREFECT_APPLICATION):
                server.kill()
        if victim in (PROCESS, POWER):
            kill_process(process)
        return True

    def _restore_power(self) -> None:
        self._disk.unmount()
        self._disk.mount()

    def _promotion(self, act: str, draw: random.Random) -> Outcome:
        do, begun = dict(promotions_acts())[act]
        with promotions.prepared(self._promoted, begun) as start:
            before = in_a_process(partial(promotions.state, Settings.load(start)))
            if act not in self._wholes:
                with copied(start) as whole:
                    self._wholes[act] = None, seconds_of(partial(promotions.do, do, Settings.load(whole))), 0
            after_s = draw.uniform(0.0, self._wholes[act][1])
            found = promotions.judged(
                do, start, before, lambda settings: in_a_process(partial(promotions.do, do, settings), after_s=after_s)
            )
        self._timed(act, after_s, killed=found["ended"] == KILLED)
        return Outcome(act, PROCESS, after_s, found["ended"] == KILLED, tuple(found["faults"]))

    def _with_servers(self, act: str, victim: str, draw: random.Random) -> Outcome:
        """The command itself, with all that it starts."""
        inbox, empty = self._videos if act == VIDEO else self._inbox, self._empty
        with _without((*JOINED, "BIOPOSE_DASK_ADDRESS", "PREFECT_")):
            if act not in self._wholes:
                with copied(empty) as copy:
                    began_s = time.monotonic()
                    run_ingest(inbox, copy, "--method", "keypoint_fit")
                    self._wholes[act] = in_a_process(partial(state, Settings.load(copy))), time.monotonic() - began_s, 0
            whole, took_s, _ = self._wholes[act]
            after_s = draw.uniform(0.0, took_s)
            with copied(empty) as copy:
                process = start_ingest(inbox, copy, "--method", "keypoint_fit")
                at_s = kill(process, copy, victim=victim, after_s=after_s)
                process.communicate(timeout=300)
                try:
                    repeated: Any = run_ingest(inbox, copy, "--method", "keypoint_fit") and 0
                except AssertionError as error:
                    repeated = {"failed": str(error)}
                after = in_a_process(partial(state, Settings.load(copy)))
        return Outcome(act, victim, after_s, at_s == at_s, faults(repeated, after, whole))


def _recordings(inbox: Path) -> Path:
    """An inbox with a session of a short recording of each of two athletes."""
    manifest = laboratory(inbox, "walk.trc", head=HEAD + BEN)
    manifest.write_text(manifest.read_text() + TRIAL.format(file="squat.trc").replace("ann", "ben"))
    for first, file in enumerate(("walk.trc", "squat.trc")):
        written_trc(manifest.parent / file, swinging_markers().at(slice(first, first + FRAMES)))
    (manifest.parent / "static.trc").unlink()  # no athlete names it
    return inbox


def promotions_acts() -> list[tuple[str, tuple[str, str | None]]]:
    """Acts of rollouts by their names."""
    return [(promotions.named(act, begun), (act, begun)) for act, begun in promotions.ACTS]


@contextmanager
def _without(prefixes: tuple[str, ...]) -> Iterator[None]:
    """Without the variables of the environment that begin so, for the block."""
    kept = {name: value for name, value in os.environ.items() if name.startswith(prefixes)}
    for name in kept:
        del os.environ[name]
    try:
        yield
    finally:
        os.environ.update(kept)
