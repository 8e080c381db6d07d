"""Nights, erasures, prunings, deletions and rollouts, killed and run again: the warehouse must be as undisturbed.

    python -m tests.benchmarks.crashes FOLDER --kills 300 --for-s 840    # run it again to go on; --for-s 0: the table

FOLDER keeps the outcomes; its name draws the moments. Each act is run on a copy of a home, killed at a random moment,
and run again. Then every row of the warehouse and of the readers' snapshot must be that of an act that nobody killed,
the same files be there, and the same acts in the audit log. Nights are of recordings of markers, in processes forked
for them, beside one Prefect server and one Dask cluster; at last whole commands with all their servers, also of video.
A power cut loses what was not flushed to the disk (`tests.benchmarks.power_cut`).
"""

from __future__ import annotations

import json
import random
import sys
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from tests.benchmarks.killed_acts import NIGHT, POWER, PROCESS, SERVER, VIDEO, WHOLE, WORKER, WRITE, KilledActs, Outcome
from tests.benchmarks.kills import EVERY
from tests.benchmarks.power_cut import can_cut

SHARES = {  # of 300 kills
    (NIGHT, PROCESS): 50,
    (NIGHT, WRITE): 40,
    (NIGHT, WORKER): 20,
    (NIGHT, SERVER): 15,
    (NIGHT, POWER): 30,
    (WHOLE, EVERY): 8,
    (VIDEO, "Ray actor"): 4,
    (VIDEO, WORKER): 2,
    (VIDEO, SERVER): 2,
    (VIDEO, "flow process"): 2,
    (VIDEO, EVERY): 4,
    ("erase", PROCESS): 30,
    ("erase", POWER): 12,
    ("prune", PROCESS): 30,
    ("prune", POWER): 12,
    ("delete", PROCESS): 7,
    ("promote", PROCESS): 8,
    ("canary", PROCESS): 8,
    ("roll back of a promote", PROCESS): 8,
    ("roll back of a canary", PROCESS): 8,
}


def _planned(kills: int) -> list[tuple[str, str]]:
    """Acts and victims, in turn by their shares."""
    shares = {pair: share for pair, share in SHARES.items() if pair[1] != POWER or can_cut()}
    total = sum(shares.values())
    done: Counter[tuple[str, str]] = Counter()
    planned = []
    for number in range(kills):
        pair = max(shares, key=lambda pair: shares[pair] * (number + 1) / total - done[pair])
        done[pair] += 1
        planned.append(pair)
    return planned


def _print_table(outcomes: list[Outcome], planned: int) -> None:
    click.echo("| act | victim | runs | killed | not as undisturbed |\n|---|---|---|---|---|")
    for act, victim in SHARES:
        of = [one for one in outcomes if (one.act, one.victim) == (act, victim)]
        if of:
            bad = sum(bool(one.faults) for one in of)
            click.echo(f"| {act} | {victim} | {len(of)} | {sum(one.killed for one in of)} | {bad} |")
    killed, bad = sum(one.killed for one in outcomes), [one for one in outcomes if one.faults]
    click.echo(f"| all | | {len(outcomes)} | {killed} of {planned} | {len(bad)} |")
    for one in bad:
        click.echo(f"{one.act}, {one.victim} at {one.after_s:.2f}: {'; '.join(one.faults)}")


@click.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option("--kills", default=300, show_default=True, type=click.IntRange(1))
@click.option("--for-s", default=840.0, show_default=True, help="How long, at most; run it again to go on.")
@click.option("--only", default="", help="Acts or victims that hold this text.")
def main(folder: Path, kills: int, for_s: float, only: str) -> None:
    """Kill acts, keep what came of it in FOLDER, and print the table."""
    end_s = time.monotonic() + for_s
    folder.mkdir(parents=True, exist_ok=True)
    kept = folder / "outcomes.jsonl"
    lines = kept.read_text().splitlines() if kept.exists() else []
    outcomes = [Outcome(**{**json.loads(line), "faults": tuple(json.loads(line)["faults"])}) for line in lines]
    todo = Counter(_planned(kills)) - Counter((one.act, one.victim) for one in outcomes if one.killed)
    planned = [pair for pair in dict.fromkeys(_planned(kills)) if only in f"{pair[0]}, {pair[1]}"]
    with TemporaryDirectory(prefix="biopose-crashes-") as scratch, ExitStack() as running:
        acts = KilledActs(Path(scratch), running) if for_s else None
        while acts and (due := [pair for pair in planned if todo[pair]]) and time.monotonic() < end_s:
            act, victim = max(due, key=lambda pair: (pair[0] not in (WHOLE, VIDEO), todo[pair] / SHARES[pair]))
            runs = sum((one.act, one.victim) == (act, victim) for one in outcomes)
            outcome = acts.once(act, victim, random.Random(f"{folder.name} {act} {victim} {runs}"))
            todo[act, victim] -= outcome.killed  # where the act is faster than when it was timed, some come too late
            outcomes.append(outcome)
            with kept.open("a") as file:
                print(json.dumps(asdict(outcome)), file=file)
            if outcome.faults:
                print(outcome, file=sys.stderr, flush=True)
    _print_table(outcomes, kills)


if __name__ == "__main__":
    main()
