"""An ingest run's page in Prefect: a table of its trials, and a summary with links to overlays and reports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tasks.settings import Addresses, Settings

# Prefect keeps the history of an artifact under its key; homes have these.
TABLE_KEY = "night"
SUMMARY_KEY = "night-summary"
FILES = ("overlay", "report")

Row = Mapping[str, Any]


def publish_ingest(account: Row, settings: Settings) -> None:
    """Put a table and a summary on the page of the running flow, under the same keys in every run.

    Args:
        account: of the run, as `IngestRun.as_dict` gives it.
        settings: where files lie and where they are served.
    """
    from prefect.artifacts import create_markdown_artifact, create_table_artifact

    table = ingest_table(account, settings)
    create_table_artifact(key=TABLE_KEY, table=table, description="Every trial of the run")
    summary = ingest_summary(account, settings)
    create_markdown_artifact(key=SUMMARY_KEY, markdown=summary, description="Summary of the run")


def ingest_table(account: Row, settings: Settings) -> list[dict[str, Any]]:
    """A row for each trial, and for each thing in the inbox that belongs to none, with the same columns in all."""
    measured = [
        {
            "trial": row["trial_id"],
            "athlete": row["athlete_id"],
            "activity": row["activity"],
            "frames": row["frames"],
            "mean quality": round(row["quality"], 2),
            "status": "stored",
            "reason": "",
            **{file: link_to(row[file], settings) if file in row else "" for file in FILES},
        }
        for row in account["stored"]
    ]
    columns = ("trial", "athlete", "activity", "frames", "mean quality", "status", "reason", *FILES)
    others = [
        *(
            {"trial": name, "status": "measured, not loaded", "reason": why}
            for name, why in account["unloaded"].items()
        ),
        *({"trial": name, "status": "waits", "reason": why} for name, why in account["waiting"].items()),
        *({"trial": row["name"], "status": "quarantined", "reason": row["message"]} for row in account["quarantined"]),
        *({"trial": row["path"], "status": "not ingested", "reason": row["message"]} for row in account["unmatched"]),
    ]
    return [*measured, *({column: row.get(column, "") for column in columns} for row in others)]


def ingest_summary(account: Row, settings: Settings) -> str:
    """The run in Markdown: counts, what was not stored and why, what was stored, with links."""
    stored, quarantined = account["stored"], account["quarantined"]
    parts = [
        f"# {len(stored)} stored, {len(quarantined)} quarantined",
        f"{sum(row['frames'] for row in stored)} frames.",
    ]
    if account["unmatched"]:
        rows = [(row["path"], row["message"]) for row in account["unmatched"]]
        parts += ["## In the inbox, not ingested", _markdown_table(("what", "what to do"), rows)]
    if account["notes"]:
        parts += ["## Notes", "\n".join(f"- {_cell(note)}" for note in account["notes"])]
    if account["waiting"]:
        rows = list(account["waiting"].items())
        parts += ["## Left for the next run", _markdown_table(("trial", "reason"), rows)]
    if account["unloaded"]:
        rows = list(account["unloaded"].items())
        parts += ["## Measured, not loaded: the next run loads them", _markdown_table(("trial", "reason"), rows)]
    if quarantined:
        reasons = [(row["name"], row["kind"], row["message"]) for row in quarantined]
        parts += ["## Quarantined", _markdown_table(("trial", "kind", "reason"), reasons)]
    if stored:
        head = ("trial", "athlete", "activity", "frames", "mean quality", "files")
        parts += ["## Stored", _markdown_table(head, [_stored(row, settings) for row in stored])]
    return "\n\n".join(parts) + "\n"


def link_to(file: str | Path, settings: Settings) -> str:
    """The address at which `biopose up` serves a file of the folder artifacts; for a file elsewhere, its path."""
    served = (Addresses.recorded(settings) or Addresses.planned(settings)).files
    path = Path(file)
    if not path.is_relative_to(settings.artifacts):
        return str(path)
    return f"{served}/{quote(path.relative_to(settings.artifacts).as_posix())}"


def _stored(row: Row, settings: Settings) -> tuple[str, ...]:
    links = " ".join(f"[{file}]({link_to(row[file], settings)})" for file in FILES if file in row)
    return (row["trial_id"], row["athlete_id"], row["activity"], str(row["frames"]), f"{row['quality']:.2f}", links)


def _markdown_table(head: Sequence[str], body: Sequence[Sequence[str]]) -> str:
    rows = [head, ["---"] * len(head), *body]
    return "\n".join(f"| {' | '.join(_cell(text) for text in row)} |" for row in rows)


def _cell(text: str) -> str:
    """Text escaped for a cell of a table: reasons quote what users wrote."""
    return " ".join(str(text).split()).replace("|", "\\|").replace("<", "&lt;")
