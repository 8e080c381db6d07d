"""The policy of a rollout's gate: what is wrong in its file is named before anything is measured."""

from __future__ import annotations

from dataclasses import asdict

import pytest

from biopose.analysis.gate_policy import Policy
from biopose.errors import BioposeError
from tasks.comparison import DEFAULT_POLICY

SHIPPED = DEFAULT_POLICY.read_text(encoding="utf-8")


def refused(text: str) -> str:
    """The message for a policy."""
    with pytest.raises(BioposeError) as caught:
        Policy.read(text, "p.toml")
    return str(caught.value)


def test_the_shipped_policy_is_read() -> None:
    policy = asdict(Policy.read(SHIPPED, "p.toml"))
    assert policy["least_athletes"] == 6
    assert policy["bias_deg"]["knee_angle"] == 3.0


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("version = ", "is no TOML"),
        ("version = 1", "lacks athletes, bias_deg, cost, difference_deg, draws"),
        (f"margin = 1\n{SHIPPED}", "has the unknown margin"),
        (f"{SHIPPED}\nnight = 3", "watch: has the unknown night; watch has nights"),
        (f"{SHIPPED}\n[failures.of]", "failures: has the unknown of; failures has largest_share"),
    ],
)
def test_what_lacks_or_is_unknown_is_named(text: str, complaint: str) -> None:
    assert refused(text).startswith(f"p.toml: {complaint}")


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("level = 0.05", "level = 5", "level: found 5; a number from 0.001 to below 0.5 is expected"),
        ("level = 0.05", "level = 0", "level: found 0;"),
        ("draws = 1999", "draws = 19", "draws: found 19; a whole number from 999 to 50000 is expected"),
        ("draws = 1999", "draws = 1999.5", "draws: found 1999.5;"),
        ("draws = 1999", "draws = [1]", "draws: found [1];"),
        ("seed = 1", "seed = -1", "seed: found -1; a whole number from 0 is expected"),
        ("least_athletes = 6", "least_athletes = 2", "least_athletes: found 2; a whole number from 4 is expected"),
        ("knee_angle = 3.0", 'knee_angle = "much"', "bias_deg: knee_angle: found 'much'; a number above 0 is expected"),
        ("knee_angle = 3.0", "knee_angle = -3.0", "bias_deg: knee_angle: found -3.0;"),
        ("knee_angle = 3.0", "knee_angle = nan", "bias_deg: knee_angle: found nan;"),
        ("jump_height = 0.03", "jump_height = true", "metrics: jump_height: found True;"),
        ("lowest_difference = -0.03", "lowest_difference = 0.03", "quality: lowest_difference: found 0.03; 0 or a neg"),
        ("largest_share = 0.10", "largest_share = 10", "failures: largest_share: found 10; a share above 0, to 1 is"),
        ("lowest_share = 0.80", "lowest_share = 80", "intervals: lowest_share: found 80; a share from 0 to below 1 is"),
        ("largest_of_a_trial = 30.0", "largest = 30.0", "difference_deg: lacks largest_of_a_trial; difference_deg has"),
        ("lowest_difference_of_a_group = -0.06", "", "quality: lacks lowest_difference_of_a_group; quality has"),
        ("nights = 5", "nights = 0", "watch: nights: found 0; a whole number from 1 is expected"),
        ("ankle_angle = 4.0", f"ankle_angle = {10**400}", "bias_deg: ankle_angle: found 1000"),
    ],
)
def test_a_value_that_cannot_be_is_named_with_those_that_can(old: str, new: str, complaint: str) -> None:
    assert refused(SHIPPED.replace(old, new, 1)).startswith(f"p.toml: {complaint}")


def test_a_policy_without_any_coordinate_or_with_a_number_for_a_table_is_refused() -> None:
    before, _, after = SHIPPED.partition("[bias_deg]")
    rest = after[after.index("[difference_deg]") :]
    assert refused(f"{before}[bias_deg]\n{rest}") == "p.toml: bias_deg: has no coordinate; one at least is needed"
    assert refused(f"bias_deg = 3\n{before}{rest}") == "p.toml: bias_deg is a table of numbers; found 3"


def test_a_policy_without_a_watch_has_the_bounds_of_the_shipped_one() -> None:
    """Those of rollouts that began before there was a watch have none."""
    assert Policy.read(SHIPPED.partition("[watch]")[0], "p.toml") == Policy.read(SHIPPED, "p.toml")


def test_a_value_of_predictions_may_rise_by_the_gates_ratio_and_the_spread_of_the_baseline() -> None:
    policy = Policy.read(SHIPPED, "p.toml")
    assert policy.largest_rise([4.0, 5.0, 6.0]) == pytest.approx(0.25 * 5.0 + 1.0)
    assert policy.largest_rise([4.0]) is None
    own = Policy.read(f"{SHIPPED}\nlargest_disagreement_rise_deg = 3", "p.toml")
    assert own.watch.largest_disagreement_rise_deg == 3
