"""Ingest runs of real video: what is stored, what is quarantined, and that nothing is done twice."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from biopose.outputs.file_names import OVERLAY
from biopose.pipeline import METHODS as ALL_METHODS
from biopose.reconstruction.method_names import DEFAULT_METHOD
from biopose.rendering.bystanders import BLURRED
from biopose.video.encoding import has_comment
from flows.serving.supervisor import CHECKOUT
from tasks.locks import exclusive
from tasks.settings import Settings
from tests.commands import assert_refused
from tests.commands import run as run_command
from tests.flows.conftest import BAD, FRAMES, GOOD, ObservedRun
from tests.flows.ingest_runs import CLIPS, copied_home, needs_clips, run_ingest, small_inbox, start_ingest
from tests.flows.prefect_server import serving, wait_for
from warehouse.connection import opened_for_reading
from warehouse.content import content_rows
from warehouse.query import run_query

pytestmark = [pytest.mark.slow, needs_clips]


def test_good_trials_are_stored_and_bad_ones_quarantined_with_their_kind_and_stage(run: ObservedRun) -> None:
    assert len(run.account["stored"]) == GOOD
    assert run_query(run.snapshot, "trials", {}).height == GOOD
    reasons = {r["name"].rpartition("/")[2]: (r["kind"], r["stage"]) for r in run.account["quarantined"]}
    assert reasons == {
        "broken": ("video", "probe"),
        "missing": ("missing_file", "discover"),
        "misspelt": ("manifest", "discover"),
        "empty": ("person_not_found", "reconstruct"),
        "giant": ("manifest", "discover"),
        "millimetres": ("manifest", "probe"),
        "elsewhere": ("manifest", "probe"),
        "late": ("manifest", "probe"),
        "stolen": ("manifest", "discover"),
    }


def test_the_reasons_name_file_key_and_remedy_and_stay_in_quarantine(run: ObservedRun) -> None:
    said = {r["name"].rpartition("/")[2]: r for r in run.account["quarantined"]}
    assert re.search(r"session\.toml: line \d+: trial\[3\]\.activity", said["misspelt"]["message"])
    assert "height_m" in said["giant"]["message"]
    assert "17.8" in said["giant"]["message"]
    assert "empty.mp4: nobody was found" in said["empty"]["message"]
    for record in said.values():
        assert json.loads((run.home / "quarantine" / f"{record['name']}.json").read_text()) == record
        assert record["retry"].startswith("biopose ingest ")
        assert record["name"] in record["retry"]


def test_a_folder_that_claims_another_teams_session_changes_nothing_of_it(run: ObservedRun) -> None:
    with opened_for_reading(run.snapshot) as connection:
        heights = connection.execute("SELECT athlete_id, height_m FROM athlete").fetchall()
        videos = connection.execute("SELECT video FROM trial WHERE session_id = 'blue/beam0'").fetchall()
    assert heights == [("blue/ann", 1.7)]
    assert videos == [(CLIPS[0].name,)] * (GOOD // 2)


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
        inputs = connection.execute("SELECT count(*), min(length(input_sha256)) FROM run_input").fetchall()
    assert stages == [(stage, 1, 64, GOOD) for stage in sorted(ALL_METHODS[DEFAULT_METHOD].networks)]
    assert inputs == [(GOOD, 64)]
    assert json.loads((run.home / "device.json").read_text())["device"] == Settings.load(run.home).device


def test_our_coordinates_agree_with_opensims_own_solver(run: ObservedRun) -> None:
    with opened_for_reading(run.snapshot) as connection:
        worst = connection.execute("SELECT max(value) FROM quality WHERE name = 'cross_check_rms_deg'").fetchall()
    assert 0 <= worst[0][0] < 0.5


def test_overlays_of_a_team_with_somebody_who_agreed_to_no_pictures_show_bystanders_blurred(run: ObservedRun) -> None:
    overlays = list((run.home / "artifacts" / "trials" / "blue").rglob(OVERLAY))
    assert [has_comment(overlay, BLURRED) for overlay in overlays] == [True] * GOOD


def test_running_again_measures_nothing_not_even_what_was_deleted_meanwhile_and_changes_nothing(
    run: ObservedRun, server: dict[str, str], tmp_path: Path
) -> None:
    home = copied_home(run.home, tmp_path / "home", trials=True)
    snapshot, deleted = home / run.snapshot.name, run.account["stored"][0]["trial_id"]
    before = content_rows(snapshot)
    run_command("delete", deleted, "--home", home)
    again = run_ingest(run.inbox, home, expect=3, server=server, cores=1)
    assert (again["stored"], len(again["known"]), len(again["quarantined"])) == ([], GOOD - 1, BAD)
    assert [note for note in again["notes"] if f"{deleted} was deleted and is not measured" in note]
    assert "work" not in again["parts"]
    assert content_rows(snapshot)["trial"][0] == before["trial"][0] - 1
    run_command("delete", "--restore", deleted, "--home", home)
    assert content_rows(snapshot) == before


@dataclass
class CorrectedRun:
    """A second run on a copy, with two manifests corrected, one session's date changed and one trial retried."""

    home: Path
    account: dict[str, Any]
    perceived_before: int

    @property
    def perceived(self) -> int:
        return _perceived(self.home)


