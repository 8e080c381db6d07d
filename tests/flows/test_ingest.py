"""Ingest runs of real video: what is stored, what is quarantined, and that nothing is done twice."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from biopose.pipeline import METHODS as ALL_METHODS
from biopose.reconstruction.method_names import DEFAULT_METHOD
from flows.serving.supervisor import CHECKOUT
from tests.flows.ingest_runs import CLIPS, Session, needs_clips, run_ingest, small_inbox, start_ingest
from tests.flows.prefect_server import serving, wait_for
from tests.video.filming import film
from warehouse.connection import opened_for_reading
from warehouse.content import content_rows
from warehouse.query import ask

pytestmark = [pytest.mark.slow, needs_clips]

GOOD, BAD, FRAMES = 25, 5, 10

READ_ON = """
import sys, time
from pathlib import Path
from warehouse.connection import opened_for_reading
snapshot, stop = Path(sys.argv[1]), Path(sys.argv[2])
counted = "SELECT run_number, count(*) AS n FROM kinematics GROUP BY ALL"
halves = f"SELECT count(*) FROM run LEFT JOIN ({counted}) USING (run_number) WHERE n IS DISTINCT FROM frames"
reads = seen = 0
while not stop.exists():
    if snapshot.exists():
        with opened_for_reading(snapshot) as connection:
            assert connection.execute(halves).fetchone() == (0,)
            seen = max(seen, connection.execute("SELECT count(*) FROM trial").fetchone()[0])
            reads += 1
    time.sleep(0.05)
