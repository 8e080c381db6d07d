"""Training of MQ-HMR, from recorded motion to weights: presets and the run (`biopose train mqhmr`)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from biopose.body.segment_body import SegmentBody
from biopose.hmr.mqhmr import Mqhmr, load_mqhmr, new_mqhmr, save_mqhmr
from biopose.hmr.mqhmr_shape import MqhmrShape
from biopose.training.data.motion import cmu_motions
from biopose.training.loop import Report, Schedule, train
from biopose.training.mqhmr_loss import calibrate_mqhmr, mqhmr_loss, mqhmr_metrics
from biopose.training.run import ShardMade, TrainingRequest, ignore_shard
from biopose.training.synthetic.crop_batches import CropBatch, CropBatches, joined
from biopose.training.synthetic.people import People
from biopose.training.synthetic.projected_crops import ProjectedCrops, network_errors
from biopose.training.synthetic.shards import ShardFolder, make_shards, split_motions, split_people

SEED = 0  # of the initial weights, of the batches' order and of augmentation
EVALUATION_BATCH = 128  # images
EVALUATION_IMAGES = 512  # at each report; calibration takes all
MONITORED = "mpjpe_mm"


@dataclass(frozen=True)
class MqhmrPreset:
    """Choices of a run.

    Attributes:
        shards: of training images.
        validation_shards: of held-out images, for metrics and calibration.
        batch: images in a batch.
        projected: crops without an image that are added to a batch (`ProjectedCrops`).
        schedule: length and pace.
        shape: of the network.
        images_seed: of the training images.
        shard_images: in a shard; None: as usual.
        people: in the images of a split; None: as usual.
        from_shipped: start from the weights that ship instead of random ones, and end at the mean of those and of the
            trained ones, which generalises better than the trained ones alone (Wortsman et al. 2022).
    """

    shards: int
    validation_shards: int
    batch: int
    schedule: Schedule
    projected: int = 0
    shape: MqhmrShape = field(default_factory=MqhmrShape)
    images_seed: int = 0
    shard_images: int | None = None
    people: int | None = None
    from_shipped: bool = False


def _schedule(steps: int, *, learning_rate: float = 7e-4, falling_share: float = 0.4) -> Schedule:
    return Schedule(steps, learning_rate, falling_share=falling_share, mean_decay=0.999, report_every=500)


_CPU = MqhmrPreset(shards=72, validation_shards=2, batch=32, projected=16, schedule=_schedule(26_000))
PRESETS: Mapping[str, MqhmrPreset] = {
    "cpu": _CPU,
    "cpu-further": replace(
        _CPU,
        shards=24,
        schedule=_schedule(5_500, learning_rate=4e-4, falling_share=0.6),
        images_seed=4,
        from_shipped=True,
    ),
    "gpu": MqhmrPreset(shards=400, validation_shards=2, batch=512, projected=256, schedule=_schedule(60_000)),
    "rehearsal": MqhmrPreset(
        shards=1,
        validation_shards=1,
        batch=16,
        schedule=Schedule(steps=20, report_every=10),
        shard_images=128,
        people=8,
        from_shipped=True,
    ),
}


def train_mqhmr_from(request: TrainingRequest, *, report: Report, shard_made: ShardMade = ignore_shard) -> Path:
    """Render the missing images and train on them, or resume an interrupted run.

    Args:
        request: the run; its images are kept in the folder `pictures`.
        report: called with the step and the metrics on held-out motions and people; last with those of the calibrated
            weights.
        shard_made: called with the split and index of each shard of images that was rendered.

    Returns:
        path of the weights, mqhmr.safetensors.

    Raises:
        BioposeError: no motions there, or a file of the run is broken.
    """
    out, preset = request.out, request.of_length(PRESETS[request.preset])
    out.mkdir(parents=True, exist_ok=True)
    where = ShardFolder(
        request.data_folder("pictures"), request.motion, images=preset.shard_images, people=preset.people
    )
    make_images(where, preset, processes=request.processes, shard_made=shard_made)
    trainer = MqhmrTrainer(where, preset, device=request.device)
    network = trainer.train(preset.shape, checkpoint=out / "mqhmr.checkpoint.pt", report=report)
    report(preset.schedule.steps, trainer.metrics(network))
    weights = out / "mqhmr.safetensors"
    save_mqhmr(weights, network)
    return weights


def make_images(where: ShardFolder, preset: MqhmrPreset, *, processes: int, shard_made: ShardMade) -> None:
    """Render the missing shards of a preset, held-out ones first."""
    for split, count in (("validation", preset.validation_shards), ("train", preset.shards)):
        make_shards(_of(where, preset, split), split, count, processes=processes, report=partial(shard_made, split))


def _of(where: ShardFolder, preset: MqhmrPreset, split: str) -> ShardFolder:
    """The preset's seed applies to training images; held-out images are the same for all presets."""
    return replace(where, seed=preset.images_seed) if split == "train" else where


