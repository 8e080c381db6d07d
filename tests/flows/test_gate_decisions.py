"""Candidates that must be stopped: rows of two releases go through the rollout's flow to the gate, and its commands."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from prefect.logging import disable_run_logger

from biopose.errors import BioposeError, ModelError
from biopose.io.mot import write_mot
from biopose.io.trajectories import CoordinateTrajectories
from flows.cli.rollout import rollout as command
from flows.rollout import rollout
from tasks.comparison import DEFAULT_POLICY
from tasks.golden_trials import add_golden
from tasks.models import registry
from tasks.rollout_status import rollout_status
from tasks.settings import Settings
from tests.tasks.registry import STAGES, models
from tests.warehouse.trials import COLUMNS, SyntheticTrial
from warehouse.connection import WRITTEN_FRAMES, opened_for_writing, transaction
from warehouse.errors import ReleaseError
from warehouse.load import load_trial
from warehouse.releases import record_release, release_id_of
from warehouse.rollouts import latest, move, note_outcome, register
from warehouse.snapshot import publish_snapshot

pytestmark = pytest.mark.slow

ATHLETES = 16  # all that the home has
# So few trials cannot show that less than a tenth of them fails.
POLICY = DEFAULT_POLICY.read_text().replace("largest_share = 0.10", "largest_share = 0.25")
CHAMPION, CANDIDATE = (release_id_of("keypoint_fit", models(version)) for version in (1, 2))
OF_CANDIDATE = f"run_number IN (SELECT run_number FROM release_run WHERE release_id = '{CANDIDATE}')"
OF_LEFT = f"{OF_CANDIDATE} AND run_number IN (SELECT run_number FROM run WHERE trial_id LIKE '%/left%')"
ANGLES = ("knee_angle_r", "knee_angle_l", "hip_flexion_r", "ankle_angle_l")
TRIALS = [
    SyntheticTrial(
        f"{'left' if number < 8 else 'right'}{number}", seed=number, athlete=f"a{number}", session=f"s{number}"
    )
    for number in range(ATHLETES)
]


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A home whose champion and candidate measured the same trials, alike; its rollout is to compare them."""
    settings = Settings.load(tmp_path_factory.mktemp("gate") / "home")
    with registry(settings) as client:
        for stage in (*STAGES, "neurik"):
            client.create_registered_model(stage)
            for version in (1, 2):
                tags = {"sha256": f"{version}" * 64, "configuration": "{}"}
                client.create_model_version(stage, f"file:///{stage}{version}", tags=tags)
            client.set_registered_model_alias(stage, "champion", "1")
    for trial in TRIALS:
        files = trial.write(settings.home / trial.record["run"]["artifacts"])
        facing = -1.0 if trial.name.startswith("left") else 1.0
        T_camera_world = np.diag([facing, -1.0, -facing, 1.0]).tolist()
        stated = {b"biopose": json.dumps({"T_camera_world": T_camera_world}).encode()}
        pq.write_table(pa.table({"x": [0]}).replace_schema_metadata(stated), files / "trial.parquet")
        load_trial(settings.warehouse, trial.record | {"models": models(1)}, files)
    sds = ", ".join(f"{name}_sd_deg = 5.0" for name in ANGLES)
    with opened_for_writing(settings.warehouse) as connection, transaction(connection):
        connection.execute(f"UPDATE {WRITTEN_FRAMES} SET {sds}")
        connection.execute("UPDATE run SET video_sha256 = sha256(trial_id)")
        connection.execute("INSERT INTO run_cost SELECT run_number, 'locate', 4.0, 4.0, 900.0 FROM run")
        record_release(connection, "keypoint_fit", models(2), name="winter")
        copy_runs(connection)
    return settings


def copy_runs(connection: duckdb.DuckDBPyConnection) -> None:
    """Let the candidate's runs be those of the champion, row for row."""
    number = f"run_number + {ATHLETES} AS run_number"
    for table in (WRITTEN_FRAMES, "metric_of_every_run", "quality_of_every_run", "run_cost", "load_record"):
        connection.execute(f"INSERT INTO {table} SELECT * REPLACE ({number}) FROM {table}")
    release = f"'{CANDIDATE}' AS release_id"
    connection.execute(f"INSERT INTO run SELECT * REPLACE ({number}, '2-' || run_id AS run_id, {release}) FROM run")
    connection.execute(f"INSERT INTO release_run SELECT * REPLACE ({number}, {release}) FROM release_run")


