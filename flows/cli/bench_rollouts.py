"""`biopose bench rollouts`: false promotions and power of the gate, on simulated rollouts with known truth."""

# ruff: noqa: D301 - in a help text \b is the character that keeps click from filling the lines after it
from __future__ import annotations

import click

from biopose.cli.command_line import as_json, show


@click.command("rollouts")
@click.option(
    "--trials",
    multiple=True,
    default=(48, 96, 144, 192),
    show_default=True,
    type=click.IntRange(1),
    help="In the sample; once for each number.",
)
@click.option("--per-athlete", default=4, show_default=True, type=click.IntRange(1), help="Trials of each athlete.")
@click.option(
    "--population", type=click.IntRange(1), help="Athletes of the home that the sample is drawn from; else very many."
)
@click.option("--simulations", default=1000, show_default=True, type=click.IntRange(1), help="Rollouts of each kind.")
@as_json
def bench_rollouts(
    trials: tuple[int, ...], per_athlete: int, population: int | None, simulations: int, json_: bool
) -> None:
    """How often the gate promotes a candidate, by how good it truly is and by the number of trials.

    Margins are 1 throughout, of eight criteria; differences have a standard deviation of 0.5 margins between athletes
    and 1 within an athlete, with heavy tails. A candidate that is a margin worse must pass in at most 5 % of rollouts,
    be it by a shift of everybody or by one of every tenth athlete, ten times as large.

    \b
    Examples:
      biopose bench rollouts
      biopose bench rollouts --population 25 --trials 100
      biopose bench rollouts --trials 160 --simulations 200 --json
    """
    from flows.bench.rollouts import simulate, simulation_lines

    rows = simulate(trials, simulations=simulations, per_athlete=per_athlete, population=population)
    show({"rollouts": rows}, json_=json_, lines=lambda: simulation_lines(rows))
