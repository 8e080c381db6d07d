"""Runs of killed processes are closed in this home alone, also where several homes report to one server."""

from __future__ import annotations

from pathlib import Path

import pytest
from prefect import flow
from prefect.client.orchestration import get_client
from prefect.states import Running

from tasks.flow_runs import close_crashed_runs
from tasks.settings import Settings

pytestmark = pytest.mark.slow


@flow(name="a night", persist_result=False)
def a_night(home: str | None = None) -> None:
    """Reports to the server."""


def test_a_run_of_another_home_stays_as_it_is(prefect_api: None, tmp_path: Path) -> None:
    own, other = Settings.load(tmp_path / "own"), Settings.load(tmp_path / "other")
    shared = own.model_copy(update={"prefect_api_url": "http://shared/api"})
    with get_client(sync_client=True) as client:
        runs = [
            client.create_flow_run(a_night, parameters={"home": home}, state=Running())
            for home in (str(own.home), str(other.home), None)
        ]
        assert close_crashed_runs(shared, "a night") == 1
        states = [client.read_flow_run(run.id).state_name for run in runs]
    assert states == ["Crashed", "Running", "Running"]