@pytest.fixture
def settings(pristine: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A copy of it; the page, which is tested elsewhere, is left out."""
    monkeypatch.setattr("flows.rollout.write_page", lambda _: None)
    return Settings.load(shutil.copytree(pristine.home, tmp_path / "home"))


def gated(settings: Settings, changes: str = "", *, trials: int = ATHLETES, failed: int = 0) -> str:
    """The gate's decision on the candidate, whose rows are changed before, as `biopose rollout status` prints it.

    Args:
        settings: of the home.
        changes: SQL.
        trials: of the sample.
        failed: of them, that the candidate could not measure.
    """
    with opened_for_writing(settings.warehouse) as connection, transaction(connection):
        connection.execute(changes or "SELECT 1")
        number = register(
            connection,
            champion_id=CHAMPION,
            candidate_id=CANDIDATE,
            policy=POLICY,
            trials=[one.trial_id for one in TRIALS[:trials]],
            who="ann",
            why="test",
        )
        for index, one in enumerate(TRIALS[:trials]):
            outcome = ("failed", "no person") if index < failed else ("measured", None)
            note_outcome(connection, number, one.trial_id, *outcome)  # type: ignore[arg-type]
        move(connection, number, "compare", who="ann", why="measured")
    with disable_run_logger():
        rollout.fn(home=str(settings.home))
    status = CliRunner().invoke(command, ["status", "--home", str(settings.home)])
    assert status.exit_code == 0, status.output
    return status.stdout


def verdict(status: str) -> str:
    """The gate's, of a printed status."""
    return next(line for line in status.splitlines() if line.startswith("Gate (")).partition("): ")[2]


def failed_criteria(status: str) -> list[str]:
    """The criteria that failed in a printed status, each with its mean."""
    lines = (" ".join(line.split()) for line in status.splitlines())
    return [line.partition(" (interval")[0] for line in lines if line.endswith("): fail")]


def start_another(settings: Settings) -> str:
    """Why a second rollout is refused."""
    with disable_run_logger(), pytest.raises(ReleaseError) as refused:
        rollout.fn(home=str(settings.home), models={"keypoints": 1})
    return str(refused.value)


def test_an_equal_candidate_passes_and_is_promoted_and_no_other_is_started_meanwhile(settings: Settings) -> None:
    publish_snapshot(settings.warehouse, settings.snapshot)
    status = gated(settings)
    assert verdict(status) == "pass", status
    assert "once for both: locate (16 of 16); 0 processor seconds spent on the rest" in status
    assert start_another(settings).startswith("rollout 1 of winter is open, at gate: two at once would each compare")
    promoted = CliRunner().invoke(command, ["promote", "--home", str(settings.home)])
    assert promoted.exit_code == 0, promoted.output
    assert "of the current trials 16 show winter" in promoted.stdout
    assert "without --model, or end it: `biopose rollout finish --reason WHY`" in start_another(settings)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        pytest.param(
            f"UPDATE {WRITTEN_FRAMES} SET knee_angle_r_deg = knee_angle_r_deg + 12 + frame_index % 3, "
            f"knee_angle_l_deg = knee_angle_l_deg + 10 WHERE {OF_CANDIDATE}; "
            f"UPDATE quality_of_every_run SET value = 0.8 WHERE name = 'mean_quality' AND {OF_CANDIDATE}",
            "mean quality -0.1",
            id="disturbed weights",
        ),
        pytest.param(
            f"UPDATE {WRITTEN_FRAMES} SET knee_angle_r_deg = knee_angle_r_deg + 9, "
            f"knee_angle_l_deg = knee_angle_l_deg + 9 WHERE {OF_LEFT}; "
            f"UPDATE {WRITTEN_FRAMES} SET knee_angle_r_deg = knee_angle_r_deg - 6, "
            f"knee_angle_l_deg = knee_angle_l_deg - 6 WHERE {OF_CANDIDATE} AND NOT ({OF_LEFT}); "
            f"UPDATE quality_of_every_run SET value = 0.95 WHERE name = 'mean_quality' AND {OF_CANDIDATE}",
            "bias of knee_angle, facing left +9 deg",
            id="better on average, worse for those who face left",
        ),
        pytest.param(
            f"UPDATE run_cost SET processor_s = 3 * processor_s WHERE {OF_CANDIDATE}",
            "processor time per frame, candidate to champion 3 times",
            id="equal, three times slower",
        ),
    ],
)
def test_a_candidate_is_stopped_for_its_fault(settings: Settings, changes: str, reason: str) -> None:
    status = gated(settings, changes)
    assert verdict(status) == "fail", status
    assert reason in failed_criteria(status)


def test_a_second_pass_over_located_people_is_told_and_is_no_cost_of_the_candidate(settings: Settings) -> None:
    """Three times what the champion's run cost: it would fail by it."""
    repeated = f"SELECT run_number, 'second pass', 8.0, 8.0, 900.0 FROM run WHERE {OF_CANDIDATE}"
    status = gated(settings, f"INSERT INTO run_cost {repeated}")
    assert failed_criteria(status) == []
    of_all = ATHLETES * 8
    assert f"{of_all} processor seconds spent on the rest, {of_all} of them on a second pass over located" in status
    assert f"the champion's {ATHLETES * 4} on all stages of these trials" in status


