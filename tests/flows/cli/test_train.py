"""What `biopose train` offers, held to what the networks' trainings have: its texts load none of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

import click
import pytest

from biopose.training import mqhmr_ablation, neurik_ablation
from flows.cli.train import train
from tasks.training import PRESETS, NetworkName


def test_every_network_has_a_command() -> None:
    assert list(train.commands) == [*get_args(NetworkName), "ablation"] == [*PRESETS, "ablation"]


@pytest.mark.parametrize(("command", "presets"), {**PRESETS, "ablation": mqhmr_ablation.PRESETS}.items())
def test_a_command_offers_every_preset_of_its_network_first_that_which_any_machine_can_do(
    command: str, presets: Mapping[str, Any]
) -> None:
    (option,) = (parameter for parameter in train.commands[command].params if parameter.name == "preset")
    assert isinstance(option.type, click.Choice)
    assert list(option.type.choices) == list(presets)
    assert option.default == "cpu"


def test_the_networks_that_are_varied_have_the_same_presets() -> None:
    assert list(mqhmr_ablation.PRESETS) == list(neurik_ablation.PRESETS)