class MqhmrTrainer:
    """Trains and evaluates networks of any shape on the same data.

    Args:
        where: the shards are, all of them made.
        preset: choices of the run.
        device: of the networks; batches are read on the CPU.
    """

    def __init__(self, where: ShardFolder, preset: MqhmrPreset, *, device: str) -> None:
        self.where, self.preset, self.device = where, preset, device
        self.body, self.cpu_body = SegmentBody.load(device=device), SegmentBody.load()
        splits = ("train", "validation")
        self.cpu_people = {one: split_people(self.cpu_body, where.folder, one, where.people) for one in splits}
        self.people = {split: _moved(people, device) for split, people in self.cpu_people.items()}

    def train(self, shape: MqhmrShape, *, checkpoint: Path, report: Report) -> Mqhmr:
        """Train a network, or resume from its checkpoint, then calibrate its standard deviations.

        Args:
            shape: of the network.
            checkpoint: written at each report; a run resumes from it where it exists.
            report: called with the step and its metrics.

        Raises:
            ModelError: the checkpoint cannot be resumed.
        """
        batches = self._batches("train", self.preset.shards, shape, size=self.preset.batch, augmented=True)
        projected = self._projected(shape) if self.preset.projected else None

        def loss(network: Mqhmr, step: int) -> Tensor:
            batch = batches.batch(step)
            if projected:
                generator = torch.Generator().manual_seed(SEED * 1_000_003 + step)
                batch = joined(batch, projected.draw(generator, self.preset.projected))
            batch = batch.to(self.device)
            return mqhmr_loss(network, batch, self.body, self.people["train"])

        torch.manual_seed(SEED)
        network: Mqhmr = train(
            (load_mqhmr() if self.preset.from_shipped else new_mqhmr(shape)).to(self.device),
            loss=loss,
            evaluate=self.metrics,
            monitored=MONITORED,
            schedule=self.preset.schedule,
            checkpoint=checkpoint,
            report=report,
        )
        if self.preset.from_shipped:
            average_with(network, load_mqhmr())
        calibrate_mqhmr(network, self.held_out(shape), self.body, self.people["validation"])
        return network

    def _projected(self, shape: MqhmrShape) -> ProjectedCrops:
        batches = self._batches("train", 1, shape, size=EVALUATION_BATCH, augmented=False)
        images = (batches.batch(step) for step in range(batches.per_epoch))
        body, people = self.cpu_body, self.cpu_people["train"]
        errors, confidence = network_errors(images, body, people)
        return ProjectedCrops(
            split_motions(cmu_motions(self.where.motion), "train"),
            body,
            people,
            errors=errors,
            confidence=confidence,
            channels=shape.channels,
            levels=shape.levels,
        )

    def metrics(self, network: Mqhmr) -> dict[str, float]:
        """`mqhmr_metrics` on the first validation images."""
        batches = self.held_out(network.shape, images=EVALUATION_IMAGES)
        return mqhmr_metrics(network, batches, self.body, self.people["validation"])

    def held_out(self, shape: MqhmrShape, *, images: int | None = None) -> Iterator[CropBatch]:
        """Batches of validation images: of all, or of the first."""
        count = self.preset.validation_shards
        batches = self._batches("validation", count, shape, size=EVALUATION_BATCH, augmented=False)
        wanted = batches.per_epoch if images is None else -(-images // batches.size)
        return (batches.batch(step).to(self.device) for step in range(min(wanted, batches.per_epoch)))

    def _batches(self, split: str, shards: int, shape: MqhmrShape, *, size: int, augmented: bool) -> CropBatches:
        where = _of(self.where, self.preset, split)
        paths = [where.path(split, index) for index in range(shards)]
        rig = self.cpu_body.rig
        return CropBatches(
            paths, self.cpu_people[split], rig, levels=shape.levels, size=size, seed=SEED, augmented=augmented
        )


@torch.no_grad()
def average_with(network: Mqhmr, other: Mqhmr) -> None:
    """Set the network's weights to the mean of its own and those of another of its shape."""
    for weights, others in zip(network.parameters(), other.parameters(), strict=True):
        weights.lerp_(others.to(weights), 0.5)


def _moved(people: People, device: str) -> People:
    return People(**{name: value.to(device) for name, value in vars(people).items()})
