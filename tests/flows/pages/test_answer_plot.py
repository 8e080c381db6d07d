"""Which answers are drawn, whatever columns a team's own query has."""

import datetime
import json
from decimal import Decimal

import polars as pl
import pytest

from flows.pages.answer_plot import AnswerPlots, answer_plots

DAY = datetime.date(2026, 11, 2)
INFINITE = float("inf")


def test_a_curve_over_per_cent_and_a_series_over_days_are_drawn() -> None:
    curve = answer_plots(pl.DataFrame({"percent": [0.0, 1.0, 2.5], "mean_value": [1.0, None, 3.0]})).curve
    assert curve is not None
    assert "% of the stride or trial</text>" in curve.svg
    assert json.loads(curve.curves) == {"x": [0, 2.5], "unit": "%", "curves": [["mean", [1.0, 3.0]]]}
    days = {"session_date": [DAY] * 3, "metric": ["a_peak", "a_peak", "b"], "side": ["left", "right", "none"]}
    first, second = answer_plots(pl.DataFrame(days | {"mean_value": [Decimal(1), Decimal(2), Decimal(3)]})).trends
    assert (first.count("<circle"), second.count("<circle")) == (2, 1)
    assert 'aria-label="a peak"' in first


def test_what_no_axis_can_show_is_left_out() -> None:
    values = {"mean_value": [1.0, INFINITE, -INFINITE, 1e308, -1e308, 2.0]}
    (trend,) = answer_plots(pl.DataFrame(values | {"week": [DAY] * 6, "measurement_sd": [INFINITE] * 6})).trends
    assert trend.count("<circle") == 2
    (trend,) = answer_plots(
        pl.DataFrame({"mean_value": [1.0, 2.0], "week": [DAY, None], "side": [1, 2], "measurement_sd": ["low", "high"]})
    ).trends
    assert trend.count("<circle") == 1
    over_percent = {"mean_value": [1.0, INFINITE, 3.0], "percent": [0, 1, 2], "sd_between_phases": [INFINITE, 1.0, 1.0]}
    curve = answer_plots(pl.DataFrame(over_percent)).curve
    assert curve is not None
    assert "mean: 1.0 to 3.0" in curve.svg


@pytest.mark.parametrize(
    "columns",
    [
        {"mean_value": [], "session_date": []},
        {"mean_value": ["high"], "session_date": [DAY]},
        {"mean_value": [1.0], "session_date": ["2026"]},
        {"mean_value": [float("nan"), None], "session_date": [DAY, DAY]},
        {"mean_value": [INFINITE, -INFINITE], "session_date": [DAY, DAY]},
        {"mean_value": [1.0, 2.0], "percent": [1, 1]},
        {"mean_value": [1.0, 2.0], "percent": [0.0, INFINITE]},
        {"mean_value": [1.0, 2.0], "percent": [None, 1]},
        {"mean_value": [1.0], "percent": ["a"]},
        {"value": [1.0], "session_date": [DAY]},
    ],
)
def test_others_are_a_table_alone(columns: dict[str, list[object]]) -> None:
    assert answer_plots(pl.DataFrame(columns)) == AnswerPlots()
