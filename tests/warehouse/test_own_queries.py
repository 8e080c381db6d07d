"""A team's own files of SQL appear beside ours."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from biopose.cli.command_line import Commands
from flows.cli.query import query
from warehouse.errors import QueryError
from warehouse.named_query import named_queries
from warehouse.query import run_query

OWN = """-- Trials of one
--   athlete.
-- Grain: an activity.
-- Note: every trial counts.
-- athlete: one of athlete.athlete_id, such as blue/ann
-- least: whole number, 0 or more = 1
-- Example: --param athlete=blue/ann
SELECT activity, count(*) AS trials FROM trial WHERE athlete_id = $athlete
GROUP BY activity HAVING count(*) >= $least::INTEGER ORDER BY activity
"""


@pytest.fixture
def own(tmp_path: Path) -> Path:
    (tmp_path / "our_trials.sql").write_text(OWN)
    (tmp_path / "bare.sql").write_text("SELECT * FROM trial WHERE activity = $activity AND '-- no: comment' <> ''")
    return tmp_path


def test_it_runs_as_ours_do(snapshot: Path, own: Path) -> None:
    assert run_query(snapshot, "our_trials", {"athlete": "blue/ann"}, own=own).rows() == [
        ("countermovement_jump", 2),
        ("walk", 1),
    ]
    assert run_query(snapshot, "our_trials", {"athlete": "blue/ann", "least": "2"}, own=own).height == 1
    with pytest.raises(QueryError, match=r"no athlete 'anna'; nearest: blue/ann"):
        run_query(snapshot, "our_trials", {"athlete": "anna"}, own=own)


def test_its_comment_is_its_documentation(own: Path) -> None:
    query = named_queries(own)["our_trials"]
    assert (query.description, query.grain, query.note) == (
        "Trials of one athlete.",
        "an activity.",
        "every trial counts.",
    )
    assert query.example == "--param athlete=blue/ann"
    assert [(p.name, p.default) for p in query.parameters] == [("athlete", None), ("least", "1")]


def test_one_without_a_comment_takes_what_its_sql_takes(snapshot: Path, own: Path) -> None:
    assert [p.name for p in named_queries(own)["bare"].parameters] == ["activity"]
    assert run_query(snapshot, "bare", {"activity": "walk"}, own=own).height == 1


def test_one_that_is_called_like_ours_is_refused(own: Path) -> None:
    (own / "trials.sql").write_text("SELECT 1")
    with pytest.raises(QueryError, match=r"trials\.sql: a query trials comes with BioPose; rename the file"):
        named_queries(own)


def test_a_folder_is_no_query_and_one_that_cannot_be_read_is_named(own: Path) -> None:
    (own / "d.sql").mkdir()
    assert "d" not in named_queries(own)
    (own / "gone.sql").symlink_to(own / "nothing")
    with pytest.raises(QueryError, match=r"gone\.sql: cannot be read: No such file"):
        named_queries(own)


def test_a_table_that_is_not_there_is_named_with_the_file(snapshot: Path, own: Path) -> None:
    (own / "wrong.sql").write_text("-- Wrong.\n-- club: one of club.name\nSELECT $club")
    with pytest.raises(QueryError, match=r"wrong\.sql: .*club does not exist"):
        run_query(snapshot, "wrong", {"club": "a"}, own=own)
    (own / "wrong.sql").write_text("-- Wrong.\nSELECT knee FROM metric")
    with pytest.raises(QueryError, match=r"wrong\.sql: Binder Error: .*knee"):
        run_query(snapshot, "wrong", {}, own=own)


def test_it_can_read_the_warehouse_and_nothing_else(snapshot: Path, own: Path) -> None:
    (own / "outside.sql").write_text("SELECT * FROM read_text('/etc/hostname')")
    with pytest.raises(QueryError, match="disabled by configuration"):
        run_query(snapshot, "outside", {}, own=own)


def test_the_command_lists_and_runs_it(snapshot: Path, own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BIOPOSE_QUERIES", str(own))
    program = Commands(commands=[query])
    listed = CliRunner().invoke(program, ["query", "--list", "--home", str(snapshot.parent)]).stdout
    assert "our_trials\n    Trials of one athlete.\n    A row is an activity.\n    every trial counts." in listed
    assert "    Example: biopose query our_trials --param athlete=blue/ann" in listed
    ran = CliRunner().invoke(
        program, ["query", "our_trials", "--param", "athlete=blue/ann", "--home", str(snapshot.parent)]
    )
    assert "| walk" in ran.stdout
