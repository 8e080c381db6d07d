"""Calls of Dask's workers, with a real cluster."""

from __future__ import annotations

import asyncio
from pathlib import Path

import dask
import pytest
from distributed import Client, LocalCluster

from biopose.trial import Clip, Subject, Trial
from tasks.dask_pool import LOCAL, DaskPool
from tasks.faults import EngineError, as_input_error
from tasks.methods import PinnedMethod


def test_a_call_ends_where_no_worker_is_left_and_none_starts(tmp_path: Path) -> None:
    limit = "distributed.scheduler.no-workers-timeout"
    assert limit in LOCAL
    trial = Trial(Clip(tmp_path / "clip.mp4"), (Subject(1.7),))
    with (
        dask.config.set({limit: "100ms"}),
        LocalCluster(n_workers=0, processes=False, dashboard_address=None, silence_logs=50) as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        pool = DaskPool(client, 1, PinnedMethod("mqhmr", (), (), 0))
        with pytest.raises(EngineError, match="Dask's workers died, and none started within 0 s") as raised:
            asyncio.run(pool.reconstruct(trial, [], tmp_path / "motion"))
    assert as_input_error(raised.value, trial.inputs) is None
