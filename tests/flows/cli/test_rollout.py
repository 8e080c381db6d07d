"""`biopose rollout` and `biopose models show`: what they print, and errors as one line."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from click.testing import CliRunner

from flows.cli.models import models
from flows.cli.rollout_text import STOPPED, status_lines
from tasks.settings import Settings
from tests.tasks.registry import make_home
from warehouse.errors import ReleaseError

HOLD = "import sys, duckdb; c = duckdb.connect(sys.argv[1]); print('open', flush=True); sys.stdin.read()"


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A home whose rollout is at the gate."""
    return make_home(tmp_path_factory.mktemp("rollout") / "home")


@pytest.fixture
def held(settings: Settings) -> Iterator[int]:
    """The id of another process that has the warehouse open."""
    command = [sys.executable, "-c", HOLD, str(settings.warehouse)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "open\n"
        yield other.pid
        other.kill()


@pytest.mark.slow
def test_a_version_is_not_shown_while_the_warehouse_is_open_elsewhere_which_is_named(
    settings: Settings, held: int
) -> None:
    result = CliRunner().invoke(models, ["show", "keypoints=1", "--home", str(settings.home)])
    assert result.exit_code == 1
    assert f"process {held} " in result.output
    assert result.output.startswith("Error: ")


@pytest.mark.slow
def test_options_that_an_open_rollout_does_not_take_are_named_as_the_command_has_them(settings: Settings) -> None:
    from flows.rollout import rollout

    with pytest.raises(
        ReleaseError, match="Go on with it without --model, --alias, or end it: `biopose rollout abort --reason WHY`"
    ):
        rollout.fn(home=str(settings.home), models={"keypoints": 2}, alias="challenger")


@pytest.mark.parametrize(
    ("state", "verdict", "following"),
    [
        ("gate", "pass", "Next: biopose rollout canary --share 0.1, or promote"),
        ("canary", "pass", "Next: biopose rollout promote, or rollback --reason WHY"),
        ("canary", "fail", "Next: biopose rollout rollback --reason WHY, or against the gate: promote --reason WHY"),
        ("stopped", "not enough evidence", f"Next: {STOPPED}"),
        ("stopped", None, "Shadow: 9 trials, 900 frames"),  # aborted before the gate
    ],
)
def test_the_next_command_is_a_promotion_without_a_reason_only_where_the_gate_passed_it(
    state: str, verdict: str | None, following: str
) -> None:
    rollout: dict[str, Any] = {"number": 1, "champion": "old", "candidate": "new", "state": state, "nights": []}
    rollout |= {"verdict": verdict, "sample": {"measured": 9}, "comparison": None, "transitions": [], "page": "p.html"}
    rollout |= {"shadow": {"trials": 9, "line": "9 trials, 900 frames"}}
    status: dict[str, Any] = {
        "promoted": "old",
        "trials_shown": {"old": 9},
        "acts": [],
        "interrupted": None,
        "rollout": rollout,
    }
    status |= {"canary": None, "backfills": []}
    lines = status_lines(status)
    assert lines[-1] == following
    assert "Shadow: 9 trials, 900 frames" in lines
