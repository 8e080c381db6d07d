"""A video that begins between key frames is measured from its first whole frame, at its own times."""

import re
from pathlib import Path

import numpy as np
import pytest

from biopose.errors import VideoError
from biopose.tracking.shards import shards_of
from biopose.video.frames import probe_video, read_frame, read_frames
from tests.video.filming import film, number_in, trimmed

GOP = {"g": "20", "bf": "2"}


@pytest.mark.parametrize(
    ("name", "codec", "options"),
    [
        ("x.mp4", "libx264", GOP),
        ("x.mov", "libx264", {"g": "20", "bf": "0"}),
        ("x.mkv", "libx264", GOP),
        ("h.mp4", "libx265", {"x265-params": "keyint=20:open-gop=1:log-level=0"}),
        ("m.mp4", "mpeg4", {"g": "20"}),
        ("v.webm", "libvpx-vp9", {"g": "20", "deadline": "realtime"}),
    ],
)
def test_a_lead_in_is_left_out_and_the_rest_keeps_its_times(
    name: str, codec: str, options: dict[str, str], tmp_path: Path
) -> None:
    path = trimmed(film(tmp_path / name, 60, codec=codec, options=options), 7)
    notes: list[str] = []
    frames = list(read_frames(path, warn=notes.append))
    assert [(f.index, number_in(f.image)) for f in frames] == [(i, i + 20) for i in range(40)]
    left_out_s = frames[0].time_s
    assert 0.3 < left_out_s < 0.48
    np.testing.assert_allclose([f.time_s for f in frames], left_out_s + np.arange(40) / 30, atol=2e-3)
    (note,) = notes
    assert re.match(rf"The first 1\d frames \({left_out_s:.2f} s\) cannot be decoded", note)
    assert "the others keep their times" in note
    assert probe_video(path).notes == (note,)
    assert probe_video(path).first_frame_s == pytest.approx(left_out_s)
    later = list(read_frames(path, start_s=1.0))
    assert [f.index for f in later] == [f.index for f in frames if f.time_s >= 1.0 - 1e-6]
    assert later[0].time_s == frames[later[0].index].time_s
    assert number_in(read_frame(path, index=25).image) == 45


def test_a_stream_without_an_index_begins_with_its_first_whole_frame(tmp_path: Path) -> None:
    path = trimmed(film(tmp_path / "x.ts", 90, options={"g": "40", "bf": "2", "sc_threshold": "0"}), 7)
    frames = list(read_frames(path))
    assert [number_in(f.image) for f in frames] == list(range(40, 90))
    assert frames[0].time_s == 0.0
    (note,) = probe_video(path).notes
    assert "The first 33 frames (1.13 s) cannot be decoded" in note
    assert "times count from the first that can be decoded" in note


def test_a_lead_in_longer_than_the_rate_is_measured_on_is_counted_and_no_shard_lies_in_it(tmp_path: Path) -> None:
    whole = film(tmp_path / "x.mp4", 330, size=(64, 48), options={"g": "300", "bf": "0", "preset": "ultrafast"})
    info = probe_video(trimmed(whole, 10))
    assert info.first_frame_s == pytest.approx(290 / 30, abs=1e-3)
    assert "The first 290 frames (9.67 s) cannot be decoded" in info.notes[0]
    assert [s.start_s for s in shards_of(info, shard_s=5.0)] == [info.first_frame_s]
    assert [s.start_s for s in shards_of(info, start_s=10.0, shard_s=5.0)] == [10.0]


def test_a_part_that_lies_within_the_lead_in_is_refused_with_the_next_frame(tmp_path: Path) -> None:
    path = trimmed(film(tmp_path / "x.mp4", 60, options=GOP), 7)
    (shard,) = shards_of(probe_video(path), start_s=0.1, end_s=0.3)
    with pytest.raises(VideoError, match=r"has no frame from 0\.1 s to 0\.3 s; the next is at 0\.47 s"):
        list(read_frames(path, start_s=shard.start_s, end_s=shard.end_s))


def test_a_part_without_a_key_frame_is_refused(tmp_path: Path) -> None:
    path = trimmed(film(tmp_path / "x.mp4", 30, options={"g": "100"}), 5)
    with pytest.raises(VideoError, match=r"without one whole frame in it.*export the whole recording"):
        list(read_frames(path))


def test_a_whole_video_has_no_lead_in(tmp_path: Path) -> None:
    info = probe_video(film(tmp_path / "x.mp4", 30, options=GOP))
    assert (info.first_frame_s, info.notes) == (0.0, ())


def test_frames_that_an_edit_list_hides_are_no_part_of_the_video(tmp_path: Path) -> None:
    path = film(tmp_path / "x.mp4", 40, options={"bf": "0", "g": "30"})
    data = bytearray(path.read_bytes())
    entry = data.find(b"elst") + 12  # behind version, flags and count: duration, beginning, speed
    ticks = int.from_bytes(data[data.find(b"mdhd") + 16 : data.find(b"mdhd") + 20])
    data[entry : entry + 4] = (1000).to_bytes(4)  # of the movie's 1000 ticks a second
    data[entry + 4 : entry + 8] = (ticks // 3).to_bytes(4)
    path.write_bytes(data)
    frames = list(read_frames(path))
    assert [(f.index, number_in(f.image)) for f in frames] == [(i, i + 10) for i in range(30)]
    np.testing.assert_allclose([f.time_s for f in frames], np.arange(30) / 30, atol=1e-6)
    assert probe_video(path).notes == ()
    assert number_in(read_frame(path, index=22).image) == 32
