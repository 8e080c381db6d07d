"""`biopose models`: the registered model versions, one in detail, and their aliases."""

# ruff: noqa: D301 - in a help text \b is the character that keeps click from filling the lines after it
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from biopose.analysis.criterion_text import interval_text, value_text
from biopose.cli.command_line import Commands, as_json, show
from flows.cli.command_errors import as_one_line
from flows.cli.home_option import refuse_without_home, with_home
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
      biopose models compare mqhmr=1 mqhmr=2
    """
    if context.invoked_subcommand is not None:
        return
    from tasks.models import register_shipped, registered_versions
    from tasks.settings import Settings

    settings = Settings.load(home)
    refuse_without_home(settings)
    with as_one_line():
        register_shipped(settings)
        versions = registered_versions(settings)
    show({"models": [asdict(version) for version in versions]}, json_=json_, lines=lambda: _lines(versions))


@models.command("show")
@click.argument("model", type=ModelVersion())
@with_home
@as_json
def show_version(model: tuple[str, int], home: Path | None, json_: bool) -> None:
    """One version, MODEL as STAGE=VERSION: its card, metrics, configuration, and where it is used.

    \b
    Example:
      biopose models show mqhmr=2
    """
    from tasks.model_comparison import described_version
    from tasks.settings import Settings

    settings = Settings.load(home)
    refuse_without_home(settings)
    with as_one_line():
        details = described_version(settings, *model)
    show(details, json_=json_, lines=lambda: _detail_lines(details))


@models.command()
@click.argument("first", type=ModelVersion())
@click.argument("second", type=ModelVersion())
@with_home
@as_json
def compare(first: tuple[str, int], second: tuple[str, int], home: Path | None, json_: bool) -> None:
    """Two versions of one stage, each as STAGE=VERSION: card, metrics, use, and differences on the same trials.

    Differences are SECOND minus FIRST over the trials that both measured; nothing is measured here. `biopose rollout
    start --model SECOND` measures, and decides.

    \b
    Example:
      biopose models compare mqhmr=1 mqhmr=2
    """
    from tasks.model_comparison import compared_versions
    from tasks.settings import Settings

    if first[0] != second[0] or first == second:
        raise click.UsageError("give two versions of one stage, such as mqhmr=1 mqhmr=2")
    settings = Settings.load(home)
    refuse_without_home(settings)
    with as_one_line():
        found = compared_versions(settings, first[0], first[1], second[1])
    show(found, json_=json_, lines=lambda: _comparison_lines(found))


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
    refuse_without_home(settings)
    with as_one_line():
        pin_versions(settings, versions)
        set_alias(settings, alias, versions)
    show({"alias": alias, **versions}, json_=json_, lines=lambda: [f"{alias} is {model[0]} version {model[1]}"])


def _detail_lines(details: Mapping[str, Any]) -> list[str]:
    lines = [
        f"{details['model']} version {details['version']}, sha256 {details['sha256']}, {details['licence']}",
        _use_line(details),
        f"configuration: {details['configuration_json']}",
    ]
    if details["training_run"]:
        lines.append(f"trained in the MLflow run {details['training_run']}")
    lines += [f"{name}: {value:g}" for name, value in sorted(details["metrics"].items())]
    return [*lines, "", details["card"]]


def _use_line(details: Mapping[str, Any]) -> str:
    return (
        f"aliases: {', '.join(details['aliases']) or 'none'}; releases: {', '.join(details['releases']) or 'none'}; "
        f"{details['runs']} runs, {details['current_trials']} trials show it"
    )


def _comparison_lines(found: Mapping[str, Any]) -> list[str]:
    from biopose.analysis.definitions import DEFINITIONS

    first, second = found["versions"]
    lines = []
    for one in (first, second):
        lines += [
            f"{one['model']} version {one['version']}, sha256 {one['sha256'][:SHOWN_OF_HASH]}",
            f"  {_use_line(one)}",
        ]
    for name in sorted({*first["metrics"], *second["metrics"]}):
        values = ("-" if (value := one["metrics"].get(name)) is None else f"{value:g}" for one in (first, second))
        lines.append(f"  {name}: {' -> '.join(values)}")
    if unpaired := found.get("unpaired"):
        lines.append(f"{unpaired} trials were measured with both from another recording or manifest: not compared")
    if not found["trials"]:
        named = f"{second['stage']}={second['version']}"
        none = "No other trial" if unpaired else "No trial"
        return [*lines, f"{none} was measured with both; `biopose rollout start --model {named}` measures a sample"]
    others = ", ".join(found["other_differences"])
    one, two = found["releases"]
    lines.append(f"{found['trials']} trials were measured with both, by the releases {one} and {two}")
    if others:
        lines.append(f"  these differ in more than {found['stage']}: {others}")
    lines.append(f"  mean quality {_change(found['quality'], '.3f')}")
    if found["cost"]["trials"]:
        lines.append(f"  processor seconds per frame {_change(found['cost']['frame_s'], '.3f')}")
        lines.append(f"  peak memory, MB {_change(found['cost']['peak_mb'], '.0f')}")
    for row in found["reference"]:
        error, coverage = _change(row["mean_absolute_deg"], ".2f"), _change(row["coverage"], ".2f")
        lines.append(f"  {row['trial_id']}, {row['kind']}: mean absolute error {error} deg, coverage {coverage}")
    lines.append(f"  {'second minus first':<32} {'bias':>18}   95 % limits of agreement of single frames, or trials")
    lines += [_limits_line(row, *row["coordinate"].rpartition("_")[::2]) for row in found["coordinates"]]
    for row in found["metrics"]:
        definition = DEFINITIONS.get(row["metric"])
        unit = definition.unit.removeprefix("1") if definition else ""
        lines.append(f"{_limits_line(row, row['metric'], unit)} ({row['trials']} trials)")
    return lines


def _change(values: list[float | None], digits: str) -> str:
    return " -> ".join("not known" if value is None else format(value, digits) for value in values)


def _limits_line(row: Mapping[str, Any], name: str, unit: str) -> str:
    limits = interval_text(row["lower_limit"], row["upper_limit"], unit)
    return f"  {name:<32} {value_text(row['bias'], unit):>18}   {limits}"


def _lines(versions: list[RegisteredVersion]) -> list[str]:
    head = f"{'model':<14} {'version':>7}  {'alias':<22} {'sha256':<{SHOWN_OF_HASH}}  licence"
    return [head] + [
        f"{found.model:<14} {found.version:>7}  {', '.join(found.aliases) or '-':<22} "
        f"{found.sha256[:SHOWN_OF_HASH]}  {found.licence}"
        for found in versions
    ]
