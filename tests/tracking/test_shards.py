from pathlib import Path

import numpy as np
import pytest

from biopose.assets import assets_folder
from biopose.camera.motion import CameraMotion
from biopose.errors import FileFormatError, VideoError
from biopose.perception.detector import PersonDetector
from biopose.perception.keypoint_network import KeypointNetwork
from biopose.tracking.frame_detections import join_shards, read_shard
from biopose.tracking.people import find_people
from biopose.tracking.shards import LEAD_IN_S, Shard, perceive_shards, shards_of
from biopose.video.frames import read_frames
from biopose.video.probe import VideoInfo, probe_video

CLIP = assets_folder() / "clips" / "sports2d_demo.mp4"
OTHER = assets_folder() / "clips" / "balance_cam02.mp4"
WEIGHTS = assets_folder() / "weights"
needs_assets = pytest.mark.skipif(not (CLIP.exists() and WEIGHTS.exists()), reason="biopose assets pull was not run")


@pytest.fixture(scope="module")
def networks():
    return {"detector": PersonDetector.load(threads=1), "network": KeypointNetwork.load(threads=1)}


def info_of(duration_s: float | None) -> VideoInfo:
    return VideoInfo(Path("x.mp4"), 640, 480, 0, 30.0, None, duration_s, "h264", {})


def test_stretches_cover_the_video_without_gap_or_overlap():
    shards = shards_of(info_of(50.0), shard_s=20.0)
    assert [s.start_s for s in shards] == pytest.approx([0, 50 / 3, 100 / 3])
    assert [s.end_s for s in shards[:-1]] == [s.start_s for s in shards[1:]]
    assert shards[-1].end_s is None
    assert [s.lead_in_s for s in shards] == [0.0, LEAD_IN_S, LEAD_IN_S]


def test_a_part_is_cut_like_a_whole_and_an_unknown_length_is_not_cut():
    shards = shards_of(info_of(50.0), start_s=5.0, end_s=45.0, shard_s=20.0)
    assert [(s.start_s, s.end_s) for s in shards] == [(5.0, 25.0), (25.0, 45.0)]
    assert len(shards_of(info_of(None))) == len(shards_of(info_of(20.0), shard_s=20.0)) == 1


@needs_assets
def test_seen_apart_and_joined_is_seen_at_once(networks, tmp_path):
    """One stretch gives the very same tracks as reading on; two give the same people within a few pixels."""
    watched = CameraMotion()
    whole = find_people(
        read_frames(CLIP, end_s=3.0),
        **networks,
        watch=lambda frame, boxes: watched.add(
            frame_index=frame.index, time_s=frame.time_s, image=frame.image, boxes_px=boxes
        ),
    )
    info = probe_video(CLIP)
    one = shards_of(info, end_s=3.0)
    two = [Shard(CLIP, 0.0, 2.0), Shard(CLIP, 2.0, 3.0, lead_in_s=1.0)]
    files = [tmp_path / f"{i}.parquet" for i in range(3)]
    assert perceive_shards([*one, *two], files, **networks) == [None] * 3

    people, motion, _ = join_shards([read_shard(files[0])])
    assert (people.frame_count, people.width_px) == (whole.frame_count, whole.width_px)
    for a, b in zip(people.tracks, whole.tracks, strict=True):
        np.testing.assert_array_equal(a.keypoints_px, b.keypoints_px)
        np.testing.assert_array_equal(a.frame_indices, b.frame_indices)
    assert motion.sentence == watched.result().sentence

    people, _, _ = join_shards(map(read_shard, files[1:]))
    assert [len(t) for t in people.tracks] == [len(t) for t in whole.tracks]
    off_px = np.linalg.norm(people.tracks[0].keypoints_px - whole.tracks[0].keypoints_px, axis=-1)
    assert np.nanmedian(off_px) < 1.0


@needs_assets
def test_what_is_read_of_people_is_the_same_seen_at_once_and_from_the_file(networks, tmp_path):
    class Corners:
        width = 3

        def __call__(self, passes, regions_px, sizes_px):
            mean = passes.output.maps[3].mean(dim=(1, 2, 3)).numpy()
            return np.column_stack([regions_px[:, :2], mean]).astype(np.float16)

    reading = networks | {"network": KeypointNetwork.load(backend="torch", head=Corners())}
    whole = find_people(read_frames(CLIP, end_s=0.3), **reading)
    assert perceive_shards(shards_of(probe_video(CLIP), end_s=0.3), [tmp_path / "seen.parquet"], **reading) == [None]
    people, _, _ = join_shards([read_shard(tmp_path / "seen.parquet")])
    (track,), (same,) = people.tracks, whole.tracks
    assert track.tokens.tobytes() == same.tokens.tobytes()
    assert track.tokens.shape == (9, 3)
    assert (track.tokens[:, 0] < track.keypoints_px[:, :, 0].min(1)).all()


@needs_assets
def test_a_broken_video_leaves_the_others_of_its_batch_alone(networks, tmp_path):
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(CLIP.read_bytes()[:200_000])
    shards = [Shard(broken), Shard(OTHER, 0.0, 0.3), Shard(tmp_path / "absent.mp4"), Shard(CLIP, 0.0, 0.2)]
    files = [tmp_path / f"{i}.parquet" for i in range(4)]
    errors = perceive_shards(shards, files, **networks)
    assert [type(e) for e in errors] == [VideoError, type(None), VideoError, type(None)]
    assert [f.exists() for f in files] == [False, True, False, True]
    assert len(read_shard(files[1]).frames) == 18


@needs_assets
def test_stretches_that_do_not_follow_each_other_are_refused(networks, tmp_path):
    shards = [Shard(CLIP, 0.0, 0.1), Shard(CLIP, 0.2, 0.3)]
    files = [tmp_path / "a.parquet", tmp_path / "b.parquet"]
    perceive_shards(shards, files, **networks)
    with pytest.raises(VideoError, match="frame 6 was decoded where frame 3 was due"):
        join_shards(map(read_shard, files))


def test_a_file_of_another_kind_is_named(tmp_path):
    path = tmp_path / "seen.parquet"
    path.write_bytes(b"not parquet")
    with pytest.raises(FileFormatError, match=r"seen\.parquet"):
        read_shard(path)
