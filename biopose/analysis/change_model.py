"""How a metric of several athletes changes over time: a linear mixed model of their sessions' means.

    value = b0 + u_athlete + (b1 + v_athlete) week + offset of the way of measuring + error

with normal u, v and error (Laird & Ware 1982, Biometrics 38:963), by restricted maximum likelihood in statsmodels. The
intercepts u hold that an athlete's sessions are alike; the slopes v, where enough athletes have three or more sessions,
that athletes change differently, without which the interval of b1 would be too short (Schielzeth & Forstmeier 2009,
Behav Ecol 20:416). Sessions are weighed by 1 / (s^2 + sd^2), sd of the measurement, s^2 what their errors have beyond
it. The interval of b1 is Student's t: with slopes its degrees of freedom are the athletes' less one, else those within
athletes (Schluchter & Elashoff 1990, J Stat Comput Simul 37:69).
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

LEAST_ATHLETES = 5  # with two or more sessions
LEAST_FOR_SLOPES = 3  # sessions on different days of an athlete
OPTIMISERS = ["powell", "lbfgs"]  # lbfgs alone often stops at the bound of a small variance and reports a failure
NO_SLOPES = (
    "athletes are taken to change alike, since fewer than {least} have {sessions} or more sessions on different days: "
    "where they do not, the interval is too short"
)
AT_LIMIT = (
    "how athletes differ in level or slope is estimated at the limit of what is possible, such as a variance of 0: "
    "more sessions or athletes would tell it better"
)
ALIKE = (
    "the sessions of different athletes are as alike as those of one: the variance between athletes is estimated as 0, "
    "with which the model cannot be fitted; no estimate is given, more sessions or athletes may give one"
)


@dataclass(frozen=True)
class SessionMeans:
    """A metric's means, one a session of an athlete.

    Attributes:
        athletes: (N,) whose.
        weeks: (N,) when, from any day.
        values: (N,) the means.
        sds: (N,) the measurement's standard deviation of each; NaN where it is not known.
        measured: (N,) by what, such as camera and release; each way has an offset of its own.
    """

    athletes: Sequence[str]
    weeks: FloatArray
    values: FloatArray
    sds: FloatArray
    measured: Sequence[str]


@dataclass(frozen=True)
class Change:
    """What a metric changes by in a week.

    Attributes:
        per_week: estimate of b1.
        low: of its 95 % interval.
        high: likewise.
        se: its standard error.
        degrees_of_freedom: of Student's t.
        sd_between_athletes: of their intercepts, at the middle of the time.
        sd_of_slopes: None where athletes are taken to change alike.
        sd_of_sessions: of the error.
        athletes: how many.
        sessions: likewise.
        weeks: from the first to the last.
        notes: what was assumed or did not converge, in sentences.
    """

    per_week: float
    low: float
    high: float
    se: float
    degrees_of_freedom: int
    sd_between_athletes: float
    sd_of_slopes: float | None
    sd_of_sessions: float
    athletes: int
    sessions: int
    weeks: float
    notes: tuple[str, ...]

    @property
    def judgement(self) -> str:
        """Real where the interval leaves 0 out, else within noise."""
        return "real" if self.low > 0 or self.high < 0 else "within noise"


def change_over_time(means: SessionMeans) -> Change:
    """The change a week over all athletes.

    Raises:
        ValueError: too few athletes have two sessions, how many more are needed; time cannot be told apart from the way
            of measuring; values do not vary; no optimiser converged.
    """
    from scipy.special import stdtrit  # takes long to load

    _, groups = np.unique(np.asarray(means.athletes), return_inverse=True)
    days = [len(np.unique(means.weeks[groups == group])) for group in range(groups.max(initial=-1) + 1)]
    _check_enough(sum(count > 1 for count in days))
    design, offsets = _design(means, groups)
    slopes = sum(count >= LEAST_FOR_SLOPES for count in days) >= LEAST_ATHLETES
    weights, weighing = _weights(means, design, groups)
    fit = _fit(means.values, design, groups, weights, slopes=slopes)
    freedom = fit.athletes - 1 if fit.slope_sd is not None else len(groups) - len(days) - (design.shape[1] - 1)
    half = float(stdtrit(max(freedom, 1), 0.975)) * fit.se
    alike = None if slopes else NO_SLOPES.format(least=LEAST_ATHLETES, sessions=LEAST_FOR_SLOPES)
    return Change(
        per_week=fit.per_week,
        low=fit.per_week - half,
        high=fit.per_week + half,
        se=fit.se,
        degrees_of_freedom=max(freedom, 1),
        sd_between_athletes=fit.athlete_sd,
        sd_of_slopes=fit.slope_sd,
        sd_of_sessions=fit.session_sd,
        athletes=len(days),
        sessions=len(groups),
        weeks=float(np.ptp(means.weeks)),
        notes=tuple(note for note in (offsets, alike, weighing, *fit.notes) if note),
    )


def _check_enough(repeated: int) -> None:
    if repeated < LEAST_ATHLETES:
        more = LEAST_ATHLETES - repeated
        raise ValueError(
            f"{repeated} athlete{' has' if repeated == 1 else 's have'} two or more sessions on different days; "
            f"{LEAST_ATHLETES} are needed: {more} more"
        )


def _design(means: SessionMeans, groups: NDArray[np.intp]) -> tuple[FloatArray, str | None]:
    """Columns of b0, b1 and the offsets, and a sentence about these."""
    ways, which = np.unique(np.asarray(means.measured), return_inverse=True)
    time = means.weeks - means.weeks.mean()
    offsets = (which[:, None] == np.arange(1, len(ways))).astype(np.float64)
    if np.linalg.matrix_rank(_within(np.column_stack([time, offsets]), groups)) == np.linalg.matrix_rank(
        _within(offsets, groups)
    ):
        raise ValueError(
            f"whenever an athlete was measured again, the way of measuring had changed, too ({'; '.join(ways)}): "
            "a change cannot be told apart from it"
        )
    columns = np.column_stack([np.ones_like(time), time, offsets])
    kept = [0, 1]
    for column in range(2, columns.shape[1]):
        if np.linalg.matrix_rank(columns[:, [*kept, column]]) > len(kept):
            kept.append(column)
    note = f"{len(ways)} ways of measuring have offsets of their own: {'; '.join(ways)}" if len(ways) > 1 else None
    return columns[:, kept], note


def _within(columns: FloatArray, groups: NDArray[np.intp]) -> FloatArray:
    """Columns less their mean of each athlete."""
    members = groups == np.arange(groups.max() + 1)[:, None]
    means = (members @ columns) / members.sum(axis=1, keepdims=True)
    return np.asarray(columns - means[groups])


def _weights(means: SessionMeans, design: FloatArray, groups: NDArray[np.intp]) -> tuple[FloatArray, str | None]:
    """(N,) of mean 1, from the measurement's deviations and what a fit without weights leaves beyond them."""
    equal, known = np.ones(len(groups)), np.isfinite(means.sds)
    if not known.all():
        return equal, f"{(~known).sum()} of {len(known)} sessions have no known deviation: all are weighed alike"
    if np.ptp(means.sds) == 0:
        return equal, None
    fit = _fit(means.values, design, groups, equal, slopes=False)
    variance = means.sds**2
    total = max(fit.session_sd**2 - float(variance.mean()), 0.0) + variance
    if not total.min() > 0:
        return equal, "a session's deviation is 0: all are weighed alike"
    return np.asarray(1 / total / (1 / total).mean()), None


