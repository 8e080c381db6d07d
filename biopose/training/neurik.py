"""A training run of NeurIK, from recorded motion to weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from biopose.body.segment_body import SegmentBody
from biopose.neurik.marker_segments import marker_owners
from biopose.neurik.network import Neurik, NeurikShape, save_neurik
from biopose.neurik.output import OutputDecoder
from biopose.neurik.trial import WINDOW
from biopose.skeleton.full_body import full_body_skeleton
from biopose.training.data.marker_batch import MarkerBatch
from biopose.training.data.marker_trajectories import MarkerSource
from biopose.training.data.motion import cmu_motions
from biopose.training.data.recorded_windows import RecordedWindows, recorded_clips
from biopose.training.loop import Report, Schedule, train
from biopose.training.neurik_loss import (
    Judge,
    LossWeights,
    answered_by,
    calibrate_neurik,
    neurik_figures,
    neurik_loss,
)
from biopose.training.synthetic.clip_shards import ClipFolder, ClipShardMaker
from biopose.training.synthetic.shards import make_shards, of_split, split_motions
from biopose.training.synthetic.skeletons import Skeletons, skeletons_of_drawn

SEED = 0  # of the weights that training begins with
SOURCE_SEEDS = {"train": 1, "validation": 2, "test": 3}
JUDGED_WINDOWS, JUDGED_BATCHES, CALIBRATION_BATCHES = 64, 4, 16
JUDGED_BY = "mae_deg"
SHORT_SHARE = 0.15  # of batches whose windows are shorter, by any number of frames


@dataclass(frozen=True)
class NeurikPreset:
    """A run's choices.

    Attributes:
        schedule: the run's length and pace.
        windows: in a batch.
        clip_shards: of clips that MQ-HMR is recorded on, by split; none: nothing is recorded.
        shape: of the network.
        losses: what it is trained for.
        longest: frames of its windows, in training and where it is judged.
    """

    schedule: Schedule
    windows: int
    clip_shards: Mapping[str, int]
    shape: NeurikShape = field(default_factory=NeurikShape)
    losses: LossWeights = field(default_factory=LossWeights)
    longest: int = WINDOW


PRESETS: Mapping[str, NeurikPreset] = {
    "cpu": NeurikPreset(
        Schedule(steps=2_000, falling_share=0.6, mean_decay=0.995, report_every=250),
        windows=32,
        clip_shards={"train": 8, "validation": 2},
    ),
    "gpu": NeurikPreset(
        Schedule(steps=60_000, falling_share=0.4, mean_decay=0.999, report_every=1000),
        windows=256,
        clip_shards={"train": 200, "validation": 6},
    ),
}


def train_neurik_from(
    motion: Path,
    out: Path,
    *,
    preset: str,
    device: str,
    processes: int,
    report: Report,
    clips: Path | None = None,
    shard_made: Callable[[str, int], None] = lambda _split, _index: None,
) -> Path:
    """Record what is missing of the clips and train, or go on with a run that was interrupted.

    Args:
        motion: folder of CMU's .asf and .amc files.
        out: folder of the run: its clips, its checkpoint, and the weights at the end.
        preset: of `PRESETS`.
        device: where the network is; the windows are drawn on the CPU.
        processes: that record clips.
        report: called with the step and figures on held-out motions and people, then with the calibrated ones.
        clips: folder that keeps the clips and the drawn people; None puts them into `out`.
        shard_made: called with the split and index of each shard of clips that was recorded.

    Returns:
        the weights, neurik.safetensors.

    Raises:
        BioposeError: no motions there, or a file of the run is broken.
    """
    out.mkdir(parents=True, exist_ok=True)
    chosen, where = PRESETS[preset], ClipFolder(clips or out / "clips", motion)
    for split, count in chosen.clip_shards.items():
        make_shards(where, split, count, maker=ClipShardMaker, processes=processes, report=partial(shard_made, split))
    train_source, held_out = (
        marker_source(where, split, shards=chosen.clip_shards.get(split, 0)) for split in ("train", "validation")
    )
    network = train_neurik(
        train_source,
        held_out,
        preset=chosen,
        checkpoint=out / "neurik.checkpoint.pt",
        report=report,
        device=device,
    )
    weights = out / "neurik.safetensors"
    save_neurik(weights, network)
    return weights


def marker_source(where: ClipFolder, split: str, *, shards: int) -> MarkerSource:
    """What a split draws from; splits have no people in common, and training no motions with the others.

    Args:
        where: the clips and the drawn people are kept.
        split: train, validation or test.
        shards: of its clips.

    Raises:
        BioposeError: no motions there, or a file is missing or broken.
    """
    skeletons = of_split(split, partial(skeletons_of_drawn, SegmentBody.load(), where.folder))
    motions = split_motions(cmu_motions(where.motion), split)
    recorded = RecordedWindows(recorded_clips(where, split, range(shards))) if shards else None
    return MarkerSource(motions, skeletons, seed=SOURCE_SEEDS[split], varied=split == "train", recorded=recorded)


def train_neurik(
    source: MarkerSource,
    held_out: MarkerSource,
    *,
    preset: NeurikPreset,
    checkpoint: Path,
    report: Report,
    device: str = "cpu",
    kind: type[Neurik] = Neurik,
    decoder: type[OutputDecoder] = OutputDecoder,
) -> Neurik:
    """Train, or go on from the checkpoint; the network comes with its standard deviations calibrated.

    Args:
        source: draws what is learned from.
        held_out: draws what reports are measured on and the standard deviations calibrated.
        preset: the run's choices.
        checkpoint: written whole at each report; read first if it is there.
        report: called with the step and figures.
        device: where the network is.
        kind: of network; another in an ablation.
        decoder: of its answers.

    Returns:
        the network with the mean weights, in evaluation mode.

    Raises:
        ModelError: the checkpoint is broken, or that of another shape.
    """
    judge = Judge(decoder(full_body_skeleton(), device=device))

    def loss(network: Neurik, step: int) -> Tensor:
        frames = frames_of(step, longest=preset.longest)
        batch = source.draw(preset.windows, frames=frames, calibrated=step % 2 == 0).to(device)
        return neurik_loss(network, batch, judge, weights=preset.losses)

    def figures(network: Neurik) -> dict[str, float]:
        answering = answered_by(network, judge.decoder)
        return {
            prefix + name: value
            for prefix, batches in judged.items()
            for name, value in neurik_figures(answering, batches, judge).items()
        }

    judged = held_out_batches(held_out, JUDGED_BATCHES, frames=preset.longest, device=device)
    torch.manual_seed(SEED)
    network = train(
        kind(preset.shape, locations_m=default_locations_m(source.people)).to(device),
        loss=loss,
        figures=figures,
        judged_by=JUDGED_BY,
        schedule=preset.schedule,
        checkpoint=checkpoint,
        report=report,
        generator=source.generator,
    )
    calibrating = held_out_batches(held_out, CALIBRATION_BATCHES, frames=preset.longest, device=device)
    calibrate_neurik(network, calibrating.get("recorded_", calibrating[""]), judge)
    report(preset.schedule.steps, figures(network))
    return network


def held_out_batches(source: MarkerSource, count: int, *, frames: int, device: str) -> dict[str, list[MarkerBatch]]:
    """Batches that judge or calibrate, by what stands before their figures' names.

    Faulty windows of registered people have no prefix; then there are clean ones, clean ones of people who are not
    registered, and, where something was recorded, recorded ones. Whatever the length of the windows, WINDOW frames are
    drawn and cut, so that networks of other windows are judged on the same.
    """
    g, n = source.generator, JUDGED_WINDOWS
    kinds: dict[str, Callable[[], MarkerBatch]] = {
        "": lambda: source.draw(n, frames=WINDOW, calibrated=True),
        "clean_": lambda: source.draw(n, frames=WINDOW, calibrated=True, clean=True),
        "unregistered_": lambda: source.draw(n, frames=WINDOW, clean=True),
    }
    if source.recorded is not None:
        kinds["recorded_"] = partial(source.recorded.draw, g, n, frames=WINDOW)
    return {prefix: [draw().cut(frames).to(device) for _ in range(count)] for prefix, draw in kinds.items()}


def frames_of(step: int, *, longest: int) -> int:
    """Of a step's windows."""
    generator = torch.Generator().manual_seed(step)
    if float(torch.rand(1, generator=generator)) >= SHORT_SHARE:
        return longest
    return 1 + int(torch.randint(longest - 1, (1,), generator=generator))


def default_locations_m(people: Skeletons) -> Tensor:
    """(M, 3) where people's markers lie in their segments on average, on the unscaled skeleton."""
    owner = marker_owners(full_body_skeleton())
    return (people.marker_locations_m / people.body_scales[:, owner]).mean(0)
