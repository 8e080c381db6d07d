"""No command writes its output over a file of the home."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from biopose.cli.command_line import Commands
from flows.cli.export import export
from flows.cli.golden import golden
from flows.cli.quarantine import quarantine
from flows.cli.query import query
from tests.commands import run as run_command
from tests.warehouse.trials import SyntheticTrial
from warehouse.load import load_trial
from warehouse.snapshot import publish_snapshot

PROGRAM = Commands(commands=[query, export, golden, quarantine])


@pytest.fixture
def home(tmp_path: Path) -> Path:
    home, trial = tmp_path / "home", SyntheticTrial()
    load_trial(home / "warehouse.duckdb", trial.record, trial.write(home / "files"))
    publish_snapshot(home / "warehouse.duckdb", home / "warehouse.snapshot.duckdb")
    (tmp_path / "link").symlink_to(home)
    (tmp_path / "symbolic.csv").symlink_to(home / "warehouse.duckdb")
    os.link(home / "warehouse.duckdb", tmp_path / "hard.csv")
    return home


def run(home: Path, *arguments: str) -> Result:
    return CliRunner().invoke(PROGRAM, [*arguments, "--home", str(home)])


@pytest.mark.parametrize(
    "name",
    [
        "home/warehouse.duckdb",
        "home/warehouse.snapshot.duckdb",
        "home/new.csv",
        "home/artifacts/../answer.csv",
        "link/warehouse.duckdb",
        "symbolic.csv",
        "hard.csv",
    ],
)
def test_a_query_is_not_written_into_the_home(home: Path, name: str) -> None:
    before = (home / "warehouse.duckdb").read_bytes()
    result = run(home, "query", "trials", "--out", str(home.parent / name))
    assert result.exit_code == 2
    assert f"is in the home {home}, whose files are BioPose's own; write elsewhere" in result.stderr
    assert (home / "warehouse.duckdb").read_bytes() == before


def test_nor_is_an_export(home: Path) -> None:
    result = run(home, "export", SyntheticTrial().trial_id, "--out", str(home / "artifacts"))
    assert result.exit_code == 2
    assert "write elsewhere" in result.stderr


def test_beside_the_home_it_is(home: Path) -> None:
    assert run(home, "query", "trials", "--out", str(home.parent / "trials.csv")).exit_code == 0
    assert run(home, "query", "trials", "--out", str(home.parent / "trials.csv")).exit_code == 0
    assert "jump1" in (home.parent / "trials.csv").read_text()


def test_where_a_files_permissions_cannot_be_changed_it_is_noted(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: int, __: int) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr("os.fchmod", refuse)
    out = home.parent / "shared.csv"
    result = run(home, "query", "trials", "--out", str(out))
    assert (result.exit_code, f"Note: {out}: its permissions cannot be changed" in result.stderr) == (0, True)
    assert "jump1" in out.read_text()


def test_the_trial_of_an_export_that_is_misspelt_is_named_with_the_nearest(home: Path) -> None:
    result = run(home, "export", "blue/2026-11-25-jumps/jump", "--out", str(home.parent / "files"))
    assert result.exit_code == 1
    assert "nearest: blue/2026-11-25-jumps/jump1" in result.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("query", "trials"),
        ("query", "--sql", "SELECT 1"),
        ("export", "blue/day/jump", "--out", "files"),
        ("compare", "knee_angle_r_deg", "--activity", "walk", "--first", "team=a", "--second", "team=b"),
        ("trend", "knee_flexion_peak", "--activity", "walk"),
        ("report", "--athlete", "blue/ann", "--out", "ann.html"),
        ("plot", "trend", "blue/ann", "knee_flexion_peak", "--out", "trend.svg"),
        ("cohort",),
        ("audit",),
        ("delete", "blue/day/jump"),
        ("erase", "blue/ann", "--yes"),
        ("prune",),
        ("backup", "backups"),
        ("user", "list"),
        ("golden", "list"),
        ("golden", "add", "blue/day/jump", "--approve"),
        ("golden", "remove", "blue/day/jump"),
        ("rollout", "status"),
        ("rollout", "promote"),
        ("log",),
        ("quarantine",),
        ("serve",),
    ],
    ids=lambda arguments: "-".join(arguments[:2]),
)
def test_a_misspelt_home_is_the_same_error_everywhere_and_is_not_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    result = run_command(*arguments, "--home", tmp_path / "hme")
    assert result.exit_code == 1, result.output
    assert result.stderr == (
        f"Error: {tmp_path / 'hme'}: there is no such home; give the folder of a home (--home or BIOPOSE_HOME), or "
        "`biopose ingest INBOX` makes it one\n"
    )
    assert not list(tmp_path.iterdir())


def test_an_unknown_format_is_a_wrong_command_line(home: Path) -> None:
    result = run(home, "export", SyntheticTrial().trial_id, "--format", "trk", "--out", str(home.parent / "files"))
    assert result.exit_code == 2
    assert "no format trk; there are trc, mot, osim" in result.stderr


def test_commands_on_a_home_start_without_torch() -> None:
    script = (
        "import sys, tasks.backup, tasks.erasure, tasks.golden_trials, tasks.rollout_status; "
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
