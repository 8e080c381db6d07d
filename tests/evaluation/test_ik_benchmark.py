"""Speed is measured on the same frames by both solvers, and on frames that a person could have made."""

import json

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from biopose.evaluation import ik_benchmark
from biopose.evaluation.ik_benchmark import bench_ik, ik_lines
from biopose.io.trajectories import MarkerTrajectories
from biopose.io.trc import write_trc
from biopose.skeleton.ik.inverse_kinematics import inverse_kinematics
from flows.cli.main import cli
from tests.synthetic_person import SyntheticPerson


@pytest.fixture(autouse=True)
def _few_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ik_benchmark, "BENCH_FRAMES", 150)


def test_ratios_are_of_the_rates_in_the_same_run(person: SyntheticPerson) -> None:
    result = bench_ik(person.trial, person.scaled, opensim_frames=5)
    assert result["frames"] == 150
    assert result["markers"] == len(person.recording.names)
    assert result["ratio"] == pytest.approx(result["frames_per_s"] / result["opensim_frames_per_s"])
    assert result["two_core_ratio"] > 0
    assert ("gpu_frames_per_s" in result) == torch.cuda.is_available()


def test_the_command_prints_for_both_readers() -> None:
    result = CliRunner().invoke(cli, ["bench", "ik", "--opensim-frames", "2", "--json"])
    assert result.exit_code == 0
    report = json.loads(result.stdout)["ik"]
    assert {"frames_per_s", "opensim_frames_per_s", "ratio", "neurik_frames_per_s", "neurik_ratio"} <= set(report)
    assert any("ratio" in line for line in ik_lines(report))


def test_a_trial_of_one_frame_is_refused(person: SyntheticPerson, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("bench") / "one.trc"
    one = person.recording
    write_trc(path, MarkerTrajectories(one.time_s[:1], one.names, one.positions_m[:1]))
    result = CliRunner().invoke(cli, ["bench", "ik", "--markers", str(path), "--model", str(person.scaled)])
    assert result.exit_code == 1
    assert "one.trc: a single frame has no rate" in result.stderr


def test_a_repeated_trial_never_jumps(person: SyntheticPerson) -> None:
    trial = person.recording
    long = ik_benchmark._repeated(trial, frames=5 * len(trial.time_s))
    assert len(long.time_s) == 5 * len(trial.time_s)
    assert long.rate_hz == pytest.approx(trial.rate_hz)

    def largest_step(t: MarkerTrajectories) -> float:
        return float(np.linalg.norm(np.diff(t.positions_m, axis=0), axis=-1).max())

    assert largest_step(long) <= largest_step(trial) + 1e-12
    np.testing.assert_array_equal(long.positions_m[: len(trial.time_s)], trial.positions_m)


def test_the_made_up_motion_is_one_that_the_model_can_make(person: SyntheticPerson) -> None:
    trial = ik_benchmark._synthetic_motion(person.skeleton, frames=100)
    solution = inverse_kinematics(person.skeleton, trial)
    assert solution.converged.all()
    assert np.median(solution.rms_m) < 0.03
    again = ik_benchmark._synthetic_motion(person.skeleton, frames=100)
    np.testing.assert_array_equal(again.positions_m, trial.positions_m)
