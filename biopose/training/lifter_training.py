"""Train the lifter: one loop, resumable, that reports to a callback.

The learning rate rises, stays, and falls to nothing over the last fifth; what is kept is the running mean of the
weights.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from biopose.io.files import written_whole
from biopose.models.lifter import Lifted, Lifter, LifterShape
from biopose.training.projected_motion import MotionProjector, ProjectedMotion

WARM_UP_STEPS = 200
FALLING_SHARE = 0.2
MEAN_DECAY = 0.998
WEIGHT_DECAY = 0.01
GRADIENT_NORM = 1.0
VELOCITY_WEIGHT, SURENESS_WEIGHT, UP_WEIGHT = 1.0, 0.02, 0.2


@dataclass(frozen=True)
class LifterPreset:
    """A run's choices.

    Attributes:
        steps: gradient steps.
        windows: in a batch.
        frames: of a window.
        learning_rate: at its highest.
        report_every: steps between reports and checkpoints.
    """

    steps: int
    windows: int
    frames: int
    learning_rate: float = 1e-3
    report_every: int = 200


PRESETS: Mapping[str, LifterPreset] = {
    "cpu": LifterPreset(steps=10_000, windows=48, frames=48),
    "gpu": LifterPreset(steps=40_000, windows=512, frames=64),
}


def train_lifter(
    train: MotionProjector,
    held_out: MotionProjector,
    *,
    preset: LifterPreset,
    checkpoint: Path,
    report: Callable[[int, dict[str, float]], None],
    device: str = "cpu",
) -> Lifter:
    """Train, or go on from the checkpoint.

    Args:
        train: draws what is learned from.
        held_out: draws what the reports are measured on; of motions that `train` lacks.
        preset: the run's choices.
        checkpoint: written whole at each report; read first if it is there.
        report: called with the step and figures.
        device: where the network lies; the windows are drawn on the CPU.

    Returns:
        the network with the mean weights, in evaluation mode.
    """
    lifter = Lifter(LifterShape()).to(device)
    mean = torch.optim.swa_utils.AveragedModel(
        lifter, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(MEAN_DECAY)
    )
    optimizer = torch.optim.AdamW(lifter.parameters(), lr=preset.learning_rate, weight_decay=WEIGHT_DECAY)
    state = {"lifter": lifter, "mean": mean, "optimizer": optimizer}
    done = _resume(state, train, checkpoint)
    test = held_out.draw(256, frames=preset.frames)
    for step in range(done, preset.steps):
        for group in optimizer.param_groups:
            group["lr"] = preset.learning_rate * schedule(step, steps=preset.steps)
        torch.manual_seed(step)  # what drops out hangs on the step alone: a resumed run goes on as it would have
        loss = lifter_loss(lifter.train(), train.draw(preset.windows, frames=preset.frames), device=device)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(lifter.parameters(), GRADIENT_NORM)
        optimizer.step()
        mean.update_parameters(lifter)
        if (step + 1) % preset.report_every == 0:
            report(step + 1, {"loss": float(loss.detach()), **lifter_accuracy(_kept(mean), test, device=device)})
            _save(state, train, checkpoint, step=step + 1)
    return _kept(mean)


def _kept(mean: torch.optim.swa_utils.AveragedModel) -> Lifter:
    lifter = mean.module.eval()
    assert isinstance(lifter, Lifter)
    return lifter


def schedule(step: int, *, steps: int) -> float:
    """Share of the highest learning rate at a step."""
    falling = (steps - step) / (FALLING_SHARE * steps)
    return min(1.0, (step + 1) / WARM_UP_STEPS, falling)


def lifter_loss(lifter: Lifter, batch: ProjectedMotion, *, device: str) -> Tensor:
    """Distance of the keypoints and of their steps from frame to frame, sureness, direction of up."""
    with torch.autocast(torch.device(device).type, dtype=torch.bfloat16):  # twice as fast, on processors too
        said = lifter(batch.input.features.to(device))
    truth, up = batch.keypoints.to(device), batch.up.to(device)
    error = said.keypoints - truth
    steps = error.diff(dim=-3)
    return (
        error.norm(dim=-1).mean()
        + VELOCITY_WEIGHT * steps.norm(dim=-1).mean()
        + SURENESS_WEIGHT * _surprise(said, error.detach())
        + UP_WEIGHT * (1 - (said.up * up).sum(-1)).mean()
    )


def _surprise(said: Lifted, error: Tensor) -> Tensor:
    """Negative log likelihood of normal errors with the standard deviations that the network claims, less a constant.

    The keypoint at the origin has no error.
    """
    across = error[..., :2].square().mean(-1)
    along = error[..., 2].square()
    variance = torch.stack([across, along], dim=-1)
    return (0.5 * variance / said.sd.square() + said.sd.log()).mean()


@torch.no_grad()
def lifter_accuracy(lifter: Lifter, batch: ProjectedMotion, *, device: str = "cpu") -> dict[str, float]:
    """Figures on held-out windows: mean distance (mm of a person of 1.75 m), of up (degrees)."""
    said = lifter(batch.input.features.to(device))
    error = said.keypoints.cpu() - batch.keypoints
    up = torch.rad2deg((said.up.cpu() * batch.up).sum(-1).clamp(-1, 1).acos())
    inside = (error[..., 2].abs() < 1.96 * said.sd[..., 1].cpu()).float()
    return {
        "mpjpe_mm": 1750 * float(error.norm(dim=-1).mean()),
        "depth_mm": 1750 * float(error[..., 2].abs().mean()),
        "up_deg": float(up.median()),
        "depth_coverage95": float(inside.mean()),
    }


def _resume(state: Mapping[str, Any], train: MotionProjector, checkpoint: Path) -> int:
    if not checkpoint.is_file():
        return 0
    kept = torch.load(checkpoint, weights_only=True, map_location="cpu")  # as the generator wants it
    for name, part in state.items():
        part.load_state_dict(kept[name])
    train.generator.set_state(kept["generator"])
    return int(kept["step"])


def _save(state: Mapping[str, Any], train: MotionProjector, checkpoint: Path, *, step: int) -> None:
    parts = {name: part.state_dict() for name, part in state.items()}
    with written_whole(checkpoint) as unfinished:
        torch.save(parts | {"generator": train.generator.get_state(), "step": step}, unfinished)
