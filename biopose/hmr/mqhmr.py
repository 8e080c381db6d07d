"""MQ-HMR: from a crop of a person to their body's mesh, by several queries to an encoder's feature maps.

The idea is BioPose's (WACV 2025): each segment of the body has a query token; N layers of self-attention between the
tokens and deformable cross-attention into multi-scale maps; then a head gives each segment's rotation (6D, Zhou et al.
2019) and the keypoints' standard deviations. Shape and weak-perspective camera are regressed from an embedding of the
whole crop. The keypoint network gives maps and 2D keypoints in one pass: the keypoints are the queries' reference
points, and between layers their reprojection residual is fed back to the tokens (as in ReFit, Wang & Daniilidis 2023).

The pose is in the view of a camera that is rotated towards the crop's middle (`rotation_towards`): so it does not
depend on where in the image the person is, and the rotation back into the camera is exact.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from biopose.body.rig import PosedBody
from biopose.body.segment_body import SHAPE_TERMS, SegmentBody
from biopose.hmr.head import PoseHead
from biopose.hmr.layers import DecoderLayer, DeformableAttention, PlainAttention
from biopose.hmr.mqhmr_shape import N_KEYPOINTS, MqhmrShape, keypoints_of_queries
from biopose.hmr.template_body import TemplateBody, reprojection_residual, view_rays
from biopose.io.checkpoint import load_network, load_renamed, save_network
from biopose.io.weights_folder import WEIGHTS

KIND = "mqhmr"
MQHMR_WEIGHTS = WEIGHTS / "mqhmr.safetensors"
DEFAULT_LOG_SIZE = 0.25  # logarithm of a crop's height over the person's
RENAMED_KEYS = {"read.": "head.", "told.": "feedback."}  # in weights that were stored earlier
RESIDUAL_SCALE = 10.0  # makes a residual of a tenth of the crop's height one
LEAST_CONFIDENCE = 1e-3  # added to the keypoints', so that a query without confident ones has a reference point


@dataclass(frozen=True)
class CropInput:
    """N crops as the decoder takes them.

    Attributes:
        maps: four (N, channels, H, W) of the encoder; of those that are not attended to, anything.
        keypoints: (N, 26, 2) x and y in shares of the crop, 0 at its left and top edges.
        confidence: (N, 26) from 0 to 1.
        position: (N, 3) x / z and y / z of the crop's middle, and the logarithm of its height in the same units.
    """

    maps: tuple[Tensor, ...]
    keypoints: Tensor
    confidence: Tensor
    position: Tensor


@dataclass(frozen=True)
class MqhmrOutput:
    """What the network estimates of N people.

    Attributes:
        tokens: (N, Q, token_width) that the head reads the pose from.
        R_segment_local: (N, 20, 3, 3) local rotations of the segment body; the pelvis's is in the view.
        shape: (N, K) coefficients of the segment body.
        root: (N, 3) head of the pelvis's bone in the view, in heights.
        sd: (N, 26, 2) standard deviation of each keypoint about the hips, across the view and along it, in heights.
        intermediate: (N, 20, 3, 3) local rotations after each layer but the last.
    """

    tokens: Tensor
    R_segment_local: Tensor
    shape: Tensor
    root: Tensor
    sd: Tensor
    intermediate: tuple[Tensor, ...] = ()

    def posed(self, body: SegmentBody) -> PosedBody:
        """The body in the view, in heights."""
        return body.rig.with_coefficients(self.shape).with_pose(self.R_segment_local, root_position=self.root)


class Mqhmr(nn.Module):
    """The decoder of an encoder's maps.

    Args:
        shape: dimensions.
        template_body: whose reprojection residual is fed back between layers.
    """

    about: Tensor

    def __init__(self, shape: MqhmrShape, *, template_body: TemplateBody) -> None:
        super().__init__()
        self.shape = s = shape
        self.inputs = nn.ModuleList(nn.Conv2d(s.channels[level], s.width, kernel_size=1) for level in s.levels)
        self.position = nn.Parameter(0.02 * torch.randn(1, s.queries, s.width))
        context = 3 * N_KEYPOINTS + 3 + sum(s.channels[level] for level in s.levels)
        self.whole = nn.Sequential(
            nn.Linear(context, s.hidden), nn.GELU(), nn.Linear(s.hidden, s.hidden), nn.GELU(), nn.LayerNorm(s.hidden)
        )
        self.queries = nn.Linear(s.hidden, s.queries * s.width)
        self.layers = nn.ModuleList(
            DecoderLayer(width=s.width, heads=s.heads, cross=_cross_attention(s), hidden=s.hidden, dropout=s.dropout)
            for _ in range(s.layers)
        )
        self.body = nn.Linear(s.hidden, SHAPE_TERMS + 3)
        self.narrow = nn.Sequential(nn.LayerNorm(s.width), nn.Linear(s.width, s.token_width))
        self.head = PoseHead(s)
        self.template_body = template_body
        if s.feedback and s.layers > 1:
            self.feedback = nn.Sequential(
                nn.Linear(3 * N_KEYPOINTS, s.hidden // 2), nn.GELU(), nn.Linear(s.hidden // 2, s.queries * s.width)
            )
        self.register_buffer("about", keypoints_of_queries(s.queries), persistent=False)
        nn.init.zeros_(self.body.weight)
        nn.init.zeros_(self.body.bias)
        load_renamed(self, RENAMED_KEYS)

    def forward(self, crops: CropInput) -> MqhmrOutput:
        """Decode N crops."""
        s = self.shape
        maps = [crops.maps[level] for level in s.levels]
        whole = self.whole(self._context(crops, maps))
        tokens = self.queries(whole).unflatten(-1, (s.queries, s.width))
        maps = [layer(map_) for layer, map_ in zip(self.inputs, maps, strict=True)]
        reference = self._reference(crops)
        intermediate = []
        for layer in self.layers[:-1]:
            tokens = layer(tokens, self.position, reference, maps)
            if s.feedback:
                intermediate.append(self._pose(tokens)[1])
                tokens = tokens + self._residual(intermediate[-1].detach(), crops).unflatten(-1, (s.queries, s.width))
        tokens = self.layers[-1](tokens, self.position, reference, maps)
        narrow, R_segment_local, sd = self._pose(tokens)
        with torch.autocast(tokens.device.type, enabled=False):
            shape, camera = self.body(whole.float()).split([SHAPE_TERMS, 3], dim=-1)
        root = _root(camera, crops.position[:, 2])
        return MqhmrOutput(narrow, R_segment_local, shape, root, sd, tuple(intermediate))

    def _context(self, crops: CropInput, maps: list[Tensor]) -> Tensor:
        """(N, 3 * 26 + 3 + channels) keypoints, position and means of the maps."""
        points = torch.cat([2 * crops.keypoints - 1, crops.confidence[..., None]], dim=-1)
        means = [map_.mean(dim=(2, 3)) for map_ in maps]
        return torch.cat([points.flatten(1), crops.position, *means], dim=-1)

    def _pose(self, tokens: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The narrow tokens, and the head's output."""
        with torch.autocast(tokens.device.type, enabled=False):  # half precision would round to millimetres
            narrow = self.narrow(tokens.float())
            return narrow, *self.head(narrow)

    def _residual(self, R_local: Tensor, crops: CropInput) -> Tensor:
        """(N, Q * width) embedding of the reprojection residual of the template body with these rotations."""
        with torch.autocast(R_local.device.type, enabled=False):
            rays, log_crop = view_rays(crops.keypoints, crops.position), crops.position[:, 2]
            depth = (DEFAULT_LOG_SIZE - log_crop).exp()
            residual = reprojection_residual(self.template_body(R_local), rays, crops.confidence, log_crop, depth)
            given = torch.cat([RESIDUAL_SCALE * residual.flatten(1), crops.confidence], dim=-1)
        embedded: Tensor = self.feedback(given)
        return embedded

    def _reference(self, crops: CropInput) -> Tensor:
        """(N, Q, 2) reference point of each query: the weighted mean of its keypoints."""
        weight = (crops.confidence[:, None] + LEAST_CONFIDENCE) * self.about
        return (weight @ crops.keypoints / weight.sum(-1, keepdim=True)).clamp(0.0, 1.0)


