"""How far a trial's metrics lie from the same metrics of a reference motion, by metric, and whether our intervals hold.

Both are computed by `biopose.analysis`, so the difference is that of the angles and what follows from them, and not of
the definitions. A metric that one of both leaves null, or out, is counted and not compared; one that both leave null,
such as the height of a jump whose landing is not in the reference, is counted as unknown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from biopose.analysis.tables import Metric

ACTIVITIES = {"DJ": "drop_jump", "walking": "walk", "squats": "squat"}  # of trials, by their names' beginnings
SDS_OF_95 = 1.96


def activity_of_metrics(trial: str) -> str:
    """The activity of a laboratory's trial; other where its metrics need none."""
    return next((activity for start, activity in ACTIVITIES.items() if trial.startswith(start)), "other")


@dataclass
class _Of:
    """One metric, both sides together: differences, those whose interval is known with its half width, and the rest."""

    unit: str
    differences: list[float] = field(default_factory=list)
    within: list[bool] = field(default_factory=list)
    not_compared: int = 0
    unknown: int = 0


@dataclass
class MetricErrors:
    """Differences of metrics from a reference's, pooled over trials and sides."""

    by_metric: dict[str, _Of] = field(default_factory=dict)

    def add(self, ours: Sequence[Metric], reference: Sequence[Metric]) -> None:
        """Compare a trial's metrics."""
        of_ours, of_reference = ({(m.metric, m.side): m for m in metrics} for metrics in (ours, reference))
        for key in dict.fromkeys([*of_reference, *of_ours]):
            mine, theirs = of_ours.get(key), of_reference.get(key)
            one = self.by_metric.setdefault(key[0], _Of((mine or theirs or reference[0]).unit))
            if mine is None or theirs is None or mine.value is None or theirs.value is None:
                known = _is_known(mine) or _is_known(theirs)
                one.not_compared += known
                one.unknown += not known
                continue
            one.differences.append(mine.value - theirs.value)
            if mine.sd is not None:
                one.within.append(abs(mine.value - theirs.value) <= SDS_OF_95 * mine.sd)

    def as_dict(self) -> dict[str, dict[str, Any]]:
        """By metric: unit, n, not_compared, unknown; mae, bias, max of what is compared; coverage95 of intervals."""
        return {name: _as_dict(one) for name, one in sorted(self.by_metric.items())}


def metric_lines(of_methods: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> list[str]:
    """A table of each method: metric, unit, absolute and signed mean difference, the largest, coverage, numbers."""
    lines = []
    for method, metrics in of_methods.items():
        head = f"{'mean abs.':>11}{'bias':>11}{'largest':>11}{'in 95 %':>9}{'n':>5}{'not compared':>14}{'unknown':>9}"
        lines += ["", f"Metrics against the expert's angles, {method}", f"{'':28}{'unit':>10}{head}"]
        for name, one in metrics.items():
            numbers = "".join(f"{one[key]:11.3f}" if key in one else f"{'-':>11}" for key in ("mae", "bias", "max"))
            held = f"{100 * one['coverage95']:8.0f}%" if "coverage95" in one else f"{'-':>9}"
            lines.append(
                f"{name:28}{one['unit']:>10}{numbers}{held}{one['n']:5}{one['not_compared']:14}{one['unknown']:9}"
            )
    return lines


def _is_known(metric: Metric | None) -> bool:
    return metric is not None and metric.value is not None


def _as_dict(one: _Of) -> dict[str, Any]:
    counts = {"n": len(one.differences), "not_compared": one.not_compared, "unknown": one.unknown}
    result: dict[str, Any] = {"unit": one.unit, **counts}
    if one.differences:
        differences = np.array(one.differences)
        result |= {"mae": float(np.abs(differences).mean()), "bias": float(differences.mean())}
        result["max"] = float(np.abs(differences).max())
    if one.within:
        result["coverage95"] = float(np.mean(one.within))
    return result
