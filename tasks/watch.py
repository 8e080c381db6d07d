"""The watch: after each night with a new release its trials are judged, and a breach of the policy is rolled back.

A release is watched while its rollout is a canary, and after its promotion for so many nights as the policy has it.
Judged are the trials that were measured since it is in use: against the newest of the release before (quality,
keypoints' confidence, untrusted frames, disagreement and standard deviation of MQ-HMR's predictions, trials that cannot
be measured), and, those that both measured, by the gate's margins. Half of the policy's level is for either, and each
night spends a smaller part of it, so that a good release is rolled back with at most that chance.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

import duckdb
import numpy as np

from biopose.analysis.criterion_text import interval_text, value_text
from biopose.analysis.gate import decide
from biopose.analysis.gate_policy import Policy
from biopose.analysis.watch import Drift, TrialValues, drift_of_means, drift_of_shares
from biopose.errors import BioposeError
from tasks.audit import AuditLog
from tasks.compared_trial import ComparedTrial
from tasks.criteria import criteria
from tasks.notify import notify
from tasks.promotion import roll_back
from tasks.settings import Settings
from warehouse.connection import opened_for_writing, transaction
from warehouse.errors import WarehouseError
from warehouse.nights import (
    OF_PREDICTION,
    WATCH,
    MeasuredCount,
    add_night,
    failed_of,
    note_watched,
    trials_of,
    watched_nights,
)
from warehouse.paired_runs import paired_runs
from warehouse.releases import acts, release_of
from warehouse.rollouts import Rollout, latest, move

OF_NUMBERS = ("mean quality", "bias of ", "shift of ")  # the gate's criteria that no busy machine changes
MOST_WATCHED = 2000  # trials, which bounds time and memory


@dataclass(frozen=True)
class _Found:
    """What the watch found after a night."""

    drifts: tuple[Drift, ...]
    agreement: str  # the gate's verdict on what both releases measured, or why there is none
    faults: tuple[str, ...]

    @property
    def verdict(self) -> str:
        if self.faults:
            return "breach"
        return "holds" if all(one.verdict == "holds" for one in self.drifts) else "not enough evidence"


def watch_night(settings: Settings, counts: Sequence[MeasuredCount]) -> list[str]:
    """Record a night, judge the release that is watched, and roll back a breach.

    Args:
        settings: of the home, whose lock is held.
        counts: what the night measured with each release; nights without any are not recorded.

    Returns:
        What is to be reported, a line each.

    Raises:
        WarehouseBusyError: another process has the database open.
    """
    if not counts:
        return []
    with opened_for_writing(settings.warehouse) as connection:
        with transaction(connection):
            night = add_night(connection, counts)
        rollout = latest(connection)
        measured = rollout and next((one for one in counts if one.release_id == rollout.candidate_id), None)
        if rollout is None or measured is None or rollout.state not in ("canary", "watch"):
            return []
        policy = Policy.read(rollout.policy, f"the policy of rollout {rollout.number}")
        since = acts(connection)[-1].noted_at
        nights = 1 + len(watched_nights(connection, rollout.number, since=since))
        found = _found(settings, connection, rollout, policy, since=since, look=nights)
        name = release_of(connection, rollout.candidate_id).name
        is_over = rollout.state == "watch" and nights >= policy.watch.nights and not found.faults
        with transaction(connection):
            rows = [asdict(one) for one in found.drifts]
            rows.append({"name": "agreement on trials that both measured", "verdict": found.agreement})
            note_watched(connection, rollout.number, night, verdict=found.verdict, judged=rows)
            if is_over:
                move(connection, rollout.number, "done", who=WATCH, why=f"{nights} nights without a breach")
    if found.faults:
        return [_rolled_back(settings, rollout, name, found.faults)]
    of = f" of {policy.watch.nights}" if rollout.state == "watch" else ""
    over = "; the rollout is done" if is_over else ""
    return [f"watch of the release {name}, night {nights}{of} as a {_stage(rollout)}: {found.verdict}{over}"]


def _stage(rollout: Rollout) -> str:
    return "canary" if rollout.state == "canary" else "promoted release"


def _found(
    settings: Settings,
    connection: duckdb.DuckDBPyConnection,
    rollout: Rollout,
    policy: Policy,
    *,
    since: datetime,
    look: int,
) -> _Found:
    base = trials_of(connection, rollout.champion_id, most=policy.watch.baseline_trials)
    first = min((one["session_date"] for one in base), default=None)
    watched = trials_of(connection, rollout.candidate_id, most=MOST_WATCHED, loaded_since=since, recorded_since=first)
    shares = [
        failed_of(connection, rollout.candidate_id, since=since),
        failed_of(connection, rollout.champion_id),
    ]
    drifts = _drifts(watched, base, shares, policy, level=policy.level_of(look) / 2)
    of_base = {one["trial_id"] for one in base}
    both = [one["trial_id"] for one in watched if one["trial_id"] in of_base][: policy.watch.paired_trials]
    judged, faults = _agreement(settings, connection, rollout, both, policy, look=look)
    return _Found(drifts, judged, (*(one.line for one in drifts if one.verdict == "breach"), *faults))


def _drifts(
    watched: Sequence[Mapping[str, Any]],
    base: Sequence[Mapping[str, Any]],
    shares: Sequence[tuple[int, int]],
    policy: Policy,
    *,
    level: float,
) -> tuple[Drift, ...]:
    own = dict(
        zip(
            OF_PREDICTION,
            (policy.watch.largest_disagreement_rise_deg, policy.watch.largest_prediction_sd_rise_mm),
            strict=True,
        )
    )
    bounds: Mapping[str, dict[str, float | None]] = {
        "mean_quality": {"low": policy.watch.lowest_quality_difference},
        "median_confidence": {"low": policy.watch.lowest_confidence_difference},
        "untrusted_share": {"high": policy.watch.largest_untrusted_rise},
        **{name: {"high": own[name] or policy.largest_rise(_known(base, name))} for name in OF_PREDICTION},
    }
    each = level / (len(bounds) + 1)
    means = (
        drift_of_means(name, _values(watched, name), _values(base, name), level=each, **bound)
        for name, bound in bounds.items()
        if name not in OF_PREDICTION or (_known(watched, name) and _known(base, name))
    )
    failed = "trials that cannot be measured"
    return (*means, drift_of_shares(failed, *shares, level=each, high=policy.watch.largest_failed_rise))


def _known(trials: Sequence[Mapping[str, Any]], name: str) -> list[float]:
    return [one[name] for one in trials if one[name] is not None]


def _values(trials: Sequence[Mapping[str, Any]], name: str) -> TrialValues:
    athletes = np.unique([one["athlete_id"] for one in trials], return_inverse=True)[1].astype(np.int64)
    return TrialValues(np.array([np.nan if one[name] is None else one[name] for one in trials], dtype=float), athletes)


def _agreement(
    settings: Settings,
    connection: duckdb.DuckDBPyConnection,
    rollout: Rollout,
    trials: Sequence[str],
    policy: Policy,
    *,
    look: int,
) -> tuple[str, list[str]]:
    """The gate's verdict on trials that both measured, and the margins that are surely exceeded."""
    pairs = paired_runs(connection, trials, first=rollout.champion_id, second=rollout.candidate_id)
    # Without the golden set, of which no criterion here is: a reference that is gone must not end the watch.
    compared = [ComparedTrial.of(pair, settings, None) for pair in pairs]
    left_out = len(trials) - len(compared)
    more = f"; of {left_out} recording or manifest differ, and they are not compared" if left_out else ""
    if not compared:
        return f"not enough evidence: no trial was measured with both{more}", []
    athletes = np.unique([one.athlete_id for one in compared], return_inverse=True)[1].astype(np.int64)
    half = replace(policy, level=policy.level / 2)
    of_numbers = [one for one in criteria(compared, half) if one.name.startswith(OF_NUMBERS)]
    decision = decide(
        of_numbers, athletes, half, attempted=len(compared), look=look, population=int(athletes.max()) + 1
    )
    beyond = [
        f"{one.name}: {value_text(one.mean, one.unit)} ({interval_text(one.low_end, one.high_end, one.unit)}) on "
        f"{one.trials} trials that both releases measured"
        for one in decision.judged
        if one.verdict == "fail"
    ]
    return f"{decision.verdict}{more}", beyond


def _rolled_back(settings: Settings, rollout: Rollout, name: str, faults: Sequence[str]) -> str:
    """Roll back, and notify of it; the line to report."""
    reason = "; ".join(faults)
    stage = _stage(rollout)
    try:
        target = roll_back(settings, reason=reason, who=WATCH)
    except (BioposeError, WarehouseError) as error:
        line = (
            f"BREACH: the {stage} {name} drifted beyond its bounds ({reason}) and COULD NOT be rolled back: {error}. "
            "Mend that and run `biopose rollout rollback --reason WHY`"
        )
        notify(settings, {"event": "breach, not rolled back", "text": f"BioPose: {line}", "release": name})
        return line
    line = (
        f"BREACH: the {stage} {name} drifted beyond its bounds and was rolled back to {target.name}: {reason}. Trials "
        "that it alone measured are shown once the next ingest measures them"
    )
    try:
        AuditLog(settings.home).append(WATCH, "roll back", f"release in use: {target.name}")
    except BioposeError as error:  # it is done
        line += f"; and it is not in the audit log: {error}"
    event = {"event": "release rolled back", "text": f"BioPose: {line}", "release": name, "reasons": list(faults)}
    notify(settings, event)
    return line
