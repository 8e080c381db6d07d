"""Users, reading as a team, and the record of it, on the command line."""

from __future__ import annotations

import json
import shutil
import stat
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from flows.cli.main import cli
from tasks.audit import AuditLog, People
from tests.warehouse.trials import SyntheticTrial
from warehouse.load import load_trial
from warehouse.snapshot import publish_snapshot


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """To be copied."""
    home = tmp_path_factory.mktemp("access") / "home"
    for number, (team, athlete) in enumerate((("blue", "ann"), ("blue", "bob"), ("red", "zoe"))):
        trial = SyntheticTrial(f"jump_{athlete}", seed=number, team=team, athlete=athlete)
        load_trial(home / "warehouse.duckdb", trial.record, trial.write(home / trial.record["run"]["artifacts"]))
    publish_snapshot(home / "warehouse.duckdb", home / "warehouse.snapshot.duckdb")
    return home


@pytest.fixture
def home(stored: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(stored, tmp_path / "home"))


def run(home: Path, *arguments: str) -> Result:
    return CliRunner().invoke(cli, [*arguments, "--home", str(home)])


def test_a_token_is_shown_once_and_kept_as_a_hash(home: Path) -> None:
    added = json.loads(run(home, "user", "add", "coach", "--team", "blue", "--json").stdout)
    content = (home / "users.json").read_text()
    assert added["token"] not in content
    assert added["token"].partition(".")[2] not in content
    assert stat.S_IMODE((home / "users.json").stat().st_mode) == 0o600
    assert "coach" in run(home, "user", "list").output
    assert added["token"] not in run(home, "user", "list", "--json").output
    again = run(home, "user", "add", "coach", "--team", "blue")
    assert (again.exit_code, "there is a user coach already" in again.output) == (1, True)
    assert run(home, "user", "remove", "coach").exit_code == 0
    assert "there is no user coach; there are none" in run(home, "user", "remove", "coach").output


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("coach",), 2, "give --team, once for each team, or --all-teams"),
        (("coach", "--team", "blue", "--all-teams"), 2, "or --all-teams"),
        (("co ach", "--team", "blue"), 1, "is no name of a user"),
        (("coach", "--team", "../red"), 1, "is no name of a team"),
        (("coach", "--team", "bleu"), 0, "Note: nothing of the team bleu is stored yet"),
    ],
)
def test_a_wrong_grant_is_explained(home: Path, arguments: tuple[str, ...], code: int, message: str) -> None:
    result = run(home, "user", "add", *arguments)
    assert (result.exit_code, message in result.output) == (code, True)


def test_a_damaged_list_of_users_is_named(home: Path) -> None:
    (home / "users.json").write_text("[{}]")
    result = run(home, "user", "list")
    assert (result.exit_code, "users.json: cannot be read" in result.output) == (1, True)


def test_commands_read_as_a_team(home: Path, tmp_path: Path) -> None:
    assert run(home, "query", "athletes", "--format", "csv").output.count("\n") == 4  # the owner sees all
    blue = run(home, "query", "athletes", "--team", "blue", "--format", "csv").output
    assert ("blue/ann" in blue, "red" in blue) == (True, False)
    both = run(home, "query", "athletes", "--team", "blue", "--team", "red", "--format", "csv").output
    assert both.count("\n") == 4
    sql = run(home, "query", "--team", "blue", "--sql", "SELECT count(*) AS n FROM trial", "--format", "csv")
    assert sql.output == "n\n2\n"
    refused = run(home, "query", "--team", "blue", "--sql", "SELECT * FROM whole.main.trial_manifest")
    assert (refused.exit_code, "SQL reads these relations" in refused.output) == (1, True)
    other = run(home, "export", "red/2026-11-25-jumps/jump_zoe", "--team", "blue", "--out", str(tmp_path / "out"))
    assert (other.exit_code, "the warehouse has no trial" in other.output) == (1, True)
    assert "zoe;" not in other.output
    compared = run(
        home, "compare", "knee_angle_r_deg", "--activity", "countermovement_jump", "--team", "blue",
        "--first", "team=blue", "--second", "team=red",
    )  # fmt: skip
    assert (compared.exit_code, "the warehouse has no team 'red'" in compared.output) == (1, True)
    unknown = run(home, "query", "athletes", "--team", "bleu")
    assert (unknown.exit_code, "there is no team 'bleu'; nearest: blue" in unknown.output) == (1, True)


def test_who_asked_for_whom_is_shown_and_the_record_verified(home: Path) -> None:
    run(home, "query", "change_over_time", "--param", "athlete=blue/ann")
    run(home, "query", "trials", "--param", "team=red", "--out", str(home.parent / "out.txt"))
    run(home, "query", "--sql", "SELECT 'blue/bob' AS name FROM trial")
    shown = run(home, "audit").output.splitlines()
    assert [line.split("  ")[2:] for line in shown] == [
        ["query", "query change_over_time: blue/ann"],
        ["export", "query trials: red/zoe, red/2026-11-25-jumps/jump_zoe"],
        ["query", "SQL: everybody"],
    ]
    found = json.loads(run(home, "audit", "--athlete", "red/zoe", "--json").stdout)["entries"]
    assert [entry["act"] for entry in found] == ["export", "query"]
    assert json.loads(run(home, "audit", "--since", "2999-01-01", "--json").stdout)["entries"] == []
    verified = run(home, "audit", "--verify")
    assert verified.output.startswith("3 lines, each follows the one before; the last is ")
    log = home / "audit.jsonl"
    log.write_bytes(log.read_bytes().replace(b'"export"', b'"view"'))
    changed = run(home, "audit", "--verify")
    assert (changed.exit_code, "audit.jsonl:2: was changed after it was written" in changed.output) == (1, True)


