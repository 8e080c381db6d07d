"""`biopose models`: the registered model versions."""

# ruff: noqa: D301 - in a help text \b is the character that keeps click from filling the lines after it
from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from biopose.cli.command_line import as_json, show
from flows.cli.home_option import with_home

if TYPE_CHECKING:
    from tasks.models import RegisteredVersion

SHOWN_OF_HASH = 12


@click.command()
@with_home
@as_json
def models(home: Path | None, json_: bool) -> None:
    """Registered model versions, their aliases and hashes.

    The shipped weights are registered first if they are not yet. The version with the alias champion is the one in use.

    \b
    Examples:
      biopose models
      biopose models --home /data/biopose --json
    """
    from tasks.models import register_shipped, registered_versions
    from tasks.settings import Settings

    settings = Settings.load(home)
    register_shipped(settings)
    versions = registered_versions(settings)
    show({"models": [asdict(version) for version in versions]}, json_=json_, lines=lambda: _lines(versions))


def _lines(versions: list[RegisteredVersion]) -> list[str]:
    head = f"{'model':<14} {'version':>7}  {'alias':<22} {'sha256':<{SHOWN_OF_HASH}}  licence"
    return [head] + [
        f"{found.model:<14} {found.version:>7}  {', '.join(found.aliases) or '-':<22} "
        f"{found.sha256[:SHOWN_OF_HASH]}  {found.licence}"
        for found in versions
    ]
