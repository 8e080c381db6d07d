"""Small ingest runs of real video: inboxes made of the sample clips, and the ingestion as a process of its own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from biopose.assets import assets_folder

CLIPS = tuple(assets_folder() / "clips" / f"balance_cam0{camera}.mp4" for camera in (1, 2, 3, 4))
needs_clips = pytest.mark.skipif(
    not all(clip.exists() for clip in CLIPS), reason="the sample clips are not here: biopose assets pull"
)

HEAD = """\
team = "blue"
session = "{session}"
date = 2026-11-25

[[athlete]]
id = "ann"
height_m = {height_m}
consent = true
"""

TRIAL = """
[[trial]]
id = "{name}"
file = "{file}"
athlete = "ann"
activity = "{activity}"
start_s = {start_s}
end_s = {end_s}
"""


@dataclass
class Session:
    """A session's folder with its manifest and videos."""

    name: str
    trials: list[str] = field(default_factory=list)
    height_m: float = 1.7

    def add(self, name: str, file: str, *, start_s: float, frames: int, activity: str = "other") -> None:
        """A trial of so many frames at 60 Hz."""
        end_s = start_s + (frames - 0.5) / 60
        self.trials.append(
            TRIAL.format(name=name, file=file, activity=activity, start_s=round(start_s, 4), end_s=round(end_s, 4))
        )

    def write(self, inbox: Path, *clips: Path) -> Path:
        """Lay it out, with the videos."""
        folder = inbox / "blue" / self.name
        folder.mkdir(parents=True, exist_ok=True)
        for clip in clips:
            if not (folder / clip.name).exists():
                shutil.copyfile(clip, folder / clip.name)
        manifest = folder / "session.toml"
        manifest.write_text(HEAD.format(session=self.name, height_m=self.height_m) + "".join(self.trials))
        return manifest


def small_inbox(inbox: Path, *, trials: int, frames: int, camera: int = 0) -> Path:
    """An inbox with a session `beamN` of one camera, whose trials are different parts of its clip."""
    clip, session = CLIPS[camera], Session(f"beam{camera}")
    for number in range(trials):
        session.add(f"trial{number}", clip.name, start_s=round(number * 0.1, 4), frames=frames)
    session.write(inbox, clip)
    return inbox


def copied_home(home: Path, target: Path, *, trials: bool = False) -> Path:
    """A copy of a home: its registered models and databases of Prefect and MLflow.

    Args:
        home: copied.
        target: the copy.
        trials: whether trials, warehouse and quarantine are copied, too.
    """
    of_trials = ["artifacts", "warehouse*", "quarantine", "video_hashes.json", "sessions.json"]
    left_out = ["*.lock", "logs"] + ([] if trials else of_trials)
    target.mkdir(parents=True)
    for entry in home.iterdir():
        if not any(entry.match(pattern) for pattern in left_out):
            (shutil.copytree if entry.is_dir() else shutil.copy2)(entry, target / entry.name)
    return target


def start_ingest(
    inbox: Path, home: Path, *options: str, server: dict[str, str] | None = None, cores: int | None = None
) -> subprocess.Popen[str]:
    """`biopose ingest INBOX --json` as a process in a group of its own.

    Args:
        inbox: of sessions.
        home: of the state.
        options: of the command.
        server: variables of a Prefect API; None lets the command start a server.
        cores: that it uses, of each engine a process each; to start one takes longer than a small inbox. None: all.
    """
    of_cores = {} if cores is None else {"BIOPOSE_CORES": str(cores)}
    return subprocess.Popen(
        [sys.executable, "-m", "flows.cli.main", "ingest", str(inbox), "--home", str(home), "--json", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env=dict(os.environ) | of_cores | (server or {}),
    )


def run_ingest(
    inbox: Path,
    home: Path,
    *options: str,
    expect: int = 0,
    server: dict[str, str] | None = None,
    cores: int | None = None,
) -> dict[str, Any]:
    """The same to its end; the account of the run."""
    process = start_ingest(inbox, home, *options, server=server, cores=cores)
    out, err = process.communicate(timeout=500)
    assert process.returncode == expect, f"exit code {process.returncode}\n{out[-2000:]}\n{err[-4000:]}"
    account: dict[str, Any] = json.loads(out.splitlines()[-1])
    return account
