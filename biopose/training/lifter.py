"""Training of the temporal lifter, from recorded motion to weights: presets, loss, metrics (`biopose train lifter`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from biopose.body.keypoint_landmarks import skeleton_with_keypoints
from biopose.hmr.lifter import Lifter, LifterShape, load_lifter, save_lifter
from biopose.skeleton.full_body import full_body_skeleton
from biopose.training.data.motion import cmu_motions, held_out_alone, without_held_out
from biopose.training.data.projected_motion import MotionProjector, ProjectedMotion, draw_proportions
from biopose.training.gaussian_nll import gaussian_nll
from biopose.training.loop import Report, Schedule, train

JUDGED_WINDOWS = 256
PEOPLE, HELD_OUT_PEOPLE = 40, 8
PEOPLE_SEED, TRAINING_SEED, HELD_OUT_SEED = 7, 1, 2
VELOCITY_WEIGHT, NLL_WEIGHT, UP_WEIGHT = 1.0, 0.02, 0.2


@dataclass(frozen=True)
class LifterPreset:
    """A run's choices.

    Attributes:
        schedule: the run's length and pace.
        windows: in a batch.
        frames: of a window.
        goes_on: from the weights that ship, not from nothing.
    """

    schedule: Schedule
    windows: int
    frames: int
    goes_on: bool = False


_FURTHER = Schedule(steps=9_000, learning_rate=5e-4, falling_share=0.6)
PRESETS: Mapping[str, LifterPreset] = {
    "cpu": LifterPreset(Schedule(steps=10_000), windows=48, frames=48),
    "cpu-further": LifterPreset(_FURTHER, windows=48, frames=48, goes_on=True),
    "gpu": LifterPreset(Schedule(steps=40_000), windows=512, frames=64),
}


def projectors(motion: Path) -> tuple[MotionProjector, MotionProjector]:
    """What training draws from, and what nothing was trained on: other trials and other people.

    Raises:
        BioposeError: no motions there.
    """
    skeleton = skeleton_with_keypoints(full_body_skeleton())
    motions = cmu_motions(motion)
    people = draw_proportions(PEOPLE + HELD_OUT_PEOPLE, full_body_skeleton(), seed=PEOPLE_SEED)
    train, held_out = without_held_out(motions), held_out_alone(motions)
    return (
        MotionProjector(train, skeleton, people[:PEOPLE], seed=TRAINING_SEED),
        MotionProjector(held_out, skeleton, people[PEOPLE:], seed=HELD_OUT_SEED),
    )


def train_lifter_from(motion: Path, out: Path, *, preset: str, device: str, report: Report) -> Path:
    """Train on CMU's motions, or go on with a run that was interrupted.

    Args:
        motion: folder of CMU's .asf and .amc files.
        out: folder of the run: its checkpoint, and the weights at the end.
        preset: of `PRESETS`.
        device: where the network is.
        report: called with the step and figures on held-out motions and people.

    Returns:
        the weights, lifter.safetensors.

    Raises:
        BioposeError: no motions there.
    """
    out.mkdir(parents=True, exist_ok=True)
    lifter = train_lifter(
        *projectors(motion),
        preset=PRESETS[preset],
        checkpoint=out / "lifter.checkpoint.pt",
        report=report,
        device=device,
    )
    weights = out / "lifter.safetensors"
    save_lifter(weights, lifter)
    return weights


def train_lifter(
    projector: MotionProjector,
    held_out: MotionProjector,
    *,
    preset: LifterPreset,
    checkpoint: Path,
    report: Report,
    device: str = "cpu",
) -> Lifter:
    """Train, or go on from the checkpoint.

    Args:
        projector: draws what is learned from.
        held_out: draws what the reports are measured on; of motions that `projector` lacks.
        preset: the run's choices.
        checkpoint: written whole at each report; read first if it is there.
        report: called with the step and figures.
        device: where the network lies; the windows are drawn on the CPU.

    Returns:
        the network with the mean weights, in evaluation mode.

    Raises:
        ModelError: the checkpoint is broken.
    """
    torch.manual_seed(0)
    test = held_out.draw(JUDGED_WINDOWS, frames=preset.frames)

    def loss(lifter: Lifter, _: int) -> Tensor:
        return lifter_loss(lifter, projector.draw(preset.windows, frames=preset.frames), device=device)

    return train(
        (load_lifter() if preset.goes_on else Lifter(LifterShape())).to(device),
        loss=loss,
        figures=lambda lifter: lifter_accuracy(lifter, test, device=device),
        judged_by="mpjpe_mm",
        schedule=preset.schedule,
        checkpoint=checkpoint,
        report=report,
        generator=projector.generator,
    )


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
        + NLL_WEIGHT * gaussian_nll(said.sd, error.detach())
        + UP_WEIGHT * (1 - (said.up * up).sum(-1)).mean()
    )


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
