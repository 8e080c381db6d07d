"""The dictionary of metrics."""

import json

from click.testing import CliRunner, Result

from biopose.analysis.definitions import DEFINITIONS
from biopose.analysis.event_definitions import EVENT_DEFINITIONS
from biopose.analysis.events import EXTREMES
from biopose.cli.command_line import Commands
from flows.cli.metrics import metrics


def run(*arguments: str) -> Result:
    return CliRunner().invoke(Commands(commands=[metrics]), ["metrics", *arguments])


def test_every_metric_is_listed_with_unit_and_meaning() -> None:
    listed = json.loads(run("--json").stdout)["metrics"]
    assert [entry["metric"] for entry in listed] == list(DEFINITIONS)
    assert all(entry["unit"] and entry["meaning"].endswith(".") for entry in listed)
    text = run().stdout
    assert all(f"{name} (" in text and definition.meaning in text for name, definition in DEFINITIONS.items())


def test_one_metric_has_its_source() -> None:
    lines = run("squat_depth").stdout.splitlines()
    assert lines[0] == "squat_depth (deg)"
    assert lines[2] == "    source: Escamilla 2001, Med Sci Sports Exerc 33:127"
    assert len(lines) >= 3


def test_a_metric_with_a_better_direction_states_it() -> None:
    assert "    better: higher" in run("jump_height").stdout.splitlines()
    assert "better" not in run("contact_time").stdout


def test_a_metric_names_the_events_that_it_rests_on() -> None:
    assert "    events: foot_strike, foot_off" in run("double_support").stdout.splitlines()
    assert "events" not in run("trunk_lean_peak").stdout


def test_a_metric_has_the_sides_of_which_it_is_known() -> None:
    """`tests.analysis.metric_values` holds them against those that are measured."""
    assert "    sides: left, right" in run("wrist_speed_peak").stdout.splitlines()
    assert (
        "    sides: left, right, none" in run("contact_time").stdout.splitlines()
    )  # a drop jump's is the whole body's
    assert "    sides: none" in run("cadence").stdout.splitlines()


def test_events_have_a_meaning_and_the_method_by_which_they_are_found() -> None:
    assert {event for one in DEFINITIONS.values() for event in one.events} <= EVENT_DEFINITIONS.keys()
    assert {*EXTREMES, "stride_foot_contact", "take_off", "landing", "box_take_off"} <= EVENT_DEFINITIONS.keys()
    lines = run("foot_off").stdout.splitlines()
    assert lines[0] == "foot_off (event)"
    assert lines[2].startswith("    source: O'Connor et al. 2007")
    assert [entry["event"] for entry in json.loads(run("--json").stdout)["events"]] == list(EVENT_DEFINITIONS)


def test_an_unknown_metric_is_an_error_with_the_nearest() -> None:
    result = run("squat_dept")
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: squat_dept: there is no such metric or event; nearest: squat_depth")
    assert "; contact_time, step_count mention it; " in run("stance").stderr  # and no distance
