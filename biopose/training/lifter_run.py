"""A training run of the lifter, from recorded motion to weights: `biopose train lifter`."""

from __future__ import annotations

from pathlib import Path

from biopose.body.keypoint_landmarks import skeleton_with_keypoints
from biopose.hmr.lifter import save_lifter
from biopose.skeleton.full_body import full_body_skeleton
from biopose.training.data.motion import cmu_motions, held_out_alone, without_held_out
from biopose.training.data.projected_motion import MotionProjector, draw_proportions
from biopose.training.lifter_training import PRESETS, train_lifter
from biopose.training.loop import Report

PEOPLE, HELD_OUT_PEOPLE = 40, 8
PEOPLE_SEED, TRAINING_SEED, HELD_OUT_SEED = 7, 1, 2


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
