"""`biopose people`: everybody in a video, with the numbers by which they are chosen."""

# ruff: noqa: D301 - in a help text \b is the character that keeps click from filling the lines after it
from __future__ import annotations

from pathlib import Path

import click

from biopose.cli.command_line import EXISTING, NewFile, as_json, show, with_quiet, with_threads


@click.command()
@click.argument("video", type=EXISTING)
@click.option("--start-s", type=click.FloatRange(min=0.0), help="Begin at this second of the file.")
@click.option("--end-s", type=click.FloatRange(min=0.0), help="End at this second of the file.")
@click.option(
    "--recorded-hz",
    type=click.FloatRange(min=1.0),
    help="Frame rate at which slow motion was recorded; overrules what the file states.",
)
@click.option("--keep-readable", is_flag=True, help="Look at the readable beginning of a damaged file.")
@click.option(
    "--out",
    type=NewFile(".png", ".jpg"),
    default="people.png",
    show_default=True,
    help="The picture, a row for each person.",
)
@with_threads
@with_quiet
@as_json
def people(
    video: Path,
    start_s: float | None,
    end_s: float | None,
    recorded_hz: float | None,
    keep_readable: bool,
    out: Path,
    threads: int,
    json_: bool,
) -> None:
    """Number everybody in a video, and draw them.

    The numbers are those that `biopose measure` knows people by, with the same options: --athlete 2 measures person 2,
    and --athlete all takes the heights in this order. Times are real times since the file's first frame.

    \b
    Examples:
      biopose people race.mov
      biopose people match.mp4 --start-s 12 --end-s 20 --out players.png
    """
    from biopose.cli.people_file import draw_people, people_lines, tracked_people
    from biopose.trial import Clip

    if start_s is not None and end_s is not None and end_s <= start_s:
        raise click.UsageError(f"--end-s {end_s:g} is not after --start-s {start_s:g}")
    clip = Clip(video, start_s=start_s, end_s=end_s, recorded_rate_hz=recorded_hz, keep_readable=keep_readable)
    tracks, notes = tracked_people(clip, threads=threads)
    draw_people(tracks, clip, out)
    result = [
        {
            "person": track.person,
            "frames": int(track.detected.sum()),
            "start_s": float(track.time_s[0]),
            "end_s": float(track.time_s[-1]),
        }
        for track in tracks
    ]
    found = {"people": result, "notes": list(notes), "file": str(out)}
    show(found, json_=json_, lines=lambda: people_lines(tracks, notes, clip, out))
