"""`biopose metrics`: the dictionary of metrics."""

# ruff: noqa: D301 - in a help text \b is the character that keeps click from filling the lines after it
from __future__ import annotations

from dataclasses import asdict
from typing import Any

import click

from biopose.cli.command_line import as_json, show


@click.command()
@click.argument("name", required=False)
@as_json
def metrics(name: str | None, json_: bool) -> None:
    """What each metric means: its unit, definition, source, and which direction is better, where there is one.

    \b
    Examples:
      biopose metrics
      biopose metrics jump_height_flight
      biopose metrics --json
    """
    from biopose.analysis.definitions import DEFINITIONS

    known = {metric: asdict(definition) for metric, definition in DEFINITIONS.items()}
    if name is not None and name not in known:
        raise click.ClickException(_unknown(name, list(known)))
    found = known if name is None else {name: known[name]}
    listed = [{"metric": metric, **definition} for metric, definition in found.items()]
    show({"metrics": listed}, json_=json_, lines=lambda: [line for entry in listed for line in _lines(entry)])


def _unknown(name: str, known: list[str]) -> str:
    from warehouse.nearest import suggestion

    return f"{name}: there is no such metric; {suggestion(name, known)}; `biopose metrics` has all"


def _lines(entry: dict[str, Any]) -> list[str]:
    """Name, unit and meaning, then whatever else its definition states."""
    unit = "a count or share" if entry["unit"] == "1" else entry["unit"]
    others = {key: value for key, value in entry.items() if key not in ("metric", "unit", "meaning") and value}
    if "events" in others:
        others["events"] = ", ".join(others["events"])
    return [f"{entry['metric']} ({unit})", f"    {entry['meaning']}", *(f"    {k}: {v}" for k, v in others.items())]
