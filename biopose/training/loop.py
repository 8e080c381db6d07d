"""The training loop of all networks: resumable, with an exponential moving average of the weights.

The learning rate rises linearly over the first steps, is constant, and falls linearly to zero over the last part. The
weights that are kept are the moving average (Polyak and Juditsky 1992), whose window grows with the run, so that early
metrics are not those of the initial weights. Random numbers depend on the step alone or come from a generator that the
checkpoint holds: a resumed run ends with exactly the weights of an uninterrupted one.
"""

from __future__ import annotations

import io
import pickle
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import LambdaLR
from torch.optim.swa_utils import AveragedModel

from biopose.errors import ModelError
from biopose.io.files import written_whole

WARM_UP_STEPS = 200
PROGRESS_S, CHECKPOINT_S = 15.0, 60.0  # between lines of progress, and between checkpoints, if no report comes first
WEIGHT_DECAY = 0.01
GRADIENT_NORM = 1.0

Tensors = tuple[Tensor, ...] | list[Tensor]
Report = Callable[[int, dict[str, float]], None]  # the step and its metrics
Network = TypeVar("Network", bound=nn.Module)


def report_line(step: int, metrics: Mapping[str, float]) -> str:
    """A report as a line of text."""
    return f"step {step}: " + ", ".join(f"{name} {value:.3f}" for name, value in metrics.items())


@dataclass(frozen=True)
class Schedule:
    """Length and pace of a run.

    Attributes:
        steps: of the optimizer.
        learning_rate: the highest.
        falling_share: share of the steps, at the end, over which the learning rate falls to zero.
        mean_decay: decay per step of the moving average of the weights, once its window has grown to that.
        report_every: steps between reports; each writes a checkpoint.
        patience: reports without improvement after which the run stops early; None never stops early.
    """

    steps: int
    learning_rate: float = 1e-3
    falling_share: float = 0.2
    mean_decay: float = 0.998
    report_every: int = 200
    patience: int | None = None

    def share(self, step: int) -> float:
        """Of the highest learning rate, at a step."""
        falling = (self.steps - step) / (self.falling_share * self.steps)
        return min(1.0, (step + 1) / WARM_UP_STEPS, falling)


def train(
    network: Network,
    *,
    loss: Callable[[Network, int], Tensor],
    evaluate: Callable[[Network], dict[str, float]],
    monitored: str,
    schedule: Schedule,
    checkpoint: Path,
    report: Report,
    generator: torch.Generator | None = None,
) -> Network:
    """Train, or resume from the checkpoint.

    Args:
        network: to be trained, on its device.
        loss: of the network on the batch of a step.
        evaluate: metrics of the averaged network on held-out data.
        monitored: the metric that early stopping watches; lower is better.
        schedule: length and pace.
        checkpoint: written atomically at each report, and each minute between; a run resumes from it where it exists.
        report: called with the step and its metrics; between evaluations, with the loss and the steps per second.
        generator: that the batches are drawn from, unless they depend on the step alone.

    Returns:
        the network with the averaged weights, in evaluation mode.

    Raises:
        ModelError: the checkpoint is broken, of another network, or of an earlier version of this loop.
    """
    average = AveragedModel(network, multi_avg_fn=moving_average(schedule.mean_decay))
    optimizer = torch.optim.AdamW(
        network.parameters(), lr=schedule.learning_rate, weight_decay=WEIGHT_DECAY, fused=True
    )
    scheduler = LambdaLR(optimizer, schedule.share)
    parts = {"network": network, "average": average, "optimizer": optimizer, "scheduler": scheduler}
    run = _RunState(parts, generator, checkpoint)
    run.resume()
    clock = _Clock(run.step)
    while run.step < schedule.steps and not run.stops_early(schedule.patience):
        torch.manual_seed(run.step)  # of dropout
        value = loss(network.train(), run.step)
        optimizer.zero_grad()
        value.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), GRADIENT_NORM)
        optimizer.step()
        scheduler.step()
        average.update_parameters(network)
        run.step += 1
        if run.step % schedule.report_every == 0 or run.step == schedule.steps:
            metrics = {"loss": float(value.detach()), **evaluate(_averaged_network(average))}
            run.count_report(metrics[monitored])
            report(run.step, metrics)
            run.save()
            clock.restart(run.step)
        elif rate := clock.rate_to_show(run.step):
            report(run.step, {"loss": float(value.detach()), "steps_per_s": rate})
            if clock.is_checkpoint_due():
                run.save()
    return _averaged_network(average)


