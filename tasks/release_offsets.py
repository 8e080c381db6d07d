"""By how much two releases differ on the trials that both measured: for a series that spans both, never applied."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from biopose.analysis.cluster_bootstrap import cluster_means
from biopose.analysis.definitions import DEFINITIONS
from biopose.analysis.gate_policy import Policy
from biopose.errors import BioposeError
from tasks.compared_trial import ComparedTrial
from tasks.settings import Settings
from warehouse.connection import opened_for_writing, transaction
from warehouse.paired_runs import compared_trials, paired_runs
from warehouse.rollouts import Offset, note_offsets, without_offsets

END_LEVEL = 0.025  # beyond either end of the interval


def offsets_of(trials: Sequence[ComparedTrial], policy: Policy) -> list[Offset]:
    """Mean difference of each metric and coordinate, candidate minus champion, with its 95 % interval over athletes.

    Args:
        trials: that both measured.
        policy: with draws and seed of the bootstrap.
    """
    if not trials:
        return []
    metrics = sorted({name for one in trials for name in one.metrics})
    columns = trials[0].columns
    values = np.array(
        [[*(one.metrics.get(name, np.nan) for name in metrics), *one.agreement.bias] for one in trials], dtype=float
    )
    athletes = np.unique([one.athlete_id for one in trials], return_inverse=True)[1].astype(np.int64)
    means = cluster_means(values, athletes, draws=policy.draws, seed=policy.seed)
    low, high = means.ends(END_LEVEL)
    units = [DEFINITIONS[name].unit if name in DEFINITIONS else "" for name in metrics]
    units += [name.rpartition("_")[2] for name in columns]
    return [
        Offset(name, unit, float(mean), _known(first), _known(last), int(count), int(clusters))
        for name, unit, mean, first, last, count, clusters in zip(
            (*metrics, *columns), units, means.mean, low, high, means.trials, means.clusters, strict=True
        )
        if np.isfinite(mean)
    ]


def renew_offsets(settings: Settings) -> dict[int, str]:
    """Compute the offsets of rollouts that lost them, as an erasure removes them, from the trials that are left.

    Only the runs that were compared count: an offset of others, as of a corrected height, would be another number.

    Returns:
        Why a rollout stays without offsets, by its number; no erasure fails for that.

    Raises:
        WarehouseBusyError: another process has the database open.
    """
    if not settings.warehouse.is_file():
        return {}
    without: dict[int, str] = {}
    with opened_for_writing(settings.warehouse) as connection, transaction(connection):
        for rollout in without_offsets(connection):
            compared = compared_trials(connection, rollout.number)
            if changed := sum(not is_as_compared for is_as_compared in compared.values()):
                why = f"other runs than those compared stand for {changed} of the {len(compared)} trials that are left"
                without[rollout.number] = why
                continue
            try:
                policy = Policy.read(rollout.policy, f"the policy of rollout {rollout.number}")
            except BioposeError as error:
                without[rollout.number] = str(error)
                continue
            pairs = paired_runs(connection, list(compared), first=rollout.champion_id, second=rollout.candidate_id)
            offsets = offsets_of([ComparedTrial.of(pair, settings, None) for pair in pairs], policy)
            note_offsets(connection, rollout.number, offsets)
            if not offsets:
                without[rollout.number] = "no trial that both releases measured is left"
    return without


def _known(end: float) -> float | None:
    """None where too few athletes leave it open."""
    return float(end) if np.isfinite(end) else None
