"""What the gate decides on, from compared trials and the policy."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from biopose.analysis.criterion_text import RATIO, SCORE, SHARE
from biopose.analysis.definitions import DEFINITIONS
from biopose.analysis.gate import Criterion
from biopose.analysis.gate_policy import Policy
from tasks.compared_trial import ComparedTrial, mean_of_known

FloatArray = NDArray[np.float64]

GROUPS = ("activity", "team", "camera", "facing")
MOST_PER_GROUP = 50  # kinds of one group, such as teams, that are distinguished


def criteria(trials: Sequence[ComparedTrial], policy: Policy) -> list[Criterion]:
    """What the gate decides on, by the policy."""
    return [
        *_of_agreement(trials, policy),
        *_of_intervals(trials, policy),
        *_of_reference(trials, policy),
        *_of_cost(trials, policy),
        *_of_groups(trials, policy),
    ]


def athletes_with_reference(trials: Sequence[ComparedTrial]) -> int:
    """Athletes with a trial that another measurement is the reference of."""
    return len({one.athlete_id for one in trials if one.has_measured_reference})


def _of_agreement(trials: Sequence[ComparedTrial], policy: Policy) -> Iterator[Criterion]:
    """Mean quality, mean shifts of coordinates and metrics, and what MQ-HMR predicts before it is refined."""
    yield Criterion("mean quality", SCORE, _quality(trials), low=policy.quality["lowest_difference"])
    for coordinate, bound in policy.bias_deg.items():
        yield Criterion(f"bias of {coordinate}", "deg", _bias(trials, coordinate), low=-bound, high=bound)
    for metric, bound in policy.metrics.items():
        shift = np.array([one.metrics.get(metric, np.nan) for one in trials])
        if np.isfinite(shift).any():  # a sample without jumps shows no jump height, and says so on the page
            yield Criterion(f"shift of {metric}", DEFINITIONS[metric].unit, shift, low=-bound, high=bound)
    ratios = {
        "distance of the prediction from the keypoints": [one.prediction_ratio for one in trials],
        "disagreement of predictions of mirrored frames": [one.disagreement_ratio for one in trials],
    }
    for name, ratio in ratios.items():
        if np.isfinite(ratio).any():
            bound = policy.prediction["largest_ratio"]
            yield Criterion(f"{name}, candidate to champion", RATIO, np.array(ratio), high=bound)


def _of_intervals(trials: Sequence[ComparedTrial], policy: Policy) -> Iterator[Criterion]:
    """Whether the standard deviations explain the differences; and, where no reference shows that, their size."""
    within = np.array([one.within_intervals for one in trials])
    if np.isfinite(within).any():  # a method without standard deviations has no intervals to keep
        yield Criterion("frames within both 95 % intervals", SHARE, within, low=policy.intervals["lowest_share"])
    width = np.array([mean_of_known(one.agreement.sd_ratio) for one in trials])
    if athletes_with_reference(trials) < policy.least_athletes and np.isfinite(width).any():
        bound = policy.intervals["lowest_width_ratio"]
        yield Criterion("width of 95 % intervals, candidate to champion", RATIO, width, low=bound)


def _of_reference(trials: Sequence[ComparedTrial], policy: Policy) -> Iterator[Criterion]:
    """Errors and coverage on the golden set; a small one may stop a candidate, and cannot be asked to show more."""
    may_only_fail = athletes_with_reference(trials) < policy.least_athletes
    rise, coverage, approved = _rise(trials), _coverage(trials), _from_approved(trials)
    if np.isfinite(rise).any():
        bound = policy.reference["largest_rise_deg"]
        yield Criterion("error against reference", "deg", rise, high=bound, may_only_fail=may_only_fail)
    if np.isfinite(coverage).any():
        low, high = (policy.reference[f"{end}_coverage"] for end in ("lowest", "highest"))
        name = "coverage of 95 % intervals against reference"
        yield Criterion(name, SHARE, coverage, low=low, high=high, may_only_fail=may_only_fail)
    if np.isfinite(approved).any():
        bound = policy.reference["largest_from_approved_deg"]
        few = len({one.athlete_id for one in trials if one.is_approved}) < policy.least_athletes
        yield Criterion("difference from approved numbers", "deg", approved, high=bound, may_only_fail=few)


def _of_cost(trials: Sequence[ComparedTrial], policy: Policy) -> Iterator[Criterion]:
    """Processor time, where it was recorded for both."""
    ratio = np.array([one.cost_ratio for one in trials])
    if np.isfinite(ratio).any():
        name = "processor time per frame, candidate to champion"
        yield Criterion(name, RATIO, ratio, high=policy.cost["largest_ratio"])


def _of_groups(trials: Sequence[ComparedTrial], policy: Policy) -> Iterator[Criterion]:
    """Quality, shifts and errors of each group of trials: a group is too small to show that it keeps a margin."""
    quality, rise = _quality(trials), _rise(trials)
    biases = {coordinate: _bias(trials, coordinate) for coordinate in policy.bias_deg}
    for group in GROUPS:
        kinds = sorted({one.groups[group] for one in trials})
        for kind in kinds[:MOST_PER_GROUP] if len(kinds) > 1 else ():
            of_kind, where = np.array([one.groups[group] == kind for one in trials]), f", {group} {kind}"

            def only(values: FloatArray, of_kind: NDArray[np.bool_] = of_kind) -> FloatArray:
                return np.where(of_kind, values, np.nan)

            low = policy.quality["lowest_difference_of_a_group"]
            yield Criterion(f"mean quality{where}", SCORE, only(quality), low=low, may_only_fail=True)
            bound = policy.difference_deg["largest_bias_of_a_group"]
            for coordinate, bias in biases.items():
                name = f"bias of {coordinate}{where}"
                yield Criterion(name, "deg", only(bias), low=-bound, high=bound, may_only_fail=True)
            if np.isfinite(only(rise)).any():
                high = policy.reference["largest_rise_of_a_group_deg"]
                yield Criterion(f"error against reference{where}", "deg", only(rise), high=high, may_only_fail=True)


def _quality(trials: Sequence[ComparedTrial]) -> FloatArray:
    return np.array([second - first for first, second in (one.quality for one in trials)])


def _bias(trials: Sequence[ComparedTrial], coordinate: str) -> FloatArray:
    return np.array([mean_of_known(one.of_coordinate(coordinate, "bias")) for one in trials])


def _rise(trials: Sequence[ComparedTrial]) -> FloatArray:
    """Of the mean absolute error over all angles, candidate minus champion."""
    return np.array(
        [
            mean_of_known(one.errors[1].mean_absolute - one.errors[0].mean_absolute)
            if one.errors and one.has_measured_reference
            else np.nan
            for one in trials
        ]
    )


def _coverage(trials: Sequence[ComparedTrial]) -> FloatArray:
    """Of the candidate's intervals."""
    return np.array(
        [
            mean_of_known(one.errors[1].coverage) if one.errors and one.has_measured_reference else np.nan
            for one in trials
        ]
    )


def _from_approved(trials: Sequence[ComparedTrial]) -> FloatArray:
    """Mean absolute difference of the candidate from approved numbers."""
    return np.array(
        [mean_of_known(one.errors[1].mean_absolute) if one.errors and one.is_approved else np.nan for one in trials]
    )


def too_bad(trials: Sequence[ComparedTrial], policy: Policy) -> list[str]:
    """Why single trials are worse than a trial may be, the worst first."""
    lines = []
    for one in trials:
        drop = one.quality[1] - one.quality[0]
        if drop < policy.quality["lowest_difference_of_a_trial"]:
            lines.append((-drop * 100, f"{one.trial_id}: quality {one.quality[0]:.2f} -> {one.quality[1]:.2f}"))
        name, rms = one.largest_difference(policy.bias_deg)
        if rms > policy.difference_deg["largest_of_a_trial"]:
            lines.append((rms, f"{one.trial_id}: {name} differs by {rms:.0f} degrees (root mean square)"))
    return [line for _, line in sorted(lines, key=lambda row: -row[0])]
