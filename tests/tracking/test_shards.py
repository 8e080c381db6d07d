from pathlib import Path

import numpy as np
import pytest

from biopose.assets import assets_folder
from biopose.errors import FileFormatError, VideoError
from biopose.perception.detector import PersonDetector
from biopose.perception.keypoint_network import KeypointNetwork
from biopose.tracking.people import join_shards
from biopose.tracking.shard_file import read_shard
from biopose.tracking.shards import LEAD_IN_S, Shard, ShardFiles, perceive, perceive_shards, shards_of
from biopose.tracking.tracker import EXPECT_S
from biopose.video.probe import VideoInfo, probe_video
from tests.video.filming import cut, film, tagged_film

CLIP = assets_folder() / "clips" / "sports2d_demo.mp4"
OTHER = assets_folder() / "clips" / "balance_cam02.mp4"
WEIGHTS = assets_folder() / "weights"
needs_assets = pytest.mark.skipif(not (CLIP.exists() and WEIGHTS.exists()), reason="biopose assets pull was not run")


@pytest.fixture(scope="module")
def networks():
    return {"detector": PersonDetector.load(threads=1), "network": KeypointNetwork.load(threads=1)}


def info_of(duration_s: float | None) -> VideoInfo:
    return VideoInfo(Path("x.mp4"), 640, 480, 0, 30.0, None, duration_s, "h264", {})


def test_shards_cover_the_video_without_gap_or_overlap():
    shards = shards_of(info_of(50.0), shard_s=20.0)
    assert [s.start_s for s in shards] == pytest.approx([0, 50 / 3, 100 / 3])
    assert [s.end_s for s in shards[:-1]] == [s.start_s for s in shards[1:]]
    assert shards[-1].end_s is None
    assert [s.lead_in_s for s in shards] == [0.0, LEAD_IN_S, LEAD_IN_S]


def test_a_part_is_cut_like_a_whole_and_an_unknown_length_is_not_cut():
    shards = shards_of(info_of(50.0), start_s=5.0, end_s=45.0, shard_s=20.0)
    assert [(s.start_s, s.end_s) for s in shards] == [(5.0, 25.0), (25.0, 45.0)]
    assert len(shards_of(info_of(None))) == len(shards_of(info_of(20.0), shard_s=20.0)) == 1


def test_a_video_that_may_be_broken_is_not_cut():
    (shard,) = shards_of(info_of(50.0), start_s=5.0, keep_readable=True, shard_s=20.0)
    assert shard == Shard(Path("x.mp4"), 5.0, keep_readable=True)


@needs_assets
def test_a_clip_in_memory_and_its_shards_from_files_show_the_same_people(networks, tmp_path):
    """One shard gives the very same tracks as the clip; two give the same people within a few pixels."""
    clip = Shard(CLIP, 0.0, 2.0)
    finished = []
    whole, motion, _ = join_shards(perceive(clip, **networks, progress=finished.append))
    assert sum(finished) == 60
    assert len(finished) >= 4
    two = [Shard(CLIP, 0.0, 1.5), Shard(CLIP, 1.5, 2.0, lead_in_s=1.0)]
    files = [ShardFiles(tmp_path / f"{i}.parquet") for i in range(3)]
    assert perceive_shards([clip, *two], files, **networks) == [None] * 3

    assert len(whole.tracks) == 2
    people, motion_of_file, _ = join_shards([read_shard(files[0])])
    assert (people.frame_count, people.width_px) == (whole.frame_count, whole.width_px) == (60, 1768)
    for a, b in zip(people.tracks, whole.tracks, strict=True):
        np.testing.assert_array_equal(a.keypoints_px, b.keypoints_px)
        np.testing.assert_array_equal(a.frame_indices, b.frame_indices)
    assert motion_of_file == motion

    people, _, _ = join_shards(map(read_shard, files[1:]))
    assert [len(t) for t in people.tracks] == [len(t) for t in whole.tracks]
    off_px = np.linalg.norm(people.tracks[0].keypoints_px - whole.tracks[0].keypoints_px, axis=-1)
    assert np.nanmedian(off_px) < 1.0


