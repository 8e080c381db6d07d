"""The refresh of what is derived from all trials of a home: after each night, or by `biopose cohort`.

    find what changed -> derive (Dask) -> store -> move frames to Parquet once there are many -> publish

An ingest ends with the same. What is derived makes queries fast and changes no answer (`warehouse.derive`).
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from prefect import flow, get_run_logger

from tasks.cohort import refresh
from tasks.locks import exclusive
from tasks.settings import Settings
from tasks.warehouse_writer import WarehouseWriter


@flow(name="cohort", persist_result=False)
def cohort(home: str | None = None) -> dict[str, Any]:
    """Bring the derived tables of a home up to date.

    Args:
        home: holds all state; None: of the settings.

    Returns:
        The account, as `tasks.cohort.Refreshed` has it.

    Raises:
        BioposeError: an ingest is at work in this home.
        WarehouseBusyError: another process has the database open.
    """
    settings = Settings.load(home)
    with exclusive(settings.home):
        writer = WarehouseWriter(settings.warehouse, settings.snapshot)
        writer.publish()
        return asdict(refresh(settings, writer, _log))


def _log(line: str) -> None:
    """To the terminal, and to Prefect's page of the run."""
    print(line)
    get_run_logger().info(line)
