"""`biopose erase`: nothing is removed without a yes, and what was removed is accounted for."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from flows.cli.main import cli
from tests.warehouse.trials import SyntheticTrial
from warehouse.content import content_rows
from warehouse.load import load_trial


@pytest.fixture
def home(tmp_path: Path) -> Path:
    for trial in (SyntheticTrial("jump1"), SyntheticTrial("jump2", seed=1, athlete="bob")):
        folder = trial.write(tmp_path / str(trial.record["run"]["artifacts"]))
        load_trial(tmp_path / "warehouse.duckdb", trial.record, folder)
    return tmp_path


def run(home: Path, *arguments: str) -> Result:
    return CliRunner().invoke(cli, ["erase", *arguments, "--home", str(home)])


def athletes(home: Path) -> int:
    return content_rows(home / "warehouse.duckdb")["athlete"][0]


def test_a_dry_run_lists_what_is_there_and_removes_nothing(home: Path) -> None:
    result = run(home, "blue/ann", "--dry-run", "--json")
    found = json.loads(result.stdout)
    assert found["rows"]["recent_kinematics"] == 40
    assert found["folders"] == ["artifacts/trials/blue/2026-11-25-jumps/jump1"]
    assert athletes(home) == 2


def test_nothing_is_removed_where_nobody_can_be_asked(home: Path) -> None:
    result = run(home, "blue/ann")
    assert (result.exit_code, athletes(home)) == (2, 2)
    assert "look at --dry-run, then add --yes" in result.output


def test_a_person_is_erased_once_and_may_be_readmitted(home: Path) -> None:
    assert run(home, "blue/ann", "--yes").exit_code == 0
    assert athletes(home) == 1
    again = run(home, "blue/ann", "--yes")
    assert again.exit_code == 0  # as after an erasure that was killed at its very end
    assert "blue/ann was erased at 20" in again.output
    assert run(home, "blue/ann", "--readmit").exit_code == 0
    assert "was not erased here" in run(home, "blue/ann", "--readmit").output


def test_a_wrong_name_is_an_error_with_the_nearest(home: Path) -> None:
    result = run(home, "ann", "--yes")
    assert result.exit_code == 1
    assert "there is no athlete 'ann'; nearest: blue/ann" in result.output
    assert athletes(home) == 2


def test_a_home_that_does_not_exist_is_an_error_and_is_not_made(tmp_path: Path) -> None:
    result = run(tmp_path / "elsewhere", "blue/ann", "--yes")
    assert "there is no such home" in result.output
    assert not (tmp_path / "elsewhere").exists()