@needs_assets
def test_tokens_are_the_same_in_memory_and_from_the_file(networks, tmp_path):
    class Corners:
        width = 3
        levels = (3,)
        batch_size = 2

        def __call__(self, people):
            rows = [[*person.region_px[:2], float(person.maps[0].mean())] for person in people]
            return np.array(rows, dtype=np.float16).reshape(-1, 3)

    with_tokens = networks | {"network": KeypointNetwork.load(head=Corners())}
    clip = Shard(CLIP, 0.0, 0.3)
    whole, _, _ = join_shards(perceive(clip, **with_tokens))
    files = ShardFiles(tmp_path / "people.parquet", tmp_path / "tokens.parquet")
    assert perceive_shards([clip], [files], **with_tokens) == [None]
    people, _, _ = join_shards([read_shard(files)])
    (track,), (same,) = people.tracks, whole.tracks
    assert track.tokens.tobytes() == same.tokens.tobytes()
    assert track.tokens.shape == (9, 3)
    assert (track.tokens[:, 0] < track.keypoints_px[:, :, 0].min(1)).all()


@needs_assets
def test_of_a_broken_video_the_readable_part_is_measured_in_memory_and_from_files(networks, tmp_path):
    broken = cut(film(tmp_path / "clip.mp4", noisy=True, container_options={"movflags": "faststart"}), 0.6)
    with pytest.raises(VideoError, match="broken at"):
        join_shards(perceive(Shard(broken), **networks))
    shard, file = Shard(broken, keep_readable=True), ShardFiles(tmp_path / "seen.parquet")
    whole, _, notes = join_shards(perceive(shard, **networks))
    assert perceive_shards([shard], [file], **networks) == [None]
    people, _, notes_of_file = join_shards([read_shard(file)])
    assert people.frame_count == whole.frame_count > 0
    assert notes == notes_of_file
    assert f"the {people.frame_count} frames before it are used" in notes[-1]


@needs_assets
def test_slow_motion_that_a_file_states_has_real_times_in_every_shard(networks, tmp_path):
    path = tagged_film(tmp_path / "slow.mp4", {"com.android.capture.fps": (1, b"240")})
    shards = shards_of(probe_video(path), shard_s=0.5)
    assert len(shards) == 2
    people, _, notes = join_shards(part for shard in shards for part in perceive(shard, **networks))
    np.testing.assert_allclose(people.time_s, np.arange(30) / 240)
    assert [note for note in notes if "filmed at 240 frames/s" in note] == [notes[0]]


@needs_assets
def test_a_broken_video_leaves_the_others_of_its_batch_alone(networks, tmp_path):
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(CLIP.read_bytes()[:200_000])
    shards = [Shard(broken), Shard(OTHER, 0.0, 0.3), Shard(tmp_path / "absent.mp4"), Shard(CLIP, 0.0, 0.2)]
    files = [ShardFiles(tmp_path / f"{i}.parquet") for i in range(4)]
    errors = perceive_shards(shards, files, **networks)
    assert [type(e) for e in errors] == [VideoError, type(None), VideoError, type(None)]
    assert [f.are_there for f in files] == [False, True, False, True]
    assert len(read_shard(files[1]).frames) == 18


@needs_assets
def test_shards_that_do_not_follow_each_other_are_refused(networks, tmp_path):
    shards = [Shard(CLIP, 0.0, 0.1), Shard(CLIP, 0.2, 0.3)]
    files = [ShardFiles(tmp_path / f"{name}.parquet") for name in "ab"]
    perceive_shards(shards, files, **networks)
    with pytest.raises(VideoError, match="frame 6 was decoded where frame 3 was due"):
        join_shards(map(read_shard, files))


def test_a_file_of_another_kind_is_named(tmp_path):
    path = tmp_path / "seen.parquet"
    path.write_bytes(b"not parquet")
    with pytest.raises(FileFormatError, match=r"seen\.parquet"):
        read_shard(ShardFiles(path))


def test_a_shard_is_decoded_from_before_the_longest_time_that_someone_is_followed_without_being_detected() -> None:
    assert LEAD_IN_S > EXPECT_S
