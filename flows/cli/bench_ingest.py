"""`biopose bench ingest`: an ingest run end to end against the sum of its stages measured alone."""

# ruff: noqa: D301 - in a help text \b is the character that keeps click from filling the lines after it
from __future__ import annotations

import click

from biopose.cli.command_line import as_json, show


@click.command("ingest")
@click.option(
    "--trials",
    "sizes",
    multiple=True,
    default=(4, 8, 16, 32),
    show_default=True,
    type=click.IntRange(1),
    help="Number of trials of a run; once for each run.",
)
@click.option(
    "--cores",
    multiple=True,
    type=click.IntRange(1),
    help="Cores that a run may keep busy; once for each number. By default all.",
)
@click.option("--frames", default=30, show_default=True, type=click.IntRange(8, 90), help="Frames of a trial.")
@as_json
def bench_ingest(sizes: tuple[int, ...], cores: tuple[int, ...], frames: int, json_: bool) -> None:
    """Ingest runs of real video, end to end.

    Every stage is first measured alone, with everything loaded and all cores to itself; then ingest runs of several
    sizes run as a process each, start-up included: frames per second, processor seconds per frame, how busy the slots
    were, and the memory of all processes; at last what each further frame costs from one size to the next. By default
    it takes about six minutes on two cores.

    \b
    Examples:
      biopose bench ingest
      biopose bench ingest --trials 8 --cores 1 --cores 2 --cores 4
      biopose bench ingest --trials 4 --trials 16 --frames 90 --json
    """
    from flows.bench.ingest import ingest_lines, measure_ingests
    from tasks.settings import Settings

    numbers = tuple(dict.fromkeys(cores)) or (Settings.load().cores,)
    result = measure_ingests(tuple(dict.fromkeys(sizes)), numbers, frames=frames)
    show({"ingest": result}, json_=json_, lines=lambda: ingest_lines(result))
