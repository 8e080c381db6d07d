"""`biopose people`: who is in a video, with real networks."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from click.testing import CliRunner
from PIL import Image

from biopose.cli.main import cli
from biopose.rendering.people_sheet import HEIGHT_PX, LABEL_PX, SHARES, WIDTH_PX
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


@needs_networks
def test_an_end_before_the_start_is_refused(tmp_path: Path) -> None:
    result = CliRunner().invoke(cli, ["people", str(CLIP), "--start-s", "3", "--end-s", "2"])
    assert result.exit_code == 2
    assert "--end-s 2 is not after --start-s 3" in result.output
