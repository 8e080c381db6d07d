"""`biopose models`: the registered model versions, one in detail, and their aliases."""

# ruff: noqa: D301 - in a help text \b is the character that keeps click from filling the lines after it
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from biopose.cli.command_line import Commands, as_json, show
from flows.cli.command_errors import as_one_line
from flows.cli.home_option import with_home
from flows.cli.model_version import ModelVersion

if TYPE_CHECKING:
    from tasks.models import RegisteredVersion

SHOWN_OF_HASH = 12


@click.group(cls=Commands, invoke_without_command=True)
@with_home
@as_json
@click.pass_context
def models(context: click.Context, home: Path | None, json_: bool) -> None:
    """Registered model versions, their aliases and hashes.

    The shipped weights are registered first if they are not yet. The alias champion follows the promoted release, which
    `biopose rollout` changes.

    \b
    Examples:
      biopose models
      biopose models --home /data/biopose --json
      biopose models show mqhmr=2
    """
    if context.invoked_subcommand is not None:
        return
    from tasks.models import register_shipped, registered_versions
    from tasks.settings import Settings

    settings = Settings.load(home)
    register_shipped(settings)
    versions = registered_versions(settings)
    show({"models": [asdict(version) for version in versions]}, json_=json_, lines=lambda: _lines(versions))


@models.command("show")
@click.argument("model", type=ModelVersion())
@with_home
@as_json
def show_version(model: tuple[str, int], home: Path | None, json_: bool) -> None:
    """One version, MODEL as STAGE=VERSION: its card, metrics, configuration, and the releases that have it.

    \b
    Example:
      biopose models show mqhmr=2
    """
    from tasks.models import version_details
    from tasks.releases import releases_with
    from tasks.settings import Settings

    settings = Settings.load(home)
    stage, version = model
    with as_one_line():
        details = version_details(settings, stage, version) | {"releases": releases_with(settings, stage, version)}
    show(details, json_=json_, lines=lambda: _detail_lines(details))


@models.command()
@click.argument("model", type=ModelVersion())
@click.argument("alias")
@with_home
@as_json
def alias(model: tuple[str, int], alias: str, home: Path | None, json_: bool) -> None:
    """Give the version MODEL, as STAGE=VERSION, an ALIAS, such as challenger, for `biopose rollout start --alias`.

    \b
    Example:
      biopose models alias mqhmr=2 challenger
    """
    from tasks.model_aliases import set_alias
    from tasks.models import CHAMPION, pin_versions
    from tasks.settings import Settings

    if alias == CHAMPION:
        raise click.UsageError(
            f"the alias {CHAMPION} follows the promoted release; `biopose rollout start` and `promote` change that"
        )
    settings, versions = Settings.load(home), dict([model])
    pin_versions(settings, versions)
    set_alias(settings, alias, versions)
    show({"alias": alias, **versions}, json_=json_, lines=lambda: [f"{alias} is {model[0]} version {model[1]}"])


def _detail_lines(details: Mapping[str, Any]) -> list[str]:
    lines = [
        f"{details['model']} version {details['version']}, sha256 {details['sha256']}, {details['licence']}",
        f"aliases: {', '.join(details['aliases']) or 'none'}; releases: {', '.join(details['releases']) or 'none'}",
        f"configuration: {details['configuration_json']}",
    ]
    lines += [f"{name}: {value:g}" for name, value in sorted(details["metrics"].items())]
    return [*lines, "", details["card"]]


def _lines(versions: list[RegisteredVersion]) -> list[str]:
    head = f"{'model':<14} {'version':>7}  {'alias':<22} {'sha256':<{SHOWN_OF_HASH}}  licence"
    return [head] + [
        f"{found.model:<14} {found.version:>7}  {', '.join(found.aliases) or '-':<22} "
        f"{found.sha256[:SHOWN_OF_HASH]}  {found.licence}"
        for found in versions
    ]
