"""MQ-HMR as a head on the keypoint network's maps: everybody is decoded in the pass that locates their keypoints.

Maps are 1.5 MB a person; the decoder's tokens are a kilobyte in half precision and stay with the person until the fit
starts from them.

The decoder's input includes the crop's position in x / z and its height in the same units. The camera is not known yet,
so its focal length is the default one for the image's size. As a start of the fit that is good enough: rotations and
shape are in the view towards the crop's middle, and show in the crop whatever the focal length; and training perturbs
the position (`FOCAL_LOG_SD` of `biopose.training.synthetic.crop_batches`). The fit knows the camera: it takes the view
from `MeshTokens.middle` and finds the distance from the keypoints.

Where the network was given a crop's mirror image (`flip_augmentation`), that is decoded, and the output mirrored.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from biopose.body.segment_body import SHAPE_TERMS
from biopose.camera.intrinsics import default_focal_px
from biopose.hmr.mqhmr import MQHMR_WEIGHTS, CropInput, Mqhmr, MqhmrOutput, load_mqhmr
from biopose.hmr.mqhmr_shape import MqhmrShape
from biopose.perception.crops import HEIGHT_PX, WIDTH_PX
from biopose.perception.csp_layers import on_device
from biopose.perception.flip_augmentation import CropPass
from biopose.skeleton.threads import one_torch_thread

BESIDE_TOKENS = (SHAPE_TERMS, 2)  # numbers of the shape and the middle
MIRROR = torch.tensor([-1.0, 1.0, 1.0], dtype=torch.float64)  # of a crop's position
DECODED_TOGETHER = 8  # crops
LARGEST = float(np.finfo(np.float16).max)


@dataclass(frozen=True)
class MeshTokens:
    """The decoder's output for one person in T frames, single precision; NaN where they were not found.

    Attributes:
        tokens: (T, Q, token_width), from which `PoseHead` gives the pose.
        shape: (T, K) coefficients of the segment body.
        middle: (T, 2) of the crop: x and y in shares of the image's width and height, 0 at its left and top edges.
    """

    tokens: Tensor
    shape: Tensor
    middle: Tensor


class MqhmrHead:
    """Decodes people; a `FeatureHead` of the keypoint network.

    Args:
        network: of which a copy runs on the device.
        device: of torch.
    """

    def __init__(self, network: Mqhmr, *, device: str | torch.device = "cpu") -> None:
        self._network = on_device(copy.deepcopy(network), device).eval()
        self._device = device
        self.width = row_width(network.shape)
        self.levels = network.shape.levels

    @classmethod
    def load(cls, path: Path = MQHMR_WEIGHTS, *, device: str | torch.device = "cpu") -> MqhmrHead:
        """With the network that ships, or another.

        Raises:
            ModelError: if the file is not there, is broken or holds another network.
        """
        return cls(load_mqhmr(path), device=device)

    @torch.no_grad()
    @one_torch_thread()  # on a busy machine two threads took 1.5 times the processor time, and longer
    def __call__(
        self, crops: CropPass, regions_px: NDArray[np.float64], sizes_px: NDArray[np.int64]
    ) -> NDArray[np.float16]:
        """(N, width) rows that `unpacked` understands; the arguments are `FeatureHead`'s."""
        position = _position(regions_px, sizes_px)
        position[crops.mirrored] *= MIRROR
        keypoints = (crops.points + 0.5) / crops.points.new_tensor([WIDTH_PX, HEIGHT_PX])
        maps = tuple(map_.to(self._device) for map_ in crops.output.maps)
        given = [x.to(self._device, torch.float32) for x in (keypoints, crops.confidence, position)]
        row = self._rows(CropInput(maps, *given), crops.mirrored.to(self._device)).clamp(-LARGEST, LARGEST)
        middle = (_middle_px(regions_px) + 0.5) / sizes_px
        return np.concatenate([row.half().cpu().numpy(), middle.astype(np.float16)], axis=1)

    def _rows(self, crops: CropInput, mirrored: Tensor) -> Tensor:
        """(N, Q * token_width + K) tokens and shapes.

        The last digits of what torch computes depend on the number of crops. So on a CPU it is always the same, whoever
        else is in a batch: the last ones are blanks.
        """
        n = len(mirrored)
        together = DECODED_TOGETHER if torch.device(self._device).type == "cpu" else max(n, 1)
        rows = [self._decoded(*self._filled(crops, mirrored, i, together)) for i in range(0, max(n, 1), together)]
        return torch.cat(rows)[:n]

    def _decoded(self, crops: CropInput, mirrored: Tensor) -> Tensor:
        decoded: MqhmrOutput = self._network(crops)
        tokens = torch.where(mirrored[:, None, None], self._network.head.mirrored(decoded.tokens), decoded.tokens)
        return torch.cat([tokens.flatten(1), decoded.shape], dim=-1)

    def _filled(self, crops: CropInput, mirrored: Tensor, first: int, count: int) -> tuple[CropInput, Tensor]:
        """So many crops from the first on, of which the last are blanks where there are not as many."""

        def part(values: Tensor) -> Tensor:
            some = values[first : first + count]
            return torch.cat([some, some.new_zeros(count - len(some), *some.shape[1:])])

        maps = tuple(part(map_) if level in self.levels else map_ for level, map_ in enumerate(crops.maps))
        return CropInput(maps, *map(part, (crops.keypoints, crops.confidence, crops.position))), part(mirrored)


def row_width(shape: MqhmrShape) -> int:
    """Numbers in a row of a network of this shape."""
    return shape.queries * shape.token_width + sum(BESIDE_TOKENS)


def unpacked(tokens: NDArray[np.floating[Any]], network_shape: MqhmrShape) -> MeshTokens:
    """The decoder's output from a person's rows (T, width).

    Args:
        tokens: as in `PersonTrack.tokens`, or in more precision.
        network_shape: of the network that made them.

    Raises:
        ValueError: the rows are not of such a network.
    """
    width = row_width(network_shape)
    if tokens.shape != (len(tokens), width):
        raise ValueError(f"rows of shape {tokens.shape}; a network of this shape makes (T, {width})")
    queries, token_width = network_shape.queries, network_shape.token_width
    rows = torch.from_numpy(tokens.astype(np.float32))
    of_queries, *beside = rows.split([queries * token_width, *BESIDE_TOKENS], dim=1)
    return MeshTokens(of_queries.unflatten(1, (queries, token_width)), *beside)


def _position(regions_px: NDArray[np.float64], sizes_px: NDArray[np.int64]) -> Tensor:
    """(N, 3) x / z and y / z of each crop's middle and the logarithm of its height, for the default focal length."""
    focal_px = np.array([default_focal_px(width_px=w, height_px=h) for w, h in sizes_px.tolist()]).reshape(-1, 1)
    middle = (_middle_px(regions_px) - (sizes_px - 1) / 2) / focal_px
    log_height = np.log((regions_px[:, 3:] - regions_px[:, 1:2]) / focal_px)
    return torch.from_numpy(np.concatenate([middle, log_height], axis=1))


def _middle_px(regions_px: NDArray[np.float64]) -> NDArray[np.float64]:
    return (regions_px[:, :2] + regions_px[:, 2:]) / 2
