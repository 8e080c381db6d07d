"""Nights in a row in one home, with faults at random: nothing lost or doubled, and which folders grow by how much.

    python -m tests.benchmarks.nights --nights 24 --seed 0

A night takes the place of a day: what is kept for days by the settings is kept for as many nights. Each brings a new
session, and with it, by chance: a video that is cut off, a trial that vanishes before it is measured, a corrected
height, or a killed process and a second run. Prints a line a night, and the growth of each folder after the first week.
"""

from __future__ import annotations

import os
import random
import tempfile
import time
from pathlib import Path

import click

from tests.benchmarks.crashes import VICTIMS, kill
from tests.flows.ingest_runs import CLIPS, Session, run_ingest, start_ingest
from warehouse.api import open_home
from warehouse.content import content_rows

WEEK = 7
FRAMES = 12
DAY_S = 86_400.0
KEPT = tuple(f"BIOPOSE_{kind}_DAYS" for kind in ("INTERMEDIATES", "SUPERSEDED", "DELETED", "RAY_LOGS", "INGEST_LOGS"))
FAULTS = ("none", "cut video", "vanished video", "corrected height", *(f"killed {victim}" for victim in VICTIMS))
OF_RESULTS = ("artifacts/trials", "warehouse", "reports", "audit")  # grow with what is stored, as they should


def night(number: int, inbox: Path, home: Path, *, fault: str, after_s: float) -> int:
    """Bring a session and ingest it; how many trials of the inbox can be measured by now."""
    fails = fault in ("cut video", "vanished video")
    session = Session(f"night{number:02d}")
    for trial in range(2):
        session.add(f"trial{trial}", CLIPS[0].name, start_s=0.05 * number + 0.4 * trial, frames=FRAMES)
    if fails:
        session.add("broken", CLIPS[1].name, start_s=0.0, frames=FRAMES)
    session.write(inbox, *CLIPS[: 2 if fails else 1])
    broken = inbox / "blue" / session.name / CLIPS[1].name
    if fault == "cut video":
        broken.write_bytes(broken.read_bytes()[:2_000])
    elif fault == "vanished video":
        broken.unlink()
    elif fault == "corrected height" and number:
        manifest = inbox / "blue" / "night00" / "session.toml"
        manifest.write_text(manifest.read_text().replace("height_m = 1.7", f"height_m = 1.7{number:02d}"))
    if fault.startswith("killed "):
        process = start_ingest(inbox, home, "--method", "keypoint_fit")
        kill(process, home, victim=fault.removeprefix("killed "), after_s=after_s)
        process.communicate(timeout=300)
    run_ingest(inbox, home, "--method", "keypoint_fit", expect=3 if fails else 0)
    if fails:  # whoever looks in the morning takes it out of the session
        broken.unlink(missing_ok=True)
        manifest = inbox / "blue" / session.name / "session.toml"
        manifest.write_text(manifest.read_text().rpartition("\n[[trial]]")[0])
    return 2 * (number + 1)


def sizes(home: Path) -> dict[str, int]:
    """Bytes of each entry of a home, and of the folders of its artifacts."""
    entries = [entry for entry in home.iterdir() if entry.name != "artifacts"]
    entries += list((home / "artifacts").iterdir()) if (home / "artifacts").is_dir() else []
    return {str(entry.relative_to(home)): _size(entry) for entry in entries}


def _size(entry: Path) -> int:
    files = [entry] if entry.is_file() else [path for path in entry.rglob("*") if path.is_file()]
    return sum(path.stat().st_size for path in files)


@click.command()
@click.option("--nights", default=24, show_default=True, type=click.IntRange(WEEK + 2))
@click.option("--day-s", default=20.0, show_default=True, help="Seconds of a night, for what is kept by days.")
@click.option("--seed", default=0, show_default=True, type=int)
def main(nights: int, day_s: float, seed: int) -> None:
    """Print the nights, and what grew."""
    draw = random.Random(seed)
    for name in KEPT:
        os.environ[name] = str(WEEK * day_s / DAY_S)
    with tempfile.TemporaryDirectory(prefix="biopose-nights-") as scratch:
        inbox, home = Path(scratch) / "inbox", Path(scratch) / "home"
        after: list[dict[str, int]] = []
        lost = 0
        for number in range(nights):
            fault = FAULTS[number % len(FAULTS)]
            began_s = time.monotonic()
            wanted = night(number, inbox, home, fault=fault, after_s=draw.uniform(0.5, day_s * 0.6))
            took_s = time.monotonic() - began_s
            time.sleep(max(day_s - took_s, 0.0))
            trials = open_home(home).trials()
            lost += abs(wanted - trials.height) + trials.height - trials["trial_id"].n_unique()
            after.append(sizes(home))
            click.echo(
                f"{number + 1:>3} {fault:<30} {took_s:6.1f} s, {trials.height:>3} of {wanted:>3} trials current, "
                f"{sum(after[-1].values()) / 1e6:7.1f} MB"
            )
        _print_growth(after)
        rows = {table: count for table, (count, _) in content_rows(home / "warehouse.snapshot.duckdb").items()}
        click.echo(f"rows: {rows}")
        click.echo(f"{lost} trials lost or doubled")


def _print_growth(after: list[dict[str, int]]) -> None:
    week, last = after[WEEK - 1], after[-1]
    nights = len(after) - WEEK
    click.echo(f"{'':<28} {'after a week':>14} {'at the end':>12} {'a night':>10}")
    for name in sorted(last, key=lambda name: -last[name]):
        a_night = (last[name] - week.get(name, 0)) / nights
        grows = "" if a_night < 1e3 else "results" if name.startswith(OF_RESULTS) else "GROWS"
        click.echo(
            f"{name:<28} {week.get(name, 0) / 1e6:11.2f} MB {last[name] / 1e6:9.2f} MB {a_night / 1e3:7.1f} kB  {grows}"
        )


if __name__ == "__main__":
    main()
