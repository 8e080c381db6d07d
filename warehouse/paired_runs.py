"""Two releases' runs of the same trials, side by side."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb
import numpy as np
from numpy.typing import NDArray

from warehouse.load import table_of
from warehouse.run_costs import RunCost, run_costs

# Whether two runs measured the same: of another recording, part of it, activity, camera, height or mass a release is no
# better or worse. Of runs of earlier versions only recording, height and mass are known.
SAME_INPUT = """
one.video_sha256 = two.video_sha256 AND one.height_m = two.height_m AND one.mass_kg IS NOT DISTINCT FROM two.mass_kg
AND NOT EXISTS (
    SELECT 1 FROM run_input AS ours JOIN run_input AS theirs ON ours.input_sha256 <> theirs.input_sha256
    WHERE ours.run_number = one.run_number AND theirs.run_number = two.run_number
)
"""

RUNS = f"""
SELECT
    trial_manifest.trial_id, team_id, athlete_id, activity,
    if(recording = 'video', coalesce(camera, 'not stated'), recording), two.video_sha256,
    one.run_number, two.run_number, one.artifacts, two.artifacts
FROM trial_manifest
JOIN session USING (session_id)
JOIN release_run AS first ON first.trial_id = trial_manifest.trial_id AND first.release_id = $first
JOIN release_run AS second ON second.trial_id = trial_manifest.trial_id AND second.release_id = $second
JOIN run AS one ON one.run_number = first.run_number
JOIN run AS two ON two.run_number = second.run_number
WHERE list_contains($trials, trial_manifest.trial_id) AND NOT is_retired AND {SAME_INPUT}
ORDER BY trial_manifest.trial_id
"""  # noqa: S608 - our own SQL

# Of a rollout's measured trials that are not retired, whether both releases' runs are those that were compared: of the
# same input, and loaded before the gate. A run that is loaded again has the same numbers.
COMPARED = f"""
WITH first_load AS (SELECT run_number, min(loaded_at) AS loaded_at FROM load_record GROUP BY run_number),
of_either AS (
    SELECT release_run.trial_id, release_run.release_id, run_number, video_sha256, height_m, mass_kg, loaded_at
    FROM release_run
    JOIN run USING (run_number)
    JOIN first_load USING (run_number)
)
SELECT
    sampled.trial_id,
    coalesce(
        {SAME_INPUT}
        AND one.loaded_at <= gate.noted_at
        AND two.loaded_at <= gate.noted_at,
        false
    )
FROM rollout_trial AS sampled
JOIN rollout USING (rollout_number)
JOIN trial_manifest USING (trial_id)
LEFT JOIN of_either AS one ON one.trial_id = sampled.trial_id AND one.release_id = rollout.champion_id
LEFT JOIN of_either AS two ON two.trial_id = sampled.trial_id AND two.release_id = rollout.candidate_id
LEFT JOIN rollout_transition AS gate
    ON gate.rollout_number = sampled.rollout_number AND gate.from_state = 'compare' AND gate.to_state = 'gate'
