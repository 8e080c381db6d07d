"""MQ-HMR as a head on the keypoint network's maps.

The maps that it reads are 0.3 MB a person; the decoder's tokens are a kilobyte in half precision and stay with the
person until the fit starts from them.

The decoder's input includes the crop's position in x / z and its height in the same units. The camera is not known yet,
so its focal length is the default one for the image's size. As a start of the fit that is good enough: rotations and
shape are in the view towards the crop's middle, and show in the crop whatever the focal length; and training perturbs
the position (`FOCAL_LOG_SD` of `biopose.training.synthetic.crop_batches`). The fit knows the camera: it takes the view
from `MeshTokens.middle` and finds the distance from the keypoints.

Where the network was given a crop's mirror image (`flip_augmentation`), that is decoded, and the output mirrored.
Where the crop was turned, it is what a camera that is rolled as much sees: that is decoded, and the pelvis rolled back.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from biopose.body.segment_body import SHAPE_TERMS
from biopose.camera.intrinsics import default_focal_px
from biopose.hmr.head import PoseHead
from biopose.hmr.lifter_input import rotation_towards
from biopose.hmr.mqhmr import MQHMR_WEIGHTS, CropInput, Mqhmr, MqhmrOutput, load_mqhmr
from biopose.hmr.mqhmr_shape import MqhmrShape
from biopose.perception.crops import HEIGHT_PX, WIDTH_PX, turns
from biopose.perception.csp_layers import on_device
from biopose.perception.person_features import PersonFeatures
from biopose.skeleton.threads import one_torch_thread

BESIDE_TOKENS = (SHAPE_TERMS, 2)  # numbers of the shape and the middle
MIRROR = torch.tensor([-1.0, 1.0, 1.0], dtype=torch.float64)  # of a crop's position
CPU_BATCH, GPU_BATCH = 16, 64  # crops
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
        bfloat16: whether products are of bfloat16, as in the network's training; rotations then differ by 0.1 degrees
            in the median.
    """

    def __init__(self, network: Mqhmr, *, device: str | torch.device = "cpu", bfloat16: bool = False) -> None:
        self._network = on_device(_for_decoding(network), device).eval()
        self._device, self._bfloat16 = torch.device(device), bfloat16
        self.width = row_width(network.shape)
        self.levels = network.shape.levels
        self.batch_size = CPU_BATCH if self._device.type == "cpu" else GPU_BATCH

    @classmethod
    def load(
        cls, path: Path = MQHMR_WEIGHTS, *, device: str | torch.device = "cpu", bfloat16: bool = False
    ) -> MqhmrHead:
        """With the network that ships, or another.

        Raises:
            ModelError: if the file is not there, is broken or holds another network.
        """
        return cls(load_mqhmr(path), device=device, bfloat16=bfloat16)

    @one_torch_thread()  # on a busy machine two threads took 1.5 times the processor time, and longer
    @torch.inference_mode()
    def __call__(self, people: Sequence[PersonFeatures]) -> NDArray[np.float16]:
        """(N, width) rows that `unpacked` understands."""
        parts = [people[first : first + self.batch_size] for first in range(0, len(people), self.batch_size)]
        return np.concatenate([np.empty((0, self.width), np.float16), *map(self._rows, parts)])

    def _rows(self, people: Sequence[PersonFeatures]) -> NDArray[np.float16]:
        """Of a batch.

        The last digits of what torch computes depend on the number of crops. So on a CPU it is always the same, whoever
        else is in a batch: the last ones are blanks.
        """
        n = len(people)
        regions_px, sizes_px = np.stack([p.region_px for p in people]), np.stack([p.size_px for p in people])
        mirrored = torch.tensor([p.mirrored for p in people])
        position = _position(regions_px, sizes_px)
        turns_rad = np.array([p.turn_rad for p in people])
        R_view_rolled = None
        if turns_rad.any():
            R_view_rolled = self._filled(_rolled(position, turns_rad).to(self._device, torch.float32))
        position[mirrored] *= MIRROR
        points = torch.stack([p.points for p in people])
        keypoints = (points + 0.5) / points.new_tensor([WIDTH_PX, HEIGHT_PX])
        confidence = torch.stack([p.confidence for p in people])
        maps = [torch.stack([p.maps[i] for p in people]) for i in range(len(self.levels))]
        given = [self._filled(x.to(self._device, torch.float32)) for x in (*maps, keypoints, confidence, position)]
        rows = self._decoded(*given, mirrored=self._filled(mirrored.to(self._device)), R_view_rolled=R_view_rolled)
        middle = (_middle_px(regions_px) + 0.5) / sizes_px
        return np.concatenate([rows[:n].half().cpu().numpy(), middle.astype(np.float16)], axis=1)

    def _decoded(self, *given: Tensor, mirrored: Tensor, R_view_rolled: Tensor | None) -> Tensor:
        """(N, Q * token_width + K) tokens and shapes."""
        *maps, keypoints, confidence, position = given
        of_level = dict(zip(self.levels, maps, strict=True))
        levels = tuple(of_level.get(level, keypoints.new_zeros(0)) for level in range(max(self.levels) + 1))
        with torch.autocast(self._device.type, dtype=torch.bfloat16, enabled=self._bfloat16):
            decoded: MqhmrOutput = self._network(CropInput(levels, keypoints, confidence, position))
        tokens = torch.where(mirrored[:, None, None], self._network.head.mirrored(decoded.tokens), decoded.tokens)
        if R_view_rolled is not None:
            turned = (R_view_rolled != 0).any(-1).any(-1)
            tokens = torch.where(turned[:, None, None], self._network.head.rotated(tokens, R_view_rolled), tokens)
        return torch.cat([tokens.flatten(1), decoded.shape], dim=-1).clamp(-LARGEST, LARGEST)

    def _filled(self, values: Tensor) -> Tensor:
        """(N, ...) up to a batch's number on a CPU, by zeros."""
        blanks = self.batch_size - len(values) if self._device.type == "cpu" else 0
        return torch.cat([values, values.new_zeros(blanks, *values.shape[1:])]) if blanks else values


