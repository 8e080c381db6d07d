"""The training loop: its result depends on its steps alone, however often it was interrupted."""

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from biopose.errors import BioposeError
from biopose.training import loop
from biopose.training.loop import WARM_UP_STEPS, Report, Schedule, moving_average, train

SHORT = Schedule(steps=11, report_every=3, learning_rate=0.01)
REPORTS = [3, 6, 9, 11]


class KilledError(Exception):
    """As a run ends whose machine is taken away."""


class Run:
    """A network that learns to add, from batches that a generator draws, with channels that drop out."""

    def __init__(self, checkpoint: Path, *, schedule: Schedule = SHORT, width: int = 8) -> None:
        torch.manual_seed(3)
        self.network = nn.Sequential(nn.Linear(4, width), nn.GELU(), nn.Dropout(0.2), nn.Linear(width, 1))
        self.generator = torch.Generator().manual_seed(5)
        self.schedule, self.checkpoint = schedule, checkpoint
        self.reports: dict[int, dict[str, float]] = {}

    def loss(self, network: nn.Module, _: int) -> Tensor:
        x = torch.randn(16, 4, generator=self.generator)
        return (network(x)[:, 0] - x.sum(-1)).square().mean()

    def evaluate(self, network: nn.Module) -> dict[str, float]:
        x = torch.eye(4)
        with torch.no_grad():
            return {"error": float((network(x)[:, 0] - 1).abs().mean())}

    def go(self, report: Report | None = None) -> nn.Module:
        torch.manual_seed(len(self.reports) + 77)  # another process finds torch's generator elsewhere
        return train(
            self.network,
            loss=self.loss,
            evaluate=self.evaluate,
            monitored="error",
            schedule=self.schedule,
            checkpoint=self.checkpoint,
            report=report or self.reports.__setitem__,
            generator=self.generator,
        )


