"""Where registered model versions are used, and what distinguishes two versions on the trials that both measured."""

from __future__ import annotations

from typing import Any

import duckdb

from tasks.models import version_details
from tasks.settings import Settings
from warehouse.connection import opened_for_writing
from warehouse.paired_runs import paired_runs
from warehouse.releases import Release, release_of

USED = """
SELECT
    count(DISTINCT run_number) AS runs,
    count(DISTINCT trial_id) FILTER (run_number = current_run_number) AS current_trials
FROM model_version
JOIN run USING (run_number)
JOIN trial_manifest USING (trial_id)
WHERE stage = ? AND version = ?
"""
RELEASES = "SELECT release_id FROM release_model WHERE stage = ? AND version = ? ORDER BY release_id"
SHARED = """
SELECT one.trial_id
FROM release_run AS one
JOIN release_run AS two USING (trial_id)
JOIN trial_manifest USING (trial_id)
WHERE NOT is_retired AND one.release_id = ? AND two.release_id = ? AND one.run_number <> two.run_number
ORDER BY one.trial_id
"""

ReleasePair = tuple[Release, Release, list[str]]  # with the trials that both measured


def described_version(settings: Settings, stage: str, version: int) -> dict[str, Any]:
    """What the registry has on a version, and where it is used: releases, runs, trials that show it.

    Raises:
        ModelError: the registry does not have it, or cannot be reached.
    """
    used: dict[str, Any] = {"releases": [], "runs": 0, "current_trials": 0}
    details = version_details(settings, stage, version)
    if settings.warehouse.is_file():
        with opened_for_writing(settings.warehouse) as connection:
            runs, trials = connection.execute(USED, [stage, version]).fetchall()[0]
            names = [one.name for one in _releases(connection, stage, version)]
            used = {"releases": sorted(names), "runs": runs, "current_trials": trials}
    return details | used


def compared_versions(settings: Settings, stage: str, first: int, second: int) -> dict[str, Any]:
    """Two versions side by side, and their differences, second minus first, on the trials that both measured.

    Of the releases with either version, those two are compared that differ least in everything else.

    Raises:
        ModelError: the registry does not have one, or cannot be reached.
        BioposeError: the reference of a golden trial is gone or changed.
    """
    versions = [described_version(settings, stage, version) for version in (first, second)]
    found: dict[str, Any] = {"stage": stage, "versions": versions, "trials": 0}
    if not settings.warehouse.is_file():
        return found
    with opened_for_writing(settings.warehouse) as connection:
        pair = _nearest_releases(connection, stage, first, second)
        if pair is None:
            return found
        one, two, _ = pair
        differences = _differences(settings, connection, pair)
    return found | {
        "releases": [one.name, two.name],
        "other_differences": _other_differences(one, two, stage),
        **differences,
    }


def _differences(settings: Settings, connection: duckdb.DuckDBPyConnection, pair: ReleasePair) -> dict[str, Any]:
    """On the trials that both releases of a pair measured, second minus first."""
    import numpy as np

    from tasks.compared_trial import ComparedTrial, mean_of_known  # it loads torch, which all else here does without
    from tasks.comparison import coordinate_rows, cost_row, metric_rows, number_or_none, reference_rows
    from tasks.golden import GoldenSet

    one, two, trials = pair
    golden = GoldenSet(settings)
    runs = paired_runs(connection, trials, first=one.release_id, second=two.release_id)
    compared = [ComparedTrial.of(both, settings, golden) for both in runs]
    quality = np.array([trial.quality for trial in compared]).T
    return {
        "trials": len(compared),
        "unpaired": len(trials) - len(compared),
        "quality": [number_or_none(mean_of_known(values)) for values in quality],
        "coordinates": coordinate_rows(compared),
        "metrics": metric_rows(compared),
        "reference": reference_rows(compared),
        "cost": cost_row(compared),
    }


def _releases(connection: duckdb.DuckDBPyConnection, stage: str, version: int) -> list[Release]:
    rows = connection.execute(RELEASES, [stage, version]).fetchall()
    return [release_of(connection, release_id) for (release_id,) in rows]


def _nearest_releases(connection: duckdb.DuckDBPyConnection, stage: str, first: int, second: int) -> ReleasePair | None:
    """Two releases with a version each that share trials: with the fewest other differences, then the most trials."""
    pairs = [
        (one, two, [trial for (trial,) in connection.execute(SHARED, [one.release_id, two.release_id]).fetchall()])
        for one in _releases(connection, stage, first)
        for two in _releases(connection, stage, second)
    ]
    sharing = [pair for pair in pairs if pair[2]]
    ranked = sorted(sharing, key=lambda pair: (len(_other_differences(pair[0], pair[1], stage)), -len(pair[2])))
    return ranked[0] if ranked else None


def _other_differences(one: Release, two: Release, stage: str) -> list[str]:
    """What two releases differ in beside a stage."""
    method = [f"method {one.method} and {two.method}"] if one.method != two.method else []
    stages = sorted({*one.versions, *two.versions} - {stage})
    return method + [
        f"{name} {one.versions.get(name, 'none')} and {two.versions.get(name, 'none')}"
        for name in stages
        if one.versions.get(name) != two.versions.get(name)
    ]
