"""A height that jumps between sessions is reported: the scale of one of them is wrong."""

from __future__ import annotations

from pathlib import Path

from biopose.io.manifest import TrialEntry, read_session
from tasks.height_jumps import height_jumps

MANIFEST = """\
team = "blue"
session = "{session}"
date = {date}
[[athlete]]
id = "ann"
height_m = {height_m}
consent = true
[[trial]]
file = "jump.mp4"
athlete = "ann"
"""


def trials(folder: Path, *sessions: tuple[str, float]) -> list[TrialEntry]:
    found: list[TrialEntry] = []
    for date, height_m in sessions:
        session = folder / f"on-{date}"
        session.mkdir()
        (session / "jump.mp4").touch()
        text = MANIFEST.format(session=session.name, date=date, height_m=height_m)
        (session / "session.toml").write_text(text)
        found += read_session(session / "session.toml").trials
    return found


def test_a_height_that_jumps_is_reported_with_both_sessions(tmp_path: Path) -> None:
    (line,) = height_jumps(trials(tmp_path, ("2026-11-25", 2.1), ("2026-11-18", 1.7), ("2026-11-01", 1.71)))
    assert line.startswith(
        "the height of blue/ann is 1.7 m in blue/on-2026-11-18 and 2.1 m in blue/on-2026-11-25, 7 days later"
    )


def test_growth_and_the_tape_are_no_jump(tmp_path: Path) -> None:
    assert height_jumps(trials(tmp_path, ("2025-11-25", 1.6), ("2026-11-25", 1.69), ("2026-11-26", 1.71))) == []
