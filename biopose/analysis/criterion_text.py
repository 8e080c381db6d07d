"""Values of a gate's criteria as a person reads them: a difference has a sign, a share or ratio has none."""

from __future__ import annotations

import math

SHARE, RATIO, SCORE = "share", "times", ""  # units; of degrees, metres and seconds it is their symbol
UNKNOWN = "not known"


def value_text(value: float | None, unit: str) -> str:
    """A value of a criterion, with its unit.

    Args:
        value: None or NaN where it is not known.
        unit: of the criterion: SHARE of 0 to 1, RATIO, a difference of a SCORE, or of what has a unit.
    """
    number = _number(value, unit)
    return number if number == UNKNOWN else f"{number} {_symbol(unit)}".rstrip()


def interval_text(low: float | None, high: float | None, unit: str) -> str:
    """From one end to the other, likewise."""
    ends = _number(low, unit), _number(high, unit)
    return UNKNOWN if ends == (UNKNOWN, UNKNOWN) else f"{' to '.join(ends)} {_symbol(unit)}".rstrip()


def _symbol(unit: str) -> str:
    return "%" if unit == SHARE else unit


def _number(value: float | None, unit: str) -> str:
    if value is None or math.isnan(value):
        return UNKNOWN
    if unit == SHARE:
        return f"{100 * value:.3g}"
    return f"{value:.3g}" if unit == RATIO else f"{value:+.3g}"
