"""A session's manifest, `session.toml`, beside its videos."""

from __future__ import annotations

from pathlib import Path

from biopose.errors import ManifestError
from biopose.io.inbox_contents import unmatched
from biopose.io.manifest import TrialEntry, read_session
from tests.fuzzing.outcomes import Format, Outcome
from tests.fuzzing.text_mutations import TEXT_MUTATIONS

VIDEOS = ("left.mp4", "right.mov", "squat.mp4")
SESSION = """\
team = "blue"
session = "jumps"
date = 2026-11-25

[[athlete]]
id = "ann"
height_m = 1.78
mass_kg = 72.0
sex = "female"
consent = true

[[athlete]]
id = "ben"
height_m = 1.84
consent = true

[[trial]]
file = "left.mp4"
athlete = "ann"
activity = "countermovement_jump"

[[trial]]
id = "slow"
file = "right.mov"
athlete = "ann"
activity = "walk"
start_s = 4.0
end_s = 12.5
recorded_hz = 240
keep_readable = true

[[trial]]
file = "squat.mp4"
athlete = "ben"
activity = "squat"
person = [10, 20, 110.5, 220]
[trial.camera]
horizontal_fov_deg = 68.0
distortion = [-0.12, 0.05, 0.0, 0.0, 0.0]
"""


def _trials(path: Path) -> tuple[list[TrialEntry], tuple[str, ...]]:
    """The trials; the notes are on what belongs to none."""
    for name in VIDEOS:
        (path.parent / name).touch()
    session = read_session(path)
    if session.refused:
        raise ManifestError("\n".join(trial.message for trial in session.refused))
    return session.trials, tuple(f"{one.path}: {one.message}" for one in unmatched(path.parent))


def _compared(sound: list[TrialEntry], found: list[TrialEntry]) -> Outcome:
    if len(found) != len(sound):
        return Outcome("silent", f"{len(found)} trials, not {len(sound)}")
    pairs = [(vars(a), vars(b) | _where(a, b)) for a, b in zip(sound, found, strict=True)]
    changed = dict.fromkeys(name for a, b in pairs for name in a if a[name] != b[name])
    return Outcome("unknowable", f"another {', '.join(changed)}") if changed else Outcome("equal")


def _where(sound: TrialEntry, found: TrialEntry) -> dict[str, object]:
    """Of a trial: that each manifest lies in a folder of its own is no difference."""
    return {"file": sound.file.with_name(found.file.name), "place": sound.place}


MANIFEST = Format("session.toml", lambda: [SESSION.encode()], TEXT_MUTATIONS, _trials, _compared)
