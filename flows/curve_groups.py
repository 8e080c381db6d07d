"""Two groups of curves from the warehouse: sessions, athletes, teams, or releases on the trials that both measured.

An athlete's cycles are averaged first, so that each athlete counts once; athletes of both groups are compared with
themselves. Where both groups are of one athlete, their cycles are compared, or, of two releases, their trials by pairs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from biopose.analysis.curve_comparison import CurveComparison, compare_curves

FloatArray = NDArray[np.float64]
Ask = Callable[[str, Mapping[str, str]], pl.DataFrame]  # a named query and its parameters

POINTS = 101
CYCLE = ("athlete_id", "trial_id", "side", "phase_number")
RUN = ("trial_id", "run_number")
SHOWN = "shown"  # of the parameter release: each trial's current run
OF_ONE_ATHLETE = (
    "{}s of one athlete are compared, as if each were independent of the others: the result is about this athlete, "
    "and a session's own conditions are part of the difference"
)
ORDER = ("first", "second")
Unit = Literal["athlete", "cycle", "trial"]


@dataclass(frozen=True, eq=False)
class GroupComparison:
    """Two groups and their difference.

    Attributes:
        unit: what each curve is of.
        paired: whether the curves of both groups are of the same units in the same order.
        curves: (N, 101) and (M, 101), from 0 to 100 per cent.
        cycles: how many the curves are means of, in each group.
        athletes: of both groups, as compared.
        found: None where there are too few curves to judge.
        notes: on what was left out or cannot be judged.
    """

    unit: Unit
    paired: bool
    curves: tuple[FloatArray, FloatArray]
    cycles: tuple[int, int]
    athletes: tuple[str, ...]
    found: CurveComparison | None
    notes: tuple[str, ...]


def counted_curves(counts: Sequence[int], unit: str, *, paired: bool) -> str:
    """How many athletes, cycles or trials are compared, such as "5 athletes and 1 athlete".

    Args:
        counts: of both groups.
        unit: a noun.
        paired: whether both groups have the same.
    """
    named = [f"{count} {unit}{'' if count == 1 else 's'}" for count in counts]
    return f"{named[0]}, each in both groups" if paired else " and ".join(named)


def group_cycles(ask: Ask, coordinates: Sequence[str], group: Mapping[str, str]) -> list[pl.DataFrame]:
    """A row a cycle of a group: CYCLE, run_number, its curve, and whether that is known from 0 to 100 %.

    Args:
        ask: the answer of a named query.
        coordinates: one or two columns of curve, such as knee_angle_r_deg; both are read at once.
        group: parameters of the query cycle_curves; its activity among them.

    Returns:
        The cycles of each coordinate.

    Raises:
        QueryError: there is no such coordinate or name.
    """
    asked = dict(zip(("coordinate", "other"), coordinates, strict=False))
    rows = ask("cycle_curves", {**asked, **group}).select(*CYCLE, "run_number", "coordinate", "curve")
    return [_cycles(rows.filter(coordinate=one)) for one in coordinates]


def _cycles(rows: pl.DataFrame) -> pl.DataFrame:
    known = pl.col("curve").list.drop_nulls().list.len()
    return rows.with_columns(((pl.col("curve").list.len() == POINTS) & (known == POINTS)).alias("is_whole"))


def compare_groups(
    first: pl.DataFrame, second: pl.DataFrame, *, alpha: float, of_two_releases: bool = False
) -> GroupComparison:
    """Compare two groups' curves by one-dimensional statistical parametric mapping.

    Args:
        first: as of `group_cycles`.
        second: likewise.
        alpha: probability that curves without a difference show any span.
        of_two_releases: both groups are of the same trials, which two releases measured; others are left out.

    Raises:
        ValueError: a cycle is in both groups, or no trial was measured by both releases.
    """
    if not of_two_releases and (common := first.join(second, on=CYCLE, how="semi").height):
        raise ValueError(f"{_counted(common, 'cycle')} in both groups; choose groups without a common cycle")
    notes = _left_out_cycles(first, second)
    groups = [frame.filter("is_whole") for frame in (first, second)]
    if of_two_releases:
        groups, of_trials = _measured_by_both(*groups)
        notes += of_trials
    names = [list(dict.fromkeys(frame["athlete_id"])) for frame in groups]
    both = [one for one in names[0] if one in names[1]]
    if alone := names[0] == names[1] and len(both) == 1:
        unit: Unit = "trial" if of_two_releases else "cycle"
        notes.append(OF_ONE_ATHLETE.format(unit))
        curves = [_trial_means(frame) if of_two_releases else _stacked(frame["curve"]) for frame in groups]
    else:
        unit = "athlete"
        chosen = [both, both] if both else names
        left_out = {*names[0], *names[1]}.difference(*chosen)
        notes += [f"{_counted(len(left_out), 'athlete')} in one group alone and left out"] if left_out else []
        curves = [_athlete_means(frame, of) for frame, of in zip(groups, chosen, strict=True)]
    paired = of_two_releases if alone else bool(both)
    found, problem = _judged(curves[0], curves[1], paired=paired, alpha=alpha)
    return GroupComparison(
        unit=unit,
        paired=paired,
        curves=(curves[0], curves[1]),
        cycles=(len(groups[0]), len(groups[1])),
        athletes=tuple(sorted({*names[0], *names[1]})),
        found=found,
        notes=(*notes, *problem),
    )


def _left_out_cycles(first: pl.DataFrame, second: pl.DataFrame) -> list[str]:
    counts = [frame.height - int(frame["is_whole"].sum()) for frame in (first, second)]
    return [
        f"{_counted(count, 'cycle')} left out of the {name} group, not known from 0 to 100 %"
        for name, count in zip(ORDER, counts, strict=True)
        if count
    ]


def _measured_by_both(first: pl.DataFrame, second: pl.DataFrame) -> tuple[list[pl.DataFrame], list[str]]:
    """The cycles of the trials of which two releases have a run each, and notes on the trials left out."""
    alone = len({*first["trial_id"]} ^ {*second["trial_id"]})
    shared = [one.join(other, on="trial_id", how="semi") for one, other in ((first, second), (second, first))]
    if shared[0].is_empty():
        raise ValueError("no trial was measured by both releases in both groups; give both the same filters")
    groups = [one.join(other, on=RUN, how="anti") for one, other in (shared, shared[::-1])]
    same = shared[0]["trial_id"].n_unique() - groups[0]["trial_id"].n_unique()
    if groups[0].is_empty():
        raise ValueError(
            "both groups are the same runs, as where one names the release that is shown; "
            "choose two releases that measured them anew"
        )
    notes = [f"{_counted(alone, 'trial')} in one group alone and left out"] if alone else []
    return groups, notes + (
        [f"{_counted(same, 'trial')} left out, of which both groups have the same run"] if same else []
    )


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun} is" if count == 1 else f"{count} {noun}s are"


def _judged(
    first: FloatArray, second: FloatArray, *, paired: bool, alpha: float
) -> tuple[CurveComparison | None, list[str]]:
    try:
        return compare_curves(first, second, paired=paired, alpha=alpha), []
    except ValueError as error:
        return None, [f"{error}; in gait a curve is a whole stride of the angle's own side"]


def _athlete_means(frame: pl.DataFrame, athletes: list[str]) -> FloatArray:
    """(N, 101) the mean curve of each athlete's cycles."""
    by = dict(frame.group_by("athlete_id").agg("curve").iter_rows())
    return np.array([np.array(by[one]).mean(axis=0) for one in athletes]).reshape(len(athletes), POINTS)


def _trial_means(frame: pl.DataFrame) -> FloatArray:
    """(N, 101) the mean curve of each trial's cycles, by the trials' names."""
    by = frame.group_by("trial_id").agg("curve").sort("trial_id")
    return np.array([np.array(curves).mean(axis=0) for curves in by["curve"].to_list()]).reshape(len(by), POINTS)


def _stacked(curves: pl.Series) -> FloatArray:
    return np.array(curves.to_list(), dtype=np.float64).reshape(len(curves), POINTS)