def _root(camera: Tensor, log_crop: Tensor) -> Tensor:
    """(N, 3) in heights, from a weak-perspective camera (N, 3) of the crop, whose height in x / z is known."""
    depth = (camera[:, 0] + DEFAULT_LOG_SIZE - log_crop).exp()
    across = camera[:, 1:] * log_crop.exp()[:, None]
    return torch.cat([across, torch.ones_like(across[:, :1])], dim=-1) * depth[:, None]


def _cross_attention(shape: MqhmrShape) -> nn.Module:
    sizes = {"width": shape.width, "heads": shape.heads, "levels": len(shape.levels)}
    return DeformableAttention(**sizes, points=shape.points) if shape.deformable else PlainAttention(**sizes)


def new_mqhmr(shape: MqhmrShape | None = None) -> Mqhmr:
    """An untrained network with the template body that ships."""
    return Mqhmr(shape or MqhmrShape(), template_body=TemplateBody(SegmentBody.load()))


def save_mqhmr(path: Path, network: Mqhmr) -> None:
    """Write the network."""
    save_network(path, network, kind=KIND, shape=asdict(network.shape))


def load_mqhmr(path: Path = MQHMR_WEIGHTS) -> Mqhmr:
    """The network that ships, or another.

    Raises:
        ModelError: if the file is not there, is broken or holds another network.
    """
    return load_network(path, lambda shape: new_mqhmr(MqhmrShape(**shape)), kind=KIND)
