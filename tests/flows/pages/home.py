"""A small home with a squad over ten sessions, a walk, a trial with files and one in quarantine; served for real."""

from __future__ import annotations

import datetime
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import uvicorn

from biopose.body.asset_file import body_asset_path
from biopose.errors import VideoError
from biopose.outputs.trial import write_trial_parquet
from biopose.video.encoding import VideoFile
from flows.pages.application import application
from flows.serving.ports import free_port
from tasks.quarantine import Quarantine, quarantine_record, retry_command
from tasks.settings import Settings
from tests.outputs.measured import measured
from tests.warehouse.trials import SyntheticTrial, load_trials
from warehouse.snapshot import publish_snapshot

FILMED = "blue/2026-11-03-jumps/jump_ann"
WALK = "blue/2026-11-03-gait/walk 1"
QUARANTINED = "blue/2026-11-03-jumps/jump_zoe"
SESSIONS, ATHLETES = 8, ("ann", "bob", "cleo", "dan", "eve", "fay")
OWN_QUERY = """\
-- Trials of an activity.
-- activity: one of trial.activity
SELECT trial_id FROM trial WHERE activity = $activity
"""


def make_home(folder: Path) -> Path:
    """The home; cleo bends her knees 9 degrees less from the fifth session on."""
    home = folder / "home"
    trials = (*_jumps(), _walk())
    load_trials(
        home / "warehouse.duckdb", ((one.record, one.write(folder / "measured" / one.run_id)) for one in trials)
    )
    publish_snapshot(home / "warehouse.duckdb", home / "warehouse.snapshot.duckdb")
    _write_files(home)
    retry = retry_command(QUARANTINED, inbox=Path("/data/inbox"), home=home)
    error = VideoError("jump_zoe.mp4: has no <frame> that can be decoded; copy it again")
    Quarantine(home / "quarantine").put(quarantine_record(QUARANTINED, error, stage="probe", key="a", retry=retry))
    (home / "queries").mkdir()
    (home / "queries" / "trials_of_activity.sql").write_text(OWN_QUERY)
    (home / "queries" / "broken.sql").write_text("-- Broken.\n-- coach: one of coach.name\nSELECT $coach")
    return home


def folder_of(home: Path, trial_id: str = FILMED) -> Path:
    """Where a trial's files are."""
    (folder,) = (home / "artifacts/trials" / trial_id).iterdir()
    return folder


@contextmanager
def served(home: Path) -> Iterator[str]:
    """The address at which the pages of a home are served for the block."""
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(application(Settings.load(home)), port=port, log_level="warning"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        thread.join(0.02)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(10)


def _jumps() -> list[SyntheticTrial]:
    rng = np.random.default_rng(1)
    trials = []
    for week in range(SESSIONS):
        day = (datetime.date(2026, 11, 3) - datetime.timedelta(weeks=SESSIONS - 1 - week)).isoformat()
        for number, athlete in enumerate(ATHLETES):
            drop = 9.0 if athlete == "cleo" and week >= SESSIONS // 2 else 0.0
            metrics = [("knee_flexion_peak", side, 90.0 - drop + rng.normal(), 2.0) for side in ("left", "right")]
            unknown = ("mean_speed", "none", None, None, "the camera moves")
            trials.append(
                SyntheticTrial(
                    f"jump_{athlete}",
                    seed=SESSIONS * number + week,
                    athlete=athlete,
                    session=f"{day}-jumps",
                    date=day,
                    metrics=(*metrics, unknown),
                    events=(("take_off", "both", 0.2), ("landing", "both", 0.6)),
                )
            )
    return trials


def _walk() -> SyntheticTrial:
    strikes = (("left", 0.1), ("left", 0.6), ("right", 0.0), ("right", 0.5))
    return SyntheticTrial(
        "walk 1", session="2026-11-03-gait", date="2026-11-03", activity="walk", strikes=strikes, metrics=()
    )


def _write_files(home: Path) -> None:
    (jump,) = (trial for trial in _jumps() if trial.trial_id == FILMED)
    folder = home / jump.record["run"]["artifacts"]
    folder.mkdir(parents=True)
    with VideoFile(folder / "overlay.mp4", width_px=320, height_px=180, rate_hz=50.0) as video:
        for frame in range(len(jump.time_s)):
            pixels = np.full((180, 320, 3), 40, np.uint8)
            pixels[60:120, 6 * frame : 6 * frame + 60] = (236, 145, 62)
            video.add(pixels, time_s=frame / 50)
    if body_asset_path().is_file():
        write_trial_parquet(measured(frames=len(jump.time_s)), folder / "trial.parquet", settings={}, versions={})
    (folder / "report.html").write_text("<!doctype html><style>p { color: teal }</style><p>a report</p>")
    (folder / "coordinates.mot").write_text("coordinates")
    (folder / "markers.trc").symlink_to(home / "warehouse.duckdb")  # leads out of the folder
    (folder / "notes.txt").write_text("no file of a trial")
