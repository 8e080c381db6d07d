"""A written video plays every image at its time."""

from pathlib import Path

import av
import numpy as np
import pytest

from biopose.video.encoding import VideoFile, available_encoder

TIMES_S = (0.0, 0.04, 0.05, 0.3, 0.31)


def grey(level: int) -> np.ndarray:
    return np.full((48, 64, 3), level, dtype=np.uint8)


def test_images_and_uneven_times_come_back(tmp_path: Path) -> None:
    path = tmp_path / "video.mp4"
    with VideoFile(path, width_px=64, height_px=48, rate_hz=25.0) as video:
        for place, time_s in enumerate(TIMES_S):
            video.add(grey(40 * place + 20), time_s=time_s)
    with av.open(str(path)) as container:
        frames = list(container.decode(video=0))
    np.testing.assert_allclose([frame.time for frame in frames], TIMES_S, atol=1e-4)
    levels = [frame.to_ndarray(format="rgb24").mean() for frame in frames]
    np.testing.assert_allclose(levels, [40 * place + 20 for place in range(len(TIMES_S))], atol=4)


def test_browsers_can_start_before_all_is_loaded(tmp_path: Path) -> None:
    path = tmp_path / "video.mp4"
    with VideoFile(path, width_px=64, height_px=48, rate_hz=25.0) as video:
        video.add(grey(100), time_s=0.0)
    content = path.read_bytes()
    assert 0 < content.index(b"moov") < content.index(b"mdat")
    with av.open(str(path)) as container:
        assert container.streams.video[0].codec_context.pix_fmt == "yuv420p"
        if available_encoder() == "libx264":
            assert container.streams.video[0].codec_context.name == "h264"


def test_a_time_that_does_not_increase_keeps_its_image(tmp_path: Path) -> None:
    path = tmp_path / "video.mp4"
    with VideoFile(path, width_px=64, height_px=48, rate_hz=25.0) as video:
        for time_s in (0.0, 0.04, 0.04, 0.02, 0.08):
            video.add(grey(100), time_s=time_s)
    with av.open(str(path)) as container:
        times = [frame.time for frame in container.decode(video=0)]
    assert len(times) == 5
    assert (np.diff(times) > 0).all()


def test_odd_sizes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="63 x 48 pixels; expected even numbers"):
        VideoFile(tmp_path / "video.mp4", width_px=63, height_px=48, rate_hz=25.0)


def test_a_single_image_is_shown_for_one_interval(tmp_path: Path) -> None:
    path = tmp_path / "video.mp4"
    with VideoFile(path, width_px=64, height_px=48, rate_hz=25.0) as video:
        video.add(grey(100), time_s=0.0)
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert stream.duration is not None
        assert stream.time_base is not None
        assert float(stream.duration * stream.time_base) == pytest.approx(1 / 25, rel=0.01)
