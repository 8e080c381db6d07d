"""Questions: every named query as a form; its answer as a table, a plot where one can be drawn, and a file."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from flows.pages.answer_plot import answer_plots
from flows.pages.reader import Reader
from tasks.answered_people import ANY, people_in
from tasks.audit import NOBODY, People
from warehouse.csv import csv_text
from warehouse.errors import QueryError, QueryLimitError
from warehouse.named_query import NamedQuery, named_queries
from warehouse.parameters import Expectation, Parameter, expectation
from warehouse.query import known_query

SHOWN_ROWS = 500
TOPICS = {
    "An athlete": ("change_over_time", "athlete_trend", "athlete_vs_squad", "cycles", "model_versions"),
    "A squad": (
        "athletes",
        "before_after",
        "side_difference",
        "workload_by_week",
        "landings_over_threshold",
        "coordinate_range",
        "mean_curve",
        "coordinate_by_cycle",
        "cycle_curves",
        "norms",
        "reliability",
    ),
    "A trial": (
        "trial_description",
        "metrics_of_trial",
        "events_of_trial",
        "quality_of_trial",
        "coordinates_of_trial",
        "curves_of_trial",
        "models_of_trial",
        "recognised_activities",
    ),
    "Sessions and nights": (
        "trials",
        "trials_of_session",
        "loads_by_day",
        "loads",
        "quality_overview",
        "quality_by_camera",
        "unknown_metrics",
    ),
    "Models": ("model_usage", "releases", "release_acts", "release_offsets"),
}
SHOWN_BY_FIELD = re.compile(r"^(one of \w+\.\w+|(measured )?column of \w+|date)(, )?")


@dataclass(frozen=True)
class Field:
    """A field of a form."""

    parameter: Parameter
    expected: Expectation
    choices: list[str]
    value: str

    @property
    def help(self) -> str:
        """What is expected, but for what the field itself shows."""
        default = self.parameter.default
        otherwise = "" if default in (None, ANY) or self.expected.kind == "date" else f"else {default}"
        return "; ".join(filter(None, (SHOWN_BY_FIELD.sub("", self.parameter.meaning), otherwise)))


def questions(read: Reader, asked: Mapping[str, str]) -> dict[str, Any]:  # noqa: ARG001 - as every page is called
    """All named queries by topic, those of the home last."""
    queries = named_queries(read.queries)
    return {
        "title": "Questions",
        "topics": {topic: [queries[name] for name in names] for topic, names in TOPICS.items()},
        "own": [query for query in queries.values() if not query.is_ours],
        "folder": read.queries if read.teams is None else None,
    }


def question(read: Reader, asked: Mapping[str, str], *, name: str) -> dict[str, Any]:
    """A named query's form and, once all parameters are given, its answer.

    Args:
        read: the snapshot.
        asked: the query's parameters.
        name: of the query.

    Raises:
        UnknownNameError: there is no such query.
    """
    query = known_query(name, read.queries)
    given = given_parameters(query, asked)
    context: dict[str, Any] = {
        "title": name.replace("_", " "),
        "query": query,
        "fields": [_field(read, name, parameter, given) for parameter in query.parameters],
        "given": given,
        "error": "",
        "answer": None,
        "people": NOBODY,
    }
    if missing := [p.name for p in query.parameters if p.default is None and p.name not in given]:
        context["error"] = "" if not asked else f"{', '.join(missing)}: give a value"
        return context
    try:
        answer = read.frame(name, given, own=read.queries)
    except QueryLimitError:
        raise
    except QueryError as error:
        return context | {"error": str(error)}
    shown = answer.head(SHOWN_ROWS)
    return context | {
        "answer": shown,
        "rows": shown.iter_rows(),
        "height": answer.height,
        "people": _people(read, query, answer, given),
        "numeric": [dtype.is_numeric() for dtype in answer.dtypes],
        "plots": answer_plots(answer),
        "command": _command(query, given),
    }


def csv(read: Reader, asked: Mapping[str, str], *, name: str) -> tuple[str, People]:
    """The whole answer as CSV, and whom it is about.

    Raises:
        QueryError: there is no such query, or a parameter is not what it expects, or a cell holds what CSV cannot.
    """
    query = known_query(name, read.queries)
    given = given_parameters(query, asked)
    answer = read.frame(name, given, own=read.queries)
    return csv_text(answer), _people(read, query, answer, given)


def given_parameters(query: NamedQuery, asked: Mapping[str, str]) -> dict[str, str]:
    """The parameters with a value; a page's other parameters are left out."""
    names = {parameter.name for parameter in query.parameters}
    return {name: value for name, value in asked.items() if name in names and value != ""}


def _people(read: Reader, query: NamedQuery, answer: pl.DataFrame, given: Mapping[str, str]) -> People:
    return people_in(answer, given, teams=None if query.is_of_other_teams else read.teams)


def _field(read: Reader, query: str, parameter: Parameter, given: Mapping[str, str]) -> Field:
    offered = read.choices(query, parameter.name, own=read.queries)
    expected = expectation(parameter)
    default = "" if expected.kind == "date" else parameter.default or ""
    return Field(parameter, expected, offered, given.get(parameter.name, default))


def _command(query: NamedQuery, given: Mapping[str, str]) -> str:
    return " ".join(["biopose query", query.name, *(f"--param {shlex.quote(f'{k}={v}')}" for k, v in given.items())])
