"""Prefect's record of earlier runs, corrected: a process that was killed could not report its end."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from prefect import runtime
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import (
    FlowFilter,
    FlowFilterName,
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import StateType
from prefect.states import Crashed

from tasks.settings import Settings

log = logging.getLogger(__name__)


def close_crashed_runs(settings: Settings, flow_name: str = "ingest") -> int:
    """Mark as crashed every run of the flow in this home that is recorded as running, except this one.

    Call it while holding the home's lock, so that no other run can be active there. Other homes may report to the same
    server, where it is one of the user's own.

    Args:
        settings: of the home.
        flow_name: of the flow.

    Returns:
        The number of such runs.
    """
    states = FlowRunFilterStateType(any_=[StateType.RUNNING])
    with get_client(sync_client=True) as client:
        running = client.read_flow_runs(
            flow_filter=FlowFilter(name=FlowFilterName(any_=[flow_name])),
            flow_run_filter=FlowRunFilter(state=FlowRunFilterState(type=states)),
        )
        dead = [run for run in running if str(run.id) != runtime.flow_run.id and _is_of(settings, run.parameters)]
        for run in dead:
            client.set_flow_run_state(run.id, Crashed(message="Its process was killed."), force=True)
            log.info("flow run %s had been killed", run.name)
    return len(dead)


def _is_of(settings: Settings, parameters: Mapping[str, Any]) -> bool:
    """Whether a run is of this home; one that was given none is, on a server of this home."""
    home = parameters.get("home")
    return str(home) == str(settings.home) if home else settings.prefect_api_url is None
