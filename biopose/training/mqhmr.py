"""A training run of MQ-HMR, from recorded motion to weights: `biopose train mqhmr`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from biopose.body.segment_body import SegmentBody
from biopose.hmr.mqhmr import Mqhmr, MqhmrShape, load_mqhmr, save_mqhmr
from biopose.training.calibration import calibrate
from biopose.training.data.crop_batches import CropBatch, CropBatches, joined
from biopose.training.data.motion import cmu_motions
from biopose.training.data.projected_crops import ProjectedCrops, network_errors
from biopose.training.loop import Report, Schedule, train
from biopose.training.mqhmr_loss import mqhmr_figures, mqhmr_loss
from biopose.training.synthetic.people import People
from biopose.training.synthetic.shards import ShardFolder, make_shards, split_motions, split_people

SEED = 0  # of the weights that training begins with, of the batches' order and disturbances
JUDGED_AT_ONCE = 128  # pictures
JUDGED_PICTURES = 512  # at each report; all of them calibrate
JUDGED_BY = "mpjpe_mm"


@dataclass(frozen=True)
class MqhmrPreset:
    """A run's choices.

    Attributes:
        shards: of training pictures.
        validation_shards: that reports are measured on and the standard deviations calibrated.
        batch: pictures in one.
        projected: crops without a picture that are added to a batch.
        schedule: the run's length and pace.
        shape: of the network.
        pictures_seed: of the training pictures.
        goes_on: from the weights that ship, not from nothing; what comes of it lies midway between them and where
            training led, since such means err less on other pictures than those trained on (Wortsman et al. 2022).
    """

    shards: int
    validation_shards: int
    batch: int
    schedule: Schedule
    projected: int = 0
    shape: MqhmrShape = field(default_factory=MqhmrShape)
    pictures_seed: int = 0
    goes_on: bool = False


def _schedule(steps: int, *, learning_rate: float = 7e-4, falling_share: float = 0.4) -> Schedule:
    return Schedule(steps, learning_rate, falling_share=falling_share, mean_decay=0.999, report_every=500)


_CPU = MqhmrPreset(shards=72, validation_shards=2, batch=32, projected=16, schedule=_schedule(26_000))
PRESETS: Mapping[str, MqhmrPreset] = {
    "cpu": _CPU,
    "cpu-further": replace(
        _CPU,
        shards=24,
        schedule=_schedule(5_500, learning_rate=4e-4, falling_share=0.6),
        pictures_seed=4,
        goes_on=True,
    ),
    "gpu": MqhmrPreset(shards=400, validation_shards=2, batch=512, projected=256, schedule=_schedule(60_000)),
}


def train_mqhmr_from(
    motion: Path,
    out: Path,
    *,
    preset: str,
    device: str,
    processes: int,
    report: Report,
    pictures: Path | None = None,
    shard_made: Callable[[str, int], None] = lambda _split, _index: None,
) -> Path:
    """Make what is missing of the pictures and train on them, or go on with a run that was interrupted.

    Args:
        motion: folder of CMU's .asf and .amc files.
        out: folder of the run: its pictures, its checkpoint, and the weights at the end.
        preset: of `PRESETS`.
        device: where the network is.
        processes: that make pictures.
        report: called with the step and figures on held-out motions and people; last those of the weights, calibrated.
        pictures: folder of the pictures; None puts them into `out`.
        shard_made: called with the split and index of each shard that was made.

    Returns:
        the weights, mqhmr.safetensors.

    Raises:
        BioposeError: no motions there, or a file of the run is broken.
    """
    out.mkdir(parents=True, exist_ok=True)
    chosen, where = PRESETS[preset], ShardFolder(pictures or out / "pictures", motion)
    make_pictures(where, chosen, processes=processes, shard_made=shard_made)
    course = MqhmrCourse(where, chosen, device=device)
    network = course.train(chosen.shape, checkpoint=out / "mqhmr.checkpoint.pt", report=report)
    report(chosen.schedule.steps, course.figures(network))
    weights = out / "mqhmr.safetensors"
    save_mqhmr(weights, network)
    return weights


def make_pictures(
    where: ShardFolder, preset: MqhmrPreset, *, processes: int, shard_made: Callable[[str, int], None]
) -> None:
    """Make the shards of a preset that are missing, those that judge first."""
    for split, count in (("validation", preset.validation_shards), ("train", preset.shards)):
        make_shards(_of(where, preset, split), split, count, processes=processes, report=partial(shard_made, split))


def _of(where: ShardFolder, preset: MqhmrPreset, split: str) -> ShardFolder:
    """What training goes on with is drawn anew; what judges stays the same."""
    return replace(where, seed=preset.pictures_seed) if split == "train" else where


class MqhmrCourse:
    """What networks of any shape are trained on and judged by.

    Args:
        where: the shards are, all of them made.
        preset: the run's choices.
        device: where networks are; batches are read on the CPU.
    """

    def __init__(self, where: ShardFolder, preset: MqhmrPreset, *, device: str) -> None:
        self.where, self.preset, self.device = where, preset, device
        self.body, self.body_of_batches = SegmentBody.load(device=device), SegmentBody.load()
        self.people = {
            split: split_people(self.body_of_batches, where.folder, split) for split in ("train", "validation")
        }
        self.people_there = {split: _moved(people, device) for split, people in self.people.items()}

    def train(self, shape: MqhmrShape, *, checkpoint: Path, report: Report) -> Mqhmr:
        """Train a network, or go on from its checkpoint; it comes with its standard deviations calibrated.

        Args:
            shape: of the network.
            checkpoint: written whole at each report; read first if it is there.
            report: called with the step and figures.

        Raises:
            ModelError: the checkpoint is broken, or that of another shape.
        """
        batches = self._batches("train", self.preset.shards, shape, size=self.preset.batch, disturbed=True)
        projected = self._projected(shape) if self.preset.projected else None

        def loss(network: Mqhmr, step: int) -> Tensor:
            batch = batches.batch(step)
            if projected:
                generator = torch.Generator().manual_seed(SEED * 1_000_003 + step)
                batch = joined(batch, projected.draw(generator, self.preset.projected))
            batch = batch.to(self.device)
            return mqhmr_loss(network, batch, self.body, self.people_there["train"])

        torch.manual_seed(SEED)
        network: Mqhmr = train(
            (load_mqhmr() if self.preset.goes_on else Mqhmr(shape)).to(self.device),
            loss=loss,
            figures=self.figures,
            judged_by=JUDGED_BY,
            schedule=self.preset.schedule,
            checkpoint=checkpoint,
            report=report,
        )
        if self.preset.goes_on:
            move_midway(network, load_mqhmr())
        calibrate(network, self.held_out(shape), self.body, self.people_there["validation"])
        return network

    def _projected(self, shape: MqhmrShape) -> ProjectedCrops:
        batches = self._batches("train", 1, shape, size=JUDGED_AT_ONCE, disturbed=False)
        pictures = (batches.batch(step) for step in range(batches.per_epoch))
        body, people = self.body_of_batches, self.people["train"]
        errors, confidence = network_errors(pictures, body, people)
        return ProjectedCrops(
            split_motions(cmu_motions(self.where.motion), "train"),
            body,
            people,
            errors=errors,
            confidence=confidence,
            channels=shape.channels,
            levels=shape.levels,
        )

    def figures(self, network: Mqhmr) -> dict[str, float]:
        """On the first validation pictures."""
        batches = self.held_out(network.shape, pictures=JUDGED_PICTURES)
        return mqhmr_figures(network, batches, self.body, self.people_there["validation"])

    def held_out(self, shape: MqhmrShape, *, pictures: int | None = None) -> Iterator[CropBatch]:
        """Validation pictures, all or some."""
        count = self.preset.validation_shards
        batches = self._batches("validation", count, shape, size=JUDGED_AT_ONCE, disturbed=False)
        wanted = batches.per_epoch if pictures is None else -(-pictures // batches.size)
        return (batches.batch(step).to(self.device) for step in range(min(wanted, batches.per_epoch)))

    def _batches(self, split: str, shards: int, shape: MqhmrShape, *, size: int, disturbed: bool) -> CropBatches:
        where = _of(self.where, self.preset, split)
        paths = [where.path(split, index) for index in range(shards)]
        rig = self.body_of_batches.rig
        return CropBatches(
            paths, self.people[split], rig, levels=shape.levels, size=size, seed=SEED, disturbed=disturbed
        )


@torch.no_grad()
def move_midway(network: Mqhmr, start: Mqhmr) -> None:
    """Move the network's weights midway to those of another of its shape."""
    for weights, first in zip(network.parameters(), start.parameters(), strict=True):
        weights.lerp_(first.to(weights), 0.5)


def _moved(people: People, device: str) -> People:
    return People(**{name: value.to(device) for name, value in vars(people).items()})