@dataclass(frozen=True)
class _Fit:
    """In the metric's unit and weeks; slope_sd is None without slopes."""

    per_week: float
    se: float
    athlete_sd: float
    slope_sd: float | None
    session_sd: float
    athletes: int
    notes: tuple[str, ...]


def _fit(
    values: FloatArray, design: FloatArray, groups: NDArray[np.intp], weights: FloatArray, *, slopes: bool
) -> _Fit:
    """A fit of rows that are scaled by their weights' roots, with slopes where it converges with them.

    The optimiser's tolerances are absolute, so values and time are standardised for it.
    """
    ordinary = np.linalg.lstsq(design, values, rcond=None)[0]
    residuals = values - design @ ordinary
    value_scale, week_scale = float(residuals.std()), float(design[:, 1].std())
    if not value_scale > 1e-9 * max(float(np.abs(values).max()), 1e-300):
        raise ValueError("the values do not vary about a straight line: there is no variance to judge by")
    scaled = design / np.where(np.arange(design.shape[1]) == 1, week_scale, 1.0)
    root = np.sqrt(weights)[:, None]
    fit, warning = _mixed(residuals / value_scale * root[:, 0], scaled * root, groups, random=2 if slopes else 1)
    notes = [warning] if warning else []
    if slopes and not (fit and fit.converged):
        notes = [f"the fit with athletes' own slopes did not converge; they are taken to change alike ({warning})"]
        slopes = False
        fit, warning = _mixed(residuals / value_scale * root[:, 0], scaled * root, groups, random=1)
        notes += [warning] if warning else []
    if fit is None:
        raise ValueError(ALIKE)
    if not fit.converged:
        raise ValueError(f"the fit did not converge: no estimate is given; {warning}")
    covariance = np.asarray(fit.cov_re)
    return _Fit(
        per_week=float(ordinary[1] + fit.fe_params[1] * value_scale / week_scale),
        se=_standard_error(fit, scaled * root, groups) * value_scale / week_scale,
        athlete_sd=float(np.sqrt(covariance[0, 0])) * value_scale,
        slope_sd=float(np.sqrt(covariance[1, 1])) * value_scale / week_scale if slopes else None,
        session_sd=float(np.sqrt(fit.scale)) * value_scale,
        athletes=len(np.unique(groups)),
        notes=tuple(notes),
    )


