"""`biopose people`: who is in a video, with real networks."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from click.testing import CliRunner
from PIL import Image

from biopose.cli.main import cli
from biopose.cli.people_file import people_lines
from biopose.rendering.people_sheet import HEIGHT_PX, LABEL_PX, SHARES, WIDTH_PX
from biopose.tracking.tracks import PersonTrack
from biopose.trial import Clip
from tests.perception.real_people import CLIP, needs_networks


@needs_networks
def test_everybody_is_numbered_and_drawn(tmp_path: Path) -> None:  # a jumper on a roof and a walker below
    out = tmp_path / "people.png"
    result = CliRunner().invoke(
        cli, ["people", str(CLIP), "--start-s", "3", "--end-s", "3.5", "--out", str(out), "--json"]
    )
    assert result.exit_code == 0, result.output
    people = json.loads(result.stdout)["people"]
    assert [one["person"] for one in people] == [0, 1]
    assert all(one["frames"] == 15 and 3 <= one["start_s"] < one["end_s"] < 3.5 for one in people)
    sheet = np.asarray(Image.open(out))
    assert sheet.shape == (2 * (LABEL_PX + HEIGHT_PX), len(SHARES) * WIDTH_PX, 3)


def test_the_command_that_follows_measures_the_same_people() -> None:
    track = PersonTrack(
        3, np.arange(2), np.array([12.0, 12.1]), np.zeros((2, 4)), np.zeros((2, 26, 2)), np.ones((2, 26))
    )
    clip = Clip(Path("two words.mp4"), start_s=12.0, end_s=20.5, recorded_rate_hz=240.0)
    lines = people_lines([track], ["It is slow motion."], clip, Path("people.png"))
    assert lines[-1] == (
        "Next: biopose measure 'two words.mp4' --athlete 3 --height-m HEIGHT --start-s 12 --end-s 20.5 "
        "--recorded-hz 240 --out FOLDER"
    )
    assert "note: It is slow motion." in lines


@needs_networks
def test_a_picture_of_no_known_format_is_refused_at_once() -> None:
    result = CliRunner().invoke(cli, ["people", str(CLIP), "--out", "people.xyz"])
    assert result.exit_code == 2
    assert "people.xyz" in result.output


@needs_networks
def test_an_end_before_the_start_is_refused() -> None:
    result = CliRunner().invoke(cli, ["people", str(CLIP), "--start-s", "3", "--end-s", "2"])
    assert result.exit_code == 2
    assert "--end-s 2 is not after --start-s 3" in result.output
