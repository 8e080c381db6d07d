"""A training run of NeurIK, from recorded motion to weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from biopose.body.segment_body import SegmentBody
from biopose.models.neurik import Neurik, NeurikShape, save_neurik
from biopose.models.neurik_answer import AnswerDecoder
from biopose.skeleton.full_body import full_body_skeleton
from biopose.training.loop import Report, Schedule, train
from biopose.training.marker_trajectories import MarkerBatch, MarkerSource, marker_owners
from biopose.training.motion import cmu_motions
from biopose.training.neurik_training import Judge, answered_by, calibrate_neurik, neurik_figures, neurik_loss
from biopose.training.synthetic.shards import of_split, split_motions
from biopose.training.synthetic.skeletons import Skeletons, skeletons_of_drawn

SEED = 0  # of the weights that training begins with
SOURCE_SEEDS = {"train": 1, "validation": 2, "test": 3}
JUDGED_WINDOWS, JUDGED_BATCHES, CALIBRATION_BATCHES = 64, 4, 16
JUDGED_BY = "mae_deg"
LONGEST = 32  # frames of a window
SHORT_SHARE = 0.15  # of batches whose windows are shorter, by any number of frames


@dataclass(frozen=True)
class NeurikPreset:
    """A run's choices.

    Attributes:
        schedule: the run's length and pace.
        windows: in a batch.
        shape: of the network.
    """

    schedule: Schedule
    windows: int
    shape: NeurikShape = field(default_factory=NeurikShape)


PRESETS: Mapping[str, NeurikPreset] = {
    "cpu": NeurikPreset(Schedule(steps=6_000, falling_share=0.4, mean_decay=0.998), windows=32),
    "gpu": NeurikPreset(Schedule(steps=60_000, falling_share=0.4, mean_decay=0.999, report_every=1000), windows=256),
}


def train_neurik_from(
    motion: Path, out: Path, *, preset: str, device: str, report: Report, people: Path | None = None
) -> Path:
    """Train on CMU's motions and drawn people, or go on with a run that was interrupted.

    Args:
        motion: folder of CMU's .asf and .amc files.
        out: folder of the run: its checkpoint, and the weights at the end.
        preset: of `PRESETS`.
        device: where the network is; the windows are drawn on the CPU.
        report: called with the step and figures on held-out motions and people, then with the calibrated ones.
        people: folder that keeps the drawn people; None: the run's own.

    Returns:
        the weights, neurik.safetensors.

    Raises:
        BioposeError: no motions there, or a file of the run is broken.
    """
    out.mkdir(parents=True, exist_ok=True)
    chosen = PRESETS[preset]
    sources = {split: marker_source(motion, people or out, split) for split in ("train", "validation")}
    network = train_neurik(
        sources["train"],
        sources["validation"],
        preset=chosen,
        checkpoint=out / "neurik.checkpoint.pt",
        report=report,
        device=device,
    )
    weights = out / "neurik.safetensors"
    save_neurik(weights, network)
    return weights


def marker_source(motion: Path, people: Path, split: str) -> MarkerSource:
    """What a split draws from; splits have no people in common, and training no motions with the others.

    Args:
        motion: folder of CMU's .asf and .amc files.
        people: folder that keeps the drawn people.
        split: train, validation or test.

    Raises:
        BioposeError: no motions there, or a file is broken.
    """
    skeletons = of_split(split, partial(skeletons_of_drawn, SegmentBody.load(), people))
    motions = split_motions(cmu_motions(motion), split)
    return MarkerSource(motions, skeletons, seed=SOURCE_SEEDS[split], varied=split == "train")


def train_neurik(
    source: MarkerSource,
    held_out: MarkerSource,
    *,
    preset: NeurikPreset,
    checkpoint: Path,
    report: Report,
    device: str = "cpu",
) -> Neurik:
    """Train, or go on from the checkpoint; the network comes with its standard deviations calibrated.

    Args:
        source: draws what is learned from.
        held_out: draws what reports are measured on and the standard deviations calibrated.
        preset: the run's choices.
        checkpoint: written whole at each report; read first if it is there.
        report: called with the step and figures.
        device: where the network is.

    Returns:
        the network with the mean weights, in evaluation mode.

    Raises:
        ModelError: the checkpoint is broken, or that of another shape.
    """
    judge = Judge(AnswerDecoder(full_body_skeleton(), device=device))

    def loss(network: Neurik, step: int) -> Tensor:
        batch = source.draw(preset.windows, frames=frames_of(step)).to(device)
        return neurik_loss(network, batch, judge)

    def figures(network: Neurik) -> dict[str, float]:
        return both_figures(network, judge, clean, faulty)

    clean, faulty = (held_out_batches(held_out, JUDGED_BATCHES, clean=c, device=device) for c in (True, False))
    torch.manual_seed(SEED)
    network = train(
        Neurik(preset.shape, places_m=usual_places_m(source.people)).to(device),
        loss=loss,
        figures=figures,
        judged_by=JUDGED_BY,
        schedule=preset.schedule,
        checkpoint=checkpoint,
        report=report,
        generator=source.generator,
    )
    calibrate_neurik(network, held_out_batches(held_out, CALIBRATION_BATCHES, clean=False, device=device), judge)
    report(preset.schedule.steps, figures(network))
    return network


def held_out_batches(source: MarkerSource, count: int, *, clean: bool, device: str) -> list[MarkerBatch]:
    """Batches that judge or calibrate."""
    return [source.draw(JUDGED_WINDOWS, frames=LONGEST, clean=clean).to(device) for _ in range(count)]


def both_figures(
    network: Neurik, judge: Judge, clean: list[MarkerBatch], faulty: list[MarkerBatch]
) -> dict[str, float]:
    """Figures on faulty windows by their names, those on clean ones with clean_ before."""
    answering = answered_by(network, judge.decoder)
    on_clean = neurik_figures(answering, clean, judge)
    kept = ("mae_deg", "mpblpe_mm", "mae_body")
    return neurik_figures(answering, faulty, judge) | {f"clean_{name}": on_clean[name] for name in kept}


def frames_of(step: int) -> int:
    """Of a step's windows."""
    generator = torch.Generator().manual_seed(step)
    if float(torch.rand(1, generator=generator)) >= SHORT_SHARE:
        return LONGEST
    return 1 + int(torch.randint(LONGEST - 1, (1,), generator=generator))


def usual_places_m(people: Skeletons) -> Tensor:
    """(M, 3) where people's markers lie in their segments on average, on the unscaled skeleton."""
    owner = marker_owners(full_body_skeleton())
    return (people.marker_locations_m / people.body_scales[:, owner]).mean(0)