def _standard_error(fit: Any, design: FloatArray, groups: NDArray[np.intp]) -> float:
    """Of the slope, by generalised least squares with the estimated covariances (Laird & Ware 1982).

    statsmodels takes it from the Hessian of all parameters: where a variance is near 0, that is wild or no number.
    """
    covariance = np.asarray(fit.cov_re_unscaled)
    information = np.zeros((design.shape[1], design.shape[1]))
    for group in range(groups.max() + 1):
        own = design[groups == group]
        random = own[:, : len(covariance)]
        information += own.T @ np.linalg.solve(np.eye(len(own)) + random @ covariance @ random.T, own)
    return float(np.sqrt(fit.scale * np.linalg.inv(information)[1, 1]))


def _mixed(values: FloatArray, design: FloatArray, groups: NDArray[np.intp], *, random: int) -> tuple[Any, str]:
    """A fit in which the first columns are random by group, too, and what is odd about it; empty if nothing is.

    None where an optimiser ends at a variance of 0, with which statsmodels cannot go on.
    """
    from statsmodels.regression.mixed_linear_model import MixedLM  # takes long to load

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            fit = MixedLM(values, design, groups, exog_re=design[:, :random]).fit(reml=True, method=OPTIMISERS)
        except np.linalg.LinAlgError:
            return None, "a variance is estimated as 0"
    return fit, "; ".join(dict.fromkeys(_plain(" ".join(str(one.message).split())) for one in caught))


def _plain(warning: str) -> str:
    """A warning of statsmodels for a person."""
    is_at_limit = "boundary of the parameter space" in warning or "Hessian matrix" in warning
    return AT_LIMIT if is_at_limit else f"statsmodels warns: {warning}"
