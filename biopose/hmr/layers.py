"""Layers of the mesh decoder: attention of tokens to each other and to an image's feature maps.

`DeformableAttention` follows Zhu et al. 2021, "Deformable DETR: deformable transformers for end-to-end object
detection", equation 3. `PlainAttention` replaces it in an ablation; both fit a `DecoderLayer`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

LONGEST_WAVE = 10_000.0  # of the sine position embedding, relative to the shortest one


class DeformableAttention(nn.Module):
    """Multi-scale deformable cross-attention: each query samples each map at a few learned points.

    A new layer samples along a ray from the reference point, each head in a direction of its own, with even weights.
    """

    def __init__(self, *, width: int, heads: int, levels: int, points: int) -> None:
        super().__init__()
        self.head_width = _head_width(width, heads)
        self.heads, self.levels, self.points = heads, levels, points
        self.value = nn.Conv2d(width, width, kernel_size=1)  # on the map as it lies: channels-last stays fast
        self.offsets = nn.Linear(width, heads * levels * points * 2)
        self.weights = nn.Linear(width, heads * levels * points)
        self.output = nn.Linear(width, width)
        self._start()

    def forward(self, queries: Tensor, reference: Tensor, maps: Sequence[Tensor]) -> Tensor:
        """Attend to the maps near the reference points.

        Args:
            queries: (N, M, width).
            reference: (N, M, 2) x and y, 0 at the left and top edges of the maps and 1 at the right and bottom ones.
            maps: `levels` of (N, width, H, W), each of its own size; beyond their edges is zero.

        Returns:
            (N, M, width).

        Raises:
            ValueError: if there are more or fewer maps than levels.
        """
        _check_levels(maps, self.levels)
        offsets, weights = self._attend(queries)
        sampled = [
            (self._sample(map_, reference, offset) * weight).sum(-1)
            for map_, offset, weight in zip(maps, offsets.unbind(3), weights.unbind(3), strict=True)
        ]
        together = torch.stack(sampled).sum(0).unflatten(0, (-1, self.heads))
        together = together.permute(0, 3, 1, 2).flatten(2)
        return self.output(together.to(self.output.weight.dtype))

    @torch.no_grad()
    def _start(self) -> None:
        """Offsets in a ring, even weights, as in the paper."""
        angles = 2 * math.pi * torch.arange(self.heads) / self.heads
        directions = torch.stack((angles.cos(), angles.sin()), dim=-1)
        directions = directions / directions.abs().amax(-1, keepdim=True)
        steps = torch.arange(1, self.points + 1.0)[:, None]
        ring = (directions[:, None, None] * steps).expand(-1, self.levels, -1, -1)
        self.offsets.bias.copy_(ring.flatten())
        for zero in (self.offsets.weight, self.weights.weight, self.weights.bias, self.value.bias, self.output.bias):
            assert zero is not None
            zero.zero_()
        for projection in (self.value, self.output):
            nn.init.xavier_uniform_(projection.weight)

    def _attend(self, queries: Tensor) -> tuple[Tensor, Tensor]:
        """Sampling points of the queries (N, M, width), and each point's weight among those of its head.

        Returns:
            Offsets (N, heads, M, levels, points, 2) in cells, and weights (N * heads, 1, M, levels, points).
        """
        with torch.autocast(queries.device.type, enabled=False):  # half precision would round the points
            queries = queries.to(self.offsets.weight.dtype)
            offsets = self.offsets(queries).unflatten(-1, (self.heads, self.levels, self.points, 2))
            weights = self.weights(queries).unflatten(-1, (self.heads, self.levels * self.points)).softmax(-1)
        weights = weights.transpose(1, 2).flatten(0, 1).unflatten(-1, (self.levels, self.points))
        return offsets.transpose(1, 2), weights[:, None]

    def _sample(self, map_: Tensor, reference: Tensor, offsets: Tensor) -> Tensor:
        """(N, width, H, W), (N, M, 2), (N, heads, M, points, 2) to (N * heads, head_width, M, points)."""
        rows, columns = map_.shape[-2:]
        x = reference[:, None, :, None, 0] + offsets[..., 0] / columns
        y = reference[:, None, :, None, 1] + offsets[..., 1] / rows
        grid = 2 * torch.stack((x, y), dim=-1).flatten(0, 1) - 1
        values = self.value(map_).unflatten(1, (self.heads, self.head_width)).flatten(0, 1)
        return nn.functional.grid_sample(
            values.to(grid.dtype), grid, mode="bilinear", padding_mode="zeros", align_corners=False
        )


class PlainAttention(nn.Module):
    """Cross-attention to every cell of every map, whose keys have a position and a level embedding."""

    def __init__(self, *, width: int, heads: int, levels: int) -> None:
        super().__init__()
        if width % 4:
            raise ValueError(f"width {width} is no multiple of 4: sine and cosine of x and y share it")
        self.attention = _Attention(width, heads)
        self.level = nn.Parameter(0.02 * torch.randn(levels, width))

    def forward(self, queries: Tensor, reference: Tensor, maps: Sequence[Tensor]) -> Tensor:
        """Attend to the maps.

        Args:
            queries: (N, M, width).
            reference: not used; the signature is `DeformableAttention`'s.
            maps: `levels` of (N, width, H, W), each of its own size.

        Returns:
            (N, M, width).

        Raises:
            ValueError: if there are more or fewer maps than levels.
        """
        del reference
        _check_levels(maps, len(self.level))
        embeddings = [sine_position(map_) + level for map_, level in zip(maps, self.level, strict=True)]
        values = torch.cat([map_.flatten(2).mT for map_ in maps], dim=1)
        return self.attention(queries, values + torch.cat(embeddings), values)


class DecoderLayer(nn.Module):
    """Self-attention between tokens, cross-attention into the maps, feed-forward; each residual, normed before."""

    def __init__(self, *, width: int, heads: int, cross: nn.Module, hidden: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.between, self.cross = _Attention(width, heads), cross
        self.feed_forward = nn.Sequential(nn.Linear(width, hidden), nn.GELU(), nn.Linear(hidden, width))
        self.before_between, self.before_cross = nn.LayerNorm(width), nn.LayerNorm(width)
        self.before_feed_forward = nn.LayerNorm(width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, tokens: Tensor, position: Tensor, reference: Tensor, maps: Sequence[Tensor]) -> Tensor:
        """Take the tokens one layer on.

        Args:
            tokens: (N, M, width).
            position: (N or 1, M, width) embedding of each token, added to queries and keys but not to values.
            reference: (N, M, 2) the reference point of each token, as `DeformableAttention` takes it.
            maps: (N, width, H, W) each.

        Returns:
            (N, M, width).
        """
        normed = self.before_between(tokens)
        embedded = normed + position
        tokens = tokens + self.dropout(self.between(embedded, embedded, normed))
        embedded = self.before_cross(tokens) + position
        tokens = tokens + self.dropout(self.cross(embedded, reference, maps))
        return tokens + self.dropout(self.feed_forward(self.before_feed_forward(tokens)))


class _Attention(nn.Module):
    """Scaled dot-product attention of several heads.

    Written out: for a score of tokens the backward pass of torch's fused kernel takes several times as long on a CPU.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.shape = (heads, _head_width(width, heads))
        self.query, self.key = nn.Linear(width, width), nn.Linear(width, width)
        self.value, self.output = nn.Linear(width, width), nn.Linear(width, width)

    def forward(self, queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        """(N, M, width), (N, S, width), (N, S, width) to (N, M, width)."""
        projected = (self.query(queries), self.key(keys), self.value(values))
        query, key, value = (x.unflatten(-1, self.shape).transpose(1, 2) for x in projected)
        mixed = (query @ key.transpose(-1, -2) / self.shape[1] ** 0.5).softmax(-1).to(value.dtype) @ value
        return self.output(mixed.transpose(1, 2).flatten(2))


def sine_position(map_: Tensor) -> Tensor:
    """Sines and cosines of a map's cell centres: half of the channels encode x, half y.

    Centres are in shares of the map, so that a point has the same embedding on every level.

    Args:
        map_: (N, width, H, W); only its size, type and device count.

    Returns:
        (H * W, width).
    """
    (width, rows, columns), waves = map_.shape[1:], map_.shape[1] // 4
    rates = 2 * math.pi * LONGEST_WAVE ** (-torch.arange(waves, device=map_.device) / waves)
    x, y = (((torch.arange(n, device=map_.device) + 0.5) / n)[:, None] * rates for n in (columns, rows))
    x, y = (torch.cat((phase.sin(), phase.cos()), dim=-1) for phase in (x, y))
    embedded = torch.cat((x.expand(rows, -1, -1), y[:, None].expand(-1, columns, -1)), dim=-1)
    return embedded.reshape(rows * columns, width).to(map_.dtype)


def _head_width(width: int, heads: int) -> int:
    if width % heads:
        raise ValueError(f"width {width} cannot be shared by {heads} heads")
    return width // heads


def _check_levels(maps: Sequence[Tensor], levels: int) -> None:
    if len(maps) != levels:
        raise ValueError(f"{len(maps)} maps were given to attention over {levels} levels")
