"""The one training loop: resumable, with a mean of the weights, reporting to a callback.

The learning rate rises, stays, and falls to nothing over the last part; what is kept is the running mean of the
weights, which reaches back further the longer the run is, so that early figures are not those of the untrained network.
Everything that is drawn hangs on the step alone or on a generator that the checkpoint holds, so a run that
was interrupted goes on as it would have.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from biopose.errors import ModelError
from biopose.io.files import written_whole

WARM_UP_STEPS = 200
WEIGHT_DECAY = 0.01
GRADIENT_NORM = 1.0

Tensors = tuple[Tensor, ...] | list[Tensor]
Report = Callable[[int, dict[str, float]], None]
Network = TypeVar("Network", bound=nn.Module)


def report_line(step: int, figures: Mapping[str, float]) -> str:
    """A report, for a person."""
    return f"step {step}: " + ", ".join(f"{name} {value:.3f}" for name, value in figures.items())


@dataclass(frozen=True)
class Schedule:
    """A run's length and pace.

    Attributes:
        steps: gradient steps.
        learning_rate: at its highest.
        falling_share: of the steps at the end, over which the learning rate falls to nothing.
        mean_decay: of the running mean of the weights, a step, at its slowest.
        report_every: steps between reports and checkpoints.
        patience: reports without a better figure after which the run stops; None goes on to the end.
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
    figures: Callable[[Network], dict[str, float]],
    judged_by: str,
    schedule: Schedule,
    checkpoint: Path,
    report: Report,
    generator: torch.Generator | None = None,
) -> Network:
    """Train, or go on from the checkpoint.

    Args:
        network: to be trained, where it shall lie.
        loss: of the network on the batch of a step.
        figures: of the mean network on what is held out.
        judged_by: which of the figures tells when to stop; the lower the better.
        schedule: how long and how fast.
        checkpoint: written whole at each report; read first if it is there.
        report: called with the step and figures.
        generator: what the batches are drawn from, where they do not hang on the step alone.

    Returns:
        the network with the mean weights, in evaluation mode.

    Raises:
        ModelError: the checkpoint is broken, or that of another network.
    """
    mean = torch.optim.swa_utils.AveragedModel(network, multi_avg_fn=running_mean(schedule.mean_decay))
    optimizer = torch.optim.AdamW(
        network.parameters(), lr=schedule.learning_rate, weight_decay=WEIGHT_DECAY, fused=True
    )
    run = _Run({"network": network, "mean": mean, "optimizer": optimizer}, generator, checkpoint)
    run.resume()
    while run.step < schedule.steps and not run.is_stuck(schedule.patience):
        for group in optimizer.param_groups:
            group["lr"] = schedule.learning_rate * schedule.share(run.step)
        torch.manual_seed(run.step)  # what drops out
        value = loss(network.train(), run.step)
        optimizer.zero_grad()
        value.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), GRADIENT_NORM)
        optimizer.step()
        mean.update_parameters(network)
        run.step += 1
        if run.step % schedule.report_every == 0 or run.step == schedule.steps:
            found = {"loss": float(value.detach()), **figures(_network_of(mean))}
            run.judge(found[judged_by])
            report(run.step, found)
            run.save()
    return _network_of(mean)


def _network_of(mean: torch.optim.swa_utils.AveragedModel) -> Any:
    """The mean network itself, of the class that is trained."""
    return mean.module.eval()


def running_mean(decay: float) -> Callable[[Tensors, Tensors, Tensor | int], None]:
    """A mean that reaches back further the more weights went into it, at most as `decay` a step has it."""

    @torch.no_grad()
    def update(mean: Tensors, now: Tensors, averaged: Tensor | int) -> None:
        n = int(averaged)
        torch._foreach_lerp_(mean, now, 1 - min(decay, (1 + n) / (10 + n)))

    return update


class _Run:
    """Where a run is, and its checkpoint."""

    def __init__(self, parts: Mapping[str, Any], generator: torch.Generator | None, checkpoint: Path) -> None:
        self.parts, self.generator, self.checkpoint = parts, generator, checkpoint
        self.step, self.best, self.since_best = 0, float("inf"), 0

    def judge(self, figure: float) -> None:
        self.since_best = 0 if figure < self.best else self.since_best + 1
        self.best = min(self.best, figure)

    def is_stuck(self, patience: int | None) -> bool:
        return patience is not None and self.since_best >= patience

    def resume(self) -> None:
        if not self.checkpoint.is_file():
            return
        content = io.BytesIO(self.checkpoint.read_bytes())
        try:
            self._take(torch.load(content, weights_only=True, map_location="cpu"))  # as the generator wants it
        except (OSError, RuntimeError, KeyError, ValueError, TypeError, EOFError, pickle.UnpicklingError) as error:
            raise ModelError(
                f"{self.checkpoint}: is broken, or a checkpoint of another network; begin anew without it, or in "
                "another folder"
            ) from error

    def _take(self, kept: Mapping[str, Any]) -> None:
        for name, part in self.parts.items():
            part.load_state_dict(kept[name])
        if self.generator is not None:
            self.generator.set_state(kept["generator"])
        self.step, self.best, self.since_best = kept["step"], kept["best"], kept["since_best"]

    def save(self) -> None:
        state = {name: part.state_dict() for name, part in self.parts.items()}
        state |= {"step": self.step, "best": self.best, "since_best": self.since_best}
        if self.generator is not None:
            state["generator"] = self.generator.get_state()
        with written_whole(self.checkpoint) as unfinished:
            torch.save(state, unfinished)
