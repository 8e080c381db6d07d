"""The rate at which a video was filmed is taken from what its file states, unless one is given."""

import struct
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from biopose.tracking.shards import shards_of
from biopose.video.capture_rate import APPLE_INTENT_KEY, CaptureRate, capture_rate
from biopose.video.frames import probe_video, read_frames
from tests.video.filming import box, film, tagged_film

ANDROID = "com.android.capture.fps"


def notes_and_times(path: Path, recorded_rate_hz: float | None = None) -> tuple[list[str], list[float]]:
    notes: list[str] = []
    return notes, [f.time_s for f in read_frames(path, recorded_rate_hz=recorded_rate_hz, warn=notes.append)]


@pytest.mark.parametrize("value", [(23, struct.pack(">f", 240.0)), (1, b"240.000000")])
def test_slow_motion_of_an_android_phone_has_real_times(value: tuple[int, bytes], tmp_path: Path) -> None:
    path = tagged_film(tmp_path / "x.mp4", {ANDROID: value})
    notes, times_s = notes_and_times(path)
    np.testing.assert_allclose(times_s, np.arange(30) / 240)
    (note,) = notes
    assert "slow motion: it was filmed at 240 frames/s, as the file's com.android.capture.fps states" in note
    assert "its times are divided by 8" in note
    info = probe_video(path)
    assert (info.nominal_rate_hz, info.real_rate_hz(), info.slowness()) == (30.0, 240.0, 8.0)


def test_a_tag_that_another_program_wrote_counts_too(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "x.mkv"), "w") as container:
        container.metadata[ANDROID.upper()] = "120"
        stream = container.add_stream("mpeg4", rate=30)
        stream.width, stream.height = 64, 48
        for _ in range(5):
            container.mux(stream.encode(av.VideoFrame(64, 48, "yuv420p")))
        container.mux(stream.encode(None))
    assert probe_video(tmp_path / "x.mkv").real_rate_hz() == 120.0


def test_a_given_rate_overrules_the_files_and_the_difference_is_named(tmp_path: Path) -> None:
    path = tagged_film(tmp_path / "x.mp4", {ANDROID: (23, struct.pack(">f", 240.0))})
    notes, times_s = notes_and_times(path, 120.0)
    np.testing.assert_allclose(times_s, np.arange(30) / 120)
    assert notes == [
        "The recorded rate that was given, 120 frames/s, is used; the file's com.android.capture.fps states 240 "
        "frames/s."
    ]
    assert notes_and_times(path, 240.0)[0] == []
    real = tagged_film(tmp_path / "real.mp4", {ANDROID: (23, struct.pack(">f", 30.0))})
    assert "is used; the file's com.android.capture.fps states 30 frames/s" in notes_and_times(real, 240.0)[0][0]
    assert notes_and_times(real)[0] == []


def test_parts_and_shards_are_cut_in_seconds_as_played(tmp_path: Path) -> None:
    path = tagged_film(tmp_path / "x.mp4", {ANDROID: (23, struct.pack(">f", 240.0))})
    assert [f.index for f in read_frames(path, start_s=0.5, end_s=0.8, warn=lambda _: None)] == list(range(15, 24))
    shards = shards_of(probe_video(path), shard_s=0.5)
    assert [s.start_s for s in shards] == [0.0, 0.5]


SONY = '<NonRealTimeMeta><VideoFormat><VideoFrame videoCodec="AVC" captureFps="{}p" formatFps="{}p"/></VideoFormat>'


def with_document(path: Path, document: str) -> Path:
    """A video with a document in the file's own "meta" box, as Sony's cameras write it."""
    handler = box(b"hdlr", bytes(8) + b"nrtm" + bytes(13))
    meta = box(b"meta", bytes(4) + handler + box(b"xml ", bytes(4) + document.encode()))
    path.write_bytes(film(path, 20).read_bytes() + meta)
    return path


def test_slow_and_quick_motion_of_a_sony_camera_has_real_times(tmp_path: Path) -> None:
    path = with_document(tmp_path / "x.mp4", SONY.format("119.88", "29.97"))
    notes, times_s = notes_and_times(path)
    np.testing.assert_allclose(times_s, np.arange(20) / 120)
    assert "it was filmed at 120 frames/s, as the file's XML of the camera (captureFps) states" in notes[0]
    real = with_document(tmp_path / "real.mp4", SONY.format("29.97", "29.97"))
    assert notes_and_times(real)[0] == []


@pytest.mark.parametrize(
    ("tag", "played_hz", "recorded_hz", "note"),
    [
        ("240", 240.0, None, ""),
        ("29.97", 30.0, None, ""),
        ("60", 30.0, 60.0, ""),
        ("2", 30.0, 2.0, ""),
        ("30", 18.0, None, "the timestamps are used"),  # in the dark
        ("0", 30.0, None, "no frame rate: it is ignored"),
        ("nan", 30.0, None, "no frame rate: it is ignored"),
        ("fast", 30.0, None, "no frame rate: it is ignored"),
        ("-240", 30.0, None, "no frame rate: it is ignored"),
    ],
)
def test_a_stated_rate_is_weighed_against_the_timestamps(
    tag: str, played_hz: float, recorded_hz: float | None, note: str
) -> None:
    capture = capture_rate({ANDROID: tag}, played_hz=played_hz)
    assert capture.recorded_hz == recorded_hz
    assert note in "".join(capture.notes)
    assert bool(capture.notes) == bool(note)


def test_two_statements_that_contradict_each_other_are_named() -> None:
    capture = capture_rate({ANDROID: "240"}, sony_xml=SONY.format("120", "30"), played_hz=30.0)
    assert capture.recorded_hz == 240.0
    assert "states 240 frames/s, its XML of the camera (captureFps) 120: the first is used" in capture.notes[0]


def test_a_samsung_phones_super_slow_motion_is_named(tmp_path: Path) -> None:
    path = film(tmp_path / "x.mp4", 5)
    assert probe_video(path).capture.notes == ()
    path.write_bytes(path.read_bytes() + b"\0\0\0\x0bSuper_SlowMotion_Data" + bytes(40) + b"SEFT")
    assert "super slow motion: times in it are not real" in notes_and_times(path)[0][0]


def test_an_iphones_rendered_slow_motion_is_suspected_and_its_normal_video_is_not() -> None:
    tags, rendered = {APPLE_INTENT_KEY: "0"}, Fraction(1, 2400)
    assert "give 120 or 240" in capture_rate(tags, played_hz=30.0, time_base=rendered).notes[0]
    assert capture_rate(tags, played_hz=30.0) == CaptureRate()
    assert capture_rate(tags, played_hz=240.0, time_base=rendered) == CaptureRate()
