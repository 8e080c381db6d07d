"""A video's mirror image holds the same pixels; mirrored motion counts as equal, and its differences by coordinate."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from biopose.evaluation.mirror import evaluate_mirror, mirror_lines, write_mirror_image
from biopose.evaluation.synthetic_jumps import synthetic_jump
from biopose.io.trajectories import CoordinateTrajectories
from biopose.reconstruction.measurement import PersonMeasurement
from biopose.training.data.poses import mirror
from biopose.video.encoding import VideoFile
from biopose.video.frames import read_frames
from tests.body.bodies import needs_body_asset
from tests.evaluation.test_film_events import projected


@pytest.fixture
def video(tmp_path: Path) -> Path:
    path = tmp_path / "video.mp4"
    rng = np.random.default_rng(0)
    with VideoFile(path, width_px=64, height_px=48, rate_hz=25.0) as file:
        for frame in range(4):
            file.add(rng.integers(0, 256, (48, 64, 3), dtype=np.uint8), time_s=frame * (0.04 + 0.01 * (frame > 1)))
    return path


def test_the_mirror_image_holds_the_same_pixels_at_the_same_times(video: Path, tmp_path: Path) -> None:
    write_mirror_image(video, image := tmp_path / "image.mp4")
    pairs = list(zip(read_frames(video), read_frames(image), strict=True))
    assert len(pairs) == 4
    for frame, mirrored in pairs:
        assert np.array_equal(mirrored.image, frame.image[:, ::-1])
        assert mirrored.time_s == pytest.approx(frame.time_s, abs=1e-4)


@needs_body_asset
def test_mirrored_motion_is_equal_and_differences_are_counted_by_coordinate(video: Path) -> None:
    person = projected(synthetic_jump(0), 45.0)
    coordinates = person.coordinates
    q = coordinates.values.copy()
    names = list(coordinates.names)
    q[:, names.index("lumbar_bending")] = 0.2
    q[:, names.index("knee_angle_r")] += 0.1
    original = replace(person, coordinates=CoordinateTrajectories(coordinates.time_s, names, q))
    mirrored = mirror(q, names)
    mirrored[:, names.index("knee_angle_l")] += np.radians(2.0)
    image = replace(person, coordinates=CoordinateTrajectories(coordinates.time_s, names, mirrored))
    measured = iter([original, image])

    def measure(_: Path, **__: object) -> PersonMeasurement:
        return next(measured)

    result = evaluate_mirror([video], height_m=1.7, measure=measure)
    assert result["median_deg"] == pytest.approx(0.0, abs=1e-9)
    assert result["coordinates"]["knee_angle"]["max_deg"] == pytest.approx(2.0)
    assert result["coordinates"]["knee_angle"]["median_deg"] == pytest.approx(1.0)  # of one side of two
    assert result["coordinates"]["lumbar_bending"]["max_deg"] == pytest.approx(0.0, abs=1e-9)
    assert [result["groups"][group]["max_deg"] > 1 for group in ("lower", "upper", "trunk")] == [True, False, False]
    assert result["videos"][str(video)]["p95_deg"] <= 2.0
    assert mirror_lines(result)[-1].split()[0] == "all"
