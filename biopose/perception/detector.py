"""Where people are in an image: YOLOX-tiny (Ge et al. 2021), trained by OpenMMLab on Human-Art (Ju et al. 2023).

Pixels: the centre of the first pixel is (0, 0), so an image reaches from -0.5 to its width - 0.5. The network takes
the image shrunk to 416 pixels along its longer side, its top left corner kept and both sides filled up with grey to
multiples of 32: in training to a square, but the padding of a wide image takes two fifths of the time, and without it
boxes are the same within 1 % of their size in the median (3 % at most) and scores within 0.01 on average. Channels are
blue, green, red, from 0 to 255: the order that the network was trained with, and the one that scores higher (on ten
frames of a real clip 0.84 against 0.81 on average for the best box, 0.40 against 0.27 for the next). Shrinking with
averaging scores higher than plain bilinear interpolation (0.84 against 0.81, 0.40 against 0.36). Batches bring nothing
on a CPU: there each thread takes an image.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from biopose.perception.backends import Backend, checked
from biopose.perception.images import check_image, resampled
from biopose.perception.onnx_session import OnnxSession, weights_path
from biopose.perception.published_networks import DETECTOR_INPUT_PX, DETECTOR_WEIGHTS, LOWEST_SCORE
from biopose.perception.yolox import STRIDES, YoloxDetector, boxes_of_heads, interleaved, one_a_person
from biopose.perception.yolox_graph import convolutions
from biopose.skeleton.threads import in_threads, one_torch_thread

PADDING = 114.0
TORCH_BATCH = 4

# From letterboxed images (B, 3, H, W) to boxes (left, top, right, bottom) and score: B times (N, 5).
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
        threads: batches that are worked on at the same time.
    """

    def __init__(self, network: DetectorNetwork, *, batch_size: int, threads: int = 1) -> None:
        self._network = network
        self.batch_size, self._threads = batch_size, threads

    @classmethod
    def load(
        cls,
        *,
        backend: Backend = "onnxruntime",
        threads: int = 2,
        device: str | torch.device = "cpu",
        weights: Path | None = None,
    ) -> PersonDetector:
        """The detector with its published weights, or with others of the same network.

        Args:
            backend: as `backend_for` chooses it.
            threads: on the CPU: they take an image each, but share a batch of the backend torch.
            device: of the backend torch; the others run on the CPU.
            weights: an .onnx file; None takes the asset.

        Raises:
            ModelError: the weights are missing or not the ones expected.
            ValueError: there is no such backend, or not on that device.
        """
        checked(backend, device=device)
        weights = weights or weights_path(DETECTOR_WEIGHTS)
        if backend == "onnxruntime":
            return cls(_OnnxDetector(weights), batch_size=1, threads=threads)
        if backend == "bfloat16":
            one = YoloxDetector.load(weights, device="cpu", threads=1, bfloat16=True)
            return cls(one, batch_size=1, threads=threads)
        return cls(YoloxDetector.load(weights, device=device, threads=threads), batch_size=TORCH_BATCH)

    def detect(self, images: Sequence[NDArray[np.uint8]]) -> list[PersonBoxes]:
        """The people in each image.

        Args:
            images: RGB (H, W, 3), of any sizes.

        Returns:
            One entry an image; empty arrays where nobody is.
        """
        for image in images:
            check_image(image)
        alike: dict[tuple[int, int], list[int]] = {}  # of one letterbox, which may share a batch
        for number, image in enumerate(images):
            alike.setdefault(_padded_size(image), []).append(number)
        size = self.batch_size
        batches = [some[first : first + size] for some in alike.values() for first in range(0, len(some), size)]
        boxes = in_threads(lambda batch: self._boxes([images[i] for i in batch]), batches, threads=self._threads)
        found = dict(zip(chain.from_iterable(batches), chain.from_iterable(boxes), strict=True))
        return [found[number] for number in range(len(images))]

    def _boxes(self, images: Sequence[NDArray[np.uint8]]) -> list[PersonBoxes]:
        """Of a batch, whose images have letterboxes of one size."""
        boxes = self._network(torch.stack([letterboxed(image) for image in images]))
        return [_in_pixels(box, image) for box, image in zip(boxes, images, strict=True)]


@one_torch_thread()
def letterboxed(image: NDArray[np.uint8]) -> Tensor:
    """The image as the network takes it: (3, H, W), float32, blue green red, 0 to 255."""
    width_px, height_px = _shrunk_size(image)
    columns, rows = _padded_size(image)
    canvas = torch.full((3, rows, columns), PADDING)
    canvas[:, :height_px, :width_px] = resampled(image, width_px=width_px, height_px=height_px).flip(0)
    return canvas


def _shrunk_size(image: NDArray[np.uint8]) -> tuple[int, int]:
    height, width = image.shape[:2]
    ratio = DETECTOR_INPUT_PX / max(height, width)
    return max(1, round(width * ratio)), max(1, round(height * ratio))


def _padded_size(image: NDArray[np.uint8]) -> tuple[int, int]:
    """Width and height of the letterbox."""
    width, height = (side + -side % max(STRIDES) for side in _shrunk_size(image))
    return width, height


def _in_pixels(boxes: NDArray[np.float32], image: NDArray[np.uint8]) -> PersonBoxes:
    """Boxes (N, 5) of the letterbox, in pixels of the image and inside it."""
    height, width = image.shape[:2]
    extent = np.array([width, height, width, height], dtype=np.float64)
    edges = np.clip(boxes[:, :4] * (extent / np.tile(_shrunk_size(image), 2)), 0.0, extent)
    kept = (boxes[:, 4] >= LOWEST_SCORE) & (edges[:, 2:] - edges[:, :2] >= 1.0).all(axis=1)
    order = np.flatnonzero(kept)[np.argsort(-boxes[kept, 4], kind="stable")]
    return PersonBoxes(boxes_px=edges[order] - 0.5, scores=boxes[order, 4].astype(np.float64))


class _OnnxDetector:
    """The published weights in onnxruntime.

    Args:
        weights: the published file.

    Raises:
        ModelError: it is another one, or cannot be read.
    """

    def __init__(self, weights: Path) -> None:
        self._session = OnnxSession(weights, graph=convolutions(weights))

    @one_torch_thread()
    def __call__(self, images: Tensor) -> list[NDArray[np.float32]]:
        outputs = [torch.from_numpy(output) for output in self._session(interleaved(images).numpy())]
        heads = [(outputs[i], outputs[i + 1], outputs[i + 2]) for i in range(0, len(outputs), 3)]
        return [one_a_person(boxes) for boxes in boxes_of_heads(heads).numpy()]
