"""The running curves: the cursor is at the time, the dots are on the curves."""

import numpy as np

from biopose.io.trajectories import CoordinateTrajectories
from biopose.outputs.curve_strip import CURVES, CurveStrip

NAMES = tuple(f"{name}_{side}" for name in CURVES for side in "rl")
CURSOR = (60, 60, 60)


def strip(duration_s: float) -> CurveStrip:
    time_s = np.arange(0.0, duration_s, 0.02)
    wave = np.sin(2 * time_s)[:, None] + np.arange(len(NAMES)) * 0.3
    return CurveStrip(CoordinateTrajectories(time_s, NAMES, wave), width_px=400, height_px=300)


def cursor_column(pixels: np.ndarray) -> int:
    dark = (pixels == CURSOR).all(axis=-1).sum(axis=0)
    return int(dark.argmax()) if dark.max() > 100 else -1


def test_the_cursor_moves_evenly_with_time() -> None:
    curves = strip(4.02)
    columns = [cursor_column(curves.draw(time_s)) for time_s in (0.5, 1.5, 2.5, 3.5)]
    assert columns[0] > 0
    steps = np.diff(columns)
    assert steps.min() > 50
    assert np.ptp(steps) <= 1


def test_outside_the_recording_there_is_no_cursor() -> None:
    curves = strip(4.0)
    assert (
        cursor_column(curves.draw(-1.0)) == cursor_column(curves.draw(9.0)) == cursor_column(curves.draw(np.inf)) == -1
    )


def test_long_recordings_turn_pages() -> None:
    curves = strip(60.0)
    columns = [cursor_column(curves.draw(time_s)) for time_s in np.arange(0.5, 59.0, 0.5)]
    assert min(columns) > 0
    assert (np.diff(columns) < 0).sum() == 3


def test_a_single_frame_has_a_strip() -> None:
    one = CurveStrip(CoordinateTrajectories(np.zeros(1), NAMES, np.ones((1, 6))), width_px=400, height_px=300)
    assert one.draw(0.0).shape == (300, 400, 3)
