"""Shards of synthetic images as MQ-HMR's decoder is trained on them: feature maps, keypoints and truth.

The encoder is frozen, so each image passes through it once.
Feature maps are quantised to bytes (a channel's range in 255 steps, well below the difference between real and
synthetic images): 172 kB an image for the maps of strides 8, 16 and 32. Shard k depends on the seed and k alone, so
shards can be made in any order, by any number of processes, and reproduced.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import TypeVar

import torch
from safetensors.torch import save_file
from torch import Tensor

from biopose.body.segment_body import SegmentBody
from biopose.io.files import written_whole
from biopose.perception.crops import normalised
from biopose.perception.pose_backends import TorchPose
from biopose.perception.simcc import decoded
from biopose.training.data.cmu import CALIBRATIONS
from biopose.training.data.motion import FOR_REHEARSAL, Motion, cmu_motions, held_out_alone, without_held_out
from biopose.training.synthetic.images import ImageSource, with_mirror_images
from biopose.training.synthetic.people import HELD_OUT_PEOPLE, N_PEOPLE, SEED, People, people_of
from biopose.training.synthetic.processes import Maker, make_in_processes
from biopose.training.synthetic.skeletons import Skeletons

SHARD_IMAGES, BATCH = 1024, 64
CONTENT = 3  # raised whenever the same seed gives other content; 2: keypoints averaged over two passes
LEVELS = (1, 2, 3)  # of the encoder's four maps: strides 8, 16, 32
LOWEST_FEATURE = -0.2785  # of x sigmoid(x)
SPLITS = {"train": 0, "validation": 1_000_000, "test": 2_000_000}  # seeds of their first shards
SEEDS = 10_000_000  # between the first shards of consecutive seeds
OfPeople = TypeVar("OfPeople", People, Skeletons)
Folder = TypeVar("Folder", bound="ShardFolder")


@dataclass(frozen=True)
class ShardFolder:
    """Folder of the shards of a seed.

    Attributes:
        folder: of all splits.
        motion: folder of CMU's motion capture.
        seed: of the images.
        images: in a shard, a multiple of BATCH; None: SHARD_IMAGES.
        people: of the training split and of the two others together; None: as many as the networks that ship had. With
            a number, a rehearsal, the motions are of few trials.
    """

    folder: Path
    motion: Path
    seed: int = 0
    images: int | None = None
    people: int | None = None

    def path(self, split: str, index: int) -> Path:
        """Path of a shard; its name holds all that its content depends on."""
        few = "".join(f"_{count}" for count in (self.images, self.people) if count is not None)
        number = f"{index:05d}{few}"
        return self.folder / f"images{CONTENT}_{split}_{self.seed}_{number}.safetensors"

    def motions(self, split: str) -> list[Motion]:
        """Those of a split.

        Raises:
            BioposeError: no motions there.
        """
        subjects = tuple(CALIBRATIONS) if self.people is None else FOR_REHEARSAL
        return split_motions(_motions_of(self.motion, subjects), split)

    def missing(self, split: str, count: int) -> list[int]:
        """Indices of those of the first `count` shards that are not there."""
        return [index for index in range(count) if not self.path(split, index).is_file()]


class ImageShardMaker:
    """Makes shards of a split, which shares no people with another; validation and test share motions.

    Args:
        where: to put them.
        split: of SPLITS.
        motions: of the split.

    Raises:
        ValueError: no such split.
    """

    def __init__(self, where: ShardFolder, split: str, motions: Sequence[Motion]) -> None:
        self.where, self.split = where, split
        body = SegmentBody.load()
        self.source = ImageSource(body, split_people(body, where.folder, split, where.people), motions, seed=0)
        self.network = TorchPose()

    def make(self, index: int) -> Path:
        """Render a shard's images, extract features and keypoints, and write them with the truth."""
        self.source.reseed(self.where.seed * SEEDS + SPLITS[self.split] + index)
        steps: dict[str, Tensor] = {}  # of quantisation, from the shard's first batch
        batches = [self._batch(steps) for _ in range((self.where.images or SHARD_IMAGES) // BATCH)]
        tensors = {name: torch.cat([batch[name] for batch in batches]) for name in batches[0]}
        path = self.where.path(self.split, index)
        with written_whole(path) as unfinished:
            save_file(tensors | steps, unfinished)
        return path

    def _batch(self, steps: dict[str, Tensor]) -> dict[str, Tensor]:
        """A batch; half of the training images are mirror images."""
        mirrors = self.split == "train"
        images = self.source.draw(BATCH // 2 if mirrors else BATCH)
        if mirrors:
            images = with_mirror_images(images)
        output = self.network(normalised(images.pixels))
        maps, (points, confidence) = output.maps, decoded(output)
        quantised_maps = {}
        for level in LEVELS:
            step = steps.setdefault(f"step_of_map_{level}", (maps[level].amax(dim=(0, 2, 3)) - LOWEST_FEATURE) / 255)
            quantised_maps[f"map_{level}"] = quantised(maps[level], step)
        truth = {name: value for name, value in vars(images).items() if name != "pixels"}
        return quantised_maps | truth | {"keypoints_px": points, "confidence": confidence}


def split_people(body: SegmentBody, folder: Path, split: str, people: int | None = None) -> People:
    """The people of a split, generated once and kept in the folder; their number is as in `of_split`."""
    return of_split(split, partial(people_of, body, folder), people)


def of_split(split: str, drawn: Callable[..., OfPeople], people: int | None = None) -> OfPeople:
    """The people of a split, or data about them; test and validation have different people.

    Args:
        split: of SPLITS.
        drawn: generates it for `n` people of a `seed`.
        people: of the training split, and of the two others together; None: N_PEOPLE and HELD_OUT_PEOPLE.

    Raises:
        ValueError: no such split.
    """
    if split not in SPLITS:
        raise ValueError(f"no split {split}; there are {', '.join(SPLITS)}")
    if split == "train":
        return drawn(n=people or N_PEOPLE, seed=SEED)
    count = people or HELD_OUT_PEOPLE
    held_out, half = drawn(n=count, seed=SEED + 1), count // 2
    return held_out[:half] if split == "validation" else held_out[half:]


@lru_cache(maxsize=1)
def _motions_of(folder: Path, subjects: tuple[str, ...]) -> list[Motion]:
    """Fitted to the skeleton once for both splits."""
    return cmu_motions(folder, subjects=subjects)


def split_motions(motions: Sequence[Motion], split: str) -> list[Motion]:
    """The motions of training, or the held-out ones."""
    return without_held_out(motions) if split == "train" else held_out_alone(motions)


def quantised(values: Tensor, step: Tensor) -> Tensor:
    """Features (N, C, H, W) as bytes (N, H, W, C), in steps (C,) from the lowest possible value."""
    steps = (values.permute(0, 2, 3, 1) - LOWEST_FEATURE) / step
    return steps.round().clamp(0, 255).byte().contiguous()


def restored(values: Tensor, step: Tensor) -> Tensor:
    """Features (N, C, H, W), channels last in memory, of bytes (N, H, W, C)."""
    return (values.float() * step + LOWEST_FEATURE).permute(0, 3, 1, 2)


def make_shards(
    where: Folder,
    split: str,
    count: int,
    *,
    maker: Callable[[Folder, str, Sequence[Motion]], Maker] = ImageShardMaker,
    processes: int = 2,
    report: Callable[[int], None] = lambda _: None,
) -> None:
    """Make the missing ones of the first shards of a split.

    Args:
        where: their folder.
        split: of SPLITS.
        count: number of shards.
        maker: of images, or of clips (`ClipShardMaker`, with a `ClipFolder`).
        processes: at once, each on one core.
        report: called with the index of each shard that was made.

    Raises:
        ValueError: no such split.
        ModelError: weights that the maker needs are missing or broken.
        BioposeError: no motions there.
    """
    missing = where.missing(split, count)
    if missing:
        where.folder.mkdir(parents=True, exist_ok=True)
        begin = partial(maker, where, split, where.motions(split))
        make_in_processes(begin, missing, processes=processes, report=report)
