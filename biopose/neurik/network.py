"""NeurIK: from a subject's markers through time to joint angles and body scales, with a standard deviation on each.

The idea is BioPose's (WACV 2025), the limits by construction D3KE's (Bittner et al. 2022): a spatial encoder over the
features of a frame's segments, a transformer over a window's frames, then each coordinate inside its range. Segments
fitted to their markers (`input.MarkerFeatures`) give every angle in closed form and the network corrects it: it learns
how people's marker locations differ from the default ones, and how to treat markers that are wrong or missing.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from biopose.io.checkpoint import load_network, load_renamed, save_network
from biopose.io.weights_folder import WEIGHTS
from biopose.neurik.input import (
    N_FRAME_FEATURES,
    N_MARKERS,
    N_SEGMENTS,
    MarkerFeatures,
    MarkerWindows,
    NeurikInput,
    SubjectCalibration,
)
from biopose.neurik.output import SCALE_RANGE, RawOutput

KIND = "neurik"
NEURIK_WEIGHTS = WEIGHTS / "neurik.safetensors"
RENAMED_KEYS = {"places_m": "locations_m"}  # in weights that were stored earlier
LOG_SD_RANGE = (-7.0, 0.5)  # of radians and metres
PRIOR_LOG_SD = -3.0
SIZE_RANGE = (0.6, 1.4)  # of a person as a whole, from which the body scales are corrected: well inside their range
FIRST_CORRECTION = 0.05  # of the heads: a new network corrects the closed form by little


@dataclass(frozen=True)
class NeurikShape:
    """Dimensions of the network; kept inside its checkpoint.

    Attributes:
        segment_width: channels of a segment.
        neighbours: whether segments are mixed with their parents and children before they are joined to a token.
        width: of a frame's token.
        layers: of the transformer; with 0 each frame is predicted alone.
        heads: of its attention.
        hidden: width of its feed-forward layers.
        waves: sines and cosines that encode the time, with periods from an eighth of a second to eight seconds.
        dropout: share of the channels dropped while training.
    """

    segment_width: int = 24
    neighbours: bool = True
    width: int = 160
    layers: int = 3
    heads: int = 5
    hidden: int = 320
    waves: int = 7
    dropout: float = 0.0


class SpatialEncoder(nn.Module):
    """From the features of a frame's segments to a token: each by its own weights, then each with its neighbours."""

    def __init__(self, shape: NeurikShape, *, features: int, parents: list[int]) -> None:
        super().__init__()
        self.parents, self.neighbours, width = parents, shape.neighbours, shape.segment_width
        self.own = nn.Parameter(torch.randn(N_SEGMENTS, features, width) / features**0.5)
        self.own_bias = nn.Parameter(torch.zeros(N_SEGMENTS, width))
        self.beside = nn.Linear(3 * width, width)
        self.together = nn.Linear(N_SEGMENTS * width + N_FRAME_FEATURES, shape.width)
        children = torch.zeros(N_SEGMENTS, N_SEGMENTS)
        children[parents[1:], range(1, N_SEGMENTS)] = 1.0
        self.register_buffer("hang_on", children, persistent=False)

    def forward(self, given: NeurikInput) -> Tensor:
        """(N, T, width)."""
        x = nn.functional.gelu(torch.einsum("ntsf,sfw->ntsw", given.segments, self.own) + self.own_bias)
        if self.neighbours:
            around = torch.cat([x, x[..., self.parents, :], self.get_buffer("hang_on").to(x) @ x], dim=-1)
            x = x + nn.functional.gelu(self.beside(around))
        token: Tensor = self.together(torch.cat([x.flatten(-2), given.frame.to(x)], dim=-1))
        return token