class _DecodingHead(PoseHead):
    """A person's output is the same to the bit at every place in a batch.

    That of `PoseHead`, whose products of matrices gradients are quicker through, differs in the last digits.
    """

    inverse: Tensor

    def __init__(self, shape: MqhmrShape, trained: PoseHead) -> None:
        super().__init__(shape)
        self.load_state_dict(trained.state_dict())
        with torch.no_grad(), one_torch_thread():  # on several, its last digits are others
            self.register_buffer("inverse", super()._pseudoinverse(), persistent=False)

    def _linear(self, tokens: Tensor) -> tuple[Tensor, Tensor]:
        six = (tokens[..., self.of_segment, None, :] * self.rotation.mT).sum(-1) + self.rotation_bias
        log_sd = (tokens[..., self.of_keypoint, None, :] * self.log_sd.mT).sum(-1) + self.log_sd_bias
        return six, log_sd

    def _pseudoinverse(self) -> Tensor:
        return self.inverse


def _for_decoding(network: Mqhmr) -> Mqhmr:
    own = copy.deepcopy(network)
    own.head = _DecodingHead(network.shape, network.head)
    return own


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


def _rolled(position: Tensor, turns_rad: NDArray[np.float64]) -> Tensor:
    """Bring the positions (N, 3) of turned crops into the axes of cameras that are rolled as much, in place.

    Returns:
        (N, 3, 3) from the rolled camera's view towards the crop to the camera's own; 0 for crops that are not turned.
    """
    turned = torch.from_numpy(turns_rad != 0.0)
    R_camera_rolled = torch.eye(3, dtype=position.dtype).repeat(len(position), 1, 1)
    R_camera_rolled[:, :2, :2] = torch.from_numpy(turns(turns_rad))
    R_camera_view = rotation_towards(position[:, :2])
    in_rolled = (R_camera_rolled.mT[:, :2, :2] @ position[:, :2, None])[..., 0]
    position[turned, :2] = in_rolled[turned]
    R_view_rolled = R_camera_view.mT @ R_camera_rolled @ rotation_towards(in_rolled)
    return torch.where(turned[:, None, None], R_view_rolled, 0.0)


def _middle_px(regions_px: NDArray[np.float64]) -> NDArray[np.float64]:
    return (regions_px[:, :2] + regions_px[:, 2:]) / 2
