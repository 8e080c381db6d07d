"""Training of the temporal lifter, from recorded motion to weights: presets, loss, metrics (`biopose train lifter`)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from biopose.body.keypoint_landmarks import skeleton_with_keypoints
from biopose.hmr.lifter import Lifter, LifterShape, load_lifter, save_lifter
from biopose.skeleton.full_body import full_body_skeleton
from biopose.training.calibration import coverage95
from biopose.training.data.cmu import CALIBRATIONS
from biopose.training.data.motion import FOR_REHEARSAL, cmu_motions, held_out_alone, without_held_out
from biopose.training.data.projected_motion import MotionProjector, ProjectedMotion, draw_proportions
from biopose.training.gaussian_nll import gaussian_nll, mean_squares_in_view
from biopose.training.loop import Report, Schedule, train
from biopose.training.run import TrainingRequest

HELD_OUT_WINDOWS = 256
PEOPLE, HELD_OUT_PEOPLE = 40, 8
PEOPLE_SEED, TRAINING_SEED, HELD_OUT_SEED = 7, 1, 2
VELOCITY_WEIGHT, NLL_WEIGHT, UP_WEIGHT = 1.0, 0.02, 0.2
HEIGHT_MM = 1750.0  # of the person that metrics in mm are given for


@dataclass(frozen=True)
class LifterPreset:
    """Choices of a run.

    Attributes:
        schedule: length and pace.
        windows: in a batch.
        frames: of a window.
        from_shipped: start from the weights that ship instead of random ones.
        subjects: of CMU's, or single trials of them.
        people: of training and held out; None: PEOPLE and HELD_OUT_PEOPLE.
    """

    schedule: Schedule
    windows: int
    frames: int
    from_shipped: bool = False
    subjects: tuple[str, ...] = tuple(CALIBRATIONS)
    people: tuple[int, int] | None = None


_FURTHER = Schedule(steps=9_000, learning_rate=5e-4, falling_share=0.6)
PRESETS: Mapping[str, LifterPreset] = {
    "cpu": LifterPreset(Schedule(steps=10_000), windows=48, frames=48),
    "cpu-further": LifterPreset(_FURTHER, windows=48, frames=48, from_shipped=True),
    "gpu": LifterPreset(Schedule(steps=40_000), windows=512, frames=64),
    "rehearsal": LifterPreset(
        Schedule(steps=20, report_every=10),
        windows=8,
        frames=48,
        from_shipped=True,
        subjects=FOR_REHEARSAL,
        people=(3, 1),
    ),
}


def projectors(
    motion: Path, *, subjects: Collection[str] = tuple(CALIBRATIONS), people: tuple[int, int] | None = None
) -> tuple[MotionProjector, MotionProjector]:
    """Sources of training and of held-out windows, which share neither trials nor people.

    Args:
        motion: folder of CMU's motion capture.
        subjects: of it.
        people: as `LifterPreset.people`.

    Raises:
        BioposeError: no motions there.
    """
    skeleton = skeleton_with_keypoints(full_body_skeleton())
    motions = cmu_motions(motion, subjects=subjects)
    trained, others = people or (PEOPLE, HELD_OUT_PEOPLE)
    drawn = draw_proportions(trained + others, full_body_skeleton(), seed=PEOPLE_SEED)
    train, held_out = without_held_out(motions), held_out_alone(motions)
    return (
        MotionProjector(train, skeleton, drawn[:trained], seed=TRAINING_SEED),
        MotionProjector(held_out, skeleton, drawn[trained:], seed=HELD_OUT_SEED),
    )


def train_lifter_from(request: TrainingRequest, *, report: Report) -> Path:
    """Train on CMU's motions, or resume an interrupted run.

    Args:
        request: the run; no training data is kept.
        report: called with the step and the metrics on held-out motions and people.

    Returns:
        path of the weights, lifter.safetensors.

    Raises:
        BioposeError: no motions there, or the checkpoint cannot be resumed.
    """
    request.out.mkdir(parents=True, exist_ok=True)
    preset = request.of_length(PRESETS[request.preset])
    lifter = train_lifter(
        *projectors(request.motion, subjects=preset.subjects, people=preset.people),
        preset=preset,
        checkpoint=request.out / "lifter.checkpoint.pt",
        report=report,
        device=request.device,
    )
    weights = request.out / "lifter.safetensors"
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
    """Train, or resume from the checkpoint.

    Args:
        projector: source of the training batches.
        held_out: source of the windows for the metrics, of motions that `projector` lacks.
        preset: choices of the run.
        checkpoint: written at each report; a run resumes from it where it exists.
        report: called with the step and its metrics.
        device: of the network; the windows are drawn on the CPU.

    Returns:
        the network with the averaged weights, in evaluation mode.

    Raises:
        ModelError: the checkpoint cannot be resumed.
    """
    torch.manual_seed(0)
    test = held_out.draw(HELD_OUT_WINDOWS, frames=preset.frames)

    def loss(lifter: Lifter, _: int) -> Tensor:
        return lifter_loss(lifter, projector.draw(preset.windows, frames=preset.frames), device=device)

    return train(
        (load_lifter() if preset.from_shipped else Lifter(LifterShape())).to(device),
        loss=loss,
        evaluate=lambda lifter: lifter_metrics(lifter, test, device=device),
        monitored="mpjpe_mm",
        schedule=preset.schedule,
        checkpoint=checkpoint,
        report=report,
        generator=projector.generator,
    )


def lifter_loss(lifter: Lifter, batch: ProjectedMotion, *, device: str) -> Tensor:
    """Distance of keypoints and of their velocities, Gaussian negative log-likelihood, direction of gravity."""
    with torch.autocast(torch.device(device).type, dtype=torch.bfloat16):  # twice as fast, on CPUs too
        predicted = lifter(batch.input.features.to(device))
    truth, up = batch.keypoints.to(device), batch.up.to(device)
    error = predicted.keypoints - truth
    velocity_error = error.diff(dim=-3)
    return (
        error.norm(dim=-1).mean()
        + VELOCITY_WEIGHT * velocity_error.norm(dim=-1).mean()
        + NLL_WEIGHT * gaussian_nll(predicted.sd.log(), mean_squares_in_view(error.detach()))
        + UP_WEIGHT * (1 - (predicted.up * up).sum(-1)).mean()
    )


@torch.no_grad()
def lifter_metrics(lifter: Lifter, batch: ProjectedMotion, *, device: str = "cpu") -> dict[str, float]:
    """Metrics on held-out windows.

    Returns:
        mpjpe_mm and depth_mm, mean keypoint and depth errors in mm of a person of 1.75 m; up_deg, the median angle to
        the true vertical; depth_coverage95, the share of depths inside their 95 % intervals.
    """
    predicted = lifter(batch.input.features.to(device))
    error = predicted.keypoints.cpu() - batch.keypoints
    up = torch.rad2deg((predicted.up.cpu() * batch.up).sum(-1).clamp(-1, 1).acos())
    return {
        "mpjpe_mm": HEIGHT_MM * float(error.norm(dim=-1).mean()),
        "depth_mm": HEIGHT_MM * float(error[..., 2].abs().mean()),
        "up_deg": float(up.median()),
        "depth_coverage95": coverage95(error[..., 2], predicted.sd[..., 1].cpu()),
    }
