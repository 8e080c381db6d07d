"""Synthetic trials for measuring the warehouse at size: deterministic, smooth as angles are, every column filled.

Each trial has 200 frames. Five squads of 100 stay as they are however many trials there are, so the cohorts that
questions are about grow with the table: the hardest case. Each week's session has four trials of every athlete.
"""

# ruff: noqa: S608 - the SQL is put together from our own constants and numbers
from __future__ import annotations

from pathlib import Path
from typing import Any

from duckdb import DuckDBPyConnection

from warehouse.load import FILES, table_of
from warehouse.releases import admit

FRAMES = 200
RATE_HZ = 60
TEAMS, SQUAD = 5, 100
ACTIVITIES = ("walk", "run", "sprint", "countermovement_jump", "squat", "drop_landing")
METRICS = (
    "knee_flexion_peak",
    "knee_flexion_range",
    "hip_flexion_peak",
    "hip_flexion_range",
    "ankle_dorsiflexion_peak",
)

ATHLETE = f"format('team{{}}/athlete{{:03d}}', number % {TEAMS}, number // {TEAMS} % {SQUAD})"
ROUND = f"(number // {TEAMS * SQUAD})"
SESSION = f"format('team{{}}/week{{:05d}}', number % {TEAMS}, {ROUND} // 4)"
TRIAL = f"""
CREATE OR REPLACE TEMP TABLE synthetic AS
SELECT
    (number + 1)::INTEGER AS run_number,
    format('{{}}/trial{{:09d}}', {SESSION}, number) AS trial_id,
    {SESSION} AS session_id,
    {ATHLETE} AS athlete_id,
    {list(ACTIVITIES)}[1 + {ROUND} % {len(ACTIVITIES)}] AS activity,
    DATE '2026-07-01' + ({ROUND} // 4 * 7 % 364)::INTEGER AS session_date
FROM range($first, $last) numbers(number)
ORDER BY number
"""
SHIFTS = 11  # of a coordinate from part to part, in degrees or centimetres, before they repeat
STRIKES = 3  # of each foot in a trial of gait
METHOD = "keypoint_fit"
MODEL = {"stage": "keypoints", "model": "shipped", "version": 1, "sha256": "1" * 64}


def kinematics_sql(connection: DuckDBPyConnection, first: int, last: int) -> str:
    """SQL that computes the frames of trials, in their order.

    Args:
        connection: knows the table's columns.
        first: trial, counted from 0.
        last: the one after the last.
    """
    keys = ("run_number", "frame_index", "time_s", "quality")
    columns = [
        row[0] for row in connection.execute(f"DESCRIBE {table_of('kinematics')}").fetchall() if row[0] not in keys
    ]
    values = [f"({_value(name, column)})::REAL AS {name}" for column, name in enumerate(columns)]
    frame = f"SELECT i // {FRAMES} AS number, i % {FRAMES} AS frame, frame / {RATE_HZ}::DOUBLE AS s"
    return (
        "SELECT (number + 1)::INTEGER AS run_number, frame::INTEGER AS frame_index, s AS time_s, "
        f"(0.75 + 0.3 * sin(s + number))::REAL AS quality, {', '.join(values)} "
        f"FROM ({frame} FROM range({first * FRAMES}, {last * FRAMES}) frames(i))"
    )


def part_sql(connection: DuckDBPyConnection, first: int, last: int) -> str:
    """SQL that computes the frames of trials at a fraction of the time: those of the first trials, shifted.

    Every coordinate is shifted by another amount, another in each part. Values have two decimals, and standard
    deviations one, so that a disk holds a hundred million frames.

    Args:
        connection: inside whose session the first trials are computed once.
        first: trial, counted from 0.
        last: the one after the last.
    """
    trials = last - first
    columns = [str(row[0]) for row in connection.execute(f"DESCRIBE {table_of('kinematics')}").fetchall()]
    measured = [name for name in columns if name.endswith(("_deg", "_m"))]
    if not connection.execute("SELECT 1 FROM duckdb_tables() WHERE table_name = 'template'").fetchall():
        rounded = "CREATE TEMP TABLE template AS SELECT * REPLACE ({}) FROM ({})"
        values = ", ".join(f"round({name}, {1 if '_sd_' in name else 2})::REAL AS {name}" for name in measured)
        connection.execute(rounded.format(values, kinematics_sql(connection, 0, trials)))
    coordinates = [name for name in measured if "_sd_" not in name]
    shifted = ", ".join(
        f"({name} + {_shift(name, number, first // trials)})::REAL AS {name}" for number, name in enumerate(coordinates)
    )
    return (
        f"SELECT run_number + {first} AS run_number, * EXCLUDE (run_number) REPLACE ({shifted}) "
        f"FROM template WHERE run_number <= {trials}"
    )


