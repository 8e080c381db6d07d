"""A plot of an answer, where its columns are those of a curve over per cent or of a series over days."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import polars as pl
from markupsafe import Markup

from biopose.rendering.curve_strip import BAND_SD
from biopose.report.metric_tables import in_brackets
from biopose.report.svg import Curve, Panel
from biopose.report.trend import Series, Session, trend
from flows.pages.percent_plot import PercentPlot, percent_plot

DAYS = ("session_date", "month", "week")
KINDS = {"right": "right", "left": "left"}
MOST_PLOTS = 12
NUMBERS = ("mean_value", "measurement_sd", "percent", "sd_between_phases")
LARGEST = 1e100  # that is drawn: the margins of an axis have room beyond it


@dataclass(frozen=True)
class AnswerPlots:
    """What is drawn of an answer: none where its columns are others, or none is known.

    Attributes:
        curve: over per cent; None: it is none.
        trends: SVGs of the series over days.
    """

    curve: PercentPlot | None = None
    trends: list[Markup] = field(default_factory=list)


def answer_plots(answer: pl.DataFrame) -> AnswerPlots:
    """The plots of an answer."""
    known = answer.with_columns(_numbers(answer, name) for name in NUMBERS if name in answer.columns)
    if "mean_value" not in known.columns:
        return AnswerPlots()
    known = known.drop_nulls("mean_value")
    if "percent" in known.columns and len(known) > 1 and answer["percent"].dtype.is_numeric():
        percent = known["percent"]
        increases = not percent.has_nulls() and (percent.diff().drop_nulls() > 0).all()
        return AnswerPlots(_over_percent(known, percent.to_numpy())) if increases else AnswerPlots()
    day = next((name for name in DAYS if name in known.columns and known[name].dtype == pl.Date), None)
    return AnswerPlots() if day is None else AnswerPlots(trends=_over_days(known.drop_nulls(day), day))


def _numbers(answer: pl.DataFrame, name: str) -> pl.Series:
    """A column as float64; null where no axis can show it, and everywhere in a column of no numbers."""
    if not answer[name].dtype.is_numeric():
        return pl.Series(name, [None] * len(answer), pl.Float64)
    values = answer[name].cast(pl.Float64)
    return values.set(values.is_nan() | (values.abs() > LARGEST), None)


def _over_percent(answer: pl.DataFrame, percent: np.ndarray) -> PercentPlot:
    spread = answer["sd_between_phases"].to_numpy() if "sd_between_phases" in answer.columns else None
    curve = Curve("midline", "mean", answer["mean_value"].to_numpy(), spread)
    return percent_plot(Panel("mean ± standard deviation", [curve]), percent=percent)


def _over_days(answer: pl.DataFrame, day: str) -> list[Markup]:
    """A plot for each metric and activity, its sides in one."""
    groups: dict[str, dict[str, list[Session]]] = {}
    names = [one for one in ("metric", "activity") if one in answer.columns]
    shown = [one for one in names if one == "metric" or answer[one].n_unique() > 1]
    for row in answer.iter_rows(named=True):
        title = ", ".join(str(row[name]).replace("_", " ") for name in shown if row[name])
        title += in_brackets(str(row.get("unit") or "1"))
        sd = row.get("measurement_sd")
        reach, release = None if sd is None else BAND_SD * sd, str(row.get("releases") or "")
        session = Session(row[day], row["mean_value"], reach, str(row[day]), "#answer", release)
        groups.setdefault(title, {}).setdefault(str(row.get("side") or "none"), []).append(session)
    return [
        Markup(  # noqa: S704 - escaped there
            trend(
                title,
                [
                    Series(KINDS.get(side, "midline"), "" if side == "none" else side, sessions)
                    for side, sessions in sides.items()
                ],
            )
        )
        for title, sides in list(groups.items())[:MOST_PLOTS]
    ]