@pytest.mark.parametrize("killed_at", [2, 5, 10])
def test_progress_is_shown_and_saved_between_reports_and_does_not_change_what_is_trained(
    tmp_path: Path, killed_at: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = Run(tmp_path / "whole.pt").go()
    monkeypatch.setattr(loop, "PROGRESS_S", 0.0)
    monkeypatch.setattr(loop, "CHECKPOINT_S", 0.0)

    def killed(step: int, metrics: dict[str, float]) -> None:
        assert set(metrics) == ({"loss", "error"} if step in REPORTS else {"loss", "steps_per_s"})
        if step == killed_at:
            raise KilledError

    with pytest.raises(KilledError):
        Run(tmp_path / "cut.pt").go(killed)
    resumed = Run(tmp_path / "cut.pt")
    assert same(resumed.go(), whole)
    assert min(resumed.reports) == killed_at  # it was saved at the step before


def same(first: nn.Module, second: nn.Module) -> bool:
    pairs = zip(first.state_dict().values(), second.state_dict().values(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


@pytest.mark.parametrize("killed_at", REPORTS)
def test_a_run_killed_at_any_report_ends_with_the_weights_of_one_that_never_was(tmp_path: Path, killed_at: int) -> None:
    whole = Run(tmp_path / "whole.pt").go()

    def killing(step: int, _: dict[str, float]) -> None:
        if step == killed_at:
            raise KilledError

    with pytest.raises(KilledError):
        Run(tmp_path / "parts.pt").go(killing)
    resumed = Run(tmp_path / "parts.pt")
    assert same(resumed.go(), whole)
    assert list(resumed.reports) == [step for step in REPORTS if step >= killed_at]


def test_a_finished_run_is_not_trained_again(tmp_path: Path) -> None:
    done = Run(tmp_path / "run.pt").go()
    again = Run(tmp_path / "run.pt")
    assert same(again.go(), done)
    assert not again.reports
    assert not done.training


def test_the_callback_gets_the_loss_and_the_metrics_at_each_report_and_at_the_end(tmp_path: Path) -> None:
    run = Run(tmp_path / "run.pt")
    average = run.go()
    assert list(run.reports) == REPORTS
    assert all(set(metrics) == {"loss", "error"} for metrics in run.reports.values())
    assert run.reports[11]["error"] == run.evaluate(average)["error"]


def test_it_learns(tmp_path: Path) -> None:
    run = Run(tmp_path / "run.pt", schedule=Schedule(steps=400, report_every=100, learning_rate=0.01))
    run.go()
    errors = [metrics["error"] for metrics in run.reports.values()]
    assert errors[-1] < 0.5 * errors[0]


def test_the_learning_rate_rises_stays_and_falls_to_nothing() -> None:
    schedule = Schedule(steps=10 * WARM_UP_STEPS, falling_share=0.2)
    rates = [schedule.share(step) for step in range(schedule.steps)]
    assert rates[0] == pytest.approx(1 / WARM_UP_STEPS)
    assert rates[:WARM_UP_STEPS] == sorted(rates[:WARM_UP_STEPS])
    assert set(rates[WARM_UP_STEPS : 8 * WARM_UP_STEPS]) == {1.0}
    assert rates[8 * WARM_UP_STEPS :] == sorted(rates[8 * WARM_UP_STEPS :], reverse=True)
    assert rates[-1] < 0.005
    assert min(rates) > 0


def test_a_run_stops_after_its_patience_without_a_better_loss_and_stays_stopped(tmp_path: Path) -> None:
    schedule = Schedule(steps=100, report_every=1, patience=3)
    metrics = iter([5.0, 4.0, 4.0, 4.5, 4.0, 1.0])
    run = Run(tmp_path / "run.pt", schedule=schedule)
    run.evaluate = lambda _: {"error": next(metrics)}  # type: ignore[method-assign]
    run.go()
    assert list(run.reports) == [1, 2, 3, 4, 5]
    again = Run(tmp_path / "run.pt", schedule=schedule)
    again.go()
    assert not again.reports


def test_the_mean_of_the_first_steps_is_not_the_network_that_nothing_taught() -> None:
    update = moving_average(0.9995)
    mean = [torch.zeros(2)]
    for n in range(1, 30):
        update(mean, [torch.ones(2)], n)
    assert mean[0].min() > 0.99


def test_the_mean_of_a_long_run_reaches_back_as_its_decay_says() -> None:
    mean = [torch.zeros(1, dtype=torch.float64)]
    moving_average(0.99)(mean, [torch.ones(1, dtype=torch.float64)], 10_000)
    assert float(mean[0]) == pytest.approx(0.01)


@pytest.mark.parametrize("content", [b"", b"no checkpoint at all", None])
def test_a_broken_checkpoint_is_refused_by_name_with_a_remedy(tmp_path: Path, content: bytes | None) -> None:
    checkpoint = tmp_path / "run.pt"
    Run(checkpoint).go()
    whole = checkpoint.read_bytes()
    checkpoint.write_bytes(whole[: len(whole) // 2] if content is None else content)
    with pytest.raises(BioposeError, match=r"run\.pt: is broken.*start again without it"):
        Run(checkpoint).go()


def test_a_checkpoint_of_another_network_is_refused(tmp_path: Path) -> None:
    Run(tmp_path / "run.pt").go()
    with pytest.raises(BioposeError, match=r"run\.pt: is broken, or a checkpoint of another network"):
        Run(tmp_path / "run.pt", width=9).go()


def test_a_checkpoint_of_an_earlier_loop_is_refused_by_name(tmp_path: Path) -> None:
    """Its moving average was called `mean`, and it held no state of a learning rate scheduler."""
    Run(tmp_path / "run.pt").go()
    state = torch.load(tmp_path / "run.pt", weights_only=True)
    del state["scheduler"]
    state["mean"] = state.pop("average")
    torch.save(state, tmp_path / "run.pt")
    with pytest.raises(BioposeError, match=r"run\.pt: is of an earlier version .* cannot be resumed; start again"):
        Run(tmp_path / "run.pt").go()


def test_the_optimizer_takes_the_rates_of_the_schedule(tmp_path: Path) -> None:
    run = Run(tmp_path / "run.pt", schedule=Schedule(steps=6, report_every=1, learning_rate=0.01))
    rates = []

    def keep(step: int, _: dict[str, float]) -> None:
        if step > 1:  # the checkpoint is that of the step before
            rates.append(torch.load(tmp_path / "run.pt", weights_only=True)["optimizer"]["param_groups"][0]["lr"])

    run.go(keep)
    assert rates == [0.01 * run.schedule.share(step) for step in range(1, 6)]
