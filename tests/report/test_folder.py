"""Everything that a measured video becomes, from a real file."""

import json
import re
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

from biopose.errors import VideoError
from biopose.outputs.summary import person_summary, write_summary
from biopose.reconstruction.measurement import PersonMeasurement
from biopose.report.folder import worst_frames, write_outputs
from biopose.report.page import BANDS_NOTE
from biopose.report.plots import runs
from biopose.video.encoding import VideoFile
from biopose.video.frames import probe_video
from tests.body.bodies import needs_body_asset
from tests.outputs.measured import GAIN, SETTINGS, VERSIONS, measured, two_people, video_of, with_sd

pytestmark = needs_body_asset

FRAMES = 20
TRIAL = ["coordinates.mot", "markers.trc", "scaled.osim", "trial.parquet"]
TRIAL += ["kinematics.parquet", "events.parquet", "metrics.parquet", "quality.parquet"]
ONCE = ["overlay.mp4", "report.html", "summary.json", "metrics.csv"]
ASKED = {"activity": "other", "cross_check_frames": 2, "settings": SETTINGS, "versions": VERSIONS}


def written(people: list[PersonMeasurement], folder: Path) -> tuple[list[Path], Path]:
    """The files that come of a video named so that it would break a careless page."""
    video, out = folder / "sprünt <b> & 走.mp4", folder / "out"
    camera = people[0].camera
    with VideoFile(video, width_px=camera.width_px, height_px=camera.height_px, rate_hz=25.0) as file:
        for frame in video_of(people, frames=FRAMES):
            file.add(frame.image, time_s=frame.time_s)
    info = probe_video(video)
    return write_outputs(people, video=video, out=out, info=info, **ASKED), out


def names_in(out: Path) -> list[str]:
    return sorted(path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file())


def test_one_person_is_directly_in_the_folder(tmp_path: Path) -> None:
    files, out = written([measured(frames=FRAMES)], tmp_path)
    assert names_in(out) == sorted(TRIAL + ONCE)
    assert sorted(path.name for path in files) == sorted(TRIAL + ONCE)
    summary = json.loads((out / "summary.json").read_text(encoding="utf-8"))
    assert summary["people"][0]["frames"] == FRAMES
    assert summary["people"][0]["files"] == TRIAL
    assert summary["versions"] == VERSIONS
    assert summary["video"]["nominal_rate_hz"] == pytest.approx(25.0)


def test_several_people_have_a_folder_each(tmp_path: Path) -> None:
    files, out = written(two_people(), tmp_path)
    expected = ONCE + [f"person_{number}/{name}" for number in (0, 1) for name in TRIAL]
    assert names_in(out) == sorted(expected)
    report = (out / "report.html").read_text(encoding="utf-8")
    assert 'id="person-0"' in report
    assert 'id="person-1"' in report
    assert files[:2] == [out / "overlay.mp4", out / "report.html"]


def test_a_folder_that_is_used_again_holds_nothing_of_the_first_time_and_keeps_what_is_not_ours(tmp_path: Path) -> None:
    _, out = written(two_people(), tmp_path)
    (out / "person_1" / "mine.txt").write_text("keep")
    written([measured(frames=4)], tmp_path)
    assert names_in(out) == sorted([*TRIAL, *ONCE, "person_1/mine.txt"])
    assert not (out / "person_0").exists()


def test_nothing_is_left_of_what_cannot_be_finished(tmp_path: Path) -> None:
    one, video = measured(frames=4), tmp_path / "video.mp4"
    camera = one.camera
    with VideoFile(video, width_px=camera.width_px, height_px=camera.height_px, rate_hz=25.0) as file:
        for frame in video_of([one], frames=4):
            file.add(frame.image, time_s=frame.time_s)
    info = probe_video(video)
    earlier = tmp_path / "earlier"
    write_outputs([one], video=video, out=earlier, info=info, **ASKED)
    before = {path.name: path.read_bytes() for path in earlier.iterdir()}
    video.write_bytes(b"")
    for out in (tmp_path / "new" / "folder", earlier):
        with pytest.raises(VideoError):
            write_outputs([one], video=video, out=out, info=info, **ASKED)
    assert not (tmp_path / "new" / "folder").exists()
    assert {path.name: path.read_bytes() for path in earlier.iterdir()} == before


def test_the_report_needs_nothing_outside_and_escapes_what_it_is_told(tmp_path: Path) -> None:
    one = replace(measured(frames=FRAMES), notes=("a <script>note</script>",))
    report = (written([one], tmp_path)[1] / "report.html").read_text(encoding="utf-8")
    for target in re.findall(r'(?:src|href)="([^"]{0,40})', report):
        assert target.startswith(("data:image/", "#person-")) or target in ("overlay.mp4", "summary.json")
    assert "sprünt &lt;b&gt; &amp; 走.mp4" in report
    assert "<script" not in report
    assert "What limits this measurement" in report
    for title in ("Lower limb", "Upper limb", "Pelvis, trunk and neck", "The worst frames", "± 10 %", "ab" * 32):
        assert title in report


def test_the_report_and_the_summary_tell_what_a_refinement_gained_where_there_was_one(tmp_path: Path) -> None:
    for refinement, told, rows in ((None, None, 0), (GAIN, asdict(GAIN), 1)):
        _, out = written([replace(measured(frames=4), refinement=refinement)], tmp_path)
        (figures,) = json.loads((out / "summary.json").read_text(encoding="utf-8"))["people"]
        assert figures["refinement"] == told
        report = (out / "report.html").read_text(encoding="utf-8")
        assert report.count("<th>refinement</th>") == report.count(GAIN.sentence) == rows


def test_the_report_says_what_a_band_is_where_there_is_one(tmp_path: Path) -> None:
    one = measured(frames=8)
    unknown = replace(one, coordinate_sd=np.full_like(one.coordinates.values, np.nan))
    for person, told in ((with_sd(one), 1), (one, 0), (unknown, 0)):
        _, out = written([person], tmp_path)
        assert (out / "report.html").read_text(encoding="utf-8").count(BANDS_NOTE) == told


def test_a_single_frame_is_enough(tmp_path: Path) -> None:
    _, out = written([measured(frames=1)], tmp_path)
    assert names_in(out) == sorted(TRIAL + ONCE)


def test_the_worst_frames_are_apart_and_the_worst() -> None:
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


def test_runs_are_the_stretches_of_true_flags() -> None:
    flags = np.array([True, True, False, True, False, False, True])
    assert list(runs(flags)) == [(0, 2), (3, 4), (6, 7)]
    assert not list(runs(~np.ones(3, dtype=bool)))


def test_two_people_of_one_number_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"people \[0, 0\]"):
        written([measured(frames=4), measured(frames=4)], tmp_path)
