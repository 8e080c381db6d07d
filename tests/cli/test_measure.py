"""`biopose measure`: all files of a short real clip, and a clear word where its use or the video is at fault."""

import json
import struct
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from biopose.camera.intrinsics import FOCAL_35MM_KEY, camera_of
from biopose.camera.motion_summary import CameraMotionResult
from biopose.cli.measure_file import MeasureSummary, athlete_choice, trial_of
from biopose.io.mot import read_mot
from biopose.io.trc import read_trc
from biopose.outputs.file_names import OVERLAY
from biopose.pipeline import Clip, Measurement, Subject, Trial
from biopose.skeleton.full_body import full_body_skeleton
from biopose.skeleton.reader import read_osim
from biopose.video.probe import probe_video
from tests.body.bodies import needs_body_asset
from tests.commands import assert_refused, run
from tests.outputs.measured import GAIN, two_people
from tests.perception.real_people import CLIP, needs_networks
from tests.video.filming import film, phone_film

FILES = {
    *("coordinates.mot", "markers.trc", "scaled.osim", "trial.parquet"),
    *("kinematics.parquet", "events.parquet", "metrics.parquet", "quality.parquet", "cycles.parquet"),
    *("summary.json", "metrics.csv", "overlay.mp4", "report.html"),
}


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A few frames without a person; a path with a space and letters of other alphabets."""
    folder = tmp_path_factory.mktemp("Прыжок 跳") / "two words"
    folder.mkdir()
    return film(folder / "nobody.mp4", frames=5, size=(320, 240))


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    out = tmp_path_factory.mktemp("measure") / "new folder" / "результат"
    out.parent.mkdir()
    options = ("--start-s", 0, "--end-s", 0.5, "--activity", "countermovement_jump", "--threads", 1)
    result = run("measure", CLIP, "--height-m", 1.78, "--out", out, "--json", *options)
    assert result.exit_code == 0, result.output
    return out, json.loads(result.stdout)


# What comes out


@pytest.mark.slow
@needs_networks
@needs_body_asset
def test_every_file_is_written_and_named(measured: tuple[Path, dict[str, Any]]) -> None:
    out, report = measured
    assert {path.name for path in out.iterdir()} == FILES
    assert {Path(name) for name in report["files"]} == {out / name for name in FILES}
    assert all((out / name).stat().st_size > 0 for name in FILES)


@pytest.mark.slow
@needs_networks
@needs_body_asset
def test_the_report_for_a_program_tells_who_was_measured(measured: tuple[Path, dict[str, Any]]) -> None:
    _, report = measured
    assert report["frames"] == 15
    (person,) = report["people"]
    assert person["person"] == 0
    assert 0 < person["frames"] <= 15
    assert 0 <= person["start_s"] <= person["end_s"] <= 0.5
    assert 0 < person["quality"] <= 1
    assert set(report["seconds"]) >= {"perceive", "reconstruct", "solve"}
    assert isinstance(report["camera_moves"], bool)


@pytest.mark.slow
@needs_networks
@needs_body_asset
def test_the_files_are_of_one_motion_and_one_model(measured: tuple[Path, dict[str, Any]]) -> None:
    out, report = measured
    scaled = read_osim(out / "scaled.osim")
    coordinates = read_mot(out / "coordinates.mot", rotational=scaled.rotational_names)
    markers = read_trc(out / "markers.trc")
    frames = report["people"][0]["frames"]
    assert coordinates.names == scaled.coordinate_names == full_body_skeleton().coordinate_names
    assert coordinates.values.shape == (frames, len(scaled.coordinates))
    assert len(markers.time_s) == frames
    assert np.isfinite(coordinates.values).all()
    np.testing.assert_allclose(markers.time_s, coordinates.time_s, atol=1e-4)


@pytest.mark.slow
@needs_networks
@needs_body_asset
def test_the_overlay_has_the_clips_frames(measured: tuple[Path, dict[str, Any]]) -> None:
    with av.open(str(measured[0] / "overlay.mp4")) as container:
        assert sum(1 for _ in container.decode(video=0)) == 15


@pytest.mark.slow
@needs_networks
@needs_body_asset
def test_the_summary_holds_settings_and_versions(measured: tuple[Path, dict[str, Any]]) -> None:
    text = (measured[0] / "summary.json").read_text(encoding="utf-8")
    summary = json.loads(text)
    assert "countermovement_jump" in text
    assert summary["versions"]["lifter_sha256"]
    assert summary["settings"]["subjects"][0]["height_m"] == 1.78


@needs_body_asset
def test_what_a_refinement_gained_is_printed_below_the_person_where_there_was_one() -> None:
    first, second = two_people()
    people = [first, replace(second, refinement=GAIN)]
    stands = CameraMotionResult(False, 0.0, 0.0, 1.0, None, (), True, "It stands.")
    summary = MeasureSummary(
        Measurement(people, stands, frame_count=40), [], trial_of(CLIP, heights_m=[1.8], choices=["all"])
    )
    lines = summary.lines()
    assert [line for line in lines if "refinement" in line] == [f"    refinement: {GAIN.sentence}"]
    assert lines[lines.index(f"    refinement: {GAIN.sentence}") - 1].startswith("  person 1:")
    assert [one["refinement"] for one in summary.as_dict()["people"]] == [None, asdict(GAIN)]


@needs_body_asset
def test_each_persons_height_and_the_order_of_heights_are_printed(clip: Path) -> None:
    people = two_people()
    stands = CameraMotionResult(False, 0.0, 0.0, 1.0, None, (), True, "It stands.")
    both, last, alone = (
        MeasureSummary(
            Measurement(chosen, stands, 40), [Path(OVERLAY)], trial_of(clip, heights_m=heights_m, choices=["all"])
        )
        for chosen, heights_m in ((people, [1.83, 1.71]), (people, [1.83]), (people[:1], [1.83]))
    )
    assert [one["height_m"] for one in both.as_dict()["people"]] == [1.83, 1.71]
    order = "  heights: by the people's size in the image, the largest first, as `biopose people` shows it"
    for summary, second in ((both, "1.71"), (last, "1.83")):
        lines = summary.lines()
        assert lines[1].startswith("  person 0: 1.83 m, ")
        assert any(line.startswith(f"  person 1: {second} m, ") for line in lines)
        assert f"{order}; compare overlay.mp4" in lines
        assert ("  heights: the last --height-m was used for person 1 too" in lines) == (summary is last)
    assert not any("heights:" in line for line in alone.lines())
    without_overlay = replace(both, files=[]).lines()
    assert order in without_overlay


def test_the_order_of_heights_is_documented() -> None:
    text = " ".join(run("measure", "--help").stdout.split())
    assert "with --athlete all in the order of `biopose people`, the largest in the image first" in text
    assert "take the heights in this order" in text


# Wrong usage


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--start-s", 2, "--end-s", 1), "--end-s 1 is not after --start-s 2"),
        (("--athlete", "tallest"), "'tallest' is not largest, central, all, a number"),
        (("--athlete", "1,2"), "'1,2' is not largest, central, all, a number"),
        (("--athlete", "200,10,100,90"), "200,10,100,90: a box is left,top,right,bottom"),
        (("--athlete", "nan,10,100,90"), "nan,10,100,90: a box is left,top,right,bottom"),
        (("--focal-px", 500, "--horizontal-fov-deg", 170), "contradict each other"),
        (("--distortion", "0.1,0.2"), "2 distortion coefficients"),
        (("--distortion", "0.1,b,0,0"), "distortion"),
        (("--focal-px", 0), "--focal-px"),
        (("--activity", "swim"), "swim"),
        (("--height-m", 9), "--height-m"),
        (("--height-m", 178), "--height-m"),
        (("--sex", "other"), "other"),
        (("--threads", 0), "--threads"),
        (("--overlay-height", 100), "--overlay-height"),
        (("--overlay-height", 720, "--no-overlay"), "--overlay-height has no effect with --no-overlay"),
    ],
)
def test_a_wrong_command_line_is_named(clip: Path, tmp_path: Path, options: tuple[object, ...], message: str) -> None:
    refused = run("measure", clip, "--height-m", 1.78, "--out", tmp_path / "out", *options)
    assert_refused(refused, message, exit_code=2)
    assert not (tmp_path / "out").exists()


def test_height_and_folder_are_needed(clip: Path, tmp_path: Path) -> None:
    assert_refused(run("measure", clip, "--out", tmp_path), "--height-m", exit_code=2)
    assert_refused(run("measure", clip, "--height-m", 1.78), "--out", exit_code=2)


@needs_networks
@needs_body_asset
@pytest.mark.parametrize("options", [("--height-m", 0.6), ("--height-m", 1.8, "--mass-kg", 299)])
def test_an_athlete_whom_no_body_can_be_is_refused(clip: Path, tmp_path: Path, options: tuple[object, ...]) -> None:
    assert_refused(run("measure", clip, "--out", tmp_path / "out", *options), "out of reach", exit_code=2)


# What cannot be measured


def test_a_video_that_is_not_there_is_named(tmp_path: Path) -> None:
    missing = tmp_path / "none.mp4"
    assert_refused(run("measure", missing, "--height-m", 1.78, "--out", tmp_path / "out"), "none.mp4", exit_code=2)


@needs_networks
@needs_body_asset
@pytest.mark.parametrize("content", [b"", b"no video at all\n" * 50, struct.pack(">I4sI", 24, b"ftyp", 0) * 3])
@pytest.mark.parametrize("options", [(), ("--focal-px", 800)])
def test_an_unreadable_video_is_one_clear_line(tmp_path: Path, content: bytes, options: tuple[object, ...]) -> None:
    (tmp_path / "broken.mp4").write_bytes(content)
    refused = run("measure", tmp_path / "broken.mp4", "--height-m", 1.78, "--out", tmp_path / "out", *options)
    assert_refused(refused, "broken.mp4")
    assert not (tmp_path / "out").exists()


@needs_networks
@needs_body_asset
def test_a_clip_without_a_person_is_one_line_with_the_remedy(clip: Path, tmp_path: Path) -> None:
    refused = run("measure", clip, "--height-m", 1.78, "--out", tmp_path / "out", "--json", "--threads", 1)
    assert_refused(refused, "nobody was found in the clip of 5 frames")
    assert "where the athlete is in view" in refused.stderr
    assert not (tmp_path / "out").exists()


# Reading the command line


def test_options_are_taken_as_they_are_given(clip: Path) -> None:
    trial = trial_of(
        clip,
        heights_m=[1.8],
        mass_kg=70.0,
        sex="female",
        choices=["10,20,110.5,220"],
        activity="sprint",
        horizontal_fov_deg=90.0,
        distortion="-0.05,0.01,0,0",
        recorded_rate_hz=240.0,
        start_s=0.1,
        end_s=0.3,
        keep_readable=True,
    )
    box = (10.0, 20.0, 110.5, 220.0)
    assert trial == Trial(
        Clip(
            clip,
            start_s=0.1,
            end_s=0.3,
            recorded_rate_hz=240.0,
            keep_readable=True,
            horizontal_fov_deg=90.0,
            distortion=(-0.05, 0.01, 0.0, 0.0),
        ),
        (Subject(1.8, 70.0, "female", person=box),),
        activity="sprint",
    )
    camera = trial.clip.camera(probe_video(clip))
    assert camera.focal_px[0] == pytest.approx(160.0)
    assert camera.distortion == (-0.05, 0.01, 0.0, 0.0, 0.0)


def test_a_distortion_alone_leaves_the_focal_length_that_a_phone_wrote(tmp_path: Path) -> None:
    video = phone_film(tmp_path / "clip.mov", tags={FOCAL_35MM_KEY: "26.00mm"})
    camera = trial_of(video, heights_m=[1.8], distortion="-0.05,0.01,0,0").clip.camera(probe_video(video))
    assert (camera.source, camera.focal_px) == ("metadata", camera_of(probe_video(video)).focal_px)


def test_heights_are_those_of_everybody_in_their_order(clip: Path) -> None:
    trial = trial_of(clip, heights_m=[1.8, 1.6], choices=["all"])
    assert [subject.height_m for subject in trial.subjects] == [1.8, 1.6]
    with pytest.raises(ValueError, match="2 times --height-m, but --athlete central measures 1 person"):
        trial_of(clip, heights_m=[1.8, 1.6], choices=["central"])


def test_heights_go_with_the_athletes_that_are_chosen(clip: Path) -> None:
    trial = trial_of(clip, heights_m=[1.8, 1.6, 1.7], choices=["2", "640,400,1.5", "1,2,30,40"])
    chosen = [(subject.person, subject.height_m) for subject in trial.subjects]
    assert chosen == [(2, 1.8), ((640.0, 400.0, 1.5), 1.6), ((1.0, 2.0, 30.0, 40.0), 1.7)]
    with pytest.raises(ValueError, match="1 times --height-m, but --athlete 0 --athlete 1 measures 2 people"):
        trial_of(clip, heights_m=[1.8], choices=["0", "1"])
    with pytest.raises(ValueError, match="different people"):
        trial_of(clip, heights_m=[1.8, 1.6], choices=["0", "0"])


def test_a_camera_of_which_nothing_is_given_is_left_to_the_measurement(clip: Path) -> None:
    assert trial_of(clip, heights_m=[1.8]).clip == Clip(clip)


@pytest.mark.parametrize("word", ["largest", "central", "all"])
def test_athletes_are_chosen_by_keyword(word: str) -> None:
    assert athlete_choice(word) == word


def test_athletes_are_chosen_by_a_box_that_may_reach_out_of_the_picture() -> None:
    assert athlete_choice("-10, 0, 100,200.5") == (-10.0, 0.0, 100.0, 200.5)


@pytest.mark.parametrize(
    "text",
    ["", "biggest", "-1", "1.5", "1,2", "1,2,nan", "1,2,3,4,5", "5,0,5,10", "0,10,5,10", "nan,0,5,10", "a,b,c,d"],
)
def test_what_is_no_choice_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"--athlete .*left,top,right,bottom"):
        athlete_choice(text)
