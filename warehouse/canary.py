"""A canary: the teams, athletes or trials that show a candidate release before all others do.

Who belongs to it is decided by a hash of the candidate and the unit's id: the same on every machine and in every night,
independent of what was chosen for another candidate, and a larger share holds all that a smaller one does.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

import duckdb

from warehouse.errors import ReleaseError

Unit = Literal["athlete", "team", "trial"]
UNITS: tuple[Unit, ...] = ("athlete", "team", "trial")

# Whether a row of trial_manifest JOIN session belongs to the canary of the parameters.
UNIT_ID = (
    "CASE $canary.unit WHEN 'team' THEN session.team_id WHEN 'athlete' THEN athlete_id ELSE trial_manifest.trial_id END"
)
IS_CHOSEN = (
    "(list_contains($canary.teams, session.team_id) "
    f"OR sha256($canary.release_id || ' ' || {UNIT_ID}) < $canary.threshold)"
)


@dataclass(frozen=True)
class Canary:
    """Who shows a candidate.

    Attributes:
        release_id: of the candidate.
        unit: that the share is of.
        share: of all units, 0 to 1.
        teams: that are in it besides.
    """

    release_id: str
    unit: Unit = "athlete"
    share: float = 0.0
    teams: tuple[str, ...] = ()

    def chooses(self, *, team: str, athlete: str, trial: str) -> bool:
        """Whether a trial belongs to it; by its ids, as the warehouse has them."""
        unit = {"team": team, "athlete": athlete, "trial": trial}[self.unit]
        return team in self.teams or hashlib.sha256(f"{self.release_id} {unit}".encode()).hexdigest() < self.threshold

    @property
    def threshold(self) -> str:
        """The hashes below it are in the share: the lowest of so many of all."""
        return "g" if self.share >= 1 else f"{int(self.share * 16**12):012x}"

    @property
    def parameters(self) -> dict[str, Any]:
        """Of the SQL in IS_CHOSEN."""
        return {**self.row, "threshold": self.threshold}

    @property
    def row(self) -> dict[str, Any]:
        """As `release_act` has it."""
        return {**asdict(self), "teams": list(self.teams)}

    @classmethod
    def of(cls, row: Mapping[str, Any] | None) -> Canary | None:
        """From `release_act`."""
        return cls(row["release_id"], row["unit"], row["share"], tuple(row["teams"])) if row else None

    def __str__(self) -> str:
        """Who is in it, for a person."""
        share = [f"{self.share:.3g} of all {self.unit}s"] if self.share else []
        return " and ".join([*share, *(f"team {team}" for team in self.teams)])


@dataclass(frozen=True)
class ChosenTrials:
    """How many trials belong to a canary and how many of these the candidate measured, of how many trials and units."""

    chosen: int
    measured: int
    total: int
    units: int

    @property
    def line(self) -> str:
        """For a person."""
        return f"{self.chosen} of {self.total} trials, of which the candidate measured {self.measured}"


def chosen_trials(connection: duckdb.DuckDBPyConnection, canary: Canary) -> ChosenTrials:
    """Count the trials that a canary chooses."""
    (row,) = connection.execute(
        f"SELECT count(*) FILTER ({IS_CHOSEN}), count(release_run.trial_id) FILTER ({IS_CHOSEN}), count(*), "  # noqa: S608
        f"count(DISTINCT {UNIT_ID}) FROM trial_manifest JOIN session USING (session_id) LEFT JOIN release_run "
        "ON release_run.trial_id = trial_manifest.trial_id AND release_run.release_id = $canary.release_id "
        "WHERE NOT is_retired",
        {"canary": canary.parameters},
    ).fetchall()
    return ChosenTrials(*row)


def check_canary(connection: duckdb.DuckDBPyConnection, canary: Canary) -> ChosenTrials:
    """Count what a canary would choose.

    Raises:
        ReleaseError: it chooses no trial, or a team is not known.
    """
    known = [team for (team,) in connection.execute("SELECT team_id FROM team ORDER BY 1").fetchall()]
    if unknown := sorted(set(canary.teams) - set(known)):
        raise ReleaseError(f"--team {unknown[0]}: there is no such team; there are {', '.join(known) or 'none'}")
    counted = chosen_trials(connection, canary)
    if not counted.chosen:
        raise ReleaseError(
            f"a share of {canary.share:g} chooses none of the {counted.units} {canary.unit}s here; give a larger "
            "--share, --of another unit, or --team"
        )
    return counted
