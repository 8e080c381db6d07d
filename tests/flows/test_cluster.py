"""A night on a club's cluster: Prefect and MLflow on PostgreSQL, Ray on two nodes with a token, Dask over TLS."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.flows.cluster import (
    certificate_of_this_machine,
    dask_cluster,
    dask_tls,
    postgresql,
    postgresql_program,
    prefect_server,
    ray_cluster,
)
from tests.flows.ingest_runs import needs_clips, run_ingest, small_inbox
from warehouse.api import open_home

TOKEN = "c1ub" * 16
pytestmark = [
    pytest.mark.slow,
    needs_clips,
    pytest.mark.skipif(postgresql_program("initdb") is None, reason="PostgreSQL is not installed"),
]


def test_a_night_on_a_cluster_stores_its_trials_and_leaves_no_database_but_the_warehouse(tmp_path: Path) -> None:
    inbox = small_inbox(tmp_path / "inbox", trials=2, frames=12)
    certificate, key = certificate_of_this_machine(tmp_path)
    with (
        postgresql(tmp_path / "postgresql.log", "prefect", "mlflow") as database,
        prefect_server(tmp_path / "prefect", f"postgresql+asyncpg://{database}/prefect") as prefect,
        ray_cluster(tmp_path, nodes=2, token=TOKEN) as ray,
        dask_cluster(tmp_path / "dask", certificate, key) as dask,
    ):
        cluster = {
            "BIOPOSE_PREFECT_API_URL": prefect,
            "BIOPOSE_MLFLOW_TRACKING_URI": f"postgresql+pg8000://{database}/mlflow",
            "BIOPOSE_RAY_ADDRESS": ray,
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN": TOKEN,
            "BIOPOSE_DASK_ADDRESS": dask,
            **dask_tls(certificate, key),
        }
        stored = run_ingest(inbox, tmp_path / "home", "--method", "keypoint_fit", server=cluster)["stored"]
    assert [trial["trial_id"] for trial in stored] == ["blue/beam0/trial0", "blue/beam0/trial1"]
    warehouse = open_home(tmp_path / "home")
    assert warehouse.trials()["frames"].to_list() == [12, 12]
    assert warehouse.kinematics(trial="blue/beam0/trial1").height == 12
    assert not (tmp_path / "home" / "mlflow.db").exists()
