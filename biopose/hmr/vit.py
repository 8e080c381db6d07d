"""A plain Vision Transformer (Dosovitskiy et al. 2021) with maps at four strides: MQ-HMR's second encoder.

The backbone is the one of ViTPose (Xu et al. 2022, "ViTPose: Simple vision transformer baselines for human pose
estimation") and HMR2.0 (Goel et al. 2023, "Humans in 4D"); its parameters carry the names of their checkpoints, which
users bring (`VitEncoder.load_backbone`). From its one map, a simple feature pyramid (Li et al. 2022, "Exploring plain
vision transformer backbones for object detection") makes maps like those of `biopose.perception.cspnext.CspNeXt`, so
that one decoder fits either encoder. The pyramid is in no published checkpoint: it is trained with the decoder.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from biopose.hmr.vit_checkpoint import read_backbone
from biopose.perception.cspnext import MAP_CHANNELS

VitSize = Literal["S", "B", "L", "H"]
PATCH_PADDING_PX = 2  # of the published networks, whose patches therefore begin 2 pixels outside the crop
NORM_EPS = 1e-6
INITIAL_SD = 0.02


@dataclass(frozen=True)
class VitShape:
    """Dimensions of the network.

    Attributes:
        width: channels of a token.
        depth: number of blocks.
        heads: of the attention of each block.
        mlp_ratio: channels inside a block's MLP, in widths.
        crop_px: height and width of a crop.
        patch_px: side of the square that makes a token; the maps have strides of a quarter, a half, one and two of it.
        pyramid_channels: of the four maps, finest first.
    """

    width: int
    depth: int
    heads: int
    mlp_ratio: int = 4
    crop_px: tuple[int, int] = (256, 192)
    patch_px: int = 16
    pyramid_channels: tuple[int, int, int, int] = MAP_CHANNELS

    def __post_init__(self) -> None:
        if self.width % self.heads or self.width % 4:
            raise ValueError(f"width {self.width} must be divisible by 4 and by the number of heads, {self.heads}")
        if any(size % (2 * self.patch_px) for size in self.crop_px):
            raise ValueError(f"crops of {self.crop_px}: height and width must be divisible by {2 * self.patch_px}")

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns of tokens."""
        return self.crop_px[0] // self.patch_px, self.crop_px[1] // self.patch_px


VIT_SHAPES: Mapping[VitSize, VitShape] = MappingProxyType(
    {
        "S": VitShape(width=384, depth=12, heads=12),
        "B": VitShape(width=768, depth=12, heads=12),
        "L": VitShape(width=1024, depth=24, heads=16),
        "H": VitShape(width=1280, depth=32, heads=16),
    }
)


class VitEncoder(nn.Module):
    """Backbone and pyramid: from crops to maps at strides 4, 8, 16 and 32."""

    def __init__(self, shape: VitShape) -> None:
        super().__init__()
        self.shape = shape
        self.backbone = Vit(shape)
        self.pyramid = SimpleFeaturePyramid(shape.width, shape.pyramid_channels)

    @classmethod
    def of(cls, size: VitSize) -> VitEncoder:
        """The encoder of a published size, its weights drawn at random.

        Raises:
            ValueError: there is no such size.
        """
        if size not in VIT_SHAPES:
            raise ValueError(f"no ViT of size {size!r}; there are {', '.join(get_args(VitSize))}")
        return cls(VIT_SHAPES[size])

    def load_backbone(self, path: Path) -> None:
        """Fill the backbone, in place, from a checkpoint of ViTPose or HMR2.0; the pyramid stays as it is.

        Raises:
            ModelError: the file cannot be read, or holds no backbone of this size.
        """
        names = {(shape.width, shape.depth): f"ViT-{size}" for size, shape in VIT_SHAPES.items()}
        expected = self.backbone.state_dict()
        self.backbone.load_state_dict(read_backbone(path, expected=expected, grid=self.shape.grid, names=names))

    def forward(self, crops: Tensor) -> tuple[Tensor, ...]:
        """Normalised crops (N, 3, 256, 192) -> maps (N, channels, 256 / stride, 192 / stride)."""
        return self.pyramid(self.backbone(crops))


