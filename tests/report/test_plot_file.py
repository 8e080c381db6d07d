"""A plot as a file of its own: .svg with its style, .png with the same lines."""

from pathlib import Path
from xml.etree import ElementTree

import numpy as np
from PIL import Image

from biopose.report.plot_file import PX_PER_UNIT, write_plot
from biopose.report.svg import BOTTOM_PX, LEFT_PX, PANEL_PX, RIGHT_PX, TOP_PX, Curve, Panel, figure

RED, BLUE, GREY = (209, 73, 91), (46, 111, 158), (224, 224, 224)
TIME_S = np.linspace(0.0, 1.0, 101)


def plot() -> str:
    curves = [
        Curve("right", "right", np.full(101, 10.0), np.full(101, 2.0)),
        Curve("left", "left", np.full(101, 20.0)),
    ]
    return figure("knee", [Panel("knee (°)", curves)], TIME_S, TIME_S > 0.9, columns=1)


def near(pixels: np.ndarray, colour: tuple[int, int, int]) -> np.ndarray:
    return (np.abs(pixels.astype(int) - colour) < 8).all(axis=-1)


def test_a_png_has_the_curves_where_the_axes_have_their_values(tmp_path: Path) -> None:
    image = Image.open(write_plot(plot(), tmp_path / "knee.png"))
    pixels = np.asarray(image)
    assert image.size == tuple(round(PX_PER_UNIT * side) for side in PANEL_PX)
    left, right = PX_PER_UNIT * LEFT_PX, PX_PER_UNIT * (PANEL_PX[0] - RIGHT_PX)
    top, bottom = PX_PER_UNIT * TOP_PX, PX_PER_UNIT * (PANEL_PX[1] - BOTTOM_PX)
    inside = pixels[round(top) : round(bottom), round(left) : round(right)]
    red, blue = (np.nonzero(near(inside, colour))[0].mean() / (bottom - top) for colour in (RED, BLUE))
    low, high = 8.0 - 0.05 * 12, 20.0 + 0.05 * 12  # the axis holds band and curves with a margin
    assert abs(red - (high - 10.0) / (high - low)) < 0.02
    assert abs(blue - (high - 20.0) / (high - low)) < 0.02
    columns = near(inside, RED).any(axis=0)
    assert columns.mean() > 0.95, "a whole line"
    assert 0.5 < near(inside, BLUE).any(axis=0).mean() < 0.9, "a dashed line"
    grey = np.nonzero(near(inside, GREY).mean(axis=0) > 0.5)[0]
    assert abs(grey.min() / inside.shape[1] - 0.91) < 0.02


def test_an_svg_is_a_document_with_its_style_inside(tmp_path: Path) -> None:
    root = ElementTree.parse(write_plot(plot(), tmp_path / "knee.svg")).getroot()
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert (root.attrib["width"], root.attrib["height"]) == tuple(f"{side:g}" for side in PANEL_PX)
    style = root.find("{http://www.w3.org/2000/svg}style")
    assert style is not None
    assert ".line.right" in (style.text or "")
