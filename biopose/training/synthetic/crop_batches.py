"""Batches from shards of images: the decoder's input, with augmentation, and the truth in the crops' views."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from safetensors import safe_open
from torch import Tensor

from biopose.body.keypoint_names import KEYPOINTS
from biopose.body.rig import Rig
from biopose.hmr.lifter_input import rotation_towards
from biopose.hmr.mqhmr import CropInput
from biopose.perception.crops import HEIGHT_PX, WIDTH_PX
from biopose.training.synthetic.people import People
from biopose.training.synthetic.shards import restored

SHARDS_AT_ONCE = 4  # that batches are mixed from
TRUTH = ("keypoints_px", "confidence", "corner", "ray_per_px", "person", "R_camera_segment", "root_m")

# Augmentation in training: real images differ more from synthetic ones than those do among themselves.
KEYPOINT_SD_PX = (0.0, 2.5)  # of a crop's keypoints, uniform
DROPPED_SHARE, ALL_DROPPED_SHARE = 0.05, 0.05  # of single keypoints; of crops without any
CONFIDENCE_LOG_SD = 0.2
FOCAL_LOG_SD = 0.2  # of the assumed focal length, where the camera is not described
CHANNEL_LOG_SD, CHANNEL_DROPPED_SHARE = 0.25, 0.05
# Of a channel's mean over a crop, in standard deviations between crops: real video differs from synthetic images by 0.7
# to 0.8 (root mean square over channels; the sample clip's 64 crops, 512 images).
CHANNEL_SHIFT_SD = 0.75
CELLS_DROPPED_SHARE = 0.05


@dataclass(frozen=True)
class CropBatch:
    """N crops and their truth in the views towards their centres; lengths in body heights.

    Attributes:
        crops: the network's input.
        R_view_segment: (N, 20, 3, 3) global rotations.
        R_segment_local: (N, 20, 3, 3).
        root: (N, 3).
        person: (N,).
    """

    crops: CropInput
    R_view_segment: Tensor
    R_segment_local: Tensor
    root: Tensor
    person: Tensor

    def to(self, device: torch.device | str) -> CropBatch:
        """The batch on another device."""
        return self._each(lambda tensor: tensor.to(device))

    def __getitem__(self, which: slice) -> CropBatch:
        """Some of the crops."""
        return self._each(lambda tensor: tensor[which])

    def _each(self, change: Callable[[Tensor], Tensor]) -> CropBatch:
        c = self.crops
        crops = CropInput(tuple(map(change, c.maps)), change(c.keypoints), change(c.confidence), change(c.position))
        return CropBatch(crops, **{name: change(value) for name, value in vars(self).items() if name != "crops"})


class CropBatches:
    """Batches by step, in another order every epoch, reproducible by the seed.

    Args:
        shards: files of `biopose.training.synthetic.shards`.
        people: of their split.
        rig: of the segment body.
        levels: of the encoder's maps that are loaded.
        size: of a batch.
        seed: of the order and of augmentation.
        augmented: shuffle and augment, for training; else batches are in order and unchanged.
    """

    def __init__(
        self,
        shards: Sequence[Path],
        people: People,
        rig: Rig,
        *,
        levels: Sequence[int],
        size: int,
        seed: int = 0,
        augmented: bool = True,
    ) -> None:
        self.shards, self.people, self.rig = list(shards), people, rig
        self.levels, self.size, self.seed, self.augmented = tuple(levels), size, seed, augmented
        with safe_open(self.shards[0], framework="pt") as file:
            self.per_shard = file.get_slice("person").get_shape()[0]
        self._held: tuple[tuple[int, int], dict[str, Tensor]] | None = None

    @property
    def per_epoch(self) -> int:
        """Batches of an epoch; with augmentation the remainder of a group of shards is left out."""
        return sum(self._per_group(group) for group in range(self._groups))

    def batch(self, step: int) -> CropBatch:
        """The batch of a step."""
        epoch, left = divmod(step, self.per_epoch)
        group = 0
        while left >= self._per_group(group):
            left, group = left - self._per_group(group), group + 1
        held = self._hold(epoch, group)
        rows = held["order"][left * self.size : (left + 1) * self.size]
        truth = {name: held[name][rows] for name in TRUTH}
        maps = [torch.empty(0)] * 4
        for level in self.levels:
            steps = held[f"step_of_map_{level}"][rows // self.per_shard][:, None, None]
            maps[level] = restored(held[f"map_{level}"][rows], steps)
        batch = self._in_view(tuple(maps), truth)
        if not self.augmented:
            return batch
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + step)
        return replace(batch, crops=augmented(batch.crops, generator))

    @property
    def _groups(self) -> int:
        return -(-len(self.shards) // SHARDS_AT_ONCE)

    def _per_group(self, group: int) -> int:
        shards = min(SHARDS_AT_ONCE, len(self.shards) - group * SHARDS_AT_ONCE)
        images = shards * self.per_shard
        return images // self.size if self.augmented else -(-images // self.size)

    def _hold(self, epoch: int, group: int) -> dict[str, Tensor]:
        """A group of shards in the epoch's order, kept in memory."""
        if self._held is None or self._held[0] != (epoch, group):
            generator = torch.Generator().manual_seed(self.seed * 7919 + epoch)
            order = torch.randperm(len(self.shards), generator=generator).tolist() if self.augmented else None
            chosen = (order or list(range(len(self.shards))))[group * SHARDS_AT_ONCE :][:SHARDS_AT_ONCE]
            held = self._read([self.shards[index] for index in chosen])
            count = len(held["person"])
            rows = torch.randperm(count, generator=generator) if self.augmented else torch.arange(count)
            self._held = (epoch, group), held | {"order": rows}
        return self._held[1]

    def _read(self, paths: Sequence[Path]) -> dict[str, Tensor]:
        read: dict[str, list[Tensor]] = {}
        for path in paths:
            with safe_open(path, framework="pt") as file:
                for name in (*TRUTH, *(f"map_{level}" for level in self.levels)):
                    read.setdefault(name, []).append(file.get_tensor(name))
                for level in self.levels:
                    read.setdefault(f"step_of_map_{level}", []).append(file.get_tensor(f"step_of_map_{level}")[None])
        return {name: torch.cat(values) for name, values in read.items()}

    def _in_view(self, maps: tuple[Tensor, ...], truth: dict[str, Tensor]) -> CropBatch:
        size = torch.tensor([WIDTH_PX, HEIGHT_PX])
        middle = truth["corner"] + truth["ray_per_px"][:, None] * size / 2
        R_view_camera = rotation_towards(middle).mT
        place = torch.cat([middle, (truth["ray_per_px"] * HEIGHT_PX).log()[:, None]], dim=-1)
        keypoints = (truth["keypoints_px"] + 0.5) / size
        R = R_view_camera[:, None] @ truth["R_camera_segment"]
        height = self.people.height_m[truth["person"]]
        root = (R_view_camera @ truth["root_m"][..., None])[..., 0] / height[:, None]
        crops = CropInput(maps, keypoints, truth["confidence"], place)
        return CropBatch(crops, R, self.rig.local_from_global(R), root, truth["person"])


