"""RTMPose-s in torch (Jiang et al. 2023): the backbone CSPNeXt, which also gives features, and the head for keypoints.

Filled from the published .onnx file, its outputs are onnxruntime's to 1e-5. The backbone takes images of any size
divisible by 32; the head only 256 rows by 192 columns. It runs fastest with `torch.channels_last` (8.6 in place of
11.5 ms a person on two cores).
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn

from biopose.io.checkpoint import WithoutInitialisation
from biopose.perception.csp_layers import ConvSilu, CspLayer, InSinglePrecision, SpatialPyramid, in_bfloat16
from biopose.perception.simcc import X_BINS, Y_BINS, PoseOutput

MAP_STRIDES = (4, 8, 16, 32)
MAP_CHANNELS = (64, 128, 256, 512)
STEM_CHANNELS = (16, 16, 32)
BLOCK_COUNTS = (1, 2, 2, 1)
KEYPOINT_COUNT = 26
GRID = (8, 6)  # rows and columns of the last map of a crop
HIDDEN, EXPANDED, QUERY = 256, 512, 128
SMALLEST_NORM = 1e-5
EXACT_BLOCK = "stages.1.1.blocks.0"  # of the backbone, in a network of bfloat16
WEIGHT_OPERATORS = ("Conv", "MatMul", "Mul", "Add")


class RtmPose(nn.Module):
    """Backbone and head."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone = CspNeXt()
        self.head = SimccHead()
        self._precision = torch.float32  # of the backbone

    @classmethod
    def load(cls, path: Path) -> RtmPose:
        """The network with the weights of an .onnx file.

        Raises:
            ModelError: the file is not this network.
        """
        from biopose.perception.onnx_weights import load_onnx_weights  # reading .onnx files takes a second to import

        with WithoutInitialisation():
            network = cls()
        load_onnx_weights(network, path, operators=WEIGHT_OPERATORS)
        return network.eval()

    def in_bfloat16(self) -> RtmPose:
        """With the backbone in bfloat16, but for one block, which takes a small difference of large numbers.

        In bfloat16 that block alone would move keypoints by three times as much as all others together.
        """
        self.backbone.set_submodule(EXACT_BLOCK, InSinglePrecision(self.backbone.get_submodule(EXACT_BLOCK)))
        in_bfloat16(self.backbone, exact=[EXACT_BLOCK])
        self._precision = torch.bfloat16
        return self

    def forward(self, crops: Tensor) -> PoseOutput:
        """Normalised crops (N, 3, 256, 192) -> scores and maps, these in the backbone's precision."""
        maps = self.backbone(crops.to(self._precision))
        x_scores, y_scores = self.head(maps[-1].float())
        return PoseOutput(x_scores, y_scores, maps)


