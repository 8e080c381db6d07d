"""YOLOX-tiny in torch (Ge et al. 2021): in batches, on a GPU, from the published .onnx file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import interpolate

from biopose.io.checkpoint import WithoutInitialisation
from biopose.perception.backends import is_cpu
from biopose.perception.csp_layers import ConvSilu, CspLayer, SpatialPyramid, in_bfloat16, in_one_call, on_device
from biopose.skeleton.threads import torch_threads

STEM_CHANNELS = 4 * 3  # of interleaved images
CHANNELS = (24, 48, 96, 192, 384)  # after the stem and each stage
BLOCK_COUNTS = (1, 3, 3, 1)
STRIDES = (8, 16, 32)
HEAD_CHANNELS = 96
CLASS_COUNT = 80  # outputs of the published head; the first is "person"
SAME_PERSON_IOU = 0.65  # as in the published graph
LOWEST_SCORE = 0.01  # likewise

# Logits of the classes, of which the first is "person" (B, 80, H, W); offset x, y in cells, log width and log height
# (B, 4, H, W); logit that there is an object (B, 1, H, W).
HeadOutput = tuple[Tensor, Tensor, Tensor]


class YoloxTiny(nn.Module):
    """Backbone, a neck that mixes its three last maps, and a head on each."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = ConvSilu(STEM_CHANNELS, CHANNELS[0], 3)
        self.stages = nn.ModuleList(
            _stage(*stage) for stage in zip(CHANNELS[:-1], CHANNELS[1:], BLOCK_COUNTS, strict=True)
        )
        self.neck = Neck(CHANNELS[-3:])
        self.heads = nn.ModuleList(Head() for _ in STRIDES)

    @classmethod
    def load(cls, path: Path) -> YoloxTiny:
        """The network with the weights of an .onnx file.

        Raises:
            ModelError: the file is not this network.
        """
        from biopose.perception.onnx_weights import load_onnx_weights  # a second to import

        with WithoutInitialisation():
            network = cls()
        load_onnx_weights(network, path, operators=("Conv",))
        return network.eval()

    def in_bfloat16(self) -> YoloxTiny:
        """In bfloat16, but for what the heads end in: the boxes' logarithms and offsets."""
        ends = [f"heads.{level}.{name}" for level in range(len(STRIDES)) for name in ("classes", "box", "is_object")]
        return in_bfloat16(self, exact=ends)

    def forward(self, images: Tensor) -> Tensor:
        """Images (B, 3, H, W), blue green red from 0 to 255 -> (B, A, 5): left, top, right, bottom, score.

        H and W are divisible by 32. Boxes, in pixels, overlap freely.
        """
        x, maps = self.stem(interleaved(images.to(self.stem.conv.weight.dtype))), []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        levels = zip(self.heads, self.neck(tuple(maps[-3:])), strict=True)
        return boxes_of_heads([head(level) for head, level in levels])


