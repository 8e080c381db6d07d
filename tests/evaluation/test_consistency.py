"""Coordinates to body to markers and back, as the command measures it; the acceptance is in test_body_skeleton."""

import numpy as np
import pytest

from biopose.evaluation.consistency import LUMBAR_RAD, consistency_lines, draw_poses, evaluate_consistency
from biopose.skeleton.model import Skeleton
from tests.body.bodies import needs_body_asset
from tests.synthetic_person import SyntheticPerson


@pytest.fixture(scope="module")
def skeleton(person: SyntheticPerson) -> Skeleton:
    return person.skeleton


def test_poses_lie_within_ranges_less_a_twentieth(skeleton: Skeleton) -> None:
    q = draw_poses(skeleton, 500, rng=np.random.default_rng(0))
    dependent = {coupling.dependent for coupling in skeleton.couplings}
    for i, c in enumerate(skeleton.coordinates):
        if c.motion != "rotational" or i in dependent:
            continue
        low, high = (-LUMBAR_RAD, LUMBAR_RAD) if c.name.startswith("lumbar_") else (c.range_min, c.range_max)
        margin = 0.05 * (high - low)
        assert q[:, i].min() >= low + margin - 1e-12
        assert q[:, i].max() <= high - margin + 1e-12
        assert np.ptp(q[:, i]) > 0.85 * (high - low)


def test_poses_satisfy_the_couplings(skeleton: Skeleton) -> None:
    q = draw_poses(skeleton, 20, rng=np.random.default_rng(0))
    np.testing.assert_allclose(skeleton.satisfy_couplings(q), q)


@needs_body_asset
def test_a_measurement_repeats_itself_and_shows_its_progress() -> None:
    steps: list[int] = []
    first = evaluate_consistency(shapes=2, poses=3, threads=1, progress=steps.append)
    assert steps == [1, 1]
    assert evaluate_consistency(shapes=2, poses=3, threads=1) == first
    assert (first["shapes"], first["poses"]) == (2, 3)
    assert 0 < first["median_deg"] < first["p95_deg"]
    assert first["rms_mm"] > 0
    at_rest = first["at_rest_sd_deg"]
    assert at_rest["knee_angle_l"] == pytest.approx(at_rest["knee_angle_r"], abs=1e-6)  # bodies are symmetric
    assert at_rest["lumbar_rotation"] == pytest.approx(0, abs=1e-3)
    assert 0.1 < at_rest["subtalar_angle_r"] < 20
    lines = consistency_lines(first)
    assert lines[0].startswith("2 shapes, 3 poses each")
    assert len(lines) == 3 + len(first["by_coordinate_deg"])