class CspNeXt(nn.Module):
    """The backbone (Lyu et al. 2022): four stages, each of half the size and twice the channels of the one before."""

    def __init__(self) -> None:
        super().__init__()
        first, second, third = STEM_CHANNELS
        self.stem = nn.Sequential(
            ConvSilu(3, first, 3, stride=2), ConvSilu(first, second, 3), ConvSilu(second, third, 3)
        )
        inputs = (third, *MAP_CHANNELS[:-1])
        stages = zip(inputs, MAP_CHANNELS, BLOCK_COUNTS, strict=True)
        self.stages = nn.ModuleList(_stage(*stage, is_last=stage[1] == MAP_CHANNELS[-1]) for stage in stages)

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Normalised images (N, 3, H, W) -> maps (N, channels, H / stride, W / stride).

        Raises:
            ValueError: height or width is not divisible by 32.
        """
        if any(size % MAP_STRIDES[-1] for size in images.shape[-2:]):
            raise ValueError(f"images of {tuple(images.shape[-2:])}: height and width must be divisible by 32")
        x, maps = self.stem(images), []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        return tuple(maps)


def _stage(inputs: int, outputs: int, block_count: int, *, is_last: bool) -> nn.Sequential:
    return nn.Sequential(
        ConvSilu(inputs, outputs, 3, stride=2),
        *([SpatialPyramid(outputs)] if is_last else []),
        CspLayer(
            outputs,
            outputs,
            block=partial(NextBlock, keeps_input=not is_last),
            block_count=block_count,
            attention=True,
        ),
    )


class NextBlock(nn.Module):
    """A small convolution, a wide one within each channel, one across channels."""

    def __init__(self, channels: int, *, keeps_input: bool) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            ConvSilu(channels, channels, 3),
            ConvSilu(channels, channels, 5, groups=channels),
            ConvSilu(channels, channels, 1),
        )
        self.keeps_input = keeps_input

    def forward(self, x: Tensor) -> Tensor:
        """(N, channels, H, W) -> the same."""
        return self.layers(x) + x if self.keeps_input else self.layers(x)


class SimccHead(nn.Module):
    """From the last map to scores of each half pixel: one token a keypoint, which attend to one another."""

    def __init__(self) -> None:
        super().__init__()
        cells = GRID[0] * GRID[1]
        self.final = nn.Conv2d(MAP_CHANNELS[-1], KEYPOINT_COUNT, 7, padding=3)
        self.token_norm = ScaleNorm(cells)
        self.to_tokens = Product(cells, HIDDEN)
        self.attention = GatedAttention()
        self.to_x = Product(HIDDEN, X_BINS)
        self.to_y = Product(HIDDEN, Y_BINS)

    def forward(self, last_map: Tensor) -> tuple[Tensor, Tensor]:
        """(N, 512, 8, 6) -> scores (N, 26, 384) along x and (N, 26, 512) along y."""
        if last_map.shape[-2:] != GRID:
            raise ValueError(f"a last map of {tuple(last_map.shape[-2:])}: keypoints need crops of 256 by 192 pixels")
        tokens = self.attention(self.to_tokens(self.token_norm(self.final(last_map).flatten(2))))
        return self.to_x(tokens), self.to_y(tokens)


class Product(nn.Module):
    """A linear map, its matrix as in the file."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.matrix = nn.Parameter(torch.zeros(inputs, outputs))

    def forward(self, x: Tensor) -> Tensor:
        """(..., inputs) -> (..., outputs)."""
        return x @ self.matrix


class ScaleNorm(nn.Module):
    """Vectors of one common root mean square (Nguyen and Salazar 2019)."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(1))
        self._root = size**0.5

    def forward(self, x: Tensor) -> Tensor:
        """(..., size) -> the same."""
        norm = torch.linalg.vector_norm(x, dim=-1, keepdim=True) / self._root
        return x / norm.clamp(min=SMALLEST_NORM) * self.gain


class GatedAttention(nn.Module):
    """Attention and gate in one unit (Hua et al. 2022), with squared rectified weights in place of a softmax."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = ScaleNorm(HIDDEN)
        self.to_gate_value_base = Product(HIDDEN, 2 * EXPANDED + QUERY)
        self.query_and_key = QueryAndKey()
        self.to_output = Product(EXPANDED, HIDDEN)
        self.shortcut = Gains(HIDDEN)

    def forward(self, tokens: Tensor) -> Tensor:
        """(N, K, 256) -> the same."""
        mixed = nn.functional.silu(self.to_gate_value_base(self.norm(tokens)))
        gate, value, base = mixed.split([EXPANDED, EXPANDED, QUERY], dim=-1)
        query, key = self.query_and_key(base)
        weights = nn.functional.relu(query @ key.transpose(1, 2) / QUERY**0.5).square()
        return self.shortcut(tokens) + self.to_output(gate * (weights @ value))


class QueryAndKey(nn.Module):
    """Two gains and offsets of the same vectors."""

    def __init__(self) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(1, 1, 2, QUERY))
        self.beta = nn.Parameter(torch.zeros(2, QUERY))

    def forward(self, base: Tensor) -> tuple[Tensor, Tensor]:
        """(N, K, 128) -> two of the same."""
        query, key = (base[:, :, None] * self.gamma + self.beta).unbind(dim=2)
        return query, key


class Gains(nn.Module):
    """A factor for each channel."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.factors = nn.Parameter(torch.ones(size))

    def forward(self, x: Tensor) -> Tensor:
        """(..., size) -> the same."""
        return x * self.factors
