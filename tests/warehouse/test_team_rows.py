"""Who reads the rows of some teams sees no other team's, whatever is asked and however SQL is written."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import duckdb
import polars as pl
import pytest

from tests.warehouse.test_query import GIVEN
from tests.warehouse.trials import SyntheticTrial, load_trials
from warehouse.api import open_home
from warehouse.archive import archive_frames
from warehouse.canary import Canary
from warehouse.connection import opened_for_writing
from warehouse.errors import QueryError, UnknownNameError
from warehouse.limits import Limits
from warehouse.load import load_trial
from warehouse.migrate import VIEWS
from warehouse.named_query import named_queries
from warehouse.open_snapshot import OpenSnapshot
from warehouse.query import folder_of_trial, run_query_on, run_sql_on
from warehouse.releases import begin_act, finish_act, promoted
from warehouse.snapshot import publish_snapshot
from warehouse.team_rows import WHOLE, Teams

RED = ("red/zoe", "red/yan", "red/xia", "red/wes", "red/vic", "red/uma")
STRIKES = (("left", 0.1), ("left", 0.6), ("right", 0.0), ("right", 0.5))


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Blue's and green's athlete, and six of red."""
    home = tmp_path_factory.mktemp("teams")
    people = ("blue/ann", "green/gil", *RED)
    trials = [
        SyntheticTrial(f"jump_{athlete}", seed=number, team=team, athlete=athlete, events=(("landing", "both", 0.4),))
        for number, (team, athlete) in enumerate(one.split("/") for one in people)
    ]
    trials.append(SyntheticTrial("walk_zoe", team="red", athlete="zoe", activity="walk", strikes=STRIKES, metrics=()))
    load_trials(home / "warehouse.duckdb", ((one.record, one.write(home / one.run_id)) for one in trials))
    publish_snapshot(home / "warehouse.duckdb", home / "warehouse.snapshot.duckdb")
    return home


@pytest.fixture(scope="module")
def snapshot(home: Path) -> Iterator[OpenSnapshot]:
    opened = OpenSnapshot(home / "warehouse.snapshot.duckdb", Limits())
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def blue_alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenSnapshot]:
    """A warehouse that holds blue's athlete and nothing else."""
    folder = tmp_path_factory.mktemp("blue")
    trial = SyntheticTrial("jump_ann", events=(("landing", "both", 0.4),))
    load_trial(folder / "warehouse.duckdb", trial.record, trial.write(folder / "files"))
    opened = OpenSnapshot(folder / "warehouse.duckdb", Limits())
    yield opened
    opened.close()


def ask(snapshot: OpenSnapshot, sql: str, *, teams: Teams = None) -> pl.DataFrame:
    return snapshot.answer(lambda connection: run_sql_on(connection, sql), teams=teams)[0]


def ask_named(snapshot: OpenSnapshot, name: str, given: dict[str, str], *, teams: Teams = None) -> pl.DataFrame:
    return snapshot.answer(lambda connection: run_query_on(connection, name, given), teams=teams)[0]


def teams_in(answer: pl.DataFrame) -> set[str]:
    """The teams whose names, or ids of whose sessions, trials and athletes, are anywhere in an answer."""
    text = answer.write_json()
    return {
        team for team in ("blue", "green", "red") if f'"{team}"' in text or f'"{team}\\/' in text or f'"{team}/' in text
    }


UNNAMED = ("kinematics_narrow", "kinematics_of_every_run", "contradicted_run")


@pytest.mark.parametrize("view", VIEWS)
def test_every_view_has_the_rows_of_the_teams_alone(snapshot: OpenSnapshot, view: str) -> None:
    whole = ask(snapshot, f"SELECT * FROM {view}")
    if view not in ("trial_of_every_release", "cycle_metric", "session_up_to_date"):
        assert teams_in(whole) == {"blue", "green", "red"} or view in UNNAMED
    assert teams_in(ask(snapshot, f"SELECT * FROM {view}", teams=("blue",))) <= {"blue"}
    assert teams_in(ask(snapshot, f"SELECT * FROM {view}", teams=("blue", "green"))) <= {"blue", "green"}


def test_every_table_is_restricted_or_holds_nothing_of_a_person(snapshot: OpenSnapshot) -> None:
    tables = ask(snapshot, "SELECT table_name FROM duckdb_tables() WHERE NOT internal")["table_name"]
    for table in tables:
        if table in ("migration", "rollout_transition", "rollout_night", "night", "backfill", "kinematics_file"):
            with pytest.raises(QueryError, match="SQL reads these relations"):
                ask(snapshot, f"SELECT * FROM {table}", teams=("blue",))
        else:
            assert teams_in(ask(snapshot, f"SELECT * FROM {table}", teams=("blue",))) <= {"blue"}
    assert ask(snapshot, "SELECT count(*) FROM kinematics_of_every_run", teams=("blue",)).item() == 40


