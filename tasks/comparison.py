"""What a candidate release changes, trial by trial and on the whole: the input of the gate and of its page."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from biopose.analysis.agreement import TrialAgreement, limits_of_agreement, trial_agreement
from biopose.analysis.definitions import DEFINITIONS
from biopose.analysis.gate import Criterion, decide
from biopose.analysis.gate_policy import Policy
from biopose.analysis.kinematics import coordinate_units
from biopose.errors import BioposeError
from warehouse.paired_runs import PairedRun

FloatArray = NDArray[np.float64]

DEFAULT_POLICY = Path(__file__).parent / "gate_policy.toml"
QUALITY = "mean_quality"
GROUPS = ("activity", "team", "camera")
MOST_PER_GROUP = 50  # kinds of one group, such as teams, that are distinguished


@dataclass(frozen=True, eq=False)
class ComparedTrial:
    """One trial of both releases, frames averaged away.

    Attributes:
        trial_id: its id.
        athlete_id: whose it is.
        groups: activity, team, camera.
        columns: of the agreement, such as knee_angle_r_deg.
        agreement: candidate minus champion, of each.
        metrics: by metric, the mean difference over its sides.
        quality: of champion and candidate.
        artifacts: folders of both runs.
    """

    trial_id: str
    athlete_id: str
    groups: Mapping[str, str]
    columns: tuple[str, ...]
    agreement: TrialAgreement
    metrics: Mapping[str, float]
    quality: tuple[float, float]
    artifacts: tuple[str, str]

    @classmethod
    def of(cls, pair: PairedRun) -> ComparedTrial:
        """Compare the two runs of a trial."""
        columns = tuple(pair.coordinates)
        values, sds = (
            np.stack([table[name] for name in columns], axis=1) for table in (pair.coordinates, pair.deviations)
        )
        is_angle = np.array([name.endswith("_deg") for name in columns])
        agreement = trial_agreement(values[..., 0], values[..., 1], sds[..., 0], sds[..., 1], is_angle=is_angle)
        differences = defaultdict(list)
        for (metric, _), (first, second) in pair.metrics.items():
            differences[metric].append(second - first)
        return cls(
            pair.trial_id,
            pair.athlete_id,
            pair.groups,
            columns,
            agreement,
            {metric: float(np.mean(found)) for metric, found in differences.items()},
            pair.quality.get(QUALITY, (np.nan, np.nan)),
            pair.artifacts,
        )

    def of_coordinate(self, coordinate: str, what: str) -> FloatArray:
        """A value of the agreement on a coordinate: of both sides, where it has sides."""
        chosen = [i for i, name in enumerate(self.columns) if _coordinate(name) == coordinate]
        found: FloatArray = getattr(self.agreement, what)[chosen]
        return found

    def largest_difference(self, coordinates: Iterable[str]) -> tuple[str, float]:
        """The coordinate with the largest root mean square of the difference, and that in degrees."""
        found = {name: float(np.nanmax(self.of_coordinate(name, "rms"), initial=0.0)) for name in coordinates}
        name = max(found, key=lambda one: found[one])
        return name, found[name]


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
    coordinates = {_coordinate(f"{name}_{unit}") for name, unit in coordinate_units() if unit == "deg"}
    for key, names, known in (("bias_deg", policy.bias_deg, coordinates), ("metrics", policy.metrics, DEFINITIONS)):
        if unknown := sorted(set(names) - set(known)):
            raise BioposeError(f"{path}: {key}: there is no {', '.join(unknown)}; there are {', '.join(sorted(known))}")
    return policy, text


def criteria(trials: Sequence[ComparedTrial], policy: Policy) -> list[Criterion]:
    """What the gate decides on, by the policy."""
    quality = np.array([second - first for first, second in (one.quality for one in trials)])
    found = [Criterion("mean quality", "of 1", quality, low=policy.quality["lowest_difference"])]
    for coordinate, bound in policy.bias_deg.items():
        bias = np.array([_mean(one.of_coordinate(coordinate, "bias")) for one in trials])
        found.append(Criterion(f"bias of {coordinate}", "deg", bias, low=-bound, high=bound))
    for metric, bound in policy.metrics.items():
        shift = np.array([one.metrics.get(metric, np.nan) for one in trials])
        if np.isfinite(shift).any():  # a sample without jumps shows no jump height, and says so on the page
            found.append(Criterion(f"shift of {metric}", DEFINITIONS[metric].unit, shift, low=-bound, high=bound))
    within = np.array([_mean(one.agreement.within_intervals) for one in trials])
    found.append(Criterion("share within both 95 % intervals", "of 1", within, low=policy.intervals["lowest_share"]))
    bound = policy.quality["lowest_difference_of_a_group"]
    for group in GROUPS:
        kinds = sorted({one.groups[group] for one in trials})
        for kind in kinds[:MOST_PER_GROUP] if len(kinds) > 1 else ():
            values = np.where([one.groups[group] == kind for one in trials], quality, np.nan)
            found.append(Criterion(f"mean quality, {group} {kind}", "of 1", values, low=bound, may_only_fail=True))
    return found


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


def compare(trials: Sequence[ComparedTrial], policy: Policy, *, failed: Mapping[str, str], look: int) -> dict[str, Any]:
    """The whole comparison as JSON has it: the decision, every coordinate, metric and trial.

    Args:
        trials: that both measured.
        policy: of the gate.
        failed: by trial, why the candidate could not measure it.
        look: at this candidate, counted from 1.
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
    )
    return {
        "decision": _finite({**asdict(decision), "line": decision.line}),
        "coordinates": _coordinates(trials),
        "metrics": _metrics(trials),
        "trials": [
            _row(one, policy) for one in sorted(trials, key=lambda one: -one.largest_difference(policy.bias_deg)[1])
        ],
        "failed": dict(failed),
    }


