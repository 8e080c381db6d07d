"""The report's plots: an angle's line, and behind it the 95 % interval where it is known."""

from dataclasses import replace

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from biopose.rendering.curve_strip import BAND_SD, RIGHT_COLOUR, draw_band
from biopose.report.plots import PANELS, angle_plots, has_bands
from tests.body.bodies import needs_body_asset
from tests.outputs.measured import measured, with_sd

TIME_S = np.linspace(0, 1, 11)


def test_a_band_is_drawn_exactly_where_a_standard_deviation_is_known() -> None:
    axes = Figure().subplots()
    angle_deg, sd_deg = 10 * TIME_S, np.full(11, 2.0)
    sd_deg[4:6] = np.nan
    draw_band(axes, TIME_S, angle_deg, sd_deg, colour=RIGHT_COLOUR)
    (band,) = axes.collections
    stretches = [path.vertices for path in band.get_paths()]
    extents_s = [[vertices[:, 0].min(), vertices[:, 0].max()] for vertices in stretches]
    np.testing.assert_allclose(extents_s, [[0.0, 0.3], [0.6, 1.0]])
    for vertices in stretches:
        off_deg = np.abs(vertices[:, 1] - 10 * vertices[:, 0])
        np.testing.assert_allclose(off_deg, BAND_SD * 2.0)


def test_a_band_is_behind_its_line_in_its_colour_and_lighter() -> None:
    axes = Figure().subplots()
    (line,) = axes.plot(TIME_S, TIME_S, color=RIGHT_COLOUR)
    draw_band(axes, TIME_S, TIME_S, np.ones(11), colour=RIGHT_COLOUR)
    (band,) = axes.collections
    assert band.get_zorder() < line.get_zorder()
    assert tuple(band.get_facecolor()[0][:3]) == pytest.approx(to_rgb(RIGHT_COLOUR))
    assert band.get_alpha() < 0.3


@needs_body_asset
def test_every_plot_of_angles_has_bands_where_they_are_known_and_is_as_before_where_none_is() -> None:
    one = measured(frames=12)
    known, plain = angle_plots(with_sd(one)), angle_plots(one)
    assert set(known) == set(plain) == set(PANELS)
    for group, panels in PANELS.items():
        assert known[group].count("<image") == len(panels)
        assert "<image" not in plain[group]
    unknown = replace(one, coordinate_sd=np.full_like(one.coordinates.values, np.nan))
    assert angle_plots(unknown) == plain
    assert [has_bands(person) for person in (with_sd(one), one, unknown)] == [True, False, False]