def test_reports_plots_and_trends_are_recorded_and_read_as_a_team(home: Path, tmp_path: Path) -> None:
    trial, metric = "blue/2026-11-25-jumps/jump_ann", "knee_flexion_peak"
    asked = (
        (("report", "--athlete", "blue/ann"), "a.html"),
        (("report", "--trial", trial), "t.html"),
        (("report", "--squad", "blue"), "s.html"),
        (("plot", "curve", trial), "c.svg"),
        (("plot", "trend", "blue/ann", metric), "m.svg"),
        (("plot", "comparison", trial, "blue/2026-11-25-jumps/jump_bob"), "b.svg"),
    )
    for arguments, name in asked:
        refused = run(home, *arguments, "--team", "red", "--out", str(tmp_path / name))
        assert (refused.exit_code, "blue" in refused.output.replace(str(arguments), "")) == (1, True), arguments
        assert not (tmp_path / name).exists()
        assert not (home / "audit.jsonl").exists()
    for arguments, name in asked:
        done = run(home, *arguments, "--team", "blue", "--out", str(tmp_path / name))
        assert done.exit_code == 0, done.output
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600
    shown = [line.split("  ")[2:] for line in run(home, "audit").output.splitlines()]
    assert [act for act, _ in shown] == ["export"] * len(asked)
    assert [what for _, what in shown][:3] == ["report: blue/ann", f"report: {trial}", "report: everybody of blue"]
    run(home, "trend", metric, "--activity", "countermovement_jump", "--team", "red")  # too few: refused, yet read
    assert [entry.what for entry in AuditLog(home).entries()][-1] == f"trend {metric}"


def test_the_report_of_a_squad_counts_the_trials_of_its_team_alone(home: Path, tmp_path: Path) -> None:
    run(home, "report", "--squad", "red", "--out", str(tmp_path / "red.html"))
    as_owner = (tmp_path / "red.html").read_text()
    run(home, "report", "--squad", "red", "--team", "red", "--out", str(tmp_path / "as_red.html"))
    assert as_owner == (tmp_path / "as_red.html").read_text()


def test_after_an_erasure_the_record_names_nobody_and_still_verifies(home: Path) -> None:
    run(home, "query", "change_over_time", "--param", "athlete=blue/ann")
    erased = run(home, "erase", "blue/ann", "--yes", "--json")
    (home / "queries").mkdir(exist_ok=True)
    assert "audit.jsonl" not in json.loads(erased.stdout)["left"]
    assert "somebody no longer stored" in run(home, "audit").output
    assert b"blue/ann" not in (home / "audit.jsonl").read_bytes()
    assert [entry.act for entry in AuditLog(home).entries()] == ["query", "erase"]
    assert AuditLog(home).verify()[0] == 2
    assert len(json.loads(run(home, "audit", "--athlete", "blue/ann", "--json").stdout)["entries"]) == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--host", "10.0.0.7"), "this home has no users yet"),
        (("--proxy-header", "X-Remote-User"), "--proxy-header and --proxy-address belong together"),
        (("--certificate", "{home}/warehouse.duckdb"), "--certificate and --certificate-key belong together"),
    ],
)
def test_pages_are_not_served_beyond_this_machine_without_users(
    home: Path, arguments: tuple[str, ...], message: str
) -> None:
    result = run(home, "serve", *(one.format(home=home) for one in arguments))
    assert (result.exit_code, message in result.output) == (2, True)


def test_every_address_needs_a_name_that_people_write(home: Path) -> None:
    run(home, "user", "add", "coach", "--team", "blue")
    result = run(home, "serve", "--host", "0.0.0.0")
    assert (result.exit_code, "give --public-name" in result.output) == (2, True)


def test_the_record_of_a_name_of_nobody_is_an_error_with_the_nearest(home: Path) -> None:
    assert run(home, "query", "athletes", "--team", "blue").exit_code == 0
    for option, name, nearest in (("--athlete", "blue/anne", "blue/ann"), ("--user", "nobody at all", "there are ")):
        refused = run(home, "audit", option, name)
        assert (refused.exit_code, "is neither stored nor in the record" in refused.output) == (1, True)
        assert nearest in refused.output
    assert run(home, "audit", "--athlete", "blue/ann").exit_code == 0
    AuditLog(home).append("coach", "erase", "all", People(athletes=("blue/gone",)))
    assert "erase" in run(home, "audit", "--athlete", "blue/gone").output
