"""Repeated clips: what the benchmark of long videos measures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from biopose.evaluation.length_benchmark import length_lines, write_repeated
from biopose.video.encoding import VideoFile
from biopose.video.frames import read_frames

FRAMES, RATE_HZ = 10, 25.0


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Images that grow brighter, so that each one's brightness tells which it is."""
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    with VideoFile(path, width_px=64, height_px=64, rate_hz=RATE_HZ) as file:
        for number in range(FRAMES):
            file.add(np.full((64, 64, 3), 20 + 20 * number, dtype=np.uint8), time_s=number / RATE_HZ)
    return path


def test_a_clip_is_repeated_forwards_and_backwards_at_an_even_rate(clip: Path, tmp_path: Path) -> None:
    video = tmp_path / "repeated.mp4"
    written = write_repeated(clip, video, frames=50)
    frames = list(read_frames(video))
    forwards = list(range(FRAMES))
    cycle = forwards + forwards[-2:0:-1]
    assert written == len(frames) == 3 * len(cycle)
    shown = [round((float(frame.image.mean()) - 20) / 20) for frame in frames]
    assert shown == 3 * cycle
    np.testing.assert_allclose(np.diff([frame.time_s for frame in frames]), 1 / RATE_HZ, atol=1e-4)


def test_fewer_frames_than_one_repetition_give_one(clip: Path, tmp_path: Path) -> None:
    assert write_repeated(clip, tmp_path / "repeated.mp4", frames=1) == 2 * FRAMES - 2


def test_an_hour_is_extrapolated_from_the_longest_video() -> None:
    row = {"seconds": 10.0, "processor_s": 20.0, "peak_mb": 1000.0, "frames_per_s": 10.0}
    result = {"lengths": [row | {"frames": 200, "hours_per_hour": 7.0}, row | {"frames": 20, "hours_per_hour": 9.0}]}
    assert length_lines(result)[-1] == "An hour at 60 Hz would take 7.0 hours, extrapolated from 200 frames"
