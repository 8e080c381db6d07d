"""The warehouse as polars frames, for notebooks and scripts: what `biopose.open` gives.

    import biopose

    home = biopose.open("biopose-home")
    home.metrics(metric="knee_flexion_peak", athlete="blue/ann").to_pandas()

`flows/notebooks/warehouse.ipynb` shows all of it.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from pathlib import Path

import duckdb
import polars as pl

from warehouse import SNAPSHOT
from warehouse.limits import Limits
from warehouse.parameters import Parameter, check_value
from warehouse.query import answer, run_query, run_sql
from warehouse.team_rows import Teams, opened_for_teams

__all__ = ["Home", "Limits", "Teams", "open_home"]

COLUMNS = {
    "team": "team_id",
    "session": "session_id",
    "athlete": "athlete_id",
    "trial": "trial_id",
    "activity": "activity",
    "metric": "metric",
    "event": "event",
}


def open_home(home: Path | str, *, teams: Teams = None, limits: Limits | None = None) -> Home:
    """A home's warehouse, to be read.

    Args:
        home: the folder that holds all state.
        teams: whose rows are read; None: every row.
        limits: of time and memory, of each question.

    Raises:
        NoWarehouseError: there is no such home, or nothing was ingested yet.
        UnknownNameError: there is no such team.
        WarehouseError: its snapshot is damaged, or of another version.
    """
    folder = Path(home).expanduser().absolute()
    with opened_for_teams(folder / SNAPSHOT, teams):
        pass
    return Home(folder, limits or Limits(), teams)


@dataclass(frozen=True)
class Home:
    """A home's warehouse; each call reads the newest snapshot, and holds nothing open.

    Every method takes keyword filters: team, session, athlete, trial, activity, and metric or event where the rows have
    one. It raises a QueryError with the nearest names where the warehouse does not have such a name, and a
    QueryLimitError where the answer would take too long or too much memory.

    Attributes:
        folder: of the home.
        limits: of time and memory.
        teams: whose rows are read; None: every row.
    """

    folder: Path
    limits: Limits
    teams: Teams = None

    def trials(self, **filters: str) -> pl.DataFrame:
        """A row a trial, as its manifest describes it and its current run measured it."""
        return self._rows("trial", "session_date, trial_id", filters)

    def metrics(self, **filters: str) -> pl.DataFrame:
        """A row a metric and side of a trial."""
        return self._rows("metric", "session_date, trial_id, metric, side", filters)

    def events(self, **filters: str) -> pl.DataFrame:
        """A row an event of a trial."""
        return self._rows("event", "session_date, trial_id, time_s, event, side", filters)

    def cycles(self, **filters: str) -> pl.DataFrame:
        """A row a stride of each side in gait, a row a trial elsewhere: where it begins and ends."""
        return self._rows("phase", "session_date, trial_id, side, phase_number", filters)

    def cycle_metrics(self, **filters: str) -> pl.DataFrame:
        """A row a metric and side of each cycle: a stride, a jump, a repetition."""
        return self._rows("cycle_metric", "session_date, trial_id, cycle, side, cycle_number, metric", filters)

    def curves(self, **filters: str) -> pl.DataFrame:
        """A row a per cent, 0 to 100, of each cycle: coordinates in degrees and metres, with standard deviations."""
        return self._rows("curve", "session_date, trial_id, side, phase_number, percent", filters)

    def kinematics(self, **filters: str) -> pl.DataFrame:
        """A row a frame: coordinates in degrees and metres, and their standard deviations."""
        return self._rows("kinematics", "session_date, trial_id, frame_index", filters)

    def session_curves(self, **filters: str) -> pl.DataFrame:
        """A row a per cent of each session, activity and side: means over its cycles, and the spread between them."""
        return self._rows("session_curve", "session_date, session_id, activity, side, percent", filters)

    def frame_files(self) -> list[Path]:
        """The Parquet files of frames, for engines that read them in place; `run_number` is that of `current_run`.

        Frames that are in no file are rows of `recent_kinematics`; `tasks.dask_frames` reads both.
        """
        return [self.folder / file for file in self.sql("SELECT file FROM kinematics_file ORDER BY 1")["file"]]

    def query(self, name: str, **given: str | float | datetime.date) -> pl.DataFrame:
        """The answer of a named query; the home's own in its folder `queries` are among them."""
        own, texts = self.folder / "queries", {parameter: str(value) for parameter, value in given.items()}
        return run_query(self.folder / SNAPSHOT, name, texts, own=own, teams=self.teams, limits=self.limits)

    def sql(self, sql: str) -> pl.DataFrame:
        """The answer to SQL, which can read the warehouse and nothing else."""
        return run_sql(self.folder / SNAPSHOT, sql, teams=self.teams, limits=self.limits)

    def _rows(self, view: str, order: str, filters: dict[str, str]) -> pl.DataFrame:
        def work(connection: duckdb.DuckDBPyConnection) -> pl.DataFrame:
            columns = {name for name, *_ in connection.execute(f"DESCRIBE {view}").fetchall()}
            known = {name: column for name, column in COLUMNS.items() if column in columns}
            if unknown := sorted(filters.keys() - known.keys()):
                raise ValueError(f"no filter {', '.join(unknown)}; rows of {view} can be had by {', '.join(known)}")
            for name, value in filters.items():
                source = view if name in ("metric", "event") else "trial"
                check_value(connection, Parameter(name, f"one of {source}.{known[name]}", None), value)
            where = " AND ".join([f"{known[name]} = ${name}" for name in filters] or ["true"])
            sql = f"SELECT * FROM {view} WHERE {where} ORDER BY {order}"  # noqa: S608 - our own names
            return connection.sql(sql, params=filters or None).pl()

        return answer(self.folder / SNAPSHOT, work, self.limits, teams=self.teams)
