"""Mirroring of alternate frames: of every second one the networks are given the mirror image; the result is mirrored.

A network that errs to one side errs to the other in a mirror, so the mean of both is better than either. Most of a
keypoint's error lasts from frame to frame (`keypoint_confidence`), and the fit is smooth over time: so it takes this
mean over neighbouring frames, at the cost of one pass a frame.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from biopose.body.keypoint_names import MIRRORED
from biopose.perception.crops import normalised
from biopose.perception.simcc import PoseOutput, decoded, mirrored_points

PoseNetwork = Callable[[Tensor], PoseOutput]  # from normalised crops (N, 3, 256, 192)


@dataclass(frozen=True, eq=False)
class CropPass:
    """One pass of the network over N crops or their mirror images, in which left is right.

    Attributes:
        output: of these images, with the network's maps if it gives any.
        mirrored: (N,) true where the image was the crop's mirror image.
        points: (N, 26, 2) in pixels of these images.
        confidence: (N, 26) from 0 to 1.
    """

    output: PoseOutput
    mirrored: Tensor
    points: Tensor
    confidence: Tensor

    def in_crops(self) -> tuple[Tensor, Tensor]:
        """Points (N, 26, 2) in pixels of the crops, and confidence (N, 26)."""
        mirrored = self.mirrored.to(self.points.device)
        points = torch.where(mirrored[:, None, None], mirrored_points(self.points), self.points)
        return points, torch.where(mirrored[:, None], self.confidence[:, MIRRORED], self.confidence)


def is_mirrored(frame_index: int) -> bool:
    """Whether the networks are given mirror images of a frame's people."""
    return frame_index % 2 == 1


def run_on_crops(network: PoseNetwork, pixels: Tensor, mirrored: Tensor) -> CropPass:
    """Run the network on crops, or on their mirror images.

    Args:
        network: from normalised crops to scores, with or without feature maps.
        pixels: (N, 3, 256, 192) red green blue, uint8.
        mirrored: (N,) true where the network is given the mirror image.
    """
    output = network(normalised(torch.where(mirrored[:, None, None, None], pixels.flip(-1), pixels)))
    return CropPass(output, mirrored, *decoded(output))
