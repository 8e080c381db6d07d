"""What works here, what is missing, and how to get it."""

import json
import shutil
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from biopose import doctor
from biopose.body.asset_file import body_asset_path
from biopose.doctor import Finding, examine
from flows.cli import cli
from tests.body.bodies import needs_body_asset


@pytest.fixture
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BIOPOSE_ASSETS", str(tmp_path))
    return tmp_path


def findings() -> dict[str, Finding]:
    return {finding.name: finding for finding in examine()}


def test_everything_is_looked_at_needed_things_first() -> None:
    found = examine()
    assert [f.name for f in found] == ["python", "torch", "opensim", "body", "assets", "render", "orchestration"]
    needed = [f.needed for f in found]
    assert needed == sorted(needed, reverse=True)


def test_what_is_missing_has_a_remedy(empty_cache: Path) -> None:
    for finding in examine():
        assert finding.found
        assert finding.ok or finding.remedy


def test_a_missing_body_ends_in_one_and_says_what_to_run(empty_cache: Path) -> None:
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
    assert not findings()["assets"].ok
    assert CliRunner().invoke(cli, ["doctor"]).exit_code == 0


def test_a_broken_body_is_found(empty_cache: Path) -> None:
    body_asset_path().write_bytes(b"half a download")
    body = findings()["body"]
    assert not body.ok
    assert "Delete it" in body.remedy


def test_the_files_of_a_wheel_are_looked_for(empty_cache: Path) -> None:
    assert "nimblephysics 0.10.52.1, pose2sim 0.10.49" in findings()["assets"].found
    for wheel in doctor.WHEELS:
        for target in wheel.members.values():
            (empty_cache / target).parent.mkdir(exist_ok=True)
            (empty_cache / target).touch()
    assert findings()["assets"].ok


@pytest.mark.parametrize("name", ["opensim", "torch"])
def test_a_package_that_does_not_import_is_reported(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "biopose.skeleton.quiet_opensim", raising=False)
    monkeypatch.setitem(sys.modules, name, None)
    finding = findings()[name]
    assert not finding.ok
    assert finding.remedy == f"pip install -c constraints.txt {name}"


def test_a_folder_of_a_packages_name_is_no_installation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "not_installed").mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    finding = doctor._group("render", ("numpy", "not_installed"))
    assert not finding.ok
    assert finding.found == "missing: not_installed"
