"""Reports: one self-contained file of an athlete, a trial or a squad, of what the pages show of them.

The first page is in sentences and has the main metrics; details follow; settings and scale factors come last.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from markupsafe import Markup

from biopose.io.files import written_whole
from biopose.report.metric_tables import metric_place
from flows.pages import report_text as text
from flows.pages.athlete import athlete, detectable_changes
from flows.pages.reader import Reader, Row
from flows.pages.report_text import ReportedTrial
from flows.pages.squad import default_since, squad
from flows.pages.templates import environment
from flows.pages.trial import trial
from flows.pages.trial_files import TrialFiles
from tasks.settings import Settings
from warehouse.limits import Limits
from warehouse.open_snapshot import OpenSnapshot
from warehouse.team_rows import Teams

STYLES = (
    Path(__file__).parents[2] / "biopose" / "report" / "templates" / "plot.css",
    Path(__file__).parent / "static" / "pages.css",
    Path(__file__).parent / "static" / "report.css",
)
LIMITS = Limits(time_s=60.0, memory_gb=1.0)
MAIN_METRICS = 8  # on the first page, of all activities
ALL = 10_000
Page = dict[str, Any]


def athlete_report(settings: Settings, athlete_id: str, *, since: str | None = None, teams: Teams = None) -> str:
    """The report of an athlete, as HTML.

    Args:
        settings: of the home.
        athlete_id: team/athlete.
        since: day from which on sessions count as after; None: four weeks up to the last session.
        teams: whose rows are read; None: every row.

    Raises:
        UnknownNameError: there is no such athlete.
        WarehouseError: nothing is measured yet, or the snapshot cannot be read.
    """
    return _rendered(settings, "report_athlete", lambda read: _athlete(read, settings.home, athlete_id, since), teams)


def trial_report(settings: Settings, trial_id: str, *, teams: Teams = None) -> str:
    """The report of a trial, team/session/trial; likewise."""
    return _rendered(settings, "report_trial", lambda read: _trial(read, settings.home, trial_id), teams)


def squad_report(settings: Settings, team: str, *, since: str | None = None, teams: Teams = None) -> str:
    """The report of a team; likewise."""
    return _rendered(settings, "report_squad", lambda read: _squad(read, team, since), teams)


def write_report(content: str, path: Path) -> Path:
    """Write a report, whole or not at all, for its owner alone: it holds health data."""
    with written_whole(path, owner_alone=True) as partial:
        partial.write_text(content, encoding="utf-8", errors="replace")
    return path


def _rendered(settings: Settings, template: str, page: Callable[[Reader], Page], teams: Teams) -> str:
    with OpenSnapshot(settings.snapshot, LIMITS) as snapshot:
        context, version = snapshot.answer(
            lambda connection: page(Reader(connection, settings.queries, teams)), teams=teams
        )
    style = Markup("\n".join(file.read_text(encoding="utf-8") for file in STYLES))  # noqa: S704 - our own files
    found = environment(offline=True).get_template(f"{template}.html.j2")
    return found.render(context, style=style, published=version.published)


def _athlete(read: Reader, home: Path, athlete_id: str, since: str | None) -> Page:
    trials = read.rows("trials", athlete=athlete_id)
    activities = list(dict.fromkeys(row["activity"] for row in trials))
    pages = [athlete(read, {"activity": one}, athlete_id=athlete_id, offline=True) for one in activities]
    shown = [_reported(read, home, row["trial_id"]) for page in pages for row in page["trials"]]
    shown.sort(key=lambda one: one.described["session_date"])
    since = since or default_since(row["session_date"] for row in trials)
    compared = read.rows("before_after", athlete=athlete_id, date=since)
    judged = _judged(compared)
    newest = [trial(read, {}, trial_id=page["trials"][0]["trial_id"], home=home) for page in pages]
    return {
        "title": athlete_id,
        "kind": "Athlete",
        "facts": _facts(trials, team=athlete_id.partition("/")[0]),
        "measured": text.measured_sentences(trials, shown),
        "changed": [*_changes(compared, since), *_beyond_detectable(pages)],
        "judged": [*judged, *_comparable_sides(pages)],
        "undecided": text.undecided_sentences(compared, judged, since=since),
        "untrusted": [
            *text.height_warnings(shown),
            *text.quality_sentences(trials),
            *text.untrusted_sentences(newest),
            *text.unknown_sentences(read.rows("unknown_metrics", athlete=athlete_id)),
            *text.note_sentences(shown),
        ],
        "main": {page["activity"]: page["metrics"][: max(MAIN_METRICS // len(pages), 1)] for page in pages},
        "pages": pages,
        "newest": newest,
        "provenance": _provenance(shown[-1:]),
        "reported": shown,
    }


def _trial(read: Reader, home: Path, trial_id: str) -> Page:
    page = trial(read, {}, trial_id=trial_id, home=home)
    described = page["trial"]
    one = ReportedTrial(described, TrialFiles(home, described["artifacts"]).summary())
    (row,) = (row for row in read.rows("trials", athlete=described["athlete_id"]) if row["trial_id"] == trial_id)
    metrics = read.rows("metrics_of_trial", trial=trial_id)
    changed, judged, undecided = _against_session_before(read, described, metrics)
    return page | {
        "kind": "Trial",
        "main": [one for one in page["metrics"] if one.is_known][:MAIN_METRICS],
        "facts": {"athlete": described["athlete_id"], **_facts([row], team=described["session_id"].partition("/")[0])},
        "measured": text.measured_sentences([row], [one]),
        "changed": changed,
        "judged": judged,
        "undecided": undecided,
        "untrusted": [
            *text.height_warnings([one]),
            *text.untrusted_sentences([page]),
            *text.unknown_sentences(entry for entry in metrics if entry["value"] is None),
            *text.note_sentences([one]),
        ],
        "provenance": _provenance([one]),
        "reported": [one],
    }


def _squad(read: Reader, team: str, since: str | None) -> Page:
    page = squad(read, {"team": team, "sort": "athlete", **({"since": since} if since else {})})
    trials = read.rows("trials", team=team)
    since = str(page["since"])
    compared = read.rows("before_after", date=since, team=team)
    judged = _judged(compared)
    changed = [
        f"{row['athlete_id']}: {sentence}"
        for row in page["athletes"]
        for sentence in text.change_sentences(row["changes"])
    ]
    return page | {
        "kind": "Squad",
        "facts": _facts(trials, team=team) | {"athletes": str(len(page["athletes"]))},
        "measured": text.measured_sentences(trials, []),
        "changed": changed,
        "undecided": text.undecided_sentences(compared, judged, since=since),
        "untrusted": [
            *text.quality_sentences(trials),
            *text.unknown_sentences(read.rows("unknown_metrics", team=team)),
        ],
        "shown_changes": ALL,
        "judged": judged,
        "models": read.rows("model_usage", team=team),
        "provenance": {},
    }


def _facts(trials: list[Row], *, team: str) -> dict[str, str]:
    """Who, when and which activity, at the head."""
    days = sorted({str(row["session_date"]) for row in trials})
    activities = dict.fromkeys(str(row["activity"]).replace("_", " ") for row in trials)
    return {
        "team": team,
        "when": days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}",
        "activity": ", ".join(activities),
    }


def _changes(compared: list[Row], since: str) -> list[str]:
    real = sorted((row for row in compared if row["judgement"] == "real"), key=lambda row: metric_place(row["metric"]))
    return [f"Since {since}: {sentence}" for sentence in text.change_sentences(real)]


def _judged(compared: list[Row]) -> list[Row]:
    return [row for row in compared if row["judgement"] in ("real", "within noise")]


def _beyond_detectable(pages: list[Page]) -> list[str]:
    """An athlete's last session against the first, where that change is judged real."""
    return [
        text.difference_sentence(
            side["last"],
            earlier=side["last"]["mean_value"] - side["last"]["change"],
            later=side["last"]["mean_value"],
            than=f"the first session, {side['series'].sessions[0].day}",
            beyond="the noise between sessions and of the measurement",
            limit=side["last"]["detectable_change"],
        )
        for side in _comparable_sides(pages)
        if side["last"]["judgement"] == "real"
    ]