print(reads, seen)
"""


@dataclass
class ObservedRun:
    """An ingest of 30 trials, and what two readers read meanwhile."""

    inbox: Path
    home: Path
    account: dict[str, Any]
    readers: list[subprocess.CompletedProcess[str]] = field(default_factory=list)

    @property
    def snapshot(self) -> Path:
        return self.home / "warehouse.snapshot.duckdb"


def fill(inbox: Path) -> None:
    """25 good trials in two sessions, and five bad ones, each bad in another way."""
    for number, clip in enumerate(CLIPS[:2]):
        session = Session(f"beam{number}")
        for trial in range(GOOD // 2 + (number < GOOD % 2)):
            session.add(f"trial{trial}", clip.name, start_s=round(trial * 0.1, 3), frames=FRAMES)
        session.write(inbox, clip)
    bad = Session("bad")
    bad.add("broken", "broken.mp4", start_s=0, frames=FRAMES)
    bad.add("missing", "missing.mp4", start_s=0, frames=FRAMES)
    bad.add("misspelt", CLIPS[2].name, start_s=0, frames=FRAMES, activity="wlak")
    bad.add("empty", "empty.mp4", start_s=0, frames=FRAMES)
    bad.write(inbox, CLIPS[2])
    (inbox / "blue/bad/broken.mp4").write_bytes(CLIPS[3].read_bytes()[:50_000])
    film(inbox / "blue/bad/empty.mp4", size=(320, 240), rate_hz=60)
    tall = Session("tall", height_m=17.8)
    tall.add("giant", CLIPS[3].name, start_s=0, frames=FRAMES)
    tall.write(inbox, CLIPS[3])


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> ObservedRun:
    folder = tmp_path_factory.mktemp("run")
    fill(folder / "inbox")
    home, stop = folder / "home", folder / "stop"
    command = [sys.executable, "-c", READ_ON, str(home / "warehouse.snapshot.duckdb"), str(stop)]
    readers = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    account = run_ingest(folder / "inbox", home, expect=3)
    stop.touch()
    ends = [(reader, *reader.communicate(timeout=30)) for reader in readers]
    told = [subprocess.CompletedProcess(reader.args, reader.returncode, out, err) for reader, out, err in ends]
    return ObservedRun(folder / "inbox", home, account, told)


def test_thirty_trials_of_which_five_are_bad(run: ObservedRun) -> None:
    assert len(run.account["stored"]) == GOOD
    assert ask(run.snapshot, "trials", {}).height == GOOD
    reasons = {r["name"].rpartition("/")[2]: (r["kind"], r["stage"]) for r in run.account["quarantined"]}
    assert reasons == {
        "broken": ("video", "probe"),
        "missing": ("missing_file", "discover"),
        "misspelt": ("manifest", "discover"),
        "empty": ("person_not_found", "fit"),
        "giant": ("manifest", "discover"),
    }


def test_the_reasons_name_file_key_and_remedy_and_stay_in_quarantine(run: ObservedRun) -> None:
    said = {r["name"].rpartition("/")[2]: r for r in run.account["quarantined"]}
    assert "session.toml: trial[3].activity" in said["misspelt"]["message"]
    assert "height_m" in said["giant"]["message"]
    assert "17.8" in said["giant"]["message"]
    assert "empty.mp4: nobody was found" in said["empty"]["message"]
    for record in said.values():
        assert json.loads((run.home / "quarantine" / f"{record['name']}.json").read_text()) == record
        assert record["retry"].startswith("biopose ingest ")
        assert record["name"] in record["retry"]


def test_readers_beside_the_run_read_no_error_and_no_half_trial(run: ObservedRun) -> None:
    for reader in run.readers:
        assert reader.returncode == 0, reader.stderr
        reads, trials = map(int, reader.stdout.split())
        assert reads > 10
        assert trials > 0


def test_every_number_can_be_traced(run: ObservedRun) -> None:
    with opened_for_reading(run.snapshot) as connection:
        stages = connection.execute(
            "SELECT stage, version, length(model_version.sha256), count(*) "
            "FROM run JOIN model_version USING (run_number) "
            "WHERE length(video_sha256) = 64 AND length(configuration_sha256) = 64 AND code_version <> '' "
            "GROUP BY ALL ORDER BY stage"
        ).fetchall()
    assert stages == [(stage, 1, 64, GOOD) for stage in sorted(ALL_METHODS[DEFAULT_METHOD].networks)]


def test_our_coordinates_agree_with_opensims_own_solver(run: ObservedRun) -> None:
    with opened_for_reading(run.snapshot) as connection:
        worst = connection.execute("SELECT max(value) FROM quality WHERE name = 'cross_check_rms_deg'").fetchall()
    assert 0 <= worst[0][0] < 0.5


def test_running_again_measures_nothing_and_changes_nothing(run: ObservedRun) -> None:
    before = content_rows(run.snapshot)
    again = run_ingest(run.inbox, run.home, expect=3)
    assert (again["stored"], len(again["known"]), len(again["quarantined"])) == ([], GOOD, BAD)
    assert "start Ray and Dask" not in again["parts"]
    assert content_rows(run.snapshot) == before


def test_a_mended_trial_leaves_quarantine_and_a_changed_manifest_does_only_what_it_must(run: ObservedRun) -> None:
    bad = run.inbox / "blue/bad/session.toml"
    bad.write_text(bad.read_text().replace("wlak", "walk"))
    tall = run.inbox / "blue/tall/session.toml"
    tall.write_text(tall.read_text().replace("17.8", "1.78"))
    first = run.inbox / "blue/beam1/session.toml"
    first.write_text(first.read_text().replace("2026-11-25", "2026-11-24"))
    seen = sorted((run.home / "artifacts/seen").rglob("*.parquet"))
    account = run_ingest(run.inbox, run.home, expect=3)
    names = {trial["trial_id"].partition("/")[2].partition("/")[0] for trial in account["stored"]}
    assert names == {"bad", "tall", "beam1"}
    assert {r["name"].rpartition("/")[2] for r in account["quarantined"]} == {"broken", "missing", "empty"}
    assert not (run.home / "quarantine/blue/tall/giant.json").exists()
    assert len(sorted((run.home / "artifacts/seen").rglob("*.parquet"))) == len(seen) + 2


def test_a_retried_trial_is_tried_again_and_an_unknown_one_is_refused(run: ObservedRun) -> None:
    name = "blue/bad/empty"
    account = run_ingest(run.inbox, run.home, "--retry", name, expect=3)
    assert "start Ray and Dask" in account["parts"]
    assert name in {r["name"] for r in account["quarantined"]}
    process = start_ingest(run.inbox, run.home, "--retry", "blue/bad/nothing")
    _, error = process.communicate(timeout=120)
    assert process.returncode == 1
    assert "blue/bad/nothing is not in quarantine" in error


def test_an_inbox_that_is_not_there_is_named(tmp_path: Path) -> None:
    process = start_ingest(tmp_path / "absent", tmp_path / "home")
    _, error = process.communicate(timeout=60)
    assert process.returncode == 2
    assert "absent: no such folder" in error


def test_two_ingests_of_one_home_do_not_meet(tmp_path: Path) -> None:
    inbox = small_inbox(tmp_path / "inbox", trials=1, frames=10)
    first = start_ingest(inbox, tmp_path / "home")
    wait_for(lambda: (tmp_path / "home/ingest.lock").exists(), timeout_s=60)
    second = start_ingest(inbox, tmp_path / "home")
    _, error = second.communicate(timeout=120)
    assert second.returncode == 1
    assert "an ingest is at work here" in error
    first.communicate(timeout=120)
    assert first.returncode == 0


def test_the_nightly_schedule_fires_and_rows_appear(tmp_path: Path) -> None:
    project = tmp_path / "project"
    project.mkdir()
    for name in ("flows", "tasks", "biopose", "warehouse"):
        (project / name).symlink_to(CHECKOUT / name)
    plan = yaml.safe_load((CHECKOUT / "prefect.yaml").read_text())
    plan["deployments"][0]["schedules"] = [{"interval": 10}]
    (project / "prefect.yaml").write_text(yaml.safe_dump(plan))
    home = tmp_path / "home"
    inbox = small_inbox(tmp_path / "inbox", trials=1, frames=10)
    with serving(home, project, BIOPOSE_INBOX=str(inbox)):
        snapshot = home / "warehouse.snapshot.duckdb"
        wait_for(snapshot.exists, timeout_s=120)
    assert ask(snapshot, "trials", {}).height == 1


def test_a_broken_run_ends_as_failed_and_names_the_cause(tmp_path: Path) -> None:
    """Weights that are not those registered are no video's fault: the run fails, nothing is quarantined."""
    inbox = small_inbox(tmp_path / "inbox", trials=1, frames=10)
    home = tmp_path / "home"
    subprocess.run(
        [sys.executable, "-m", "flows.cli.main", "models", "--home", str(home)], check=True, capture_output=True
    )
    weights = next((home / "mlflow-artifacts").rglob("lifter.safetensors"))
    weights.write_bytes(weights.read_bytes()[:-1] + b"x")
    process = start_ingest(inbox, home)
    _, error = process.communicate(timeout=120)
    assert process.returncode == 1
    assert "are not those that were registered" in error
    assert not list((home / "quarantine").rglob("*.json"))
