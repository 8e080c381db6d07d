"""The temporal lifter: from a person's 2D keypoints through time to 3D keypoints.

A stack of dilated temporal convolutions (after Pavllo et al. 2019, "3D human pose estimation in video with temporal
convolutions and semi-supervised training"), which also gives standard deviations and the vertical. The keypoint fit
takes its starting values and a prior on depth from it.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from biopose.body.keypoint_names import KEYPOINTS
from biopose.hmr.lifter_input import N_FEATURES
from biopose.io.checkpoint import load_network, save_network
from biopose.io.weights_folder import WEIGHTS

KIND = "lifter"
LIFTER_WEIGHTS = WEIGHTS / "lifter.safetensors"
N_KEYPOINTS = len(KEYPOINTS)
LOG_SD_RANGE = (-6.0, 0.0)  # of the standard deviations, in body heights: 0.25 % to a whole height


@dataclass(frozen=True)
class LifterShape:
    """Dimensions of the network; kept inside its checkpoint.

    Attributes:
        width: channels.
        dilations: of the temporal convolutions, one a block.
        dropout: share of the channels dropped while training.
    """

    width: int = 256
    dilations: tuple[int, ...] = (1, 2, 4, 8)
    dropout: float = 0.05


@dataclass(frozen=True)
class LifterOutput:
    """The lifter's estimate, in the view towards the person (`LifterInput.R_camera_view`).

    Attributes:
        keypoints: (..., T, 26, 3) from the middle of the hips, in body heights.
        sd: (..., T, 26, 2) standard deviation across the view and along it, in body heights.
        up: (..., T, 3) unit vector against gravity.
    """

    keypoints: Tensor
    sd: Tensor
    up: Tensor


class TemporalBlock(nn.Module):
    """A residual block: a dilated convolution over time, then a layer over the channels of each frame."""

    def __init__(self, width: int, dilation: int, dropout: float) -> None:
        super().__init__()
        self.across_time = nn.Conv1d(
            width, width, kernel_size=3, dilation=dilation, padding=dilation, padding_mode="replicate"
        )
        self.before_time, self.before_frame = nn.LayerNorm(width), nn.LayerNorm(width)
        self.frame = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """(N, T, width) to the same."""
        moved = nn.functional.gelu(self.across_time(self.before_time(x).mT)).mT
        x = x + self.dropout(moved)
        return x + self.dropout(self.frame(self.before_frame(x)))


class Lifter(nn.Module):
    """The network; see the module's text."""

    def __init__(self, shape: LifterShape | None = None) -> None:
        super().__init__()
        self.shape = shape or LifterShape()
        self.embed = nn.Linear(N_FEATURES, self.shape.width)
        self.blocks = nn.ModuleList(
            TemporalBlock(self.shape.width, dilation, self.shape.dropout) for dilation in self.shape.dilations
        )
        self.sizes = (3 * N_KEYPOINTS, 2 * N_KEYPOINTS, 3)
        self.heads = nn.Sequential(nn.LayerNorm(self.shape.width), nn.Linear(self.shape.width, sum(self.sizes)))

    def forward(self, features: Tensor) -> LifterOutput:
        """Lift windows of any length.

        Args:
            features: (N, T, N_FEATURES) of `lifter_input`.
        """
        x = self.embed(features)
        for block in self.blocks:
            x = block(x)
        with torch.autocast(x.device.type, enabled=False):  # half precision would round keypoints to millimetres
            keypoints, log_sd, up = self.heads(x.float()).split(self.sizes, dim=-1)
        keypoints = keypoints.unflatten(-1, (N_KEYPOINTS, 3))
        middle = KEYPOINTS.index("mid_hip")
        return LifterOutput(
            keypoints=keypoints - keypoints[..., middle : middle + 1, :],
            sd=(log_sd - 3.0).clamp(*LOG_SD_RANGE).exp().unflatten(-1, (N_KEYPOINTS, 2)),
            up=nn.functional.normalize(up + torch.tensor([0.0, -1.0, 0.0]).to(up), dim=-1),
        )


def save_lifter(path: Path, lifter: Lifter) -> None:
    """Write the network."""
    save_network(path, lifter, kind=KIND, shape=asdict(lifter.shape))


def load_lifter(path: Path = LIFTER_WEIGHTS) -> Lifter:
    """The network that ships, or another.

    Raises:
        ModelError: if the file is not there, is broken or holds another network.
    """
    return load_network(path, lambda shape: Lifter(LifterShape(**shape)), kind=KIND)
