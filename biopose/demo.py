"""The demonstration: a real clip of a jumper, who then sprints, and a walker, measured.

    python -m biopose.demo --out demo-output

The clip is Sports2D's (BSD-3-Clause), an asset of `biopose assets pull`.
"""

# ruff: noqa: D301 - in a help text \b is the character that keeps click from filling the lines after it
from __future__ import annotations

from pathlib import Path

import click

from biopose.assets import asset
from biopose.command_line import StageBars, with_threads
from biopose.measure_command import measure_file, options_of

CLIP = "clips/sports2d_demo.mp4"
HEIGHT_M = 1.65  # of the first person, as the clip's makers give it; nothing is known of the others


@click.command()
@click.option("--out", default="demo-output", show_default=True, type=click.Path(path_type=Path), help="Folder.")
@with_threads
def main(out: Path, threads: int) -> None:
    """Measure everybody in the sample clip.

    \b
    Example:
      python -m biopose.demo --out demo-output
    """
    clip = asset(CLIP)
    click.echo(f"{clip.name}: a jumper who sprints off and a walker, both taken to be {HEIGHT_M} m tall")
    athletes, options = options_of(clip, heights_m=[HEIGHT_M], choice="all")
    bars = StageBars(json_=False)
    summary = measure_file(clip, athletes, options, out, threads=threads, progress=bars)
    bars.close()
    click.echo("\n".join(summary.lines()))


if __name__ == "__main__":
    main()