def _coordinates(trials: Sequence[ComparedTrial]) -> list[dict[str, Any]]:
    """Bias, limits of agreement and deviations of each coordinate."""
    if not trials:
        return []
    stacked = {what: np.stack([getattr(one.agreement, what) for one in trials]) for what in ("bias", "sd", "sd_ratio")}
    within = np.stack([one.agreement.within_intervals for one in trials])
    limits = np.stack(limits_of_agreement(stacked["bias"], stacked["sd"]))
    return [
        {
            "coordinate": name,
            **dict(zip(("bias", "lower_limit", "upper_limit"), map(_number, limits[:, index]), strict=True)),
            "within_intervals": _number(_mean(within[:, index])),
            "sd_ratio": _number(_mean(stacked["sd_ratio"][:, index])),
        }
        for index, name in enumerate(trials[0].columns)
    ]


def _metrics(trials: Sequence[ComparedTrial]) -> list[dict[str, Any]]:
    rows = []
    for metric in sorted({name for one in trials for name in one.metrics}):
        values = np.array([[one.metrics[metric]] for one in trials if metric in one.metrics])
        limits = limits_of_agreement(values, np.zeros_like(values))
        named = dict(zip(("bias", "lower_limit", "upper_limit"), (_number(one[0]) for one in limits), strict=True))
        rows.append({"metric": metric, "trials": len(values), **named})
    return rows


def _row(one: ComparedTrial, policy: Policy) -> dict[str, Any]:
    coordinate, rms = one.largest_difference(policy.bias_deg)
    return {
        "trial_id": one.trial_id,
        **one.groups,
        "athlete": one.athlete_id,
        "frames": one.agreement.frames,
        "quality": [_number(value) for value in one.quality],
        "largest_coordinate": coordinate,
        "largest_rms_deg": _number(rms),
        "artifacts": list(one.artifacts),
    }


def _coordinate(column: str) -> str:
    """The name without unit and side: knee_angle of knee_angle_r_deg."""
    name = column.rpartition("_")[0]
    return name[:-2] if name.endswith(("_r", "_l")) else name


def _mean(values: FloatArray) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else float("nan")


def _finite(value: Any) -> Any:
    """The same without infinite numbers, which JSON does not have: null is no bound, or not known."""
    if isinstance(value, dict):
        return {key: _finite(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(one) for one in value]
    return _number(value) if isinstance(value, float) else value


def _number(value: float) -> float | None:
    """As JSON has it: null where it is not known."""
    return float(value) if np.isfinite(value) else None