def test_what_two_people_of_a_video_share_is_counted_once_in_the_costs_of_the_shadow(settings: Settings) -> None:
    one, other = (f"'{trial.trial_id}'" for trial in TRIALS[:2])
    decoded = f"SELECT run_number, 'decode', 8.0, 8.0, 900.0 FROM run WHERE {OF_CANDIDATE}"
    status = gated(
        settings,
        f"UPDATE run SET video_sha256 = 'of both' WHERE trial_id IN ({one}, {other}); "
        f"UPDATE run SET first_time_s = first_time_s + 0.5 WHERE trial_id = {other}; "  # who is seen later
        f"INSERT INTO run_cost {decoded}",
    )
    assert f"{(ATHLETES - 1) * 8} processor seconds spent on the rest" in status
    assert f"the champion's {(ATHLETES - 1) * 4} on all stages of these trials" in status


def test_a_faster_candidate_whose_intervals_cover_too_little_is_stopped_by_its_golden_trials(
    settings: Settings, tmp_path: Path
) -> None:
    """References lie 1 degree beside what both measured: within intervals of 5 degrees, outside those of 0.3."""
    places = [COLUMNS.index(f"{name}_deg") for name in ANGLES]
    for trial in TRIALS:
        angles = np.deg2rad(
            trial.coordinates()[:, places] + np.where(np.arange(len(trial.time_s)) % 2, 1.0, -1.0)[:, None]
        )
        reference = tmp_path / f"{trial.name}.mot"
        write_mot(reference, CoordinateTrajectories(trial.time_s, ANGLES, angles), rotational=ANGLES)
        add_golden(settings, trial.trial_id, reference=reference, offset_s=0.0, who="ann")
    narrow = ", ".join(f"{name}_sd_deg = 0.3" for name in ANGLES)
    status = gated(
        settings,
        f"UPDATE {WRITTEN_FRAMES} SET {narrow} WHERE {OF_CANDIDATE}; "
        f"UPDATE run_cost SET processor_s = 1 WHERE {OF_CANDIDATE}",
    )
    assert verdict(status) == "fail", status
    assert "coverage of 95 % intervals against reference 0 %" in failed_criteria(status)


@pytest.mark.parametrize(
    ("sample", "expected", "reason"),
    [
        pytest.param({"failed": 12}, "fail", "trials that cannot be measured any more: 75 %", id="fails on some"),
        pytest.param({"trials": 3}, "not enough evidence: ", "6 athletes are needed, there are 3", id="too few"),
    ],
)
def test_a_candidate_that_fails_on_trials_or_has_too_few_is_stopped(
    settings: Settings, sample: dict[str, int], expected: str, reason: str
) -> None:
    status = gated(settings, **sample)  # type: ignore[arg-type]
    assert verdict(status).startswith(expected)
    assert reason in status
    refused = CliRunner().invoke(command, ["promote", "--home", str(settings.home)])
    assert refused.exit_code == 1
    assert (
        f"the gate's verdict is: {expected.partition(':')[0]}. Promoting against that needs --reason" in refused.stderr
    )


def test_no_rollout_is_started_with_a_version_that_the_registry_does_not_have(settings: Settings) -> None:
    unknown = "keypoints version 9 is not in the registry, which has 1, 2"
    with disable_run_logger(), pytest.raises(ModelError, match=unknown):
        rollout.fn(home=str(settings.home), models={"keypoints": 9})
    with opened_for_writing(settings.warehouse) as connection:
        assert latest(connection) is None


def test_trials_that_were_measured_anew_from_another_recording_or_size_are_left_out_and_named(
    settings: Settings,
) -> None:
    values = ("height_m = 1.9", f"video_sha256 = '{'b' * 64}'", "mass_kg = 70")
    changed = [one.trial_id for one in TRIALS[: len(values)]]
    status = gated(
        settings,
        ";".join(
            f"UPDATE run SET {value} WHERE trial_id = '{trial}' AND {OF_CANDIDATE}"
            for value, trial in zip(values, changed, strict=True)
        ),
    )
    assert f"note: 3 measured trials are not compared ({', '.join(sorted(changed))}): since then" in status


def test_a_rollout_whose_registry_is_down_or_lost_a_model_stays_where_it_is_and_goes_on(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as down:
        down.setenv("BIOPOSE_MLFLOW_TRACKING_URI", "http://127.0.0.1:9")  # nothing listens there
        with pytest.raises(BioposeError, match="no server responds there"):
            gated(settings)
    with registry(settings) as client:
        client.delete_model_version("keypoints", "2")
    gone = "keypoints version 2 is not in the registry, which has 1"
    with disable_run_logger(), pytest.raises(ModelError, match=gone):
        rollout.fn(home=str(settings.home))
    assert rollout_status(settings)["rollout"]["state"] == "compare"
