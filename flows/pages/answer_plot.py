"""A plot of an answer, where its columns are those of a curve over per cent or of a series over days."""

from __future__ import annotations

import numpy as np
import polars as pl
from markupsafe import Markup

from biopose.rendering.curve_strip import BAND_SD
from biopose.report.svg import Curve, Panel, figure
from biopose.report.trend import Series, Session, trend

DAYS = ("session_date", "month", "week")
KINDS = {"right": "right", "left": "left"}
MOST_PLOTS = 12
NUMBERS = ("mean_value", "measurement_sd", "percent", "sd_between_phases")
LARGEST = 1e100  # that is drawn: the margins of an axis have room beyond it


def answer_plot(answer: pl.DataFrame) -> list[Markup]:
    """SVGs; none where the columns are others, or none is known."""
    known = answer.with_columns(_numbers(answer, name) for name in NUMBERS if name in answer.columns)
    if "mean_value" not in known.columns:
        return []
    known = known.drop_nulls("mean_value")
    if "percent" in known.columns and len(known) > 1 and answer["percent"].dtype.is_numeric():
        percent = known["percent"]
        increases = not percent.has_nulls() and (percent.diff().drop_nulls() > 0).all()
        return [_over_percent(known, percent.to_numpy())] if increases else []
    day = next((name for name in DAYS if name in known.columns and known[name].dtype == pl.Date), None)
    return [] if day is None else _over_days(known.drop_nulls(day), day)


def _numbers(answer: pl.DataFrame, name: str) -> pl.Series:
    """A column as float64; null where no axis can show it, and everywhere in a column of no numbers."""
    if not answer[name].dtype.is_numeric():
        return pl.Series(name, [None] * len(answer), pl.Float64)
    values = answer[name].cast(pl.Float64)
    return values.set(values.is_nan() | (values.abs() > LARGEST), None)


def _over_percent(answer: pl.DataFrame, percent: np.ndarray) -> Markup:
    spread = answer["sd_between_phases"].to_numpy() if "sd_between_phases" in answer.columns else None
    curve = Curve("midline", "mean", answer["mean_value"].to_numpy(), spread)
    panel = Panel("mean ± standard deviation", [curve])
    none = np.zeros(len(percent), bool)
    return Markup(figure(panel.title, [panel], percent, none, columns=1, time_title="%"))  # noqa: S704 - escaped there


def _over_days(answer: pl.DataFrame, day: str) -> list[Markup]:
    """A plot for each metric and activity, its sides in one."""
    groups: dict[str, dict[str, list[Session]]] = {}
    for row in answer.iter_rows(named=True):
        title = ", ".join(str(row[name]).replace("_", " ") for name in ("metric", "activity", "unit") if row.get(name))
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