def _comparable_sides(pages: list[Page]) -> list[dict[str, Any]]:
    """Of the metrics, those whose change since the first session can be judged."""
    sides = (side for page in pages for metric in page["metrics"] for side in metric["sides"])
    return [side for side in sides if side["last"]["judgement"] in ("real", "within noise")]


def _against_session_before(
    read: Reader, described: Row, metrics: list[Row]
) -> tuple[list[str], list[tuple[str, str]], list[str]]:
    """A trial against the athlete's last session before.

    Returns:
        What differs for real, the metrics and sides that can be judged, and what cannot.
    """
    activity, athlete_id = described["activity"], described["athlete_id"]
    until = described["session_date"].isoformat()
    before = {
        (row["metric"], row["side"]): row
        for row in read.rows("change_over_time", athlete=athlete_id, activity=activity, until=until)
        if row["session_date"] < described["session_date"]
        and (row["method"], row["cameras"], row["releases"])
        == (described["method"], described["camera"], described["release"])
    }
    name = str(activity).replace("_", " ")
    if not before:
        like = "of the same method, camera and model versions"
        return [], [], [f"There is no earlier session of {name} {like} to compare with."]
    detectable = {
        (metric, side): change
        for (metric, side, method), change in detectable_changes(
            read, team=athlete_id.partition("/")[0], activity=activity
        ).items()
        if method == described["method"]
    }
    values = {(row["metric"], row["side"]): row for row in metrics if row["value"] is not None}
    judged = sorted(values.keys() & before.keys() & detectable.keys(), key=lambda key: (metric_place(key[0]), key[1]))
    changed = [
        text.difference_sentence(
            before[key],
            earlier=before[key]["mean_value"],
            later=values[key]["value"],
            than=f"the session before, {before[key]['session_date']}",
            beyond="the smallest detectable change",
            limit=detectable[key],
        )
        for key in judged
        if abs(values[key]["value"] - before[key]["mean_value"]) > detectable[key]
    ]
    left = len(values.keys() & before.keys()) - len(judged)
    lines = [f"{left} metrics have no smallest detectable change: too few repeated sessions."] if left else []
    return changed, judged, lines


def _reported(read: Reader, home: Path, trial_id: str) -> ReportedTrial:
    (described,) = read.rows("trial_description", trial=trial_id)
    return ReportedTrial(described, TrialFiles(home, described["artifacts"]).summary())


def _provenance(trials: list[ReportedTrial]) -> dict[str, str]:
    """Settings and versions of the newest trial, as JSON."""
    titles = {"Settings": "settings", "Versions of code and networks": "versions"}
    return {
        title: json.dumps(one.summary[key], indent=2, ensure_ascii=False)
        for one in trials
        if one.summary
        for title, key in titles.items()
    }
