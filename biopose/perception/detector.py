"""Where people are in an image: YOLOX-tiny (Ge et al. 2021), trained by OpenMMLab on Human-Art (Ju et al. 2023).

Pixels: the centre of the first pixel is (0, 0), so an image reaches from -0.5 to its width - 0.5. The network takes
a square of 416 pixels, into which the image is shrunk, its top left corner kept and the rest grey. Channels are
blue, green, red, from 0 to 255: the order that the network was trained with, and the one that scores higher (on ten
frames of a real clip 0.84 against 0.81 on average for the best box, 0.40 against 0.27 for the next). Shrinking with
averaging scores higher than plain bilinear interpolation (0.84 against 0.81, 0.40 against 0.36). A frame takes 31 ms on
two idle cores with onnxruntime, 37 ms with torch; batches bring nothing on a CPU.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from biopose.perception.images import check_image, resampled
from biopose.perception.onnx_session import OnnxSession, check_device, weights_path
from biopose.skeleton.threads import one_torch_thread

WEIGHTS = "yolox-tiny-humanart.onnx"
INPUT_PX = 416
PADDING = 114.0
PERSON = 0  # the network's only class that it was trained on, of 80 outputs
LOWEST_SCORE = 0.1  # below, boxes on real clips are parts of people, doubles and background

# From letterboxed images (B, 3, 416, 416) to boxes (left, top, right, bottom) and score: B times (N, 5).
DetectorNetwork = Callable[[Tensor], list[NDArray[np.float32]]]


@dataclass(frozen=True, eq=False)
class PersonBoxes:
    """The people found in one image, by descending score.

    Attributes:
        boxes_px: (N, 4) left, top, right, bottom, inside the image.
        scores: (N,) from 0 to 1.
        interpolated: between those of two other images.
    """

    boxes_px: NDArray[np.float64]
    scores: NDArray[np.float64]
    interpolated: bool = False

    def __len__(self) -> int:
        return len(self.scores)


class PersonDetector:
    """Finds people in images.

    Args:
        network: from letterboxed images to boxes, overlapping ones suppressed.
        batch_size: of images at a time.
    """

    def __init__(self, network: DetectorNetwork, *, batch_size: int) -> None:
        self._network = network
        self._batch_size = batch_size

    @classmethod
    def load(
        cls,
        *,
        backend: Literal["onnxruntime", "torch"] = "onnxruntime",
        threads: int = 2,
        device: str | torch.device = "cpu",
        weights: Path | None = None,
    ) -> PersonDetector:
        """The detector with its published weights, or with others of the same network.

        Args:
            backend: "torch" for a GPU; on a CPU onnxruntime is faster.
            threads: that share one pass on the CPU.
            device: of torch; onnxruntime runs on the CPU.
            weights: an .onnx file; None takes the asset.

        Raises:
            ModelError: the weights are missing or not the ones expected.
        """
        check_device(device, backend=backend)
        weights = weights or weights_path(WEIGHTS)
        if backend == "onnxruntime":
            return cls(_OnnxDetector(OnnxSession(weights, threads=threads)), batch_size=1)
        from biopose.perception.yolox import YoloxDetector

        return cls(YoloxDetector.load(weights, device=device, threads=threads), batch_size=8)

    def detect(self, images: Sequence[NDArray[np.uint8]]) -> list[PersonBoxes]:
        """The people in each image.

        Args:
            images: RGB (H, W, 3), of any sizes.

        Returns:
            One entry an image; empty arrays where nobody is.
        """
        for image in images:
            check_image(image)
        found: list[PersonBoxes] = []
        for start in range(0, len(images), self._batch_size):
            batch = images[start : start + self._batch_size]
            boxes = self._network(torch.stack([letterboxed(image) for image in batch]))
            found += [_in_pixels(box, image) for box, image in zip(boxes, batch, strict=True)]
        return found


@one_torch_thread()
def letterboxed(image: NDArray[np.uint8]) -> Tensor:
    """The image as the network takes it: (3, 416, 416), float32, blue green red, 0 to 255."""
    width_px, height_px = _shrunk_size(image)
    canvas = torch.full((3, INPUT_PX, INPUT_PX), PADDING)
    canvas[:, :height_px, :width_px] = resampled(image, width_px=width_px, height_px=height_px).flip(0)
    return canvas


def _shrunk_size(image: NDArray[np.uint8]) -> tuple[int, int]:
    height, width = image.shape[:2]
    ratio = INPUT_PX / max(height, width)
    return max(1, round(width * ratio)), max(1, round(height * ratio))


def _in_pixels(boxes: NDArray[np.float32], image: NDArray[np.uint8]) -> PersonBoxes:
    """Boxes (N, 5) of the letterbox, in pixels of the image and inside it."""
    height, width = image.shape[:2]
    extent = np.array([width, height, width, height], dtype=np.float64)
    edges = np.clip(boxes[:, :4] * (extent / np.tile(_shrunk_size(image), 2)), 0.0, extent)
    kept = (boxes[:, 4] >= LOWEST_SCORE) & (edges[:, 2:] - edges[:, :2] >= 1.0).all(axis=1)
    order = np.flatnonzero(kept)[np.argsort(-boxes[kept, 4], kind="stable")]
    return PersonBoxes(boxes_px=edges[order] - 0.5, scores=boxes[order, 4].astype(np.float64))


class _OnnxDetector:
    """The published file suppresses overlapping boxes itself and takes one image at a time."""

    def __init__(self, session: OnnxSession) -> None:
        self._session = session

    def __call__(self, images: Tensor) -> list[NDArray[np.float32]]:
        found = []
        for image in images:
            boxes, labels = self._session(image[None].numpy())
            found.append(boxes[0][labels[0] == PERSON])
        return found
