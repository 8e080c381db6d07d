"""The demonstration: an inbox of real clips is ingested into a warehouse.

    python -m flows.demo --out demo-output

The clips are assets of `biopose assets pull`: Sports2D's (a jumper who sprints off, and a walker, in one view) and
Pose2Sim's (one person on a beam, seen by four cameras), both BSD-3-Clause.
"""

# ruff: noqa: D301 - in a help text \b is the character that keeps click from filling the lines after it
from __future__ import annotations

import shutil
import time
from pathlib import Path

import click

from biopose.assets import asset
from flows.cli.ingest import account_lines, run_ingest
from tasks.settings import Addresses, Settings
from warehouse.content import content_hash

RACE = """\
# A jumper lands a somersault and sprints off; another person walks by. Their makers give the jumper's height.
team = "demo"
session = "street"
date = 2025-01-15

[[athlete]]
id = "jumper"
height_m = 1.65
consent = true

[[athlete]]
id = "walker"
height_m = 1.65  # unknown: assumed to be the jumper's
consent = true

[[trial]]
id = "jump"
file = "sports2d_demo.mp4"
athlete = "jumper"
activity = "other"
end_s = 5.4
person = [480, 0, 860, 540]

[[trial]]
id = "sprint"
file = "sports2d_demo.mp4"
athlete = "jumper"
activity = "sprint"
start_s = 6.3
person = [990, 510, 1610, 940]

[[trial]]
id = "walk"
file = "sports2d_demo.mp4"
athlete = "walker"
activity = "walk"
start_s = 1.2
end_s = 6.3
person = [300, 470, 1500, 980]
"""

BEAM = """\
# One person on a beam, the same seconds from four cameras.
team = "demo"
session = "beam"
date = 2025-02-20

[[athlete]]
id = "balancer"
height_m = 1.70  # an estimate from the triangulated legs; none is published
consent = true
"""

BEAM_TRIAL = """
[[trial]]
file = "{file}"
athlete = "balancer"
"""


@click.command()
@click.option("--out", default="demo-output", show_default=True, type=click.Path(path_type=Path), help="Folder.")
def main(out: Path) -> None:
    """Run the ingestion on the sample clips.

    \b
    Example:
      python -m flows.demo --out demo-output
    """
    inbox, home = out / "inbox", out / "home"
    fill(inbox)
    click.echo(f"An inbox of seven trials: {inbox}")
    began_s = time.monotonic()
    account = run_ingest(inbox, home=home)
    click.echo("\n".join(account_lines(account)))
    click.echo(f"\nbiopose query quality_overview --home {home}\n")
    _show_table(home)
    settings = Settings.load(home)
    pages = Addresses.planned(settings).pages
    click.echo(
        f"\n{time.monotonic() - began_s:.0f} s in all; the warehouse's content hash is "
        f"{content_hash(settings.snapshot)[:16]}. Run `make demo` again: nothing is measured twice, the hash stays.\n"
        f"{pages} shows last night, squad, athletes, trials, questions and models while one of these runs:\n"
        f"  .venv/bin/biopose serve --home {home}\n"
        f"  .venv/bin/biopose up --home {home} --inbox {inbox}   # every night at four, with Prefect and MLflow"
    )


def fill(inbox: Path) -> None:
    """Lay the clips and their manifests out as a team would drop them; what is there already stays as it is."""
    beam = [asset(f"clips/balance_cam0{camera}.mp4") for camera in (1, 2, 3, 4)]
    beam_manifest = BEAM + "".join(BEAM_TRIAL.format(file=clip.name) for clip in beam)
    for session, manifest, clips in (
        ("street", RACE, [asset("clips/sports2d_demo.mp4")]),
        ("beam", beam_manifest, beam),
    ):
        folder = inbox / "demo" / session
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "session.toml").write_text(manifest, encoding="utf-8")
        for clip in clips:
            if not (folder / clip.name).exists():
                shutil.copy2(clip, folder)


def _show_table(home: Path) -> None:
    from flows.cli.query import query

    query.main(["quality_overview", "--home", str(home)], standalone_mode=False)


if __name__ == "__main__":
    main()
