"""What `biopose query` writes for a program: numbers stay numbers; what a format cannot hold is said in one line."""

import csv
import json
import stat
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from biopose.cli.command_line import Commands
from flows.cli.query import query

PROGRAM = Commands(commands=[query])


def run(snapshot: Path, *arguments: str) -> Result:
    return CliRunner().invoke(PROGRAM, ["query", *arguments, "--home", str(snapshot.parent)])


def test_json_has_integers_for_sums_and_null_for_what_is_no_number(snapshot: Path) -> None:
    sql = "SELECT sum(frames) AS frames, 'nan'::DOUBLE AS no_number, ['inf'::FLOAT, 1.5] AS listed FROM run"
    result = run(snapshot, "--sql", sql, "--format", "json")
    assert json.loads(result.stdout, parse_constant=pytest.fail) == [
        {"frames": 160, "no_number": None, "listed": [None, 1.5]}
    ]


def test_the_frames_of_a_range_are_a_number(snapshot: Path) -> None:
    arguments = ("coordinate_range", "--param", "coordinate=knee_angle_r_deg", "--format", "json")
    assert [row["frames"] for row in json.loads(run(snapshot, *arguments).stdout)] == [80, 40, 40]


@pytest.mark.parametrize("format_", ["table", "csv", "json", "parquet"])
def test_a_written_result_is_for_its_owner_alone(snapshot: Path, tmp_path: Path, format_: str) -> None:
    """Also where the file was there before, open to others; a device stays one."""
    out = tmp_path / "written"
    out.write_text("longer than the answer " * 1_000)
    out.chmod(0o644)
    arguments = ("--sql", "SELECT 1 AS one", "--format", format_)
    for path in (out, tmp_path / "new", Path("/dev/null")):
        assert run(snapshot, *arguments, "--out", str(path)).exit_code == 0
    for path in (out, tmp_path / "new"):
        assert stat.filemode(path.stat().st_mode) == "-rw-------"
    assert out.read_bytes() == (tmp_path / "new").read_bytes()
    assert Path("/dev/null").is_char_device()


@pytest.mark.parametrize("value", ["[1, 2]", "{'a': 1}", "'x'::BLOB"])
def test_csv_says_what_it_cannot_hold(snapshot: Path, value: str) -> None:
    result = run(snapshot, "--sql", f"SELECT {value} AS v", "--format", "csv")
    assert result.exit_code == 1
    assert "--format json" in result.stderr
    assert run(snapshot, "--sql", f"SELECT {value} AS v", "--format", "json").exit_code == 0


def test_csv_has_a_row_for_each_per_cent_of_a_curve(snapshot: Path) -> None:
    given = ("cycle_curves", "--param", "coordinate=knee_angle_r_deg", "--param", "activity=countermovement_jump")
    listed = json.loads(run(snapshot, *given, "--format", "json").stdout)
    rows = list(csv.DictReader(run(snapshot, *given, "--format", "csv").stdout.splitlines()))
    assert [(row["trial_id"], int(row["percent"]), pytest.approx(float(row["curve"]))) for row in rows] == [
        (one["trial_id"], percent, value)
        for one in listed
        for percent, value in zip(one["percent"], one["curve"], strict=True)
    ]
    assert [int(row["percent"]) for row in rows[:101]] == list(range(101))


def test_a_broken_snapshot_is_named_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "warehouse.snapshot.duckdb").write_bytes(b"")
    result = run(tmp_path / "warehouse.snapshot.duckdb", "trials")
    assert result.exit_code == 1
    assert result.stderr.startswith(f"Error: {tmp_path / 'warehouse.snapshot.duckdb'}: cannot be opened")
    assert len(result.stderr.splitlines()) == 1
