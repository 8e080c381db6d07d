"""Everything that a measured video becomes, from a real file."""

import html
import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from biopose.errors import VideoError
from biopose.outputs.summary import person_summary, write_summary
from biopose.reconstruction.measurement import PersonMeasurement
from biopose.report.folder import worst_frames, write_outputs
from biopose.video.encoding import VideoFile
from biopose.video.frames import probe_video
from tests.body.bodies import needs_body_asset
from tests.outputs.measured import SETTINGS, VERSIONS, measured, video_of

pytestmark = needs_body_asset

FRAMES = 8
TRIAL = ["coordinates.mot", "markers.trc", "scaled.osim", "trial.parquet"]
TRIAL += ["kinematics.parquet", "events.parquet", "metrics.parquet", "quality.parquet", "cycles.parquet"]
ONCE = ["overlay.mp4", "report.html", "summary.json", "metrics.csv"]


def film(people: list[PersonMeasurement], video: Path) -> None:
    camera = people[0].camera
    with VideoFile(video, width_px=camera.width_px, height_px=camera.height_px, rate_hz=25.0) as file:
        for frame in video_of(people, frames=FRAMES):
            file.add(frame.image, time_s=frame.time_s)


def write(
    people: list[PersonMeasurement],
    video: Path,
    out: Path,
    *,
    intact: Path | None = None,
    activity: str = "other",
    **overlay: Any,
) -> list[Path]:
    """The files; of a video that cannot be read, the information is of an intact one."""
    return write_outputs(
        people,
        video=video,
        out=out,
        info=probe_video(intact or video),
        activity=activity,
        cross_check_frames=2,
        settings=SETTINGS,
        versions=VERSIONS,
        **overlay,
    )


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("video") / "sprint.mp4"
    film([measured(frames=1)], path)
    return path


@pytest.fixture(scope="module")
def of_one(video: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Path], Path]:
    """The files and the folder of one person."""
    out = tmp_path_factory.mktemp("one") / "out"
    return write([measured(frames=FRAMES)], video, out), out


@pytest.fixture(scope="module")
def of_two(video: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Path], Path]:
    """Those of two people."""
    out = tmp_path_factory.mktemp("two") / "out"
    people = [measured(frames=FRAMES), measured(person_number=1, first_frame=4, frames=4, shift_m=(0.6, 0.0, -1.2))]
    return write(people, video, out), out


def names_in(out: Path) -> list[str]:
    return sorted(path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file())


def test_one_person_is_directly_in_the_folder(of_one: tuple[list[Path], Path]) -> None:
    files, out = of_one
    assert names_in(out) == sorted(TRIAL + ONCE)
    assert sorted(path.name for path in files) == sorted(TRIAL + ONCE)
    summary = json.loads((out / "summary.json").read_text(encoding="utf-8"))
    assert summary["people"][0]["frames"] == FRAMES
    assert summary["people"][0]["files"] == TRIAL
    assert summary["versions"] == VERSIONS
    report = (out / "report.html").read_text(encoding="utf-8")
    assert "<h3>Metrics</h3>" in report
    assert "knee flexion peak" in report
    assert summary["video"]["nominal_rate_hz"] == pytest.approx(25.0)


def test_several_people_have_a_folder_each(of_two: tuple[list[Path], Path]) -> None:
    files, out = of_two
    expected = ONCE + [f"person_{number}/{name}" for number in (0, 1) for name in TRIAL]
    assert names_in(out) == sorted(expected)
    report = (out / "report.html").read_text(encoding="utf-8")
    for number in (0, 1):
        assert f'id="person-{number}"' in report
        assert f'href="#person-{number}"' in report
    assert files[:2] == [out / "overlay.mp4", out / "report.html"]


def test_a_second_measurement_replaces_the_first_and_keeps_other_files(
    of_two: tuple[list[Path], Path], video: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    shutil.copytree(of_two[1], out)
    (out / "person_1" / "mine.txt").write_text("keep")
    write([measured(frames=4)], video, out)
    assert names_in(out) == sorted([*TRIAL, *ONCE, "person_1/mine.txt"])
    assert not (out / "person_0").exists()


def test_a_measurement_that_fails_leaves_nothing_and_keeps_the_earlier_one(
    of_one: tuple[list[Path], Path], video: Path, tmp_path: Path
) -> None:
    earlier, broken = tmp_path / "earlier", tmp_path / "broken.mp4"
    shutil.copytree(of_one[1], earlier)
    before = {path.name: path.read_bytes() for path in earlier.iterdir()}
    broken.write_bytes(b"")
    for out in (tmp_path / "new" / "folder", earlier):
        with pytest.raises(VideoError):
            write([measured(frames=4)], broken, out, intact=video)
    assert not (tmp_path / "new" / "folder").exists()
    assert {path.name: path.read_bytes() for path in earlier.iterdir()} == before


def test_a_single_frame_is_enough(video: Path, tmp_path: Path) -> None:
    write([measured(frames=1)], video, tmp_path)
    assert names_in(tmp_path) == sorted(TRIAL + ONCE)


def test_without_an_overlay_an_earlier_one_is_removed_and_the_report_lists_the_worst_frames(
    of_one: tuple[list[Path], Path], video: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    shutil.copytree(of_one[1], out)
    files = write([measured(frames=FRAMES)], video, out, overlay=False)
    assert names_in(out) == sorted(set(TRIAL + ONCE) - {"overlay.mp4"}) == sorted(path.name for path in files)
    report = (out / "report.html").read_text(encoding="utf-8")
    assert "overlay.mp4" not in report
    assert "no overlay was asked for" in report
    assert "<img" not in report
    assert "The worst frames" in report
    assert "frame 4, 0.16 s" in report


def test_a_declared_activity_that_the_motion_is_not_is_said_of_that_person(video: Path, tmp_path: Path) -> None:
    write([measured()], video, tmp_path, activity="walk", overlay=False)
    summary = json.loads((tmp_path / "summary.json").read_text(encoding="utf-8"))
    (note,) = (one for one in summary["people"][0]["notes"] if one.startswith("ACTIVITY: "))
    assert "declared as walk, but " in note
    assert note in html.unescape((tmp_path / "report.html").read_text(encoding="utf-8"))


def test_an_overlay_has_the_height_that_is_asked_for(video: Path, tmp_path: Path) -> None:
    write([measured(frames=1)], video, tmp_path, overlay_height_px=300)
    assert probe_video(tmp_path / "overlay.mp4").height_px == 300


def test_the_worst_frames_are_those_of_lowest_quality_and_not_adjacent() -> None:
    one = measured()
    quality = np.full(len(one.track), 0.9)
    quality[[5, 6, 30]] = 0.2, 0.1, 0.3
    chosen = worst_frames(replace(one, quality={"quality": quality}))
    assert {6, 30} <= set(chosen)
    assert 5 not in chosen
    assert chosen == sorted(chosen)
    assert np.diff(one.track.time_s[chosen]).min() >= 0.3


def test_a_summary_has_no_nan(tmp_path: Path) -> None:
    one = measured(frames=4)
    unknown = replace(one, quality={"reprojection_px": np.full(4, np.nan)})
    figures = person_summary(unknown)
    assert figures["quality"]["reprojection_px"] == {"median": None, "p5": None, "p95": None}
    assert figures["frames_untrusted"] == 0
    write_summary(figures, tmp_path / "summary.json")


def test_two_people_of_one_number_are_refused(video: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"people \[0, 0\]"):
        write([measured(frames=4), measured(frames=4)], video, tmp_path)
