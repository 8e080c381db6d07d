"""An ingest that is killed and run again ends as an undisturbed one (see also tests/benchmarks/crashes.py)."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.benchmarks.kills import VICTIMS, kill
from tests.flows.conftest import FRAMES, ObservedRun
from tests.flows.ingest_runs import copied_home, needs_clips, small_inbox, start_ingest
from tests.flows.prefect_server import wait_for
from warehouse.connection import opened_for_reading

pytestmark = [pytest.mark.slow, needs_clips]

TRIALS = ["blue/beam0/trial0", "blue/beam0/trial1"]
END_TIMEOUT_S = 240.0  # an idle Ray actor may first try to reach its dead server again, slowly on a busy machine
CONTENT = ("model_version", *(f"{name}_of_every_run" for name in ("kinematics", "event", "metric", "quality")))


@dataclass
class KilledFlow:
    """A home whose first ingest was killed after something was perceived.

    Attributes:
        inbox: two trials of the undisturbed run.
        home: of the killed run.
        exit_code: of the flow.
        left_running: command lines of its processes that still ran END_TIMEOUT_S later.
        listened_on: the addresses on which it and its processes listened.
    """

    inbox: Path
    home: Path
    exit_code: int
    left_running: list[str]
    listened_on: set[str]


@pytest.fixture(scope="module")
def killed(run: ObservedRun, tmp_path_factory: pytest.TempPathFactory) -> KilledFlow:
    folder = tmp_path_factory.mktemp("killed")
    inbox = small_inbox(folder / "inbox", trials=len(TRIALS), frames=FRAMES)
    home = copied_home(run.home, folder / "home")
    process = start_ingest(inbox, home, cores=1)
    flow = psutil.Process(process.pid)
    wait_for(lambda: VICTIMS["Ray actor"](flow, home) and VICTIMS["Dask worker"](flow, home), timeout_s=120)
    wait_for(lambda: list((home / "artifacts").rglob("*.parquet")) or process.poll() is not None, timeout_s=120)
    family = [child for child in flow.children(recursive=True) if is_ours(child)]
    assert len(family) >= 3
    listened_on = {address for one in (flow, *flow.children(recursive=True)) for address in addresses_of(one)}
    process.kill()
    process.communicate(timeout=120)
    end_s = time.monotonic() + END_TIMEOUT_S
    while (left := [command_of(child) for child in family if is_running(child)]) and time.monotonic() < end_s:
        time.sleep(0.5)
    return KilledFlow(inbox, home, process.returncode, left, listened_on)


def test_a_killed_flow_ends_its_actors_workers_and_server(killed: KilledFlow) -> None:
    """Ray's own agents may stay for another minute."""
    assert killed.exit_code == -9
    assert killed.left_running == []


def test_prefect_ray_and_dask_of_a_night_listen_on_loopback_alone(killed: KilledFlow) -> None:
    assert killed.listened_on <= {"127.0.0.1", "::1", "::ffff:127.0.0.1"}
    assert killed.listened_on


def test_whatever_is_killed_the_next_run_ends_as_an_undisturbed_one(killed: KilledFlow, run: ObservedRun) -> None:
    """The dead Prefect server is started again, and the flow's own end is reported to it."""
    for perceived in (killed.home / "artifacts" / "perceived").rglob("*.parquet"):
        perceived.unlink()  # both engines have work, whatever the killed flow had come to
    process = start_ingest(killed.inbox, killed.home, cores=1)
    for victim in ("Ray actor", "Prefect server", "Dask worker"):
        assert kill(process, killed.home, victim=victim) > 0
    output, errors = process.communicate(timeout=120)  # 38 s in a whole run of the tests
    assert process.returncode == 0, (output, errors)
    assert content_of(killed.home / "warehouse.snapshot.duckdb", TRIALS) == content_of(run.snapshot, TRIALS)


def content_of(snapshot: Path, trials: list[str]) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of some trials, without the numbers that runs get in the order of loading."""
    runs = "FROM run WHERE trial_id = ANY(?) ORDER BY trial_id"
    queries = {
        "run": f"SELECT * EXCLUDE (run_number, artifacts) {runs}",
        **{
            table: f"SELECT run_id, f.* EXCLUDE (run_number) FROM {table} f JOIN run USING (run_number) "
            "WHERE trial_id = ANY(?) ORDER BY ALL"
            for table in CONTENT
        },
    }
    with opened_for_reading(snapshot) as connection:
        content = {table: connection.execute(sql, [trials]).fetchall() for table, sql in queries.items()}
    assert len(content["run"]) == len(trials)
    return content


def addresses_of(process: psutil.Process) -> list[str]:
    """Those that it listens on."""
    try:
        return [one.laddr.ip for one in process.net_connections() if one.status == psutil.CONN_LISTEN]
    except psutil.NoSuchProcess:
        return []


def is_running(process: psutil.Process) -> bool:
    """Whether it runs; one that ended stays as a zombie until its parent collects it."""
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def is_ours(process: psutil.Process) -> bool:
    """An actor, a Dask worker or the Prefect server."""
    return any(text in command_of(process) for text in ("PerceptionActor", "forkserver", "uvicorn"))


def command_of(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.NoSuchProcess:
        return ""
