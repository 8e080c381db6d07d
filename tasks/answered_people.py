"""Whom the answer to a query is about, for the audit log."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from tasks.audit import People
from warehouse.team_rows import Teams

ANY = "any"


def people_in(answer: pl.DataFrame, given: Mapping[str, str], *, teams: Teams = None) -> People:
    """The athletes and trials that an answer names, or that were asked for; where there are none, whole teams.

    Args:
        answer: of a query.
        given: its parameters.
        teams: whose rows were read; None: all.
    """
    athletes = {*_column(answer, "athlete_id"), *_given(given, "athlete")}
    trials = {*_column(answer, "trial_id"), *_given(given, "trial")}
    of = {
        *_column(answer, "team_id"),
        *_column(answer, "session_id"),
        *_given(given, "team"),
        *_given(given, "session"),
    }
    if answer.is_empty():
        return People()
    if athletes or trials:
        return People(tuple(sorted(athletes)), tuple(sorted(trials)))
    return People(teams=tuple(sorted({one.partition("/")[0] for one in of}))) if of else People.of_teams(teams)


def _column(answer: pl.DataFrame, name: str) -> list[str]:
    if name not in answer.columns:
        return []
    return [str(value) for value in answer[name].unique().drop_nulls()]


def _given(given: Mapping[str, str], name: str) -> list[str]:
    return [given[name]] if given.get(name, ANY) != ANY else []