def test_frames_in_files_are_restricted_as_those_of_the_table(home: Path, tmp_path: Path) -> None:
    moved = Path(shutil.copytree(home, tmp_path / "home"))
    database, published = moved / "warehouse.duckdb", moved / "warehouse.snapshot.duckdb"
    assert archive_frames(database, from_frames=1) > 0
    publish_snapshot(database, published)
    asked = "SELECT count(*), count(DISTINCT run_number) FROM kinematics_of_every_run"
    assert open_home(moved, teams=("blue",)).sql(asked).row(0) == (40, 1)
    assert open_home(moved, teams=("blue",)).sql("SELECT count(*) FROM archived_run").item() == 1
    with pytest.raises(QueryError, match="SQL reads these relations"):
        open_home(moved, teams=("blue",)).frame_files()


def test_a_canary_is_shown_by_its_release_and_not_by_the_teams_that_are_in_it(home: Path, tmp_path: Path) -> None:
    moved = Path(shutil.copytree(home, tmp_path / "home"))
    database, published = moved / "warehouse.duckdb", moved / "warehouse.snapshot.duckdb"
    with opened_for_writing(database) as connection:
        releases, chosen = promoted(connection), Canary("new", teams=("red",))
        connection.execute(
            "INSERT INTO release SELECT * REPLACE ('new' AS release_id, 'new' AS name) FROM release LIMIT 1"
        )
        begin_act(connection, "canary", releases, who="red's coach", why="team red", canary=chosen)
        finish_act(connection)
    publish_snapshot(database, published)
    (act,) = open_home(moved, teams=("blue",)).query("release_acts").head(1).to_dicts()
    assert (act["act"], act["release"], act["who"], act["why"]) == ("canary", "new", "", "")
    assert open_home(moved, teams=("blue",)).sql("SELECT max(canary).teams FROM release_act").item().to_list() == []


@pytest.mark.parametrize("name", [name for name, query in named_queries().items() if not query.is_of_other_teams])
def test_a_named_query_answers_of_some_teams_as_of_a_warehouse_that_holds_nothing_else(
    snapshot: OpenSnapshot, blue_alone: OpenSnapshot, name: str
) -> None:
    given = {p.name: GIVEN[p.name] for p in named_queries()[name].parameters if p.default is None and p.name in GIVEN}
    given |= {"trial": "blue/2026-11-25-jumps/jump_ann"} if "trial" in given else {}
    given |= {"metric": "knee_flexion_peak"} if "metric" in given and name != "cycles" else {}
    if name == "cycles":
        return  # no trial here has cycles
    answer = ask_named(snapshot, name, given, teams=("blue",))
    assert teams_in(answer) <= {"blue"}
    expected = ask_named(blue_alone, name, given)
    of_the_load = ("loaded_at_utc", "run_number", "day", "who", "why", "noted_at")
    comparable = [column for column in answer.columns if column not in of_the_load]
    assert answer.select(comparable).to_dicts() == expected.select(comparable).to_dicts()


def test_norms_are_of_five_or_more_athletes_of_other_teams(snapshot: OpenSnapshot) -> None:
    given = {"metric": "knee_flexion_peak"}
    assert set(ask_named(snapshot, "norms", given)["athletes"]) == {8}
    assert set(ask_named(snapshot, "norms", given, teams=("blue",))["athletes"]) == {7}
    assert ask_named(snapshot, "norms", given, teams=("red",)).height == 0  # blue and green are two
    assert set(ask_named(snapshot, "norms", given, teams=("blue", "green", "red"))["athletes"]) == {8}


def test_after_norms_a_connection_reads_its_own_teams(snapshot: OpenSnapshot) -> None:
    def twice(connection: duckdb.DuckDBPyConnection) -> tuple[int, list[str]]:
        norms = run_query_on(connection, "norms", {"metric": "knee_flexion_peak"})
        return norms.height, run_query_on(connection, "athletes", {})["athlete_id"].to_list()

    assert snapshot.answer(twice, teams=("blue",))[0] == (2, ["blue/ann"])
    assert snapshot.answer(twice)[0][1] == ["blue/ann", "green/gil", *sorted(RED)]


