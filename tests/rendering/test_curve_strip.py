"""The running curves: the cursor is at the time, the dots are on the curves."""

import numpy as np

from biopose.io.trajectories import CoordinateTrajectories
from biopose.rendering.curve_strip import CURVES, CurveStrip

NAMES = tuple(f"{name}_{side}" for name in CURVES for side in "rl")
CURSOR = (60, 60, 60)


def strip(duration_s: float, *, sd_until_s: float = 0.0) -> CurveStrip:
    """Of a wave; up to a time its standard deviation is known."""
    time_s = np.arange(0.0, duration_s, 0.02)
    wave = np.sin(2 * time_s)[:, None] + np.arange(len(NAMES)) * 0.3
    sd = np.where(time_s[:, None] < sd_until_s, 0.3, np.nan) + np.zeros_like(wave)
    return CurveStrip(CoordinateTrajectories(time_s, NAMES, wave), sd, width_px=400, height_px=300)


def light_columns(pixels: np.ndarray) -> np.ndarray:
    """Columns of the panel that have bands: light red and light blue, which no line is of."""
    red, blue = pixels[..., 0].astype(int), pixels[..., 2].astype(int)
    light = (pixels.min(axis=-1) > 150) & (np.abs(red - blue) > 15)
    return np.flatnonzero(light.sum(axis=0) > 15)


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


def test_a_band_is_where_the_standard_deviation_is_known() -> None:
    curves = strip(4.02, sd_until_s=2.0)
    banded = light_columns(curves.draw(-1.0))
    turn = cursor_column(curves.draw(2.0))
    assert banded.max() <= turn + 1
    assert len(banded) > 0.9 * (turn - cursor_column(curves.draw(0.0)))
    assert not len(light_columns(strip(4.02).draw(-1.0)))


def test_a_strip_without_standard_deviations_is_that_of_unknown_ones() -> None:
    time_s = np.arange(0.0, 2.0, 0.02)
    coordinates = CoordinateTrajectories(time_s, NAMES, np.sin(time_s)[:, None] + np.zeros(len(NAMES)))
    unknown = np.full_like(coordinates.values, np.nan)
    with_none, with_nan = (CurveStrip(coordinates, sd, width_px=400, height_px=300) for sd in (None, unknown))
    np.testing.assert_array_equal(with_none.draw(1.0), with_nan.draw(1.0))


def test_a_band_stays_inside_the_panel() -> None:
    time_s = np.arange(0.0, 2.0, 0.02)
    still = CoordinateTrajectories(time_s, NAMES, np.zeros((len(time_s), len(NAMES))))
    pixels = CurveStrip(still, np.full_like(still.values, 0.1), width_px=400, height_px=300).draw(-1.0)
    light = (np.ptp(pixels.astype(int), axis=-1) > 15).sum(axis=1) > 200
    bands = np.flatnonzero(np.diff(np.concatenate([[False], light, [False]]).astype(int)))
    assert len(bands) == 2 * len(CURVES)  # white, or the curve's title, between two bands


def test_a_single_frame_has_a_strip() -> None:
    one = CurveStrip(CoordinateTrajectories(np.zeros(1), NAMES, np.ones((1, 6))), width_px=400, height_px=300)
    assert one.draw(0.0).shape == (300, 400, 3)
