"""What a candidate release changes, trial by trial and on the whole: the input of the gate and of its page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from biopose.analysis.agreement import limits_of_agreement
from biopose.analysis.definitions import DEFINITIONS
from biopose.analysis.gate import decide
from biopose.analysis.gate_policy import Policy
from biopose.analysis.kinematics import coordinate_units
from biopose.errors import BioposeError
from tasks.compared_trial import ComparedTrial, coordinate_of, mean_of_known
from tasks.criteria import athletes_with_reference, criteria, too_bad

DEFAULT_POLICY = Path(__file__).parent / "gate_policy.toml"


def read_policy(file: Path | None) -> tuple[Policy, str]:
    """A gate's policy and its text; None: the one that ships.

    Raises:
        BioposeError: it is no policy, or names a coordinate or metric that there is not.
    """
    path = file or DEFAULT_POLICY
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise BioposeError(f"{path}: is no UTF-8 text (byte {error.start}); save it as UTF-8") from error
    policy = Policy.read(text, str(path))
    coordinates = {coordinate_of(f"{name}_{unit}") for name, unit in coordinate_units() if unit == "deg"}
    for key, names, known in (("bias_deg", policy.bias_deg, coordinates), ("metrics", policy.metrics, DEFINITIONS)):
        if unknown := sorted(set(names) - set(known)):
            raise BioposeError(f"{path}: {key}: there is no {', '.join(unknown)}; there are {', '.join(sorted(known))}")
    return policy, text


def compare(
    trials: Sequence[ComparedTrial],
    policy: Policy,
    *,
    failed: Mapping[str, str],
    look: int,
    population: int | None,
    unpaired: Sequence[str] = (),
) -> dict[str, Any]:
    """The whole comparison as JSON has it: the decision, every coordinate, metric and trial.

    Args:
        trials: that both measured.
        policy: of the gate.
        failed: by trial, why the candidate could not measure it.
        look: at this candidate, counted from 1.
        population: athletes that the sample was drawn from; None: very many.
        unpaired: ids of trials that the candidate measured, and whose runs are no pair any more.
    """
    athletes = np.unique([one.athlete_id for one in trials], return_inverse=True)[1].astype(np.int64)
    decision = decide(
        criteria(trials, policy) if trials else [],
        athletes,
        policy,
        attempted=len(trials) + len(failed),
        failed=list(failed),
        worst=too_bad(trials, policy),
        look=look,
        population=population,
    )
    return {
        "decision": _finite({**asdict(decision), "line": decision.line}),
        "notes": [*_notes(trials, policy), *_unpaired_notes(unpaired)],
        "coordinates": coordinate_rows(trials),
        "metrics": metric_rows(trials),
        "reference": reference_rows(trials),
        "cost": cost_row(trials),
        "trials": [
            _row(one, policy) for one in sorted(trials, key=lambda one: -one.largest_difference(policy.bias_deg)[1])
        ],
        "failed": dict(failed),
    }


def coordinate_rows(trials: Sequence[ComparedTrial]) -> list[dict[str, Any]]:
    """Bias, limits of agreement and deviations of each coordinate."""
    if not trials:
        return []
    stacked = {what: np.stack([getattr(one.agreement, what) for one in trials]) for what in ("bias", "sd", "sd_ratio")}
    within = np.stack([one.agreement.within_intervals for one in trials])
    limits = np.stack(limits_of_agreement(stacked["bias"], stacked["sd"]))
    return [
        {
            "coordinate": name,
            **dict(zip(("bias", "lower_limit", "upper_limit"), map(number_or_none, limits[:, index]), strict=True)),
            "within_intervals": number_or_none(mean_of_known(within[:, index])),
            "sd_ratio": number_or_none(mean_of_known(stacked["sd_ratio"][:, index])),
        }
        for index, name in enumerate(trials[0].columns)
    ]


def metric_rows(trials: Sequence[ComparedTrial]) -> list[dict[str, Any]]:
    """Bias and limits of agreement of each metric, with the number of trials that have it."""
    rows = []
    for metric in sorted({name for one in trials for name in one.metrics}):
        values = np.array([[one.metrics[metric]] for one in trials if metric in one.metrics])
        limits = limits_of_agreement(values, np.zeros_like(values))
        named = dict(
            zip(("bias", "lower_limit", "upper_limit"), (number_or_none(one[0]) for one in limits), strict=True)
        )
        rows.append({"metric": metric, "trials": len(values), **named})
    return rows


def cost_row(trials: Sequence[ComparedTrial]) -> dict[str, Any]:
    """Processor seconds per frame and memory of champion and candidate, of the trials whose costs are known."""
    known = [one for one in trials if np.isfinite(one.cost_ratio)]
    return {
        "trials": len(known),
        "frame_s": [number_or_none(mean_of_known(np.array([one.frame_s[which] for one in known]))) for which in (0, 1)],
        "peak_mb": [max((one.peak_mb[which] for one in known), default=None) for which in (0, 1)],
    }


def reference_rows(trials: Sequence[ComparedTrial]) -> list[dict[str, Any]]:
    """Of each golden trial, mean absolute error and coverage of champion and candidate."""
    return [
        {
            "trial_id": one.trial_id,
            "kind": "approval" if one.is_approved else "reference",
            "frames": one.errors[0].frames,
            "mean_absolute_deg": [number_or_none(mean_of_known(error.mean_absolute)) for error in one.errors],
            "coverage": [number_or_none(mean_of_known(error.coverage)) for error in one.errors],
        }
        for one in trials
        if one.errors
    ]


def _notes(trials: Sequence[ComparedTrial], policy: Policy) -> list[str]:
    """What the comparison could not look at."""
    notes = []
    if (there := athletes_with_reference(trials)) < policy.least_athletes:
        notes.append(
            f"athletes of the sample with a measured reference: {there}; with {policy.least_athletes} or more, error "
            "and coverage against it must be shown, with fewer they can only stop a candidate: `biopose golden add`"
        )
    if lacking := sum(not one.has_sd[0] for one in trials):
        notes.append(
            f"the champion gives no standard deviations for {lacking} of {len(trials)} trials; intervals are not "
            "compared there"
        )
    if lacking := sum(one.has_sd == (True, False) for one in trials):
        notes.append(f"the candidate gives no standard deviations for {lacking} trials where the champion does")
    if unknown := sum(not np.isfinite(one.cost_ratio) for one in trials):
        notes.append(
            f"the processor time of {unknown} of {len(trials)} trials is not known: one of their runs was measured by "
            "an earlier version, or shares such a result"
        )
    return notes


def _unpaired_notes(trials: Sequence[str]) -> list[str]:
    if not trials:
        return []
    return [
        f"{len(trials)} measured trials are not compared ({', '.join(sorted(trials))}): since then they were measured "
        "anew from another recording or manifest, or they are retired"
    ]


def _row(one: ComparedTrial, policy: Policy) -> dict[str, Any]:
    coordinate, rms = one.largest_difference(policy.bias_deg)
    return {
        "trial_id": one.trial_id,
        **one.groups,
        "athlete": one.athlete_id,
        "frames": one.agreement.frames,
        "quality": [number_or_none(value) for value in one.quality],
        "largest_coordinate": coordinate,
        "largest_rms_deg": number_or_none(rms),
        "artifacts": list(one.artifacts),
        "frame_s": [number_or_none(value) for value in one.frame_s],
    }


def _finite(value: Any) -> Any:
    """The same without infinite numbers, which JSON does not have: null is no bound, or not known."""
    if isinstance(value, dict):
        return {key: _finite(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(one) for one in value]
    return number_or_none(value) if isinstance(value, float) else value


def number_or_none(value: float) -> float | None:
    """A number as JSON has it: null where it is not known."""
    return float(value) if np.isfinite(value) else None