WHERE sampled.rollout_number = $rollout AND outcome = 'measured' AND NOT is_retired
ORDER BY sampled.trial_id
"""  # noqa: S608 - our own SQL


@dataclass(frozen=True, eq=False)
class PairedRun:
    """One trial as two releases measured it.

    Attributes:
        trial_id: its id.
        groups: team, activity and camera, which of a recording of markers is "markers".
        athlete_id: whose it is.
        video_sha256: of the recording.
        artifacts: folders of both runs, relative to home.
        time_s: (T,) of the frames that both have.
        coordinates: by column, such as knee_angle_r_deg, (T, 2) of both runs; NaN where not known.
        deviations: by the same column, (T, 2) standard deviations.
        metrics: by (metric, side), the values of both; those that both have.
        quality: by name, the values of both.
        costs: of both; None where one is not known.
    """

    trial_id: str
    groups: Mapping[str, str]
    athlete_id: str
    video_sha256: str
    artifacts: tuple[str, str]
    time_s: NDArray[np.float64]
    coordinates: Mapping[str, NDArray[np.float64]]
    deviations: Mapping[str, NDArray[np.float64]]
    metrics: Mapping[tuple[str, str], tuple[float, float]]
    quality: Mapping[str, tuple[float, float]]
    costs: tuple[RunCost | None, RunCost | None]


def paired_runs(
    connection: duckdb.DuckDBPyConnection, trials: Sequence[str], *, first: str, second: str
) -> Iterator[PairedRun]:
    """The trials that two releases both measured from the same recording and manifest, one at a time.

    Args:
        connection: of the warehouse.
        trials: their ids; those are left out that are retired, or that the two did not both measure from the same.
        first: id of a release.
        second: of another.
    """
    rows = connection.execute(RUNS, {"first": first, "second": second, "trials": list(trials)}).fetchall()
    for trial_id, team, athlete, activity, camera, video_sha256, one, two, *artifacts in rows:
        frames, costs = _frames(connection, one, two), run_costs(connection, [one, two])
        columns = [name for name in frames if name.endswith(("_deg", "_m")) and "_sd_" not in name]
        yield PairedRun(
            trial_id=trial_id,
            groups={"team": team, "activity": activity, "camera": camera},
            athlete_id=athlete,
            video_sha256=video_sha256,
            artifacts=(artifacts[0], artifacts[1]),
            time_s=frames["time_s"][:, 0],
            coordinates={name: frames[name] for name in columns},
            deviations={name: frames[_sd_of(name)] for name in columns},
            metrics=_values(connection, "metric", "(metric, side)", one, two),
            quality=_values(connection, "quality", "name", one, two),
            costs=(costs.get(one), costs.get(two)),
        )


def compared_trials(connection: duckdb.DuckDBPyConnection, rollout: int) -> dict[str, bool]:
    """Whether both runs of a trial are still those that a rollout compared, by trial id.

    Args:
        connection: of the warehouse.
        rollout: its number; of its sample the trials that were measured and are not retired.
    """
    rows = connection.execute(COMPARED, {"rollout": rollout}).fetchall()
    return {str(trial): bool(is_as_compared) for trial, is_as_compared in rows}


def _sd_of(column: str) -> str:
    name, _, unit = column.rpartition("_")
    return f"{name}_sd_{unit}"


def _frames(connection: duckdb.DuckDBPyConnection, one: int, two: int) -> dict[str, NDArray[np.float64]]:
    """By column, (T, 2) of the frames that both runs have."""
    table = table_of("kinematics")
    names = [row[0] for row in connection.execute(f"DESCRIBE {table}").fetchall()[2:]]
    listed = ", ".join(f"one.{name}, two.{name}" for name in names)
    connection.execute(
        f"SELECT {listed} FROM {table} AS one JOIN {table} AS two USING (frame_index) "  # noqa: S608 - our own names
        "WHERE one.run_number = ? AND two.run_number = ? ORDER BY frame_index",
        [one, two],
    )
    values = np.array(connection.fetchall(), dtype=np.float64).reshape(-1, len(names), 2)
    return {name: values[:, index] for index, name in enumerate(names)}


def _values(
    connection: duckdb.DuckDBPyConnection, fact: str, key: str, one: int, two: int
) -> dict[Any, tuple[float, float]]:
    table = table_of(fact)
    rows = connection.execute(
        f"SELECT {key}, max(value) FILTER (run_number = $one), max(value) FILTER (run_number = $two) "  # noqa: S608
        f"FROM {table} WHERE run_number IN ($one, $two) GROUP BY ALL HAVING count(value) = 2 ORDER BY ALL",
        {"one": one, "two": two},
    ).fetchall()
    return {name: (first, second) for name, first, second in rows}
