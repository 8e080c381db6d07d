"""Where a rollout stands, for a person, for a program and as the page to decide by."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import duckdb

from tasks.settings import Settings
from warehouse.backfills import backfills
from warehouse.canary import chosen_trials
from warehouse.connection import opened_for_writing
from warehouse.errors import ReleaseError, no_home
from warehouse.nights import watched_nights
from warehouse.paired_runs import paired_runs
from warehouse.releases import acts, begun_act, canary, promoted_release, release_of, trials_shown
from warehouse.rollouts import latest, offsets, sample, shadow_cost, transitions

WORST_TRIALS = 6


def rollout_status(settings: Settings) -> dict[str, Any]:
    """The last rollout and what is current, as JSON has it.

    Raises:
        NoWarehouseError: there is no warehouse.
    """
    _check_there(settings)
    with opened_for_writing(settings.warehouse) as connection:
        promoted, rollout = promoted_release(connection), latest(connection)
        begun = begun_act(connection)
        status: dict[str, Any] = {
            "home": str(settings.home),
            "promoted": promoted and promoted.name,
            "trials_shown": trials_shown(connection),
            "acts": [
                {
                    "act": one.act,
                    "release": release_of(connection, one.release_id).name,
                    "against_the_gate": one.is_override,
                    "who": one.who,
                    "why": one.why,
                    "at": str(one.noted_at),
                }
                for one in acts(connection)
            ],
            "canary": _canary_row(connection),
            "backfills": backfills(connection),
            "interrupted": begun and f"{begun.act} {release_of(connection, begun.release_id).name}",
            "rollout": None,
        }
        if rollout is None:
            return status
        cost = shadow_cost(connection, rollout)
        outcomes = Counter(one.outcome or "to be measured" for one in sample(connection, rollout.number))
        status["rollout"] = {
            "number": rollout.number,
            "champion": release_of(connection, rollout.champion_id).name,
            "candidate": release_of(connection, rollout.candidate_id).name,
            "state": rollout.state,
            "verdict": rollout.verdict,
            "sample": dict(outcomes),
            "transitions": [
                {"from": one.from_state, "to": one.to_state, "who": one.who, "why": one.why, "at": str(one.noted_at)}
                for one in transitions(connection, rollout.number)
            ],
            "nights": [
                {"night": one.night, "verdict": one.verdict, "judged": one.judged, "at": str(one.noted_at)}
                for one in watched_nights(connection, rollout.number)
            ],
            "comparison": json.loads(rollout.comparison) if rollout.comparison else None,
            "shadow": {**asdict(cost), "line": cost.line},
            "offsets": [asdict(one) for one in offsets(connection, rollout.number)],
            "page": str(page_of(settings, rollout.number)),
        }
    return status


def _canary_row(connection: duckdb.DuckDBPyConnection) -> dict[str, Any] | None:
    """The canary in force: whom it is of, and how many of its trials show the candidate."""
    if (found := canary(connection)) is None:
        return None
    counted = chosen_trials(connection, found)
    return {**found.row, "who": str(found), "trials": counted.chosen, "measured": counted.measured}


def page_of(settings: Settings, number: int) -> Path:
    """Where the page of a rollout lies."""
    return settings.rollouts / str(number) / "report.html"


def write_page(settings: Settings) -> Path:
    """Write the page of the last rollout.

    Raises:
        ReleaseError: there is none, or it has not been compared yet.
    """
    status = rollout_status(settings)
    shown = status["rollout"]
    if shown is None or shown["comparison"] is None:
        raise ReleaseError("nothing is compared yet; `biopose rollout start` brings a rollout to its comparison")
    rows = shown["comparison"]["trials"][:WORST_TRIALS]
    with opened_for_writing(settings.warehouse) as connection:
        first, second = (release_of(connection, shown[which]).release_id for which in ("champion", "candidate"))
        pairs = {
            pair.trial_id: pair
            for pair in paired_runs(connection, [row["trial_id"] for row in rows], first=first, second=second)
        }
    from biopose.report.rollout_page import WorstTrial, write_rollout_page  # loads torch, which `status` does not need

    path = page_of(settings, shown["number"])
    path.parent.mkdir(parents=True, exist_ok=True)
    worst = [
        WorstTrial(
            row["trial_id"],
            pairs[row["trial_id"]].time_s,
            {
                name: values
                for name, values in pairs[row["trial_id"]].coordinates.items()
                if name.startswith(row["largest_coordinate"])
            },
            _overlays(settings, row["artifacts"]),
        )
        for row in rows
        if row["trial_id"] in pairs  # it may have been erased
    ]
    return write_rollout_page(path, status, worst)


def _overlays(settings: Settings, folders: Sequence[str]) -> tuple[str, ...]:
    """Addresses relative to the page; none where one is gone, or the trial is a recording of markers."""
    files = [f"{folder}/overlay.mp4" for folder in folders]
    return tuple(f"../../{file}" for file in files) if all((settings.home / file).is_file() for file in files) else ()


def _check_there(settings: Settings) -> None:
    if not settings.warehouse.is_file():
        raise no_home(settings.home)
