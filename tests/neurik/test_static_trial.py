"""From a standing trial to a person's own skeleton and markers, as NeurIK takes them."""

import numpy as np
import pytest

from biopose.body.markers import BONY_LANDMARKS, MARKERS
from biopose.errors import ModelError
from biopose.io.trajectories import MarkerTrajectories
from biopose.neurik.static_trial import calibrate_from_static
from biopose.skeleton.full_body import full_body_skeleton
from tests.training.synthetic_markers import default_locations_m, synthetic_source


def standing(frames: int = 3) -> tuple[MarkerTrajectories, np.ndarray, np.ndarray]:
    """Somebody standing; their scales and marker locations."""
    batch = synthetic_source(varied=False).draw(1, frames=2, clean=True)
    assert batch.static_m is not None
    still = np.tile(batch.static_m.double().numpy(), (frames, 1, 1))
    recording = MarkerTrajectories(np.arange(frames) / 100, tuple(MARKERS), still)
    return recording, batch.body_scales[0].numpy(), batch.locations_m[0].numpy()


def test_marker_locations_are_those_of_the_static_trial() -> None:
    static, scales, locations = standing()
    found = calibrate_from_static(static, default_locations_m())
    bodies = [full_body_skeleton().body_names.index(marker.segment) for marker in MARKERS.values()]
    assert np.abs(found.body_scales[0].numpy() - scales)[bodies].mean() < 0.05
    assert np.linalg.norm(found.locations_m[0].numpy() - locations, axis=-1).mean() < 0.02


def test_missing_markers_are_at_their_default_locations() -> None:
    static, _, _ = standing()
    found = calibrate_from_static(static.select(BONY_LANDMARKS), default_locations_m())
    soft = next(i for i, name in enumerate(MARKERS) if name not in BONY_LANDMARKS)
    body = full_body_skeleton().body_names.index(list(MARKERS.values())[soft].segment)
    default = default_locations_m()[soft] * found.body_scales[0, body]
    np.testing.assert_allclose(found.locations_m[0, soft].numpy(), default.numpy(), atol=1e-6)


def test_a_trial_of_other_markers_is_refused() -> None:
    static, _, _ = standing()
    other = MarkerTrajectories(static.time_s, tuple(f"his_{name}" for name in static.names), static.positions_m)
    with pytest.raises(ModelError, match="none of the markers that BioPose names"):
        calibrate_from_static(other, default_locations_m())