def _averaged_network(average: AveragedModel) -> Any:
    """Of the class that is trained."""
    return average.module.eval()


def moving_average(decay: float) -> Callable[[Tensors, Tensors, Tensor | int], None]:
    """An exponential moving average whose decay grows with the number of averaged weights, up to `decay`."""

    @torch.no_grad()
    def update(average: Tensors, current: Tensors, averaged: Tensor | int) -> None:
        n = int(averaged)
        torch._foreach_lerp_(average, current, 1 - min(decay, (1 + n) / (10 + n)))

    return update


class _Clock:
    """When to show progress and to save between two evaluations; what is trained does not depend on it.

    Args:
        step: that the run begins at.
    """

    def __init__(self, step: int) -> None:
        self.restart(step)

    def restart(self, step: int) -> None:
        """An evaluation was reported and saved."""
        self._shown_step = step
        self._shown_s = self._saved_s = time.monotonic()

    def rate_to_show(self, step: int) -> float | None:
        """Steps per second since the last line; None where it is too early for the next."""
        now_s, steps = time.monotonic(), step - self._shown_step
        if (waited_s := now_s - self._shown_s) < PROGRESS_S:
            return None
        self._shown_step, self._shown_s = step, now_s
        return steps / max(waited_s, 1e-9)

    def is_checkpoint_due(self) -> bool:
        """Whether to save; asked once, it is saved."""
        now_s = time.monotonic()
        if now_s - self._saved_s < CHECKPOINT_S:
            return False
        self._saved_s = now_s
        return True


class _RunState:
    """Progress of a run, and its checkpoint."""

    def __init__(self, parts: Mapping[str, Any], generator: torch.Generator | None, checkpoint: Path) -> None:
        self.parts, self.generator, self.checkpoint = parts, generator, checkpoint
        self.step, self.best, self.since_best = 0, float("inf"), 0

    def count_report(self, value: float) -> None:
        self.since_best = 0 if value < self.best else self.since_best + 1
        self.best = min(self.best, value)

    def stops_early(self, patience: int | None) -> bool:
        return patience is not None and self.since_best >= patience

    def resume(self) -> None:
        if not self.checkpoint.is_file():
            return
        content = io.BytesIO(self.checkpoint.read_bytes())
        try:
            state = torch.load(content, weights_only=True, map_location="cpu")  # as the generator needs it
            if "scheduler" not in state and "mean" in state:
                raise ModelError(
                    f"{self.checkpoint}: is of an earlier version of BioPose, whose training cannot be resumed; start "
                    "again without it, or in another folder"
                )
            self._load(state)
        except (OSError, RuntimeError, KeyError, ValueError, TypeError, EOFError, pickle.UnpicklingError) as error:
            raise ModelError(
                f"{self.checkpoint}: is broken, or a checkpoint of another network; start again without it, or in "
                "another folder"
            ) from error

    def _load(self, state: Mapping[str, Any]) -> None:
        for name, part in self.parts.items():
            part.load_state_dict(state[name])
        if self.generator is not None:
            self.generator.set_state(state["generator"])
        self.step, self.best, self.since_best = state["step"], state["best"], state["since_best"]

    def save(self) -> None:
        state = {name: part.state_dict() for name, part in self.parts.items()}
        state |= {"step": self.step, "best": self.best, "since_best": self.since_best}
        if self.generator is not None:
            state["generator"] = self.generator.get_state()
        with written_whole(self.checkpoint) as unfinished:
            torch.save(state, unfinished)