def interleaved(images: Tensor) -> Tensor:
    """Each square of two by two pixels as channels: (B, 3, H, W) -> (B, 12, H / 2, W / 2)."""
    batch, channels, height, width = images.shape
    squares = images.reshape(batch, channels, height // 2, 2, width // 2, 2)
    return squares.permute(0, 5, 3, 1, 2, 4).reshape(batch, 4 * channels, height // 2, width // 2)


def boxes_of_heads(outputs: Sequence[HeadOutput]) -> Tensor:
    """Boxes (B, A, 5) in pixels: left, top, right, bottom, score; from the heads at strides 8, 16 and 32."""
    levels = zip(outputs, STRIDES, strict=True)
    return torch.cat([_boxes(output, stride=stride) for output, stride in levels], dim=1)


def _boxes(output: HeadOutput, *, stride: int) -> Tensor:
    """(B, H * W, 5) of one head."""
    classes, box, is_object = output
    score = classes[:, :1].sigmoid() * is_object.sigmoid()
    rows, columns = (torch.arange(n, device=box.device, dtype=box.dtype) for n in box.shape[-2:])
    cells = torch.stack(torch.meshgrid(columns, rows, indexing="xy"))
    centre = (box[:, :2] + cells) * stride
    half = box[:, 2:4].exp() * (stride / 2)
    return torch.cat([centre - half, centre + half, score], dim=1).flatten(2).transpose(1, 2)


def _stage(inputs: int, outputs: int, block_count: int) -> nn.Sequential:
    is_last = outputs == CHANNELS[-1]
    block = partial(Bottleneck, keeps_input=not is_last)
    return nn.Sequential(
        ConvSilu(inputs, outputs, 3, stride=2),
        *([SpatialPyramid(outputs)] if is_last else []),
        CspLayer(outputs, outputs, block=block, block_count=block_count),
    )


class Bottleneck(nn.Module):
    """A convolution across channels, then a small one."""

    def __init__(self, channels: int, *, keeps_input: bool) -> None:
        super().__init__()
        self.layers = nn.Sequential(ConvSilu(channels, channels, 1), ConvSilu(channels, channels, 3))
        self.keeps_input = keeps_input

    def forward(self, x: Tensor) -> Tensor:
        """(N, channels, H, W) -> the same."""
        return self.layers(x) + x if self.keeps_input else self.layers(x)


class Neck(nn.Module):
    """Coarse maps inform fine ones, then fine ones coarse ones (Liu et al. 2018).

    Args:
        channels: of the maps at strides 8, 16 and 32.
    """

    def __init__(self, channels: tuple[int, ...]) -> None:
        super().__init__()
        small, medium, large = channels
        mixed = partial(CspLayer, block=partial(Bottleneck, keeps_input=False), block_count=1)
        self.large_to_medium = ConvSilu(large, medium, 1)
        self.mixed_medium = mixed(2 * medium, medium)
        self.medium_to_small = ConvSilu(medium, small, 1)
        self.mixed_small = mixed(2 * small, small)
        self.small_to_medium = ConvSilu(small, small, 3, stride=2)
        self.final_medium = mixed(2 * small, medium)
        self.medium_to_large = ConvSilu(medium, medium, 3, stride=2)
        self.final_large = mixed(2 * medium, large)
        self.to_heads = nn.ModuleList(ConvSilu(count, HEAD_CHANNELS, 1) for count in channels)

    def forward(self, maps: tuple[Tensor, ...]) -> list[Tensor]:
        """Maps at strides 8, 16, 32 -> maps (B, 96, H / stride, W / stride) at the same strides."""
        small, medium, large = maps
        from_large = self.large_to_medium(large)
        medium = self.mixed_medium(torch.cat([_doubled(from_large), medium], dim=1))
        from_medium = self.medium_to_small(medium)
        small = self.mixed_small(torch.cat([_doubled(from_medium), small], dim=1))
        medium = self.final_medium(torch.cat([self.small_to_medium(small), from_medium], dim=1))
        large = self.final_large(torch.cat([self.medium_to_large(medium), from_large], dim=1))
        return [layer(level) for layer, level in zip(self.to_heads, (small, medium, large), strict=True)]


def _doubled(x: Tensor) -> Tensor:
    return interpolate(x, scale_factor=2, mode="nearest")


class Head(nn.Module):
    """What and where, from one map."""

    def __init__(self) -> None:
        super().__init__()
        channels = HEAD_CHANNELS
        self.what = nn.Sequential(ConvSilu(channels, channels, 3), ConvSilu(channels, channels, 3))
        self.where = nn.Sequential(ConvSilu(channels, channels, 3), ConvSilu(channels, channels, 3))
        self.classes = nn.Conv2d(channels, CLASS_COUNT, 1)
        self.box = nn.Conv2d(channels, 4, 1)
        self.is_object = nn.Conv2d(channels, 1, 1)

    def forward(self, level: Tensor) -> HeadOutput:
        """From (B, 96, H, W)."""
        what, where = self.what(level).float(), self.where(level).float()
        return self.classes(what), self.box(where), self.is_object(where)


class YoloxDetector:
    """The network as the detector calls it: one box a person.

    Args:
        network: on its device.
        threads: that share one pass on the CPU; None leaves torch its own number.
        in_call: whether a pass is to be one call of torch's, as `in_one_call` has it.
    """

    def __init__(self, network: YoloxTiny, *, threads: int | None = None, in_call: bool = False) -> None:
        self.network, self.threads = network, threads
        self._pass: Callable[[Tensor], Tensor] = network
        if in_call:
            with torch_threads(threads):
                self._pass = in_one_call(lambda images: network(images), torch.zeros(1, 3, max(STRIDES), max(STRIDES)))

    @classmethod
    def load(
        cls, path: Path, *, device: str | torch.device, threads: int | None = None, bfloat16: bool = False
    ) -> YoloxDetector:
        """With the weights of an .onnx file."""
        network = on_device(YoloxTiny.load(path), device)
        if bfloat16:
            network.in_bfloat16()
        network.requires_grad_(False).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        return cls(network, threads=threads, in_call=bfloat16 and is_cpu(device))

    @torch.inference_mode()
    def __call__(self, images: Tensor) -> list[NDArray[np.float32]]:
        """Letterboxed images (B, 3, H, W) -> for each (N, 5) left, top, right, bottom, score, by descending score."""
        device = next(self.network.parameters()).device
        images = images.to(device=device, memory_format=torch.channels_last)
        with torch_threads(self.threads):
            boxes = self._pass(images).cpu().numpy()
        return [one_a_person(of_image) for of_image in boxes]


def one_a_person(boxes: NDArray[np.float32]) -> NDArray[np.float32]:
    """Non-maximum suppression: the boxes (N, 5) of (A, 5) with the highest score each, by descending score."""
    left = boxes[boxes[:, 4] > LOWEST_SCORE]
    left = left[np.argsort(-left[:, 4], kind="stable")]
    kept = []
    while len(left):
        kept.append(left[0])
        left = left[1:][_overlap(left[0], left[1:]) <= SAME_PERSON_IOU]
    return np.stack(kept) if kept else np.zeros((0, 5), np.float32)


def _overlap(box: NDArray[np.float32], boxes: NDArray[np.float32]) -> NDArray[np.float32]:
    """Intersection over union of one box with each of (N, 5)."""
    shared = np.minimum(box[2:4], boxes[:, 2:4]) - np.maximum(box[:2], boxes[:, :2])
    intersection = np.prod(np.maximum(shared, 0.0), axis=1)
    areas = np.prod(boxes[:, 2:4] - boxes[:, :2], axis=1)
    return intersection / (np.prod(box[2:4] - box[:2]) + areas - intersection)
