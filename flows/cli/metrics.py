"""`biopose metrics`: the dictionary of metrics and events."""

# ruff: noqa: D301 - in a help text \b is the character that keeps click from filling the lines after it
from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from biopose.cli.command_line import as_json, show

if TYPE_CHECKING:
    from biopose.analysis.definition import Definition


@click.command()
@click.argument("name", required=False)
@as_json
def metrics(name: str | None, json_: bool) -> None:
    """What each metric means: its unit, sides, definition, source, and which direction is better, where there is one.

    Events are listed after the metrics, with the method by which they are found in kinematics.

    \b
    Examples:
      biopose metrics
      biopose metrics jump_height_flight
      biopose metrics foot_off
      biopose metrics --json
    """
    from biopose.analysis.definitions import DEFINITIONS
    from biopose.analysis.event_definitions import EVENT_DEFINITIONS

    known = {"metric": DEFINITIONS, "event": EVENT_DEFINITIONS}
    if name is not None and not any(name in of_kind for of_kind in known.values()):
        raise click.ClickException(_unknown(name, {**DEFINITIONS, **EVENT_DEFINITIONS}))
    listed = {
        f"{kind}s": [{kind: one, **asdict(of_kind[one])} for one in of_kind if name in (None, one)]
        for kind, of_kind in known.items()
    }
    show(
        {kind: entries for kind, entries in listed.items() if entries},
        json_=json_,
        lines=lambda: [line for entries in listed.values() for entry in entries for line in _lines(entry)],
    )


def _unknown(name: str, known: Mapping[str, Definition]) -> str:
    """With the nearest names, and those in whose meaning it stands."""
    from warehouse.nearest import LISTED, suggestion

    word = re.compile(rf"\b{re.escape(name.replace('_', ' '))}\b", re.IGNORECASE)
    meant = [one for one, definition in known.items() if name and word.search(definition.meaning)]
    among = f"; {', '.join(meant[:LISTED])} {'mentions' if len(meant) == 1 else 'mention'} it" if meant else ""
    return f"{name}: there is no such metric or event; {suggestion(name, known)}{among}; `biopose metrics` has all"


def _lines(entry: dict[str, Any]) -> list[str]:
    """Name, unit and meaning, then whatever else its definition states."""
    name = entry.get("metric") or entry["event"]
    unit = "event" if "event" in entry else "a count or share" if entry["unit"] == "1" else entry["unit"]
    others = {key: entry[key] for key in ("source", "better") if entry[key]}
    others |= {key: ", ".join(entry[key]) for key in ("events", "sides") if entry.get(key)}
    return [f"{name} ({unit})", f"    {entry['meaning']}", *(f"    {k}: {v}" for k, v in others.items())]
