"""Calls of Dask's workers, with a real cluster."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import dask
import httpx
import pytest
from distributed import Client, LocalCluster, Security

from biopose.trial import Clip, Subject, Trial
from tasks.dask_pool import LOCAL, DaskPool, _local_cluster
from tasks.faults import EngineError, as_input_error
from tasks.methods import PinnedMethod


@pytest.mark.parametrize(("is_here", "remedy"), [(True, "fewer BIOPOSE_CORES"), (False, "BIOPOSE_DASK_ADDRESS")])
def test_a_call_ends_where_no_worker_is_left_and_none_starts(
    is_here: bool, remedy: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks.dask_pool.LOOK_S", 0.05)
    monkeypatch.setattr("tasks.dask_pool.LONGEST_WITHOUT_WORKERS_S", 0.1)
    trial = Trial(Clip(tmp_path / "clip.mp4"), (Subject(1.7),))
    with (
        LocalCluster(
            n_workers=0, processes=False, memory_limit=None, dashboard_address=None, silence_logs=50
        ) as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        pool = DaskPool(client, 1, PinnedMethod("mqhmr", (), (), 0), share_cores=is_here)
        with pytest.raises(EngineError, match=f"workers died, and none started within 0 s.*{remedy}") as raised:
            asyncio.run(pool.reconstruct(trial, [], tmp_path / "motion"))
    assert as_input_error(raised.value, trial.inputs) is None


def test_who_has_not_its_key_cannot_drive_a_cluster_that_is_started_here(tmp_path: Path) -> None:
    with (
        dask.config.set(LOCAL),
        _local_cluster(1, folder=tmp_path, imports=()) as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        assert client.submit(abs, -1).result() == 1
        page = f"http://127.0.0.1:{cluster.scheduler.http_server.port}/info/main/workers.html"
        assert httpx.get(page, trust_env=False).status_code == 404
        address = cluster.scheduler_address
        assert address.startswith("tls://127.0.0.1:")
        for stranger in (None, Security.temporary()):
            with pytest.raises(OSError, match=r"closed|timed out|TLS certificate"):
                Client(address if stranger else address.replace("tls", "tcp"), security=stranger, timeout=3)


FORKED = """
import gc, multiprocessing
context = multiprocessing.get_context("forkserver")
context.set_forkserver_preload(["tasks.forked_imports", "json"])
with context.Pool(1) as pool:
    print(pool.apply(gc.isenabled), pool.apply(gc.get_freeze_count) > 1000)
"""


def test_workers_look_for_garbage_but_not_in_the_memory_that_they_share() -> None:
    run = subprocess.run([sys.executable, "-c", FORKED], capture_output=True, text=True, check=True)
    assert run.stdout == "True True\n"