def _perceived(home: Path) -> int:
    """Number of stretches of video whose people are on disk."""
    return len(list((home / "artifacts/perceived").glob("*/*.parquet")))


@pytest.fixture(scope="module")
def corrected(run: ObservedRun, server: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> CorrectedRun:
    folder = tmp_path_factory.mktemp("corrected")
    inbox = Path(shutil.copytree(run.inbox, folder / "inbox"))
    home = copied_home(run.home, folder / "home", trials=True)
    for session, old, new in (
        ("bad", "wlak", "walk"),
        ("tall", "17.8", "1.78"),
        ("beam1", "2026-11-25", "2026-11-24"),
    ):
        manifest = inbox / "blue" / session / "session.toml"
        manifest.write_text(manifest.read_text().replace(old, new))
    account = run_ingest(
        inbox, home, "--retry", "blue/bad/empty", "--take-over", "all", expect=3, server=server, cores=1
    )
    return CorrectedRun(home, account, _perceived(run.home))


def test_a_corrected_trial_leaves_quarantine_and_a_changed_manifest_causes_only_the_work_it_must(
    corrected: CorrectedRun,
) -> None:
    names = {trial["trial_id"].partition("/")[2].partition("/")[0] for trial in corrected.account["stored"]}
    assert names == {"bad", "tall", "beam1"}
    assert {r["name"].rpartition("/")[2] for r in corrected.account["quarantined"]} == {
        *("broken", "missing", "empty", "millimetres", "elsewhere", "late", "stolen")
    }
    assert not (corrected.home / "quarantine/blue/tall/giant.json").exists()
    assert corrected.perceived == corrected.perceived_before + 2


def test_a_retried_trial_is_processed_again(run: ObservedRun, corrected: CorrectedRun) -> None:
    first, again = (
        next(r for r in account["quarantined"] if r["name"] == "blue/bad/empty")
        for account in (run.account, corrected.account)
    )
    assert again["since"] > first["since"]
    assert (again["kind"], again["message"].rpartition("/")[2]) == (first["kind"], first["message"].rpartition("/")[2])


def test_an_inbox_that_is_not_there_is_named(tmp_path: Path) -> None:
    result = run_command("ingest", tmp_path / "absent", "--home", tmp_path / "home")
    assert_refused(result, "absent: no such folder", exit_code=2)


def test_two_ingests_of_one_home_do_not_meet(run: ObservedRun, server: dict[str, str]) -> None:
    with exclusive(run.home, "night"):
        second = start_ingest(run.inbox, run.home, server=server, cores=1)
        _, error = second.communicate(timeout=120)
    assert second.returncode == 1
    assert "is at work here" in error


def test_the_nightly_schedule_fires_and_rows_appear(run: ObservedRun, tmp_path: Path) -> None:
    project = tmp_path / "project"
    project.mkdir()
    for name in ("flows", "tasks", "biopose", "warehouse"):
        (project / name).symlink_to(CHECKOUT / name)
    plan = yaml.safe_load((CHECKOUT / "prefect.yaml").read_text())
    plan["deployments"][0]["schedules"] = [{"interval": 10}]
    (project / "prefect.yaml").write_text(yaml.safe_dump(plan))
    home = copied_home(run.home, tmp_path / "home")
    inbox = small_inbox(tmp_path / "inbox", trials=1, frames=FRAMES)
    with serving(home, project, BIOPOSE_INBOX=str(inbox), BIOPOSE_CORES="1"):
        snapshot = home / "warehouse.snapshot.duckdb"
        wait_for(snapshot.exists, timeout_s=120)
    assert run_query(snapshot, "trials", {}).height == 1


def test_a_broken_run_ends_as_failed_and_names_the_cause(
    run: ObservedRun, server: dict[str, str], tmp_path: Path
) -> None:
    """Weights that are not those registered are no video's fault: the run fails, nothing is quarantined."""
    home = copied_home(run.home, tmp_path / "home")
    inbox = small_inbox(tmp_path / "inbox", trials=1, frames=FRAMES)
    weights = next((home / "mlflow-artifacts").rglob("lifter.safetensors"))
    weights.write_bytes(weights.read_bytes()[:-1] + b"x")
    process = start_ingest(inbox, home, server=server, cores=1)
    _, error = process.communicate(timeout=120)
    assert process.returncode == 1
    assert "are not those that were registered" in error
    assert not list((home / "quarantine").rglob("*.json"))
