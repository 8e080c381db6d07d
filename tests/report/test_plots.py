"""The report's plots: an angle's line, and behind it the 95 % interval where it is known."""

import re
from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pytest

from biopose.rendering.ticks import ticks
from biopose.report.angle_panels import PANELS
from biopose.report.plots import angle_plots, has_bands, quality_plot
from biopose.report.screen_points import column_extremes, line_rows, merged, stretches
from biopose.report.svg import Curve, Panel, figure
from tests.body.bodies import needs_body_asset
from tests.outputs.measured import measured, with_sd

TIME_S = np.linspace(0, 1, 11)
TRUSTED = np.zeros(11, dtype=np.bool_)


def paths(svg: str, kind: str) -> list[np.ndarray]:
    """The points (N, 2) of each stretch of the paths of a class."""
    outlines = [path.get("d", "") for path in ElementTree.fromstring(svg).iter("path") if path.get("class") == kind]
    return [
        np.array([float(number) for number in re.findall(r"-?[0-9.]+", stretch)]).reshape(-1, 2)
        for outline in outlines
        for stretch in outline.split("M")[1:]
    ]


def test_a_band_is_drawn_exactly_where_a_standard_deviation_is_known_and_before_its_line() -> None:
    reach = np.full(11, 4.0)
    reach[4:6] = np.nan
    svg = figure("angles", [Panel("knee", [Curve("right", "right", 10 * TIME_S, reach)])], TIME_S, TRUSTED)
    (line,), bands = paths(svg, "line right")[:1], paths(svg, "band right")
    assert [len(band) for band in bands] == [2 * 4, 2 * 5]
    for band, rows in zip(bands, (slice(0, 4), slice(6, 11)), strict=True):
        np.testing.assert_allclose(band[: len(band) // 2, 0], line[rows, 0])
    px_per_deg = (line[0, 1] - line[-1, 1]) / 10
    np.testing.assert_allclose(line[:4, 1] - bands[0][:4, 1], 4.0 * px_per_deg, atol=0.2)
    assert svg.index('class="band right"') < svg.index('class="line right"')


def test_a_line_is_interrupted_where_the_value_is_not_known() -> None:
    values = 10 * TIME_S
    values[3] = np.nan
    svg = figure("angles", [Panel("knee", [Curve("midline", "", values)])], TIME_S, TRUSTED)
    assert [len(line) for line in paths(svg, "line midline")] == [3, 7]


def test_untrusted_frames_have_a_grey_background() -> None:
    untrusted = TRUSTED.copy()
    untrusted[2:4] = True
    svg = figure("angles", [Panel("knee", [Curve("midline", "", TIME_S)])], TIME_S, untrusted)
    assert svg.count('class="untrusted"') == 1
    assert "2 of 11 frames untrusted" in svg


def test_a_figure_is_described_and_escaped() -> None:
    svg = figure("a < b", [Panel("knee & hip", [Curve("right", "right", TIME_S)])], TIME_S, TRUSTED)
    root = ElementTree.fromstring(svg)
    assert root.get("role") == "img"
    assert root.findtext("title") == "a < b"
    assert "knee & hip, right: 0.0 to 1.0." in str(root.findtext("desc"))


def test_a_curve_of_an_hour_is_as_small_as_a_screen_and_keeps_its_extremes() -> None:
    rng = np.random.default_rng(0)
    x_px, values = np.linspace(0, 300, 216_000), rng.normal(size=216_000)
    values[[1234, 100_000]] = -50.0, 60.0
    rows = line_rows(x_px, values)
    assert len(rows) <= 4 * 301
    assert (np.diff(rows) > 0).all()
    assert {0, 1234, 100_000, 215_999} <= set(rows.tolist())
    x, low, high = column_extremes(x_px, values - 1, values + 1)
    assert len(x) == len(low) == len(high) <= 301
    assert (low.min(), high.max()) == (-51.0, 61.0)


def test_a_short_curve_keeps_every_point() -> None:
    np.testing.assert_array_equal(line_rows(np.linspace(0, 300, 200), np.zeros(200)), np.arange(200))


def test_spans_nearer_than_half_a_pixel_are_one() -> None:
    assert merged([(0.0, 1.0), (1.2, 2.0), (3.0, 4.0)]) == [(0.0, 2.0), (3.0, 4.0)]


def test_stretches_are_the_runs_of_true_flags() -> None:
    flags = np.array([True, True, False, True, False, False, True])
    assert stretches(flags) == [(0, 2), (3, 4), (6, 7)]
    assert not stretches(~np.ones(3, dtype=bool))


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(-31.0, 122.0, [0, 50, 100]), (0.0, 7.6, [0, 2, 4, 6]), (0.0, 1.05, [0, 0.5, 1.0]), (3.0, 3.0, [3.0])],
)
def test_ticks_are_round_and_not_too_many(low: float, high: float, expected: list[float]) -> None:
    assert ticks(low, high, most=4) == pytest.approx(expected)


@needs_body_asset
def test_every_plot_of_angles_has_bands_where_they_are_known() -> None:
    one = measured(frames=12)
    known, plain = angle_plots(with_sd(one)), angle_plots(one)
    assert set(known) == set(plain) == set(PANELS)
    for group, panels in PANELS.items():
        sides = sum(1 + name.endswith("_") for name in panels)
        assert known[group].count('class="band') == sides
        assert 'class="band' not in plain[group]
    unknown = replace(one, coordinate_sd=np.full_like(one.coordinates.values, np.nan))
    assert angle_plots(unknown) == plain
    assert [has_bands(person) for person in (with_sd(one), one, unknown)] == [True, False, False]


@needs_body_asset
def test_contact_is_the_darker_the_likelier() -> None:
    one = measured(frames=12)
    contact = np.zeros((12, 4))
    contact[:6, 0] = 1.0
    contact[6:, 3] = 0.3
    strips = [
        (path.get("class"), path.get("fill-opacity"))
        for path in ElementTree.fromstring(quality_plot(replace(one, contact=contact))).iter("path")
        if path.get("class", "").startswith("strip")
    ]
    assert strips == [("strip left", "1"), ("strip right", "0.3")]
