"""Shards on disk: tokens come back to the bit, and other files are refused."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from biopose.camera.motion import background_of
from biopose.errors import FileFormatError
from biopose.io.parquet import METADATA_KEY
from biopose.perception.detections import Detection, detections_of_frame
from biopose.tracking.frame_detections import FrameDetections, ShardDetections
from biopose.tracking.people import join_shards
from biopose.tracking.shard import ShardFiles
from biopose.tracking.shard_file import read_shard, write_shard
from tests.tracking.stick_figures import HEIGHT_PX, WIDTH_PX, Walker, filmed, painted

WIDTH = 5
ODD = np.array([np.nan, np.inf, -0.0, 6e-8, 65504.0], np.float16)  # a subnormal, and the largest


def shard_of_two(*, tokens: bool = True, width: int = WIDTH) -> ShardDetections:
    """Two people who cross, and nobody in some frames between."""
    away = lambda t, x: np.nan if 0.4 < t < 0.6 else x  # noqa: E731
    walkers = [Walker(lambda t: away(t, 100 + 200 * t)), Walker(lambda t: away(t, 400 - 200 * t), phase=2.0)]
    rng = np.random.default_rng(0)
    frames = []
    for frame, walker_of in filmed(walkers, seconds=1, rate_hz=30, rng=rng, dropout=0.1):
        rows = rng.normal(size=(len(walker_of), width)).astype(np.float16)
        background = background_of(frame["image"], time_s=frame["time_s"], boxes_px=frame["boxes_px"])
        detections = detections_of_frame(**frame)
        detections = [replace(d, region_px=d.box_px.round(), turn_rad=0.5 * d.number) for d in detections]
        if tokens:
            detections = [replace(d, tokens=rows[d.number]) for d in detections]
        due = background if frame["frame_index"] % 3 == 0 else None
        frames.append(FrameDetections(frame["frame_index"], frame["time_s"], detections, due))
    return ShardDetections(frames, WIDTH_PX, HEIGHT_PX, ("a note",))


def later(frame: FrameDetections, frames: int) -> FrameDetections:
    time_s = frame.time_s + frames / 30
    background = frame.background and replace(frame.background, time_s=time_s)
    return replace(frame, frame_index=frame.frame_index + frames, time_s=time_s, background=background)


def files_in(folder: Path, name: str = "0", *, tokens: bool = True) -> ShardFiles:
    return ShardFiles(folder / f"{name}.parquet", folder / f"{name}-tokens.parquet" if tokens else None)


def crop(detection: Detection) -> tuple[list[float], float]:
    return detection.region_px.tolist(), detection.turn_rad


def bits(detections: list[Detection]) -> list[bytes | None]:
    return [None if s.tokens is None else s.tokens.tobytes() for s in detections]


def test_a_shard_comes_back_with_the_same_tokens_to_the_bit(tmp_path):
    seen = shard_of_two()
    odd = replace(seen.frames[2].detections[0], tokens=ODD)
    seen.frames[2].detections[0] = odd
    files = files_in(tmp_path)
    write_shard(seen, files)
    back = read_shard(files)
    assert (back.width_px, back.height_px, back.notes, back.token_width) == (WIDTH_PX, HEIGHT_PX, ("a note",), WIDTH)
    assert any(not frame.detections for frame in seen.frames)
    for a, b in zip(seen.frames, back.frames, strict=True):
        assert (a.frame_index, a.time_s, bits(a.detections)) == (b.frame_index, b.time_s, bits(b.detections))
        assert [s.box_px.tolist() for s in a.detections] == [s.box_px.tolist() for s in b.detections]
        assert [crop(s) for s in a.detections] == [crop(s) for s in b.detections]
        assert all(s.tokens.dtype == np.float16 for s in b.detections)
        assert (a.background is None) == (b.background is None)


def test_joined_people_have_the_tokens_that_were_written(tmp_path):
    seen = shard_of_two()
    halves = [replace(seen, frames=seen.frames[:14]), replace(seen, frames=seen.frames[14:])]
    files = [files_in(tmp_path, name) for name in "ab"]
    for half, file in zip(halves, files, strict=True):
        write_shard(half, file)
    people, _, _ = join_shards(map(read_shard, files))
    at_once, _, _ = join_shards([seen])
    assert len(people.tracks) == 2
    for track, same in zip(people.tracks, at_once.tracks, strict=True):
        assert track.tokens.tobytes() == same.tokens.tobytes()
        assert np.isfinite(track.tokens[track.detected]).all()
        assert np.isnan(track.tokens[~track.detected]).all()


def test_a_shard_without_a_feature_head_comes_back_without_tokens(tmp_path):
    files = files_in(tmp_path, tokens=False)
    write_shard(shard_of_two(tokens=False), files)
    back = read_shard(files)
    assert back.token_width == 0
    assert all(s.tokens is None for frame in back.frames for s in frame.detections)
    assert [track.tokens for track in join_shards([back])[0].tracks] == [None, None]


@pytest.mark.parametrize("frames", [0, 3])
def test_a_shard_of_nobody_joins_any_other(tmp_path, frames):
    image = painted([], 0.0)
    empty = [
        FrameDetections(i, i / 30, [], background_of(image, time_s=i / 30, boxes_px=np.empty((0, 4)))) for i in range(3)
    ]
    write_shard(ShardDetections(empty[:frames], WIDTH_PX, HEIGHT_PX), files_in(tmp_path))
    nobody = read_shard(files_in(tmp_path))
    assert nobody.token_width is None
    shifted = [later(frame, frames) for frame in shard_of_two().frames]
    people, _, _ = join_shards([nobody, replace(shard_of_two(), frames=shifted)])
    assert people.frame_count == 30 + frames


def test_what_is_uneven_about_a_clip_is_noted_once_over_all_its_shards(tmp_path):
    change = [np.nan, 40.0, 0.0, 40.0, 40.0, 40.0, 0.0, 40.0]
    frames = [FrameDetections(i, i / 30, [], None, timed=i != 5, change=c) for i, c in enumerate(change)]
    files = [files_in(tmp_path, name, tokens=False) for name in "ab"]
    for part, file in zip((frames[:4], frames[4:]), files, strict=True):
        write_shard(ShardDetections(part, WIDTH_PX, HEIGHT_PX, ("a note",)), file)
    _, _, notes = join_shards(map(read_shard, files))
    assert notes[0] == "a note"
    assert notes[1].startswith("The timestamps of 1 of 8 frames are missing, repeat or go back (at 0.17 s)")
    assert notes[2].startswith("2 of 8 frames repeat the image before (at 0.07 s, 0.20 s)")
    assert len(notes) == 3


def test_tokens_of_another_head_stand_beside_the_same_people(tmp_path):
    """The people's file is not written again, and says nothing of a head."""
    seen, one = shard_of_two(), files_in(tmp_path)
    other = replace(files_in(tmp_path, "other"), located=one.located)
    write_shard(seen, one)
    before = one.located.stat().st_mtime_ns
    for frame in seen.frames:
        frame.detections[:] = [replace(d, tokens=np.zeros(7, np.float16)) for d in frame.detections]
    write_shard(seen, other)
    assert one.located.stat().st_mtime_ns == before
    assert (read_shard(one).token_width, read_shard(other).token_width) == (WIDTH, 7)
    assert read_shard(ShardFiles(one.located)).token_width == 0


