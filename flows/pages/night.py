"""What the last night stored, and what is in quarantine with the reason and the command to retry."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from biopose.outputs.untrusted import UNTRUSTED_QUALITY
from flows.pages.reader import Reader, Row
from tasks.ingest_log import progress_text, running_ingest
from tasks.quarantine import Quarantine
from tasks.settings import Settings
from warehouse.nights import WATCH
from warehouse.team_rows import Teams

KINDS = {
    "manifest": "session.toml has an error",
    "missing_file": "the video is not there",
    "consent": "no consent is recorded",
    "video": "the video cannot be used",
    "person_not_found": "the athlete was not found in the video",
    "model": "a model cannot be used",
    "file": "a file cannot be read",
    "crash": "the measurement crashed",
    "unexpected": "an unexpected error",
}
SHOWN_DAYS = 14
SHOWN_TRIALS = 300


def night(read: Reader, asked: Mapping[str, str], *, settings: Settings) -> dict[str, Any]:
    """A day's loads, by session, and all that is in quarantine.

    Args:
        read: the snapshot.
        asked: day, else the last with loads.
        settings: of the home, whose quarantine and running ingest are shown.
    """
    days = read.shared_rows("loads_by_day")
    day = asked.get("day") or (str(days[0]["day"]) if days else "")
    loads = read.frame("loads", {"day": day} if day else {})
    sessions: dict[str, list[dict[str, Any]]] = {}
    for trial in loads.head(SHOWN_TRIALS).to_dicts():
        sessions.setdefault(trial["trial_id"].rpartition("/")[0], []).append(trial)
    return {
        "title": "Last night" if not asked.get("day") else f"Loads of {day}",
        "day": day,
        "days": [one for one in days if str(one["day"]) != day][:SHOWN_DAYS],
        "stored": loads.height,
        "shown": min(loads.height, SHOWN_TRIALS),
        "sessions": {name: sorted(trials, key=lambda one: one["trial_id"]) for name, trials in sessions.items()},
        "change": _change(read),
        **_of_home(settings, read.teams),
    }


def first_night(settings: Settings, teams: Teams) -> dict[str, Any] | None:
    """The same where nothing is stored yet: None where nothing is in quarantine either, and no ingest is running."""
    of_home = _of_home(settings, teams)
    if not (of_home["running"] or of_home["quarantined"] or of_home["unreadable"]):
        return None
    empty: dict[str, Any] = {"title": "Last night", "day": "", "days": [], "stored": 0, "shown": 0, "sessions": {}}
    return empty | {"change": None} | of_home


def _of_home(settings: Settings, teams: Teams) -> dict[str, Any]:
    """What the snapshot does not hold."""
    return {
        "least_quality": UNTRUSTED_QUALITY,
        "running": _running(settings, teams),
        **_quarantined(settings.quarantine, teams),
    }


def _running(settings: Settings, teams: Teams) -> str | None:
    """How far a running ingest is; the count is of all teams, and is shown to who reads all."""
    run = running_ingest(settings)
    if run is None:
        return None
    return progress_text(run) if teams is None else "running"


def _change(read: Reader) -> Row | None:
    """The last change of the release in use, where a canary is in force or the watch rolled back by itself."""
    last = read.shared_rows("release_acts")[:1]
    return last[0] if last and (last[0]["act"] == "canary" or last[0]["who"] == WATCH) else None


def _quarantined(folder: Path, teams: Teams) -> dict[str, Any]:
    """The records, the newest first, and a message for each that cannot be read.

    Of some teams there are theirs, and what only who runs the home can use is left out: commands and tracebacks.
    """
    records, unreadable = Quarantine(folder).read()
    if teams is not None:
        own = (record for record in records if record.name.partition("/")[0] in teams)
        records, unreadable = [replace(record, retry="", details="", inbox="") for record in own], []
    records.sort(key=lambda record: record.since, reverse=True)
    return {"quarantined": records, "kinds": KINDS, "unreadable": unreadable}