def joined(one: CropBatch, other: CropBatch) -> CropBatch:
    """Two batches as one; a map that either lacks is left out."""
    a, b = one.crops, other.crops
    both = [
        torch.cat([x, y]) if x.numel() and y.numel() else torch.empty(0) for x, y in zip(a.maps, b.maps, strict=True)
    ]
    crops = CropInput(
        tuple(map_.contiguous(memory_format=torch.channels_last) if map_.numel() else map_ for map_ in both),
        *(torch.cat([getattr(a, name), getattr(b, name)]) for name in ("keypoints", "confidence", "position")),
    )
    rest = {k: torch.cat([v, getattr(other, k)]) for k, v in vars(one).items() if k != "crops"}
    return CropBatch(crops, **rest)


def augmented(crops: CropInput, generator: torch.Generator) -> CropInput:
    """Augmented crops: noise on keypoints, channels and focal length; dropped keypoints, channels and map cells.

    Args:
        crops: two or more; the shift of channels is scaled by their standard deviation between crops.
        generator: drawn from.
    """
    g, n = generator, len(crops.keypoints)

    def uniform(*shape: int) -> Tensor:
        return torch.rand(n, *shape, generator=g)

    low, high = KEYPOINT_SD_PX
    sd = (low + (high - low) * uniform(1, 1)) / torch.tensor([WIDTH_PX, HEIGHT_PX])
    keypoints = crops.keypoints + sd * torch.randn(crops.keypoints.shape, generator=g)
    known = (uniform(len(KEYPOINTS)) >= DROPPED_SHARE) & (uniform(1) >= ALL_DROPPED_SHARE)
    confidence_factor = (CONFIDENCE_LOG_SD * torch.randn(n, 1, generator=g)).exp()
    confidence = torch.where(known, (crops.confidence * confidence_factor).clamp(0.0, 1.0), 0.0)
    keypoints = torch.where(known[..., None], keypoints, 0.5)
    log_focal = FOCAL_LOG_SD * torch.randn(n, 1, generator=g)
    place = torch.cat([crops.position[:, :2] * log_focal.exp(), crops.position[:, 2:] + log_focal], dim=-1)
    maps = []
    for map_ in crops.maps:
        if map_.numel():
            channels, rows, columns = map_.shape[1:]
            gain = (CHANNEL_LOG_SD * torch.randn(n, channels, generator=g)).exp()
            gain = gain * (uniform(channels) >= CHANNEL_DROPPED_SHARE)
            shift = CHANNEL_SHIFT_SD * map_.mean((2, 3)).std(0) * torch.randn(n, channels, generator=g)
            cells = (uniform(1, rows, columns) >= CELLS_DROPPED_SHARE).float()
            map_ = (map_ * gain[:, :, None, None] + shift[:, :, None, None]) * cells
        maps.append(map_)
    return CropInput(tuple(maps), keypoints, confidence, place)
