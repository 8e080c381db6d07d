"""`biopose bench warehouse` at small sizes: every cost is measured, and the synthetic trials fit the tables."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from biopose.cli.command_line import Commands
from flows.bench.synthetic_kinematics import FRAMES, describe_trials, kinematics_sql, one_trial
from flows.bench.warehouse import COSTS, extrapolated, warehouse_lines
from flows.cli.bench_warehouse import bench_warehouse
from warehouse.connection import opened_for_writing
from warehouse.content import content_rows
from warehouse.load import load_trial
from warehouse.named_query import named_queries

PROGRAM = Commands(commands=[bench_warehouse])


def test_every_cost_is_measured_at_every_size_and_the_scratch_files_go(tmp_path: Path) -> None:
    arguments = ["warehouse", "--rows", "6000", "--rows", "12000", "--archived", "6000"]
    result = CliRunner().invoke(PROGRAM, [*arguments, "--folder", str(tmp_path), "--json"])
    assert result.exit_code == 0, result.output
    measured = json.loads(result.stdout)["warehouse"]
    assert [size["rows"] for size in measured["sizes"]] == [6_000, 12_000]
    for cost in COSTS:
        assert all(size[cost] > 0 for size in measured["sizes"])
    for cost, estimates in measured["billion_rows"].items():
        assert estimates["in_proportion"] > measured["sizes"][-1][cost]
    assert measured["archived"]["rows"] == 6_000
    assert measured["archived"]["files"] == 1
    assert all(measured["archived"][name] > 0 for name in named_queries())
    assert list(tmp_path.iterdir()) == []
    lines = warehouse_lines(measured)
    assert any(line.startswith("mean_curve") for line in lines)
    head, *grown = lines[-4:]
    assert head.split()[:2] == ["rows", "trials"]
    assert [row.split()[:2] for row in grown[:2]] == [["0.006", "M"], ["0.012", "M"]]
    assert grown[2].startswith("0.006 M Parquet")
    assert all("; over " in row for row in grown)


def test_a_disk_that_is_too_full_is_reported_before_any_work(tmp_path: Path) -> None:
    result = CliRunner().invoke(PROGRAM, ["warehouse", "--rows", "1000000000000", "--folder", str(tmp_path)])
    assert result.exit_code == 1
    assert "give another --folder or fewer rows" in result.stderr


def test_one_size_has_no_growth() -> None:
    found = extrapolated([{"rows": 6_000} | {cost: float(place) for place, cost in enumerate(COSTS, 1)}])
    assert set(found["growth"].values()) == {None}
    assert found["billion_rows"].keys() == found["growth"].keys() >= {"database_mb", *named_queries()}
    for estimates in found["billion_rows"].values():
        assert estimates["on_a_line"] == pytest.approx(estimates["in_proportion"])


def test_a_trial_is_the_same_loaded_singly_or_in_bulk(tmp_path: Path) -> None:
    singly, bulk = tmp_path / "singly.duckdb", tmp_path / "bulk.duckdb"
    with opened_for_writing(bulk) as connection:
        describe_trials(connection, 0, 1)
        connection.execute(f"INSERT INTO recent_kinematics BY NAME {kinematics_sql(connection, 0, 1)}")
        record = one_trial(connection, 0, tmp_path)
        frames = connection.execute("SELECT * EXCLUDE (run_number) FROM kinematics_of_every_run").fetchall()
    load_trial(singly, record, tmp_path)
    with opened_for_writing(singly) as connection:
        assert connection.execute("SELECT * EXCLUDE (run_number) FROM kinematics_of_every_run").fetchall() == frames
    counts = [{table: rows for table, (rows, _) in content_rows(file).items()} for file in (singly, bulk)]
    assert counts[0] == counts[1]
    assert counts[0]["kinematics"] == FRAMES
