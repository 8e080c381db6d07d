"""The training loop: it learns, reports, and goes on after an interruption as if there had been none."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from biopose.hmr.lifter import Lifter, LifterOutput, load_lifter
from biopose.training.data.projected_motion import MotionProjector, ProjectedMotion, Proportions
from biopose.training.lifter import (
    PRESETS,
    LifterPreset,
    lifter_loss,
    lifter_metrics,
    train_lifter,
)
from biopose.training.loop import Schedule
from tests.swinging_person import synthetic_motion, unscaled, with_keypoints

TINY = LifterPreset(Schedule(steps=4, report_every=2), windows=3, frames=5)


def projector(seed: int) -> MotionProjector:
    return MotionProjector([synthetic_motion()], with_keypoints(), [Proportions(1.75, unscaled())], seed=seed)


class KilledError(Exception):
    """As a run ends whose machine is taken away."""


def train(checkpoint: Path, *, process: int = 0, killed_at: int | None = None, preset: LifterPreset = TINY) -> Lifter:
    torch.manual_seed(process)  # another process finds torch's generator elsewhere

    def report(step: int, metrics: dict[str, float]) -> None:
        assert all(value == value for value in metrics.values())
        if step == killed_at:
            raise KilledError

    return train_lifter(projector(1), projector(2), preset=preset, checkpoint=checkpoint, report=report)


@pytest.mark.parametrize("killed_at", [2, 4])
def test_a_resumed_run_gives_the_weights_of_an_uninterrupted_one(tmp_path: Path, killed_at: int) -> None:
    whole = train(tmp_path / "whole.pt")
    with pytest.raises(KilledError):
        train(tmp_path / "parts.pt", killed_at=killed_at)
    resumed = train(tmp_path / "parts.pt", process=7)
    for (name, weights), again in zip(whole.state_dict().items(), resumed.state_dict().values(), strict=True):
        torch.testing.assert_close(again, weights, atol=0, rtol=0, msg=name)


def test_a_finished_run_is_not_trained_again(tmp_path: Path) -> None:
    done = train(tmp_path / "run.pt")
    again = train(tmp_path / "run.pt", process=3)
    assert not again.training
    for weights, same in zip(done.state_dict().values(), again.state_dict().values(), strict=True):
        torch.testing.assert_close(same, weights, atol=0, rtol=0)


def test_going_on_begins_with_the_weights_that_ship(tmp_path: Path) -> None:
    hardly = Schedule(steps=1, learning_rate=1e-9)
    found = train(tmp_path / "run.pt", preset=replace(TINY, schedule=hardly, from_shipped=True))
    for weights, shipped in zip(found.state_dict().values(), load_lifter().state_dict().values(), strict=True):
        torch.testing.assert_close(weights, shipped, atol=1e-6, rtol=0)


def test_reports_come_at_their_steps_with_metrics_in_their_units(tmp_path: Path) -> None:
    reports: dict[int, dict[str, float]] = {}
    train_lifter(projector(1), projector(2), preset=TINY, checkpoint=tmp_path / "run.pt", report=reports.__setitem__)
    assert list(reports) == [2, 4]
    assert set(reports[2]) == {"loss", "mpjpe_mm", "depth_mm", "up_deg", "depth_coverage95"}
    assert 50 < reports[2]["mpjpe_mm"] < 5000  # hardly trained


def test_it_learns_a_batch_by_heart() -> None:
    batch = projector(1).draw(4, frames=5)
    torch.manual_seed(0)
    lifter = Lifter()
    optimizer = torch.optim.AdamW(lifter.parameters(), lr=1e-3)
    losses = []
    for _ in range(25):
        loss = lifter_loss(lifter.train(), batch, device="cpu")
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.5 * losses[0]


def test_exact_predictions_have_no_error() -> None:
    batch = projector(1).draw(4, frames=5)
    said = _Said(batch)
    metrics = lifter_metrics(said, batch)  # type: ignore[arg-type]
    assert metrics["mpjpe_mm"] == pytest.approx(0, abs=1e-3)
    assert metrics["up_deg"] == pytest.approx(0, abs=0.1)
    assert metrics["depth_coverage95"] == 1


class _Said:
    """A network that knows the truth of one batch."""

    def __init__(self, batch: ProjectedMotion) -> None:
        self.batch = batch

    def __call__(self, _: torch.Tensor) -> LifterOutput:
        b = self.batch
        sd = torch.full((*b.keypoints.shape[:-1], 2), 0.05)
        return LifterOutput(b.keypoints, sd, b.up)


def test_there_is_a_preset_for_a_machine_without_and_with_an_accelerator() -> None:
    assert set(PRESETS) == {"rehearsal", "cpu", "cpu-further", "gpu"}
    assert PRESETS["cpu"].schedule.steps < PRESETS["gpu"].schedule.steps