def test_tokens_of_other_people_are_refused(tmp_path):
    seen, files = shard_of_two(), files_in(tmp_path)
    write_shard(replace(seen, frames=seen.frames[1:]), files)
    files.located.unlink()
    write_shard(shard_of_two(tokens=False), replace(files, tokens=None))
    with pytest.raises(FileFormatError, match=r"0-tokens\.parquet: is of other people than were located; delete it"):
        read_shard(files)


@pytest.mark.parametrize("other", [shard_of_two(tokens=False), shard_of_two(width=7)])
def test_shards_of_different_feature_heads_are_not_joined(other):
    with pytest.raises(FileFormatError, match="different networks; delete the shards"):
        join_shards([shard_of_two(), other])


def test_a_shard_comes_from_one_feature_head(tmp_path):
    seen = shard_of_two()
    seen.frames[0].detections[0] = replace(seen.frames[0].detections[0], tokens=None)
    with pytest.raises(ValueError, match=r"tokens of \[0, 5\] numbers"):
        write_shard(seen, files_in(tmp_path))
    assert not list(tmp_path.iterdir())


def test_people_without_their_crops_and_a_head_without_a_file_are_refused(tmp_path):
    seen = shard_of_two()
    with pytest.raises(ValueError, match="tokens of 5 numbers, and None"):
        write_shard(seen, files_in(tmp_path, tokens=False))
    seen.frames[0].detections[0] = replace(seen.frames[0].detections[0], region_px=None)
    with pytest.raises(ValueError, match="a person of frame 0 without the crop"):
        write_shard(seen, files_in(tmp_path))
    assert not list(tmp_path.iterdir())


def test_a_file_of_the_version_before_is_refused_with_a_remedy(tmp_path):
    files = files_in(tmp_path, tokens=False)
    write_shard(shard_of_two(tokens=False), files)
    table = pq.read_table(files.located)
    metadata = json.loads(table.schema.metadata[METADATA_KEY]) | {"kind": "seen", "version": 2}
    pq.write_table(table.replace_schema_metadata({METADATA_KEY: json.dumps(metadata).encode()}), files.located)
    with pytest.raises(FileFormatError, match=r"0\.parquet: is a file of seen of version 2.*delete it"):
        read_shard(files)