ATTEMPTS = (
    f"SELECT * FROM {WHOLE}.main.trial_manifest",
    f"SELECT * FROM {WHOLE}.trial",
    f'WITH t AS (SELECT * FROM "{WHOLE}"."main"."athlete") SELECT * FROM t',
    f"SELECT (SELECT max(athlete_id) FROM {WHOLE}.main.athlete)",
    f"SELECT 1 WHERE EXISTS (FROM {WHOLE}.main.athlete)",
    f"FROM query_table('{WHOLE}.main.trial')",
    f"FROM query('SELECT * FROM {WHOLE}.main.trial')",
    f"DESCRIBE {WHOLE}.main.trial",
    f"SUMMARIZE {WHOLE}.main.trial",
    f"SELECT * FROM (SUMMARIZE {WHOLE}.main.trial)",
    f"PIVOT {WHOLE}.main.trial ON activity",
    f"USE {WHOLE}",
    f"SET schema = '{WHOLE}.main'",
    f"SELECT 1; SELECT * FROM {WHOLE}.main.trial",
    "SELECT * FROM duckdb_tables()",
    "SELECT * FROM duckdb_views",
    "SELECT * FROM pragma_storage_info('kinematics_of_every_run')",
    "SELECT * FROM pg_class",
    "SELECT * FROM memory.main.trial",
    "SELECT stats(event) FROM event_of_every_run",
    "SELECT * FROM read_text('/etc/hostname')",
    "ATTACH 'x.duckdb'",
    "CREATE TABLE mine (a INTEGER)",
    "DELETE FROM trial_manifest",
    "CREATE OR REPLACE VIEW trial AS SELECT 1",
    "SELECT * FROM outside",
)


@pytest.mark.parametrize("sql", ATTEMPTS)
def test_sql_reaches_nothing_else(snapshot: OpenSnapshot, sql: str) -> None:
    outside = pl.DataFrame({"a": [1]})
    with pytest.raises(QueryError) as caught:
        ask(snapshot, sql, teams=("blue",))
    assert not any(person in str(caught.value) for person in RED)
    assert outside.height == 1


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT athlete_id::INTEGER FROM trial",
        "SELECT * FROM trial WHERE athlete_id::INTEGER = 1",
        "SELECT * FROM trial_manifest WHERE trial_id::DATE IS NULL",
        "SELECT error(athlete_id) FROM athlete ORDER BY athlete_id DESC",
        "SELECT trial_id::INTEGER FROM release_run",
    ],
)
def test_an_error_of_sql_names_no_value_of_another_team(snapshot: OpenSnapshot, sql: str) -> None:
    with pytest.raises(QueryError) as caught:
        ask(snapshot, sql, teams=("blue",))
    assert "red/" not in str(caught.value)
    assert "blue/" in str(caught.value)


@pytest.mark.parametrize("sql", ["DESCRIBE trial", "SELECT * FROM range(3)", "FROM trial SELECT count(*)"])
def test_sql_on_ones_own_rows_is_as_usual(snapshot: OpenSnapshot, sql: str) -> None:
    assert ask(snapshot, sql, teams=("blue",)).height > 0


def test_a_name_of_another_team_is_unknown_and_not_among_the_nearest(snapshot: OpenSnapshot, home: Path) -> None:
    for name, given in (
        ("change_over_time", {"athlete": "red/zoe"}),
        ("trial_description", {"trial": "red/2026-11-25-jumps/jump_zoe"}),
        ("trials", {"team": "red"}),
    ):
        with pytest.raises(UnknownNameError, match="blue") as caught:
            ask_named(snapshot, name, given, teams=("blue",))
        assert not [one for one in caught.value.nearest if one.startswith("red")]
    with pytest.raises(UnknownNameError):
        folder_of_trial(home / "warehouse.snapshot.duckdb", "red/2026-11-25-jumps/jump_zoe", teams=("blue",))


@pytest.mark.parametrize("teams", [("yellow",), ("blue", "yellow")])
def test_a_team_that_is_not_there_is_an_error_with_the_nearest(home: Path, teams: Teams) -> None:
    with pytest.raises(UnknownNameError, match="no team 'yellow'"):
        open_home(home, teams=teams)


def test_the_frames_of_the_api_are_of_the_teams_alone(home: Path) -> None:
    assert set(open_home(home, teams=("blue", "green")).metrics()["athlete_id"]) == {"blue/ann", "green/gil"}
    assert open_home(home, teams=("blue",)).sql("SELECT DISTINCT team_id FROM trial").item() == "blue"


@pytest.mark.parametrize("name", named_queries())
def test_no_named_query_mixes_teams_in_silence(name: str) -> None:
    """Team is a parameter or a column, or an id that begins with it; norms state that they are over teams."""
    query = named_queries()[name]
    if query.is_of_other_teams or name in (
        "loads_by_day",
        "releases",
        "release_acts",
        "release_offsets",
    ):
        return  # the others count loads and runs or compare releases, and measure nobody
    ids = {"team", "athlete", "session", "trial"}
    names = {parameter.name for parameter in query.parameters}
    assert names & ids or any(f"{one}_id" in query.sql.partition("SELECT")[2] for one in ids)
