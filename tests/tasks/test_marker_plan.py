"""The plan of a recording of markers: what it is keyed by, what is skipped, what is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from biopose.errors import BioposeError, FileFormatError
from biopose.io.manifest import TrialEntry, read_session
from biopose.skeleton.full_body import build_full_body
from tasks.marker_plan import PlannedMarkers
from tasks.models import PinnedModel
from tasks.plan import IngestOptions, groups_of, plan_trial, stages_of
from tasks.settings import Settings
from tasks.video_hash import VideoChangedError, VideoHashes
from tests.marker_recordings import (
    HEAD,
    STATIC,
    laboratory,
    static_markers,
    swinging_markers,
    written_forces,
    written_trc,
)

NEURIK = PinnedModel("neurik", "neurik", 3, "a" * 64, "{}")
DETECTOR = PinnedModel("detector", "detector", 1, "b" * 64, "{}")


def entry_of(manifest: Path) -> TrialEntry:
    session = read_session(manifest)
    assert not session.refused
    return session.trials[0]


def planned(manifest: Path, *models: PinnedModel, neurik: PinnedModel | None = None) -> PlannedMarkers:
    home = manifest.parents[3] / "home"
    found = plan_trial(
        entry_of(manifest),
        models=models or (DETECTOR, NEURIK),
        options=IngestOptions(),
        settings=Settings.load(home),
        hashes=VideoHashes(home / "hashes.json"),
        neurik=neurik,
    )
    assert isinstance(found, PlannedMarkers)
    return found


def test_nothing_is_perceived_and_the_record_states_what_was_recorded_and_by_which_method(tmp_path: Path) -> None:
    one = planned(laboratory(tmp_path / "inbox", "walk1.trc"))
    assert groups_of([one], group_s=1.0) == []
    assert stages_of(one) == ("measure markers", "load")
    record = one.record
    assert (record["run"]["method"], record["trial"]["recording"]) == ("marker_neurik", "markers")
    assert (record["trial"]["video"], record["run"]["mass_kg"]) == ("walk1.trc", 60)
    assert [model["stage"] for model in record["models"]] == ["neurik"]  # no network on images


def test_the_key_changes_with_every_file_and_setting_that_the_result_depends_on(tmp_path: Path) -> None:
    manifest = laboratory(tmp_path / "inbox", "walk1.trc")
    keys, inputs = [planned(manifest).run_id], [planned(manifest).record["input_sha256"]]
    assert planned(manifest).run_id == keys[0]
    assert planned(manifest, DETECTOR, NEURIK).run_id == planned(manifest, NEURIK).run_id
    other = planned(manifest, PinnedModel("neurik", "neurik", 4, "c" * 64, "{}"))
    keys.append(other.run_id)
    assert other.record["input_sha256"] == inputs[0]  # of whatever measures
    folder = manifest.parent
    written_trc(folder / "static.trc", static_markers().at(slice(0, 40)))
    keys.append(planned(manifest).run_id)
    inputs.append(planned(manifest).record["input_sha256"])
    written_forces(folder / "walk1.mot")
    text = manifest.read_text()
    manifest.write_text(text.replace('activity = "walk"', 'activity = "walk"\nforces = "walk1.mot"'))
    keys.append(planned(manifest).run_id)
    inputs.append(planned(manifest).record["input_sha256"])
    manifest.write_text(text.replace("mass_kg = 60", "mass_kg = 61"))
    keys.append(planned(manifest).run_id)
    inputs.append(planned(manifest).record["input_sha256"])
    manifest.write_text(text.replace('activity = "walk"', 'activity = "walk"\nend_s = 0.4'))
    keys.append(planned(manifest).run_id)
    inputs.append(planned(manifest).record["input_sha256"])
    assert len(set(keys)) == len(keys)
    assert len(set(inputs)) == len(inputs)


def test_a_release_without_neurik_solves_markers_with_the_one_that_is_pinned_for_them(tmp_path: Path) -> None:
    manifest = laboratory(tmp_path / "inbox", "walk1.trc")
    pinned = planned(manifest, DETECTOR, neurik=NEURIK)
    assert pinned.neurik == NEURIK  # it measures with that, whatever is champion by then
    assert pinned.record["models"] == [NEURIK.identity]
    assert pinned.record["release"]["models"] == [DETECTOR.identity]
    assert pinned.run_id == planned(manifest, DETECTOR, NEURIK).run_id  # the result is the same
    assert planned(manifest, NEURIK, neurik=replace(NEURIK, version=4, sha256="c" * 64)).run_id == pinned.run_id


def test_a_changed_file_removes_the_result_and_waits(tmp_path: Path) -> None:
    one = planned(laboratory(tmp_path / "inbox", "walk1.trc"))
    one.folder.mkdir(parents=True)
    (one.folder / "done").touch()
    assert one.is_finished
    static = tmp_path / "inbox" / "lab" / "day" / "static.trc"
    static.write_text(static.read_text() + "\n")
    with pytest.raises(VideoChangedError, match=r"static\.trc: is still being written"):
        one.check_inputs()
    assert not one.is_finished


def test_a_broken_file_is_refused_and_files_of_a_finished_trial_are_not_read_again(tmp_path: Path) -> None:
    manifest = laboratory(tmp_path / "inbox", "walk1.trc", head=f'{HEAD}{STATIC}model = "lab.osim"\n')
    build_full_body(manifest.parent / "lab.osim")
    one = planned(manifest)
    assert one.record["run"]["method"] == "marker_ik"
    assert one.record["models"] == []
    (manifest.parent / "walk1.trc").write_text("no markers")
    with pytest.raises(FileFormatError, match=r"walk1\.trc"):
        planned(manifest)


def test_markers_of_other_names_without_a_model_are_refused_with_what_to_give(tmp_path: Path) -> None:
    manifest = laboratory(tmp_path / "inbox", "walk1.trc", head=HEAD)
    written_trc(manifest.parent / "walk1.trc", swinging_markers().select(["LASI", "RASI", "LKNE"]))
    with pytest.raises(BioposeError, match=r"3 of its 3 markers have a name .* \(model\), and a static trial"):
        planned(manifest)


def test_a_part_that_the_recording_lacks_is_refused_with_the_key(tmp_path: Path) -> None:
    manifest = laboratory(tmp_path / "inbox", "walk1.trc")
    manifest.write_text(manifest.read_text().replace('activity = "walk"', "start_s = 7"))
    with pytest.raises(
        BioposeError, match=r"trial\[1\]\.start_s \(walk1\.trc\): the recording lasts from 0\.00 to 0\.59"
    ):
        planned(manifest)
