"""What tests of flows share: one ingest run of real video."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import made_once
from tests.flows.ingest_runs import CLIPS, Session, run_ingest, small_inbox
from tests.video.filming import film

GOOD, BAD, FRAMES = 6, 9, 10

POLL_SNAPSHOT = """
import sys, time
from pathlib import Path
from warehouse.connection import opened_for_reading
snapshot, stop = Path(sys.argv[1]), Path(sys.argv[2])
counted = "SELECT run_number, count(*) AS n FROM kinematics_of_every_run GROUP BY ALL"
halves = f"SELECT count(*) FROM run LEFT JOIN ({counted}) USING (run_number) WHERE n IS DISTINCT FROM frames"
reads = most = 0
while not stop.exists():
    if snapshot.exists():
        with opened_for_reading(snapshot) as connection:
            assert connection.execute(halves).fetchone() == (0,)
            most = max(most, connection.execute("SELECT count(*) FROM trial").fetchone()[0])
            reads += 1
    time.sleep(0.2)
print(reads, most)
"""


@dataclass
class ObservedRun:
    """An ingest of six good trials and nine bad ones into an empty home, and what two readers read meanwhile."""

    inbox: Path
    home: Path
    account: dict[str, Any]
    readers: list[subprocess.CompletedProcess[str]]

    @property
    def snapshot(self) -> Path:
        return self.home / "warehouse.snapshot.duckdb"


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> ObservedRun:
    """To be read; a test that changes the inbox or the home copies it. The processes of the tests share one."""
    return made_once(tmp_path_factory, "run", _observed_run)


def _observed_run(folder: Path) -> ObservedRun:
    _fill(folder / "inbox")
    home, stop = folder / "home", folder / "stop"
    command = [sys.executable, "-c", POLL_SNAPSHOT, str(home / "warehouse.snapshot.duckdb"), str(stop)]
    readers = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    try:
        account = run_ingest(folder / "inbox", home, expect=3)
    finally:
        stop.touch()
        ends = [(reader, *reader.communicate(timeout=60)) for reader in readers]
    completed = [subprocess.CompletedProcess(reader.args, reader.returncode, out, err) for reader, out, err in ends]
    return ObservedRun(folder / "inbox", home, account, completed)


def _fill(inbox: Path) -> None:
    """Good trials in two sessions, and nine bad ones, each bad in another way."""
    for camera in (0, 1):
        small_inbox(inbox, trials=GOOD // 2, frames=FRAMES, camera=camera)
    with (inbox / "blue" / "beam1" / "session.toml").open("a") as manifest:
        manifest.write('\n[[athlete]]\nid = "bob"\nheight_m = 1.8\nconsent = {scope = ["numbers"]}\n')
    bad = Session("bad")
    bad.add("broken", "broken.mp4", start_s=0, frames=FRAMES)
    bad.add("missing", "missing.mp4", start_s=0, frames=FRAMES)
    bad.add("misspelt", CLIPS[2].name, start_s=0, frames=FRAMES, activity="wlak")
    bad.add("empty", "empty.mp4", start_s=0, frames=FRAMES)
    for name, line in (("millimetres", "camera = {focal_px = 26}"), ("elsewhere", "person = [9000, 0, 9100, 50]")):
        bad.add(name, CLIPS[2].name, start_s=0, frames=FRAMES)
        bad.trials[-1] += line + "\n"
    bad.add("late", CLIPS[2].name, start_s=600, frames=FRAMES)
    bad.write(inbox, CLIPS[2])
    (inbox / "blue/bad/broken.mp4").write_bytes(CLIPS[3].read_bytes()[:50_000])
    film(inbox / "blue/bad/empty.mp4", size=(320, 240), rate_hz=60)
    tall = Session("tall", height_m=17.8)
    tall.add("giant", CLIPS[3].name, start_s=0, frames=FRAMES)
    tall.write(inbox, CLIPS[3])
    stranger = Session("beam0", height_m=2.1)
    stranger.add("trial0", CLIPS[3].name, start_s=0, frames=FRAMES)
    (inbox / "a_red").mkdir()  # a team whose folder comes first
    stranger.write(inbox, CLIPS[3]).parent.rename(inbox / "a_red" / "stolen")
    small_inbox(inbox, trials=GOOD // 2, frames=FRAMES, camera=0)
