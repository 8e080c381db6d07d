"""A night of recordings of markers: stored and quarantined beside each other, with no network on images at work."""

from __future__ import annotations

from pathlib import Path

import pytest

from biopose.skeleton.full_body import build_full_body
from tests.commands import run as run_command
from tests.flows.conftest import ObservedRun
from tests.flows.ingest_runs import copied_home, needs_clips, run_ingest
from tests.marker_recordings import HEAD, STATIC, laboratory, written_forces
from warehouse.api import open_home

pytestmark = [pytest.mark.slow, needs_clips]

BEN = """
[[athlete]]
id = "ben"
height_m = 1.70
consent = true
static = "static.trc"
model = "lab.osim"
"""


def test_recordings_are_stored_by_their_method_and_a_broken_one_is_quarantined(
    run: ObservedRun, server: dict[str, str], tmp_path: Path
) -> None:
    home, folder = copied_home(run.home, tmp_path / "home"), tmp_path / "inbox" / "lab" / "day"
    more = '\n[[trial]]\nmarkers = "squat1.trc"\nathlete = "ben"\nactivity = "squat"\nforces = "squat1.mot"\n'
    laboratory(tmp_path / "inbox", "walk1.trc", "cut.trc", "squat1.trc", head=HEAD + STATIC + BEN)
    manifest = folder / "session.toml"
    text = manifest.read_text()
    manifest.write_text(text[: text.rindex("\n[[trial]]")] + more)
    build_full_body(folder / "lab.osim")
    written_forces(folder / "squat1.mot")
    (folder / "cut.trc").write_text((folder / "walk1.trc").read_text()[:900])
    checked = run_command("inbox", "check", tmp_path / "inbox", "--json")
    assert '"lab/day/cut", "kind": "markers"' in checked.stdout

    account = run_ingest(tmp_path / "inbox", home, "--method", "keypoint_fit", expect=3, server=server, cores=1)
    assert {trial["trial_id"] for trial in account["stored"]} == {"lab/day/walk1", "lab/day/squat1"}
    (refused,) = account["quarantined"]
    assert (refused["name"], refused["kind"], refused["stage"]) == ("lab/day/cut", "file", "probe")
    assert not (home / "artifacts" / "perceived").exists()  # no Ray actor was started

    warehouse = open_home(home)
    trials = warehouse.trials()
    assert trials.select("trial_id", "recording", "file", "video", "method").rows() == [
        ("lab/day/squat1", "markers", "squat1.trc", None, "marker_ik"),
        ("lab/day/walk1", "markers", "walk1.trc", None, "marker_neurik"),
    ]
    assert warehouse.query("models_of_trial", trial="lab/day/walk1")["stage"].to_list() == ["neurik"]
    assert warehouse.query("releases")["method"].to_list() == ["keypoint_fit"]  # whose videos need no NeurIK
    assert warehouse.metrics(trial="lab/day/squat1", metric="squat_depth").height == 1
    assert warehouse.kinematics(trial="lab/day/walk1")["knee_angle_r_sd_deg"].null_count() == 0
    assert warehouse.query("quality_by_camera")["median_marker_error_mm"].null_count() == 0
    assert set(warehouse.query("reliability", metric="knee_flexion_peak")["method"]) == {"marker_ik", "marker_neurik"}
    assert (home / "reports" / "lab" / "ben.html").stat().st_mode & 0o777 == 0o600
    logged = run_command("log", "--home", home).stdout
    assert "by biopose ingest" in logged
    assert "2 stored, 1 in quarantine, in " in logged
    assert "stored       lab/day/walk1" in logged
    exported = run_command(
        "export", "lab/day/squat1", "--home", home, "--out", tmp_path / "out", "--format", "mot,osim,forces"
    )
    assert exported.exit_code == 0, exported.output
    assert (tmp_path / "out" / "squat1_forces.mot").exists()
