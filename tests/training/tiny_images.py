"""A few synthetic images as training reads them: shards of every split, of few people and two short walks."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from biopose.body.segment_body import SegmentBody
from biopose.hmr.mqhmr import CropInput, MqhmrOutput
from biopose.hmr.mqhmr_shape import MqhmrShape
from biopose.training.data.motion import cmu_motions
from biopose.training.loop import Schedule
from biopose.training.mqhmr import MqhmrPreset
from biopose.training.synthetic import shards
from biopose.training.synthetic.crop_batches import CropBatch, CropBatches
from biopose.training.synthetic.people import People
from biopose.training.synthetic.shards import ImageShardMaker, ShardFolder, split_motions, split_people
from tests.perception.real_people import WEIGHTS
from tests.training.acclaim_walk import write_walk

IMAGES = 16  # of a shard
SHARDS = {"train": 2, "validation": 1, "test": 1}
LEVELS = (1, 2, 3)
TINY_SHAPE = MqhmrShape(levels=(2, 3), width=24, layers=1, heads=2, points=2, hidden=32, dropout=0.0)
TINY = MqhmrPreset(shards=2, validation_shards=1, batch=8, schedule=Schedule(steps=4, report_every=2), shape=TINY_SHAPE)
needs_images = pytest.mark.skipif(
    not (WEIGHTS / "rtmpose-s-halpe26.onnx").is_file(), reason="the networks are not here: run `biopose assets pull`"
)


def make_tiny_images(folder: Path) -> ShardFolder:
    """Every split's shards, of a synthetic walk."""
    motion = write_walk(folder / "cmu", seconds=1.1)
    where = ShardFolder(folder / "pictures", motion)
    where.folder.mkdir()
    motions = cmu_motions(motion)
    with pytest.MonkeyPatch.context() as patch:
        small(patch)
        for split, count in SHARDS.items():
            maker = ImageShardMaker(where, split, split_motions(motions, split))
            for index in range(count):
                maker.make(index)
    return where


def small(patch: pytest.MonkeyPatch) -> None:
    """Few images in a shard and few people."""
    for name, value in {"SHARD_IMAGES": IMAGES, "BATCH": IMAGES, "N_PEOPLE": 3, "HELD_OUT_PEOPLE": 4}.items():
        patch.setattr(shards, name, value)


def people_of_split(where: ShardFolder, split: str) -> People:
    with pytest.MonkeyPatch.context() as patch:
        small(patch)
        return split_people(SegmentBody.load(), where.folder, split)


def batches_of(
    where: ShardFolder, split: str = "train", *, size: int = 8, seed: int = 0, augmented: bool = False
) -> CropBatches:
    paths = [where.path(split, index) for index in range(SHARDS[split])]
    rig, people = SegmentBody.load().rig, people_of_split(where, split)
    return CropBatches(paths, people, rig, levels=LEVELS, size=size, seed=seed, augmented=augmented)


class Knowing:
    """A network that predicts the truth of batches in their order.

    The people of the batches must be those of `of_the_segment_body`, which its output can represent exactly.
    """

    def __init__(self, *batches: CropBatch, people: People, sd: float = 0.01) -> None:
        self.batches, self.people, self.sd = iter(batches), people, sd

    def __call__(self, crops: CropInput) -> MqhmrOutput:
        batch = next(self.batches)
        n = len(batch.person)
        sd = self.sd * (1 + 0.1 * torch.rand(n, 26, 2, generator=torch.Generator().manual_seed(n)))
        return MqhmrOutput(
            torch.zeros(n, 20, 1), batch.R_segment_local, self.people.shape[batch.person], batch.root, sd
        )


def of_the_segment_body(people: People) -> People:
    """The nearest people that the segment body's shape space represents exactly."""
    body = SegmentBody.load()
    shaped = body.rig.with_coefficients(people.shape)
    return People(shaped.vertices, shaped.bone_heads, body.keypoints.at_rest(shaped), people.shape, people.height_m)
