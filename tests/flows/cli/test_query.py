"""`biopose query` for a person and for a program."""

import json
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
from click.testing import CliRunner, Result

from biopose.cli.command_line import Commands
from flows.cli.query import query
from tests.warehouse.trials import SyntheticTrial
from warehouse.load import load_trial
from warehouse.named_query import named_queries
from warehouse.snapshot import publish_snapshot

TREND = ("athlete_trend", "--param", "athlete=blue/ann", "--param", "metric=knee_flexion_peak")
PROGRAM = Commands(commands=[query])
COUNT = (
    "SELECT activity, count(*) AS trials, 0.5::DOUBLE AS half, NULL AS nothing, '' AS empty FROM trial "
    "GROUP BY activity"
)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two jumps of one athlete."""
    home = tmp_path_factory.mktemp("home")
    for number in (1, 2):
        trial = SyntheticTrial(f"jump{number}", seed=number)
        load_trial(home / "warehouse.duckdb", trial.record, trial.write(home / trial.name))
    publish_snapshot(home / "warehouse.duckdb", home / "warehouse.snapshot.duckdb")
    return home


def run(home: Path, *arguments: str) -> Result:
    return CliRunner().invoke(PROGRAM, ["query", *arguments, "--home", str(home)])


def answer(home: Path, *arguments: str) -> str:
    result = run(home, *arguments)
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.mark.parametrize(("athlete", "expected"), [("blue/ann", ""), ("blue/anne", "Error: ")])
def test_a_process_that_queried_ends_without_complaints_of_the_database(
    home: Path, athlete: str, expected: str
) -> None:
    command = [sys.executable, "-m", "flows.cli.main", "query", "trials", "--param", f"athlete={athlete}"]
    run = subprocess.run([*command, "--home", str(home)], capture_output=True, text=True, check=False)
    assert run.stderr.startswith(expected)
    assert "leaked" not in run.stderr


def test_a_table_is_aligned_and_a_null_differs_from_an_empty_text(home: Path) -> None:
    assert answer(home, "--sql", COUNT).splitlines() == [
        "| activity             | trials | half | nothing | empty |",
        "|----------------------|--------|------|---------|-------|",
        "| countermovement_jump |      2 |  0.5 | null    |       |",
    ]


def test_a_table_has_every_row_column_and_character(home: Path) -> None:
    columns = ", ".join(f"'{number}{'x' * 200}' AS column_{number}" for number in range(30))
    head, _, *rows = answer(home, "--sql", f"SELECT {columns}, range(50) AS list FROM range(200)").splitlines()
    assert head.count("column_") == 30
    assert len(rows) == 200
    assert all(row.count("x" * 200) == 30 and row.endswith("48, 49] |") for row in rows)
    assert "\u2026" not in rows[0]


@pytest.mark.parametrize(
    ("sql", "text"),
    [("1 / 3", "0.333333"), ("80.0::DOUBLE", "80.0"), ("1234.5678", "1234.5678"), ("0.00012", "0.00012")],
)
def test_a_number_is_readable(home: Path, sql: str, text: str) -> None:
    assert answer(home, "--sql", f"SELECT {sql} AS x").splitlines()[-1].strip("| ") == text


def test_json_is_one_array_of_objects(home: Path) -> None:
    rows = json.loads(answer(home, *TREND, "--format", "json"))
    assert [row["side"] for row in rows] == ["left", "right"]
    assert rows[0].pop("releases").startswith("keypoint_fit-")
    assert rows[0] | {"sd_between_trials": None} == {
        "month": "2026-11-01",
        "activity": "countermovement_jump",
        "side": "left",
        "method": "keypoint_fit",
        "mean_value": 80.0,
        "measurement_sd": None,
        "sd_between_trials": None,
        "trials": 2,
        "cameras": "not stated",
        "release_changed": False,
        "unit": "deg",
    }


def test_csv_has_a_head(home: Path) -> None:
    head, *rows = answer(home, *TREND, "--format", "csv").splitlines()
    of_trials = "month,activity,side,method,mean_value,measurement_sd,sd_between_trials,trials"
    assert head == f"{of_trials},cameras,releases,release_changed,unit"
    assert len(rows) == 2


@pytest.mark.parametrize("format_", ["table", "csv", "json", "parquet"])
def test_a_result_goes_into_a_file(home: Path, tmp_path: Path, format_: str) -> None:
    out = tmp_path / f"answer.{format_}"
    assert answer(home, *TREND, "--format", format_, "--out", str(out)) == ""
    if format_ == "parquet":
        assert pl.read_parquet(out)["mean_value"].to_list() == [80.0, 90.0]
    else:
        assert out.read_text() == answer(home, *TREND, "--format", format_)


def test_an_empty_result_still_has_its_columns(home: Path) -> None:
    lines = answer(home, "norms", "--param", "metric=knee_flexion_peak").splitlines()
    assert lines[0].split()[1] == "sex"
    assert len(lines) == 2


def test_the_list_names_every_query_with_its_parameters(home: Path) -> None:
    listed = answer(home, "--list")
    for named in named_queries().values():
        assert f"{named.name}\n    {named.description}" in listed
    assert "--param since=...  date, of the first session; else 1900-01-01" in listed


@pytest.mark.parametrize(
    ("arguments", "exit_code", "complaint"),
    [
        ((), 2, "give the name of a query, or --sql, or --list"),
        (("trials", "--sql", "SELECT 1"), 2, "give the name of a query, or --sql, or --list"),
        (("--sql", "SELECT 1", "--param", "a=b"), 2, "--param belongs to a named query"),
        (("trials", "--format", "parquet"), 2, "--format parquet needs --out"),
        (("trials", "--param", "team"), 2, "--param team: expected NAME=VALUE"),
        (("nothing",), 1, "nothing: there is no such query; there are"),
        (("athlete_trend",), 1, "athlete, metric is missing"),
        (("coordinate_range", "--param", "coordinate=tail_deg"), 1, "such as knee_angle_r_deg"),
        (("--sql", "SELEKT 1"), 1, "syntax error"),
        (("--sql", "DELETE FROM team"), 1, "read-only"),
        (("--sql", "DELETE FROM trial"), 1, "queries are read-only"),  # a view
        (("--sql", "SELECT * FROM read_text('/etc/hostname')"), 1, "disabled by configuration"),
    ],
)
def test_an_error_is_one_line(home: Path, arguments: tuple[str, ...], exit_code: int, complaint: str) -> None:
    result = run(home, *arguments)
    assert result.exit_code == exit_code
    assert complaint in result.stderr
    assert result.stdout == ""
    assert result.stderr.strip().splitlines()[-1].startswith("Error: ")


def test_the_error_of_a_home_without_a_warehouse_names_the_remedy(tmp_path: Path) -> None:
    result = run(tmp_path, "trials")
    assert result.exit_code == 1
    assert "biopose ingest INBOX" in result.stderr


@pytest.mark.parametrize("format_", ["csv", "parquet"])
def test_a_file_that_cannot_be_written_is_named(home: Path, tmp_path: Path, format_: str) -> None:
    out = tmp_path / "no folder" / "answer"
    result = run(home, "trials", "--format", format_, "--out", str(out))
    assert result.exit_code == 1
    assert f"{out}: No such file" in result.stderr


def test_the_help_has_examples_that_work(home: Path) -> None:
    help_ = CliRunner().invoke(query, ["--help"]).stdout
    assert "biopose query --list" in help_
    sql = help_.split('--sql "')[1].split('"')[0]
    assert "trials" in answer(home, "--sql", sql)
    assert answer(home, "trials_of_session", "--param", "session=blue/2026-11-25-jumps").count("jump") > 2


def test_a_parameter_that_is_given_twice_is_refused(home: Path) -> None:
    result = run(home, *TREND, "--param", "athlete=blue/bob")
    assert result.exit_code == 2
    assert "--param athlete is given more than once; give one value" in result.stderr


def test_an_unknown_name_is_an_error_with_the_nearest(home: Path) -> None:
    result = run(home, "athlete_trend", "--param", "athlete=blue/anne", "--param", "metric=knee_flexion_peak")
    assert result.exit_code == 1
    assert result.stderr == "Error: athlete: the warehouse has no athlete 'blue/anne'; nearest: blue/ann\n"
    assert result.stdout == ""


def test_known_names_without_a_row_are_named(home: Path) -> None:
    result = run(home, "norms", "--param", "metric=knee_flexion_peak")
    assert result.exit_code == 0
    assert result.stderr.startswith("norms: no row with metric=knee_flexion_peak: no group has enough athletes: ")
    assert run(home, "--sql", "SELECT 1 WHERE false").stderr == "the answer has no row\n"
    assert run(home, *TREND).stderr == ""
