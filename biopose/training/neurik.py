"""Training of NeurIK, from recorded motion to weights: presets and the run (`biopose train neurik`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from biopose.body.segment_body import SegmentBody
from biopose.neurik.marker_segments import marker_owners
from biopose.neurik.network import Neurik, NeurikShape, new_neurik, save_neurik
from biopose.neurik.output import OutputDecoder
from biopose.neurik.trial import WINDOW
from biopose.skeleton.full_body import full_body_skeleton
from biopose.training.data.marker_batch import MarkerBatch
from biopose.training.loop import Report, Schedule, train
from biopose.training.neurik_loss import (
    Evaluator,
    LossWeights,
    calibrate_neurik,
    neurik_loss,
    neurik_metrics,
    predict_with,
)
from biopose.training.run import ShardMade, TrainingRequest, ignore_shard
from biopose.training.synthetic.clip_shards import ClipFolder, ClipShardMaker
from biopose.training.synthetic.marker_trajectories import MarkerSource
from biopose.training.synthetic.recorded_windows import RecordedWindows, recorded_clips
from biopose.training.synthetic.shards import make_shards, of_split
from biopose.training.synthetic.skeletons import Skeletons, skeletons_of_drawn

SEED = 0  # of the initial weights
SOURCE_SEEDS = {"train": 1, "validation": 2, "test": 3}
EVALUATION_WINDOWS, EVALUATION_BATCHES, CALIBRATION_BATCHES = 64, 4, 16
MONITORED = "mae_deg"
SHORT_SHARE = 0.15  # of batches, whose windows have any smaller number of frames


@dataclass(frozen=True)
class NeurikPreset:
    """Choices of a run.

    Attributes:
        schedule: length and pace.
        windows: in a batch.
        clip_shards: number of shards of clips measured by MQ-HMR, by split; empty: none.
        shape: of the network.
        losses: weights of the loss's terms.
        longest: frames of the windows, in training and in evaluation.
        people: of a split; None: as usual.
        evaluation_windows: in a batch of those for metrics and calibration; None: EVALUATION_WINDOWS.
    """

    schedule: Schedule
    windows: int
    clip_shards: Mapping[str, int]
    shape: NeurikShape = field(default_factory=NeurikShape)
    losses: LossWeights = field(default_factory=LossWeights)
    longest: int = WINDOW
    people: int | None = None
    evaluation_windows: int | None = None


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
    "rehearsal": NeurikPreset(
        Schedule(steps=20, report_every=10), windows=8, clip_shards={}, people=8, evaluation_windows=8
    ),
}


def train_neurik_from(request: TrainingRequest, *, report: Report, shard_made: ShardMade = ignore_shard) -> Path:
    """Render and measure the missing clips and train on them, or resume an interrupted run.

    Args:
        request: the run; its clips and people are kept in the folder `clips`.
        report: called with the step and the metrics on held-out motions and people; last with those of the calibrated
            weights.
        shard_made: called with the split and index of each shard of clips that was made.

    Returns:
        path of the weights, neurik.safetensors.

    Raises:
        BioposeError: no motions there, or a file of the run is broken.
    """
    out, preset = request.out, request.of_length(PRESETS[request.preset])
    out.mkdir(parents=True, exist_ok=True)
    where, shards = ClipFolder(request.data_folder("clips"), request.motion, people=preset.people), preset.clip_shards
    for split, count in shards.items():
        report_shard = partial(shard_made, split)
        make_shards(where, split, count, maker=ClipShardMaker, processes=request.processes, report=report_shard)
    network = train_neurik(
        *(marker_source(where, split, shards=shards.get(split, 0)) for split in ("train", "validation")),
        preset=preset,
        checkpoint=out / "neurik.checkpoint.pt",
        report=report,
        device=request.device,
    )
    weights = out / "neurik.safetensors"
    save_neurik(weights, network)
    return weights


def marker_source(where: ClipFolder, split: str, *, shards: int) -> MarkerSource:
    """The source of a split's windows; splits share no people, and training shares no motions with the others.

    Args:
        where: the clips and people are kept.
        split: train, validation or test.
        shards: number of shards of its clips.

    Raises:
        BioposeError: no motions there, or a file is missing or broken.
    """
    skeletons = of_split(split, partial(skeletons_of_drawn, SegmentBody.load(), where.folder), where.people)
    motions = where.motions(split)
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
    """Train, or resume from the checkpoint, then calibrate the standard deviations.

    Args:
        source: of the training windows.
        held_out: source of the windows for metrics and calibration.
        preset: choices of the run.
        checkpoint: written at each report; a run resumes from it where it exists.
        report: called with the step and its metrics.
        device: of the network; windows are drawn on the CPU.
        kind: class of the network; another in an ablation.
        decoder: class of the decoder of its output.

    Returns:
        the network with the averaged weights, in evaluation mode.

    Raises:
        ModelError: the checkpoint cannot be resumed.
    """
    evaluator = Evaluator(decoder(full_body_skeleton(), device=device))

    def loss(network: Neurik, step: int) -> Tensor:
        frames = frames_of(step, longest=preset.longest)
        batch = source.draw(preset.windows, frames=frames, calibrated=step % 2 == 0).to(device)
        return neurik_loss(network, batch, evaluator, weights=preset.losses)

    def metrics(network: Neurik) -> dict[str, float]:
        predict = predict_with(network, evaluator.decoder)
        return {
            prefix + name: value
            for prefix, batches in evaluation.items()
            for name, value in neurik_metrics(predict, batches, evaluator).items()
        }

    drawn = partial(held_out_batches, held_out, frames=preset.longest, device=device, windows=preset.evaluation_windows)
    evaluation = drawn(EVALUATION_BATCHES)
    torch.manual_seed(SEED)
    network = train(
        new_neurik(preset.shape, locations_m=default_locations_m(source.people), kind=kind).to(device),
        loss=loss,
        evaluate=metrics,
        monitored=MONITORED,
        schedule=preset.schedule,
        checkpoint=checkpoint,
        report=report,
        generator=source.generator,
    )
    calibration = drawn(CALIBRATION_BATCHES)
    calibrate_neurik(network, calibration.get("recorded_", calibration[""]), evaluator)
    report(preset.schedule.steps, metrics(network))
    return network


def held_out_batches(
    source: MarkerSource, count: int, *, frames: int, device: str, windows: int | None = None
) -> dict[str, list[MarkerBatch]]:
    """Batches for metrics or calibration, by the prefix of their metrics' names.

    No prefix: erroneous markers of calibrated subjects; clean_: exact markers of calibrated subjects; unregistered_:
    exact markers of subjects without calibration; recorded_: markers measured by MQ-HMR, where there are any. WINDOW
    frames are drawn and cut into windows of `frames`, so that networks of any window length are compared on the same.
    Of `windows` in a batch; None: EVALUATION_WINDOWS.
    """
    g, n = source.generator, windows or EVALUATION_WINDOWS
    kinds: dict[str, Callable[[], MarkerBatch]] = {
        "": lambda: source.draw(n, frames=WINDOW, calibrated=True),
        "clean_": lambda: source.draw(n, frames=WINDOW, calibrated=True, clean=True),
        "unregistered_": lambda: source.draw(n, frames=WINDOW, clean=True),
    }
    if source.recorded is not None:
        kinds["recorded_"] = partial(source.recorded.draw, g, n, frames=WINDOW)
    return {prefix: [draw().cut(frames).to(device) for _ in range(count)] for prefix, draw in kinds.items()}


def frames_of(step: int, *, longest: int) -> int:
    """Frames of the windows of a step's batch."""
    generator = torch.Generator().manual_seed(step)
    if float(torch.rand(1, generator=generator)) >= SHORT_SHARE:
        return longest
    return 1 + int(torch.randint(longest - 1, (1,), generator=generator))


def default_locations_m(people: Skeletons) -> Tensor:
    """(M, 3) mean marker locations in the segments of the unscaled skeleton, over people."""
    owner = marker_owners(full_body_skeleton())
    return (people.marker_locations_m / people.body_scales[:, owner]).mean(0)