class Neurik(nn.Module):
    """The network; see the module's text.

    Args:
        shape: dimensions.
        features: of the skeleton whose coordinates it predicts.
        locations_m: (M, 3) default locations of the markers in their segments of the unscaled skeleton.
    """

    locations_m: Tensor
    log_sd_bias: Tensor

    def __init__(self, shape: NeurikShape, *, features: MarkerFeatures, locations_m: Tensor) -> None:
        super().__init__()
        self.shape = s = shape
        self.features = features
        limited, self.n_scales = len(features.joint_angles.moved), 3 * (features.n_bodies - 1)
        self.spatial = SpatialEncoder(s, features=features.n_features, parents=features.segment_fit.parents)
        self.time = nn.Linear(2 * s.waves, s.width)
        self.layers = nn.ModuleList(
            nn.TransformerEncoderLayer(
                s.width, s.heads, s.hidden, s.dropout, activation="gelu", batch_first=True, norm_first=True
            )
            for _ in range(s.layers)
        )
        self.sizes = (limited, 6, 3, limited + 2)
        self.heads = nn.Sequential(nn.LayerNorm(s.width), _last(s.width, sum(self.sizes)))
        pooled = s.width + N_SEGMENTS * features.n_features
        self.scales = nn.Sequential(nn.Linear(pooled, s.width), nn.GELU(), _last(s.width, self.n_scales))
        self.register_buffer("locations_m", locations_m)
        self.log_sd_bias = nn.Parameter(torch.full((limited + 2,), PRIOR_LOG_SD))
        load_renamed(self, RENAMED_KEYS)

    def forward(self, windows: MarkerWindows) -> RawOutput:
        """Predict each frame of each window, whatever their length."""
        with torch.autocast(windows.markers_m.device.type, enabled=False):  # half precision would round centimetres
            given = self.features(windows, self.locations_m)
        return self.predict(given, windows.interval_s, windows.subject)

    def predict(self, given: NeurikInput, interval_s: Tensor, subject: SubjectCalibration | None) -> RawOutput:
        """The same from the features of windows."""
        x = self.spatial(given) + self.time(self._waves(interval_s, frames=given.frame.shape[1]))
        for layer in self.layers:
            x = layer(x)
        with torch.autocast(x.device.type, enabled=False):  # half precision would round angles to a tenth of a degree
            *corrections, log_sd = self.heads(x.float()).split(self.sizes, dim=-1)
            logits, rotation_6d, shift = (given.gain[..., None] * correction for correction in corrections)
            return RawOutput(
                logits=given.logits + logits,
                rotation_6d=rotation_6d + rotation_6d.new_tensor([1.0, 0.0, 0.0, 0.0, 1.0, 0.0]),
                shift_m=shift,
                log_sd=(log_sd + self.log_sd_bias).clamp(*LOG_SD_RANGE),
                scale_logits=self._scale_logits(x.float(), given, subject),
                R_world_root=given.R_world_root,
                p_world_root=given.p_world_root,
                observed=given.observed,
            )

    def _waves(self, interval_s: Tensor, *, frames: int) -> Tensor:
        """(N, T, 2 * waves) sines and cosines of the time since the window's middle."""
        time_s = interval_s[:, None] * (torch.arange(frames).to(interval_s) - (frames - 1) / 2)
        rates = 16 * math.pi * torch.exp2(-torch.arange(self.shape.waves).to(time_s))
        phase = time_s[..., None] * rates
        return torch.cat([phase.sin(), phase.cos()], dim=-1)

    def _scale_logits(self, x: Tensor, given: NeurikInput, subject: SubjectCalibration | None) -> Tensor:
        """(N, 3 (B - 1)) from the weighted mean over the frames, and from the subject's own skeleton."""
        share = given.observed / given.observed.sum(-1, keepdim=True).clamp(min=1e-6)
        pooled = torch.cat([x, given.segments.flatten(-2)], dim=-1)
        scales = (share * given.size).sum(-1, keepdim=True)
        if subject is not None:
            scales = subject.body_scales[:, 1:].flatten(1)
        closed = ((scales.clamp(*SIZE_RANGE) - SCALE_RANGE[0]) / (SCALE_RANGE[1] - SCALE_RANGE[0])).logit()
        logits: Tensor = self.scales((share[..., None] * pooled).sum(1))
        return closed + logits


def _last(width: int, numbers: int) -> nn.Linear:
    """A head's last layer, whose first output is next to nothing."""
    layer = nn.Linear(width, numbers)
    nn.init.normal_(layer.weight, std=FIRST_CORRECTION / width**0.5)
    nn.init.zeros_(layer.bias)
    return layer


def new_neurik(
    shape: NeurikShape | None = None, *, locations_m: Tensor | None = None, kind: type[Neurik] = Neurik
) -> Neurik:
    """An untrained network for the default skeleton.

    Args:
        shape: dimensions.
        locations_m: (M, 3) default locations of the markers; None leaves them to be loaded.
        kind: of network.
    """
    from biopose.skeleton.full_body import full_body_skeleton  # it loads OpenSim

    features = MarkerFeatures(full_body_skeleton())
    return kind(
        shape or NeurikShape(),
        features=features,
        locations_m=torch.zeros(N_MARKERS, 3) if locations_m is None else locations_m,
    )


def save_neurik(path: Path, network: Neurik) -> None:
    """Write the network."""
    save_network(path, network, kind=KIND, shape=asdict(network.shape))


def load_neurik(path: Path = NEURIK_WEIGHTS) -> Neurik:
    """The network that ships, or another.

    Raises:
        ModelError: if the file is not there, is broken or holds another network.
    """
    return load_network(path, lambda shape: new_neurik(NeurikShape(**shape)), kind=KIND)
