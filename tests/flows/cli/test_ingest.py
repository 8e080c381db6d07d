"""`biopose ingest`: the same choices as the flow that it runs."""

from inspect import signature
from typing import get_args, get_type_hints

import click

from flows.cli.ingest import account_lines
from flows.cli.ingest import ingest as command
from flows.ingest import ingest as flow


def test_the_command_takes_the_methods_that_the_flow_takes() -> None:
    option = next(parameter for parameter in command.params if parameter.name == "method")
    assert isinstance(option.type, click.Choice)
    names, none = get_args(get_type_hints(flow.fn)["method"])
    assert (set(option.type.choices), none) == (set(get_args(names)), type(None))
    given = command.make_context("ingest", ["inbox"]).params["method"]
    assert given == signature(flow.fn).parameters["method"].default


def test_what_refuses_several_trials_is_said_once_with_the_command_of_each() -> None:
    counts = {"stored": [], "known": [], "unmatched": [], "unloaded": {}, "waiting": {}, "notes": [], "home": "home"}
    aside = [
        {"name": name, "kind": "markers", "message": message, "retry": f"biopose ingest --retry {name}"}
        for name, message in (("blue/a/1", "static.trc: nobody stands still"), ("blue/a/2", "2.trc: is empty"))
    ]
    aside.insert(1, aside[0] | {"name": "blue/a/3", "retry": "biopose ingest --retry blue/a/3"})
    account = counts | {"quarantined": aside, "frames": 0, "seconds": 1, "frames_per_s": 0}
    assert account_lines(account)[1:] == [
        "In quarantine: blue/a/1 (markers)",
        "In quarantine: blue/a/3 (markers)",
        "  static.trc: nobody stands still",
        "  biopose ingest --retry blue/a/1",
        "  biopose ingest --retry blue/a/3",
        "In quarantine: blue/a/2 (markers)",
        "  2.trc: is empty",
        "  biopose ingest --retry blue/a/2",
    ]
