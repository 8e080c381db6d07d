"""`biopose plot` draws what the pages show."""

import json
from pathlib import Path
from xml.etree import ElementTree

from PIL import Image

from tests.commands import assert_refused, run
from tests.flows.pages.home import FILMED

OTHER = "blue/2026-10-27-jumps/jump_ann"


def test_curve_trend_and_comparison_are_drawn(home: Path, tmp_path: Path) -> None:
    for kind, *given in (
        ("curve", FILMED, "--coordinate", "knee_angle", "--from-s", "0.2"),
        ("trend", "blue/cleo", "knee_flexion_peak"),
        ("comparison", FILMED, OTHER, "--coordinate", "knee_angle"),
    ):
        done = run("plot", kind, *given, "--out", tmp_path / f"{kind}.png", "--home", home)
        assert done.exit_code == 0, done.output
    widths = [Image.open(tmp_path / f"{kind}.png").width for kind in ("curve", "trend", "comparison")]
    assert widths == [1032, 1032, 2 * 1032]  # a panel for both sides; one for each


def test_a_file_says_whose_curves_it_has(home: Path, tmp_path: Path) -> None:
    for given, lines in (
        (("curve", FILMED), [FILMED]),
        (("trend", "blue/cleo", "knee_flexion_peak"), ["blue/cleo, countermovement jump"]),
        (("comparison", FILMED, OTHER), [f"1st {FILMED}", f"2nd {OTHER}"]),
    ):
        done = run("plot", *given, "--out", tmp_path / "p.svg", "--home", home, "--json")
        assert json.loads(done.stdout) == {"files": [str(tmp_path / "p.svg")]}
        root = ElementTree.parse(tmp_path / "p.svg").getroot()
        assert [
            one.text for one in root.iter("{http://www.w3.org/2000/svg}text") if one.get("class") == "caption"
        ] == lines


def test_what_there_is_not_is_refused_with_the_nearest_names(home: Path, tmp_path: Path) -> None:
    given = ("--out", tmp_path / "p.svg", "--home", home)
    assert_refused(run("plot", "curve", FILMED, "--coordinate", "knee", *given), "nearest: knee_angle")
    assert_refused(run("plot", "curve", "blue/x/y", *given), "blue/x/y")
    assert_refused(run("plot", "trend", "blue/cleo", "jump_hight", *given), "has no such metric")
    assert_refused(run("plot", "curve", FILMED, "--out", tmp_path / "p.pdf"), "should end in .png or .svg", exit_code=2)
    assert not (tmp_path / "p.svg").exists()
