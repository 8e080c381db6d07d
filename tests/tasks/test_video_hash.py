import os
from pathlib import Path

from biopose.io.files import sha256_of
from tasks.video_hash import VideoHashes


def test_a_file_is_read_again_only_when_it_changed(tmp_path: Path) -> None:
    video, memory = tmp_path / "a.mp4", tmp_path / "hashes.json"
    video.write_bytes(b"one")
    hashes = VideoHashes(memory)
    first = hashes.state(video).sha256
    assert first == sha256_of(video)
    hashes.save()

    status = video.stat()
    video.write_bytes(b"two")
    os.utime(video, ns=(status.st_atime_ns, status.st_mtime_ns))  # as if nothing had happened
    assert VideoHashes(memory).state(video).sha256 == first
    os.utime(video, ns=(0, 1))
    assert VideoHashes(memory).state(video).sha256 == sha256_of(video) != first


def test_a_file_is_known_until_it_changes(tmp_path: Path) -> None:
    video, hashes = tmp_path / "a.mp4", VideoHashes(tmp_path / "hashes.json")
    video.write_bytes(b"one")
    assert not hashes.knows(video)
    hashes.state(video)
    assert hashes.knows(video)
    os.utime(video, ns=(0, 1))
    assert not hashes.knows(video)
    video.unlink()
    assert not hashes.knows(video)


def test_a_broken_memory_is_begun_anew_and_gone_videos_are_forgotten(tmp_path: Path) -> None:
    video, memory = tmp_path / "a.mp4", tmp_path / "hashes.json"
    memory.write_text("{")
    video.write_bytes(b"one")
    hashes = VideoHashes(memory)
    hashes.state(video)
    video.unlink()
    hashes.save()
    assert memory.read_text() == "{}"