class Vit(nn.Module):
    """The backbone."""

    def __init__(self, shape: VitShape) -> None:
        super().__init__()
        self.shape = shape
        rows, columns = shape.grid
        self.patch_embed = PatchEmbed(shape.width, shape.patch_px)
        self.pos_embed = nn.Parameter(torch.zeros(1, 1 + rows * columns, shape.width))
        self.blocks = nn.ModuleList(Block(shape.width, shape.heads, shape.mlp_ratio) for _ in range(shape.depth))
        self.last_norm = nn.LayerNorm(shape.width, eps=NORM_EPS)
        nn.init.trunc_normal_(self.pos_embed, std=INITIAL_SD)
        self.apply(_initialise)

    def forward(self, crops: Tensor) -> Tensor:
        """Normalised crops (N, 3, 256, 192) -> map (N, width, 16, 12), channels last in memory.

        Raises:
            ValueError: the crops are of another size.
        """
        if crops.shape[-2:] != self.shape.crop_px:
            raise ValueError(f"crops of {tuple(crops.shape[-2:])}: this network takes {self.shape.crop_px}")
        # The first entry belonged to a class token in pre-training; the published networks add it to every token.
        x = self.patch_embed(crops).flatten(2).mT + self.pos_embed[:, 1:] + self.pos_embed[:, :1]
        for block in self.blocks:
            x = block(x)
        return self.last_norm(x).mT.unflatten(2, self.shape.grid)


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=INITIAL_SD)
        nn.init.zeros_(module.bias)


class PatchEmbed(nn.Module):
    """One token from each square of the crop."""

    def __init__(self, width: int, patch_px: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, width, patch_px, stride=patch_px, padding=PATCH_PADDING_PX)

    def forward(self, crops: Tensor) -> Tensor:
        """(N, 3, H, W) -> (N, width, H / patch_px, W / patch_px)."""
        return self.proj(crops)


class Block(nn.Module):
    """Attention among all tokens, then an MLP for each; both after a norm, both added to what came in."""

    def __init__(self, width: int, heads: int, mlp_ratio: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width, eps=NORM_EPS), nn.LayerNorm(width, eps=NORM_EPS)
        self.attn = Attention(width, heads)
        self.mlp = Mlp(width, mlp_ratio * width)

    def forward(self, x: Tensor) -> Tensor:
        """(N, tokens, width) -> the same."""
        x = x + self.attn(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class Attention(nn.Module):
    """Multi-head self-attention (Vaswani et al. 2017)."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """(N, tokens, width) -> the same."""
        query, key, value = self.qkv(x).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4).unbind(0)
        mixed = nn.functional.scaled_dot_product_attention(query, key, value)
        return self.proj(mixed.transpose(1, 2).flatten(2))


class Mlp(nn.Module):
    """Two linear layers with a GELU between."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(width, hidden), nn.Linear(hidden, width)

    def forward(self, x: Tensor) -> Tensor:
        """(..., width) -> the same."""
        return self.fc2(nn.functional.gelu(self.fc1(x)))


class SimpleFeaturePyramid(nn.Module):
    """Maps of four sizes, each made of the backbone's last map alone (Li et al. 2022)."""

    def __init__(self, width: int, channels: tuple[int, ...]) -> None:
        super().__init__()
        half, quarter = width // 2, width // 4
        four_times = nn.Sequential(_doubled(width, half), ChannelNorm(half), nn.GELU(), _doubled(half, quarter))
        resized = (four_times, _doubled(width, half), nn.Identity(), nn.MaxPool2d(2))
        inputs = (quarter, half, width, width)
        levels = zip(resized, inputs, channels, strict=True)
        self.levels = nn.ModuleList(nn.Sequential(resize, *_mixed(*sizes)) for resize, *sizes in levels)

    def forward(self, last_map: Tensor) -> tuple[Tensor, ...]:
        """(N, width, h, w) -> maps (N, channels, h * s, w * s) with s of 4, 2, 1 and 1/2."""
        return tuple(level(last_map) for level in self.levels)


def _doubled(inputs: int, outputs: int) -> nn.Module:
    return nn.ConvTranspose2d(inputs, outputs, 2, stride=2)


def _mixed(inputs: int, outputs: int) -> tuple[nn.Module, ...]:
    across = nn.Conv2d(inputs, outputs, 1, bias=False)  # the norms have the biases
    around = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
    return across, ChannelNorm(outputs), around, ChannelNorm(outputs)


class ChannelNorm(nn.LayerNorm):
    """A layer norm over the channels of each place of a map."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels, eps=NORM_EPS)

    def forward(self, x: Tensor) -> Tensor:
        """(N, channels, H, W) -> the same."""
        return super().forward(x.movedim(1, -1)).movedim(-1, 1)
