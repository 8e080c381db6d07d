"""An ingest that is killed and run again ends as an undisturbed one (see also tests/benchmarks/crashes.py)."""

import time
from pathlib import Path

import psutil
import pytest

from tests.benchmarks.crashes import VICTIMS, kill
from tests.flows.ingest_runs import needs_clips, run_ingest, small_inbox, start_ingest
from tests.flows.prefect_server import wait_for
from warehouse.content import content_rows

pytestmark = [pytest.mark.slow, needs_clips]


def start_and_kill(inbox: Path, home: Path, *victims: str) -> tuple[int, dict[str, float]]:
    """Start an ingest and kill each victim once there is one; the exit code, and when each was killed."""
    process = start_ingest(inbox, home)
    killed = {}
    for victim in victims:
        wait_for(lambda: list((home / "artifacts").rglob("*.parquet")) or process.poll() is not None, timeout_s=120)
        killed[victim] = kill(process, home, victim=victim)
    process.communicate(timeout=300)
    return process.returncode, killed


def test_whatever_is_killed_the_next_run_ends_as_an_undisturbed_one(tmp_path: Path) -> None:
    inbox, home = small_inbox(tmp_path / "inbox", trials=2, frames=12), tmp_path / "home"
    run_ingest(inbox, tmp_path / "undisturbed")

    code, killed = start_and_kill(inbox, home, "flow process")
    assert (code, killed["flow process"] > 0) == (-9, True)
    code, killed = start_and_kill(inbox, home, "Ray actor", "Dask worker")
    assert code == 0
    assert all(at_s > 0 for at_s in killed.values())

    expected = content_rows(tmp_path / "undisturbed" / "warehouse.snapshot.duckdb")
    assert content_rows(home / "warehouse.snapshot.duckdb") == expected


def test_a_killed_flow_takes_what_works_for_it_along(tmp_path: Path) -> None:
    """Ray's own agents may stay for another minute."""
    inbox, home = small_inbox(tmp_path / "inbox", trials=1, frames=12), tmp_path / "home"
    process = start_ingest(inbox, home)
    flow = psutil.Process(process.pid)
    wait_for(lambda: VICTIMS["Ray actor"](flow, home) and VICTIMS["Dask worker"](flow, home), timeout_s=120)
    family = [child for child in flow.children(recursive=True) if is_ours(child)]
    assert len(family) >= 3
    process.kill()
    process.communicate(timeout=120)
    end_s = time.monotonic() + 120
    while (left := [" ".join(child.cmdline()) for child in family if lives(child)]) and time.monotonic() < end_s:
        time.sleep(0.5)
    assert left == []


def lives(process: psutil.Process) -> bool:
    """Whether it runs; one that ended stays as a zombie until whoever inherited it looks."""
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def is_ours(process: psutil.Process) -> bool:
    """An actor, a Dask worker or the Prefect server."""
    command = " ".join(process.cmdline())
    return any(text in command for text in ("PipelineActor", "spawn_main", "uvicorn"))
