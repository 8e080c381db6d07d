"""`biopose ingest`: the same choices as the flow that it runs."""

from inspect import signature
from typing import get_args, get_type_hints

import click

from flows.cli.ingest import ingest as command
from flows.ingest import ingest as flow


def test_the_command_takes_the_methods_that_the_flow_takes() -> None:
    option = next(parameter for parameter in command.params if parameter.name == "method")
    assert isinstance(option.type, click.Choice)
    names, none = get_args(get_type_hints(flow.fn)["method"])
    assert (set(option.type.choices), none) == (set(get_args(names)), type(None))
    given = command.make_context("ingest", ["inbox"]).params["method"]
    assert given == signature(flow.fn).parameters["method"].default