def describe_trials(connection: DuckDBPyConnection, first: int, last: int) -> None:
    """Everything about trials but their frames, into the tables that `load_trial` writes."""
    connection.execute(TRIAL, {"first": first, "last": last})
    release_id = admit(connection, METHOD, [MODEL])
    for sql in (
        "INSERT INTO team SELECT DISTINCT split_part(athlete_id, '/', 1) FROM synthetic ON CONFLICT DO NOTHING",
        "INSERT INTO athlete BY NAME SELECT DISTINCT athlete_id, split_part(athlete_id, '/', 1) AS team_id, "
        "1.8 AS height_m, 75 AS mass_kg, DATE '2026-07-01' AS described_on FROM synthetic ON CONFLICT DO NOTHING",
        "INSERT INTO session SELECT DISTINCT session_id, split_part(session_id, '/', 1), session_date FROM synthetic "
        "ON CONFLICT DO NOTHING",
        "INSERT INTO trial_manifest BY NAME SELECT trial_id, session_id, athlete_id, activity, 'clip.mp4' AS video, "
        f"run_number AS current_run_number, '{release_id}' AS current_release_id FROM synthetic",
        f"INSERT INTO run SELECT run_number, md5(trial_id), trial_id, sha256(trial_id), '{METHOD}', '0', "
        f"sha256('0'), 1.8, 75, 'artifacts/' || trial_id, sha256(trial_id), {FRAMES}, 0, "
        f"{(FRAMES - 1) / RATE_HZ}, '{release_id}', NULL FROM synthetic",
        f"INSERT INTO model_version SELECT run_number, '{MODEL['stage']}', '{MODEL['model']}', {MODEL['version']}, "
        f"'{MODEL['sha256']}' FROM synthetic",
        f"INSERT INTO release_run SELECT trial_id, '{release_id}', run_number FROM synthetic",
        "INSERT INTO load_record SELECT run_number, now(), NULL FROM synthetic",
        f"INSERT INTO {table_of('event')} BY NAME {_events_sql()}",
        f"INSERT INTO {table_of('metric')} BY NAME {_metrics_sql()}",
        f"INSERT INTO {table_of('cycle_metric')} BY NAME {_cycles_sql()}",
        f"INSERT INTO {table_of('quality')} SELECT run_number, 'mean_quality', 0.5 + random_like / 2, '1' "
        "FROM (SELECT *, hash(run_number) / 18446744073709551616.0 AS random_like FROM synthetic)",
    ):
        connection.execute(sql)


def one_trial(connection: DuckDBPyConnection, number: int, folder: Path) -> dict[str, Any]:
    """A trial as the analysis leaves it: its five Parquet files in `folder`; its record."""
    connection.execute(TRIAL, {"first": number, "last": number + 1})
    sources = {
        "kinematics": kinematics_sql(connection, number, number + 1),
        "event": _events_sql(),
        "metric": _metrics_sql(),
        "cycle_metric": _cycles_sql(),
        "quality": "SELECT 0 AS run_number, 'mean_quality' AS name, 0.9::DOUBLE AS value, '1' AS unit",
    }
    for table in sources:
        sql = f"COPY (SELECT * EXCLUDE (run_number) FROM ({sources[table]})) TO '{folder / FILES[table]}'"
        connection.execute(sql)
    found = connection.execute(
        "SELECT trial_id, session_id, athlete_id, activity, session_date::VARCHAR FROM synthetic"
    )
    trial, session, athlete, activity, date = found.fetchall()[0]
    team = session.partition("/")[0]
    hashes = {"video_sha256": f"{number:064x}", "configuration_sha256": f"{number:064x}"}
    run = {"run_id": f"{number:032x}", "trial_id": trial, **hashes, "code_version": "0", "method": METHOD}
    body = {"height_m": 1.8, "mass_kg": 75.0}
    return {
        "run": {**run, **body, "artifacts": f"artifacts/{trial}"},
        "team": {"team_id": team},
        "athlete": {"athlete_id": athlete, "team_id": team, **body, "sex": None, "described_on": date},
        "session": {"session_id": session, "team_id": team, "session_date": date},
        "trial": {"trial_id": trial, "session_id": session, "athlete_id": athlete, "activity": activity}
        | {"video": "clip.mp4", "start_s": None, "end_s": None},
        "models": [MODEL],
        "mlflow_run_id": None,
    }


def _shift(name: str, number: int, part: int) -> float:
    """Of a coordinate in a part: degrees, or metres."""
    steps = part * (1 + number % (SHIFTS - 1)) % SHIFTS
    return steps / 100 if name.endswith("_m") else float(steps)


def _value(name: str, column: int) -> str:
    """An angle, a position or a standard deviation of sines: smooth, and without digits or repeats to compress away."""
    stride = f"{6 + column / 200} * s + {column} + number * {0.37 + column / 100:.2f}"
    if "_sd_" in name:
        return f"{'0.01' if name.endswith('_m') else '2'} * (1.3 + sin({stride}))"
    return f"{'0.1' if name.endswith('_m') else '30'} * (sin({stride}) + 0.2 * sin(3 * s + {column}))"


def _events_sql() -> str:
    return (
        "SELECT run_number, 'foot_strike' AS event, side, step + shift AS time_s, "
        f"((step + shift) * {RATE_HZ})::INTEGER AS frame_index, 0.01::DOUBLE AS sd_s "
        f"FROM synthetic, range({STRIKES}) steps(step), "
        "(VALUES ('left', 0.05::DOUBLE), ('right', 0.55)) feet(side, shift) "
        "WHERE activity IN ('walk', 'run', 'sprint') ORDER BY run_number, time_s"
    )


def _cycles_sql() -> str:
    """The strides between the strikes of each foot."""
    return (
        "SELECT run_number, 'stride' AS cycle, side, (row_number() OVER own)::INTEGER AS cycle_number, "
        "time_s AS start_s, time_s + 1.0::DOUBLE AS end_s, 'stride_time' AS metric, 1.0::DOUBLE AS value, 's' AS unit, "
        f"0.014::DOUBLE AS sd FROM ({_events_sql()}) WHERE time_s + 1 < {STRIKES} "
        "WINDOW own AS (PARTITION BY run_number, side ORDER BY time_s) ORDER BY run_number, start_s"
    )


def _metrics_sql() -> str:
    return (
        "SELECT run_number, metric, side, 60 + 20 * sin(run_number + length(metric) + length(side)) AS value, "
        "'deg' AS unit, 2.0::DOUBLE AS sd, NULL::VARCHAR AS reason "
        f"FROM synthetic, unnest({list(METRICS)}) metrics(metric), (VALUES ('left'), ('right')) sides(side) "
        "ORDER BY run_number"
    )
