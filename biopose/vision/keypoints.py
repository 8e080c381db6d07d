"""Where each person's keypoints are: RTMPose-s (Jiang et al. 2023) with OpenMMLab's weights for Halpe's 26 keypoints.

Pixels: the centre of the first pixel is (0, 0). What a confidence means is in `keypoint_confidence`. People are taken
in batches over all pictures given: a person takes 6 ms on two idle cores with onnxruntime, 9 ms with torch, which gives
features too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from biopose.skeleton.threads import one_torch_thread
from biopose.vision.csp_layers import full_precision
from biopose.vision.keypoint_names import KEYPOINTS
from biopose.vision.onnx_session import OnnxSession, check_device, weights_path
from biopose.vision.person_crops import PersonCrops, cut_people, is_croppable
from biopose.vision.simcc import X_BINS, Y_BINS, PoseOutput, decoded

if TYPE_CHECKING:
    from biopose.vision.cspnext import RtmPose

WEIGHTS = "rtmpose-s-halpe26.onnx"
MEAN = (123.675, 116.28, 103.53)
STANDARD_DEVIATION = (58.395, 57.12, 57.375)
BATCH_SIZE = 16

PoseNetwork = Callable[[Tensor], PoseOutput]  # from normalised crops (N, 3, 256, 192)


@dataclass(frozen=True, eq=False)
class Keypoints:
    """The keypoints of N people in one picture, in the order of KEYPOINTS.

    Attributes:
        positions_px: (N, 26, 2) x to the right, y down; NaN for a box with nothing in it.
        confidence: (N, 26) from 0 to 1; 0 for a box with nothing in it.
    """

    positions_px: NDArray[np.float64]
    confidence: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.confidence)


@dataclass(frozen=True, eq=False)
class PersonFeatures:
    """What the network's backbone made of N people, all pictures together.

    Attributes:
        maps: (N, channels, 256 / stride, 192 / stride) at strides 4, 8, 16, 32, of 64, 128, 256, 512 channels.
        regions_px: (N, 4) left, top, right, bottom edges of what each map shows, in pixels of its picture.
        people: (N, 2) picture and number in that picture's boxes; boxes with nothing in them are left out.
    """

    maps: tuple[Tensor, ...]
    regions_px: NDArray[np.float64]
    people: NDArray[np.int64]


class KeypointNetwork:
    """Finds the keypoints of people whose boxes are known.

    Args:
        network: from normalised crops to scores, with or without feature maps.
    """

    def __init__(self, network: PoseNetwork) -> None:
        self._network = network

    @classmethod
    def load(
        cls,
        *,
        backend: Literal["onnxruntime", "torch"] = "onnxruntime",
        threads: int = 2,
        device: str | torch.device = "cpu",
        weights: Path | None = None,
    ) -> KeypointNetwork:
        """The network with its published weights, or with others of the same network.

        Args:
            backend: "torch" for a GPU or for features; on a CPU onnxruntime is faster.
            threads: of onnxruntime; torch keeps its own number.
            device: of torch; onnxruntime runs on the CPU.
            weights: an .onnx file; None takes the asset.

        Raises:
            ModelError: the weights are missing or not the ones expected.
        """
        check_device(device, backend=backend)
        weights = weights or weights_path(WEIGHTS)
        if backend == "onnxruntime":
            return cls(_OnnxPose(OnnxSession(weights, threads=threads)))
        from biopose.vision.cspnext import RtmPose

        return cls(_TorchPose(RtmPose.load(weights), device=device))

    def locate(self, images: Sequence[NDArray[np.uint8]], boxes_px: Sequence[NDArray[np.float64]]) -> list[Keypoints]:
        """The keypoints of the people in each picture.

        Args:
            images: RGB (H, W, 3), of any sizes.
            boxes_px: (N_i, 4) left, top, right, bottom, for each picture.

        Returns:
            One entry a picture, its people in the order of the boxes.
        """
        crops, usable = _crops(images, boxes_px)
        return _by_picture(self._outputs(crops), crops, usable)

    def locate_with_features(
        self, images: Sequence[NDArray[np.uint8]], boxes_px: Sequence[NDArray[np.float64]]
    ) -> tuple[list[Keypoints], PersonFeatures]:
        """As `locate`, and the feature maps of the same pass: 1.5 MB a person, on the network's device.

        Raises:
            ValueError: the backend is onnxruntime.
        """
        if not isinstance(self._network, _TorchPose):
            raise ValueError("feature maps come from the backend torch: KeypointNetwork.load(backend='torch')")
        crops, usable = _crops(images, boxes_px)
        outputs = list(self._outputs(crops))
        maps = tuple(torch.cat(level) for level in zip(*(output.maps for output in outputs), strict=True))
        people = [(picture, person) for picture, use in enumerate(usable) for person in np.flatnonzero(use)]
        features = PersonFeatures(maps, crops.regions_px, np.array(people, dtype=np.int64).reshape(-1, 2))
        return _by_picture(outputs, crops, usable), features

    def _outputs(self, crops: PersonCrops) -> Iterator[PoseOutput]:
        return (self._network(normalised(batch)) for batch in crops.pixels.split(BATCH_SIZE))


@one_torch_thread()
def normalised(crops: Tensor) -> Tensor:
    """Crops (N, 3, 256, 192) of bytes, red green blue, as the network takes them."""
    mean, deviation = (torch.tensor(value, device=crops.device)[:, None, None] for value in (MEAN, STANDARD_DEVIATION))
    return crops.float().sub_(mean).div_(deviation)


def _crops(
    images: Sequence[NDArray[np.uint8]], boxes_px: Sequence[NDArray[np.float64]]
) -> tuple[PersonCrops, list[NDArray[np.bool_]]]:
    """The people who can be cut out, and for each picture (N_i,) which of its boxes they are."""
    if len(images) != len(boxes_px):
        raise ValueError(f"{len(images)} images, but boxes for {len(boxes_px)}")
    boxes = [np.asarray(of_picture, dtype=np.float64).reshape(-1, 4) for of_picture in boxes_px]
    usable = [is_croppable(image, of_picture) for image, of_picture in zip(images, boxes, strict=True)]
    return cut_people(images, [of_picture[use] for of_picture, use in zip(boxes, usable, strict=True)]), usable


def _by_picture(
    outputs: Iterable[PoseOutput], crops: PersonCrops, usable: Sequence[NDArray[np.bool_]]
) -> list[Keypoints]:
    """One entry a picture: what the outputs say of the usable boxes, nothing known of the others."""
    found = [decoded(output) for output in outputs]
    points, confidence = (torch.cat(part).double().cpu().numpy() for part in zip(*found, strict=True))
    in_picture, first, keypoints = crops.to_picture(points), 0, []
    for use in usable:
        own = slice(first, first := first + int(use.sum()))
        entry = Keypoints(np.full((len(use), len(KEYPOINTS), 2), np.nan), np.zeros((len(use), len(KEYPOINTS))))
        entry.positions_px[use], entry.confidence[use] = in_picture[own], confidence[own]
        keypoints.append(entry)
    return keypoints


class _OnnxPose:
    def __init__(self, session: OnnxSession) -> None:
        self._session = session

    def __call__(self, crops: Tensor) -> PoseOutput:
        if not len(crops):  # the published graph cannot do this
            return PoseOutput(crops.new_zeros(0, len(KEYPOINTS), X_BINS), crops.new_zeros(0, len(KEYPOINTS), Y_BINS))
        x_scores, y_scores = self._session(crops.numpy())
        return PoseOutput(torch.from_numpy(x_scores), torch.from_numpy(y_scores))


class _TorchPose:
    def __init__(self, network: RtmPose, *, device: str | torch.device) -> None:
        self._network = network.to(device=device)
        self._network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._device = device

    @torch.no_grad()  # not inference_mode: layers that learn may follow the features
    def __call__(self, crops: Tensor) -> PoseOutput:
        with full_precision():
            output: PoseOutput = self._network(crops.to(device=self._device, memory_format=torch.channels_last))
        return output
