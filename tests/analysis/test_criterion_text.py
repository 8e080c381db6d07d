"""Values of criteria as text."""

import math

import pytest

from biopose.analysis.criterion_text import RATIO, SCORE, SHARE, interval_text, value_text


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.75, SHARE, "75 %"),
        (1.0, RATIO, "1 times"),
        (-0.031, SCORE, "-0.031"),
        (2.0, "deg", "+2 deg"),
        (None, "deg", "not known"),
        (math.nan, SHARE, "not known"),
        (math.inf, RATIO, "inf times"),
    ],
)
def test_a_difference_has_a_sign_and_a_share_or_ratio_has_none(value: float | None, unit: str, text: str) -> None:
    assert value_text(value, unit) == text


def test_an_interval_has_its_unit_once() -> None:
    assert interval_text(-1.0, 2.5, "deg") == "-1 to +2.5 deg"
    assert interval_text(None, 0.5, SHARE) == "not known to 50 %"
    assert interval_text(None, None, SHARE) == "not known"
