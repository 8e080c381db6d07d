"""BioPose, the library: from video and markers to the joint kinematics of an OpenSim skeleton.

Nothing here knows about the orchestration (``tasks``, ``flows``) or the ``warehouse``; `open` alone hands over to it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from warehouse.api import Home, Limits, Teams


def open(home: Path | str, *, teams: Teams = None, limits: Limits | None = None) -> Home:  # noqa: A001 - biopose.open
    """A home's warehouse as polars frames: trials, metrics, events, cycles, curves, kinematics.

        biopose.open("biopose-home").metrics(metric="knee_flexion_peak", athlete="blue/ann").to_pandas()

    Args:
        home: the folder that holds all state.
        teams: whose rows are read; None: every row.
        limits: of time and memory, of each question.

    Raises:
        ModuleNotFoundError: the group [orchestration] is not installed; the message has the command.
        NoWarehouseError: there is no such home, or nothing was ingested yet.
        UnknownNameError: there is no such team.
        WarehouseError: its snapshot is damaged, or of another version.
    """
    try:
        from warehouse.api import open_home  # here, so that the library installs and starts without a database
    except ModuleNotFoundError as error:
        if error.name not in ("duckdb", "polars", "psutil"):
            raise
        message = f"biopose.open needs {error.name}: pip install 'biopose[orchestration]'"
        raise ModuleNotFoundError(message, name=error.name) from error
    return open_home(home, teams=teams, limits=limits)
