"""Pictures turned into what a decoder is trained on, kept in shards: features, keypoints and truth.

The encoder is frozen, so each picture passes through it once. Features are kept as bytes (a channel's range in 255
steps, well below what separates real pictures from drawn ones): 172 kB a picture for the maps of strides 8, 16 and 32.
Shard k hangs on the seed and k alone, so shards can be made in any order, by any number of processes, and again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
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
from biopose.training.data.motion import Motion, cmu_motions, held_out_alone, without_held_out
from biopose.training.synthetic.images import PictureBatch, PictureSource, with_mirror_images
from biopose.training.synthetic.people import HELD_OUT_PEOPLE, N_PEOPLE, SEED, People, people_of
from biopose.training.synthetic.processes import Maker, make_in_processes
from biopose.training.synthetic.skeletons import Skeletons

SHARD_PICTURES, BATCH = 1024, 64
LEVELS = (1, 2, 3)  # of the encoder's four maps: strides 8, 16, 32
LOWEST_FEATURE = -0.2785  # of x sigmoid(x)
SPLITS = {"train": 0, "validation": 1_000_000, "test": 2_000_000}  # seeds of their first shards
SEEDS = 10_000_000  # that lie between the shards of a seed and those of the next
OfPeople = TypeVar("OfPeople", People, Skeletons)
Folder = TypeVar("Folder", bound="ShardFolder")


@dataclass(frozen=True)
class ShardFolder:
    """Where the shards of a seed are.

    Attributes:
        folder: of all splits.
        motion: CMU's recordings.
        seed: of the pictures.
    """

    folder: Path
    motion: Path
    seed: int = 0

    def path(self, split: str, index: int) -> Path:
        """Of one shard."""
        return self.folder / f"{split}_{self.seed}_{index:05d}.safetensors"

    def missing(self, split: str, count: int) -> list[int]:
        """Which of the first shards are still to be made."""
        return [index for index in range(count) if not self.path(split, index).is_file()]


class ShardMaker:
    """Makes shards of one split, whose people and pictures no other split has; validation and test share motions.

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
        self.source = PictureSource(body, split_people(body, where.folder, split), motions, seed=0)
        self.network = TorchPose()

    def make(self, index: int) -> Path:
        """Draw one shard's pictures, look at them with the network, and keep what it saw and the truth."""
        self.source.reseed(self.where.seed * SEEDS + SPLITS[self.split] + index)
        steps: dict[str, Tensor] = {}  # of the bytes, by the shard's first pictures
        batches = [self._batch(steps) for _ in range(SHARD_PICTURES // BATCH)]
        tensors = {name: torch.cat([batch[name] for batch in batches]) for name in batches[0]}
        path = self.where.path(self.split, index)
        with written_whole(path) as unfinished:
            save_file(tensors | steps, unfinished)
        return path

    def _pictures(self) -> PictureBatch:
        """Half of those to train on are mirror images: they cost a third of a picture, the network's look at them."""
        return with_mirror_images(self.source.draw(BATCH // 2)) if self.split == "train" else self.source.draw(BATCH)

    def _batch(self, steps: dict[str, Tensor]) -> dict[str, Tensor]:
        batch = self._pictures()
        output = self.network(normalised(batch.pixels))
        keypoints_px, confidence = decoded(output)
        maps = {f"map_{level}": output.maps[level] for level in LEVELS}
        for name, values in maps.items():
            steps.setdefault(f"step_of_{name}", (values.amax(dim=(0, 2, 3)) - LOWEST_FEATURE) / 255)
        kept = {name: quantised(values, steps[f"step_of_{name}"]) for name, values in maps.items()}
        truth = {name: value for name, value in vars(batch).items() if name != "pixels"}
        return kept | truth | {"keypoints_px": keypoints_px, "confidence": confidence}


def split_people(body: SegmentBody, folder: Path, split: str) -> People:
    """A split's people, drawn once and kept in the folder."""
    return of_split(split, partial(people_of, body, folder))


def of_split(split: str, drawn: Callable[..., OfPeople]) -> OfPeople:
    """What belongs to a split's people; test judges on others than validation tunes on.

    Args:
        split: of SPLITS.
        drawn: makes it for `n` people of a `seed`.

    Raises:
        ValueError: no such split.
    """
    if split not in SPLITS:
        raise ValueError(f"no split {split}; there are {', '.join(SPLITS)}")
    if split == "train":
        return drawn(n=N_PEOPLE, seed=SEED)
    held_out, half = drawn(n=HELD_OUT_PEOPLE, seed=SEED + 1), HELD_OUT_PEOPLE // 2
    return held_out[:half] if split == "validation" else held_out[half:]


def split_motions(motions: Sequence[Motion], split: str) -> list[Motion]:
    """Those that training sees, or those that it never does."""
    return without_held_out(motions) if split == "train" else held_out_alone(motions)


def quantised(values: Tensor, step: Tensor) -> Tensor:
    """Features (N, C, H, W) as bytes (N, H, W, C), in steps (C,) from the lowest that there is."""
    steps = (values.permute(0, 2, 3, 1) - LOWEST_FEATURE) / step
    return steps.round().clamp(0, 255).byte().contiguous()


def restored(values: Tensor, step: Tensor) -> Tensor:
    """Bytes (N, H, W, C) as features (N, C, H, W), channels last in memory."""
    return (values.float() * step + LOWEST_FEATURE).permute(0, 3, 1, 2)


def make_shards(
    where: Folder,
    split: str,
    count: int,
    *,
    maker: Callable[[Folder, str, Sequence[Motion]], Maker] = ShardMaker,
    processes: int = 2,
    report: Callable[[int], None] = lambda _: None,
) -> None:
    """Make the first shards of a split, those that are there already left alone.

    Args:
        where: to put them.
        split: of SPLITS.
        count: how many.
        maker: of pictures, or of clips (`ClipShardMaker`, with a `ClipFolder`).
        processes: at once, each on one core.
        report: called with the index of each that is done.

    Raises:
        ValueError: no such split.
        ModelError: weights that the maker needs are missing or broken.
        BioposeError: no motions there.
    """
    missing = where.missing(split, count)
    if missing:
        where.folder.mkdir(parents=True, exist_ok=True)
        motions = split_motions(cmu_motions(where.motion), split)
        begin = partial(maker, where, split, motions)
        make_in_processes(begin, missing, processes=processes, report=report)
