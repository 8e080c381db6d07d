"""Keypoints of people whose boxes are known: RTMPose-s (Jiang et al. 2023) with OpenMMLab's weights for Halpe's 26.

Pixels: the centre of the first pixel is (0, 0). For the meaning of a confidence see `keypoint_confidence`. People are
taken in batches over all images given: a person takes 4 ms on two idle cores with onnxruntime, 9 ms with torch. A
`FeatureHead` turns the feature maps of a batch into tokens, so that they need not be kept: 1.5 MB a person.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from biopose.perception.crops import PersonCrops, cut_people, is_croppable
from biopose.perception.flip_augmentation import CropPass, PoseNetwork, run_on_crops
from biopose.perception.onnx_session import check_device
from biopose.perception.pose_backends import OnnxPose, TorchPose

BATCH_SIZE = 16


class FeatureHead(Protocol):
    """Turns the feature maps of a batch into a row of tokens for each person; what they mean is the head's matter.

    Attributes:
        width: numbers in a row.
        levels: of the four feature maps, those that it reads.
    """

    width: int
    levels: tuple[int, ...]

    def __call__(
        self, crops: CropPass, regions_px: NDArray[np.float64], sizes_px: NDArray[np.int64]
    ) -> NDArray[np.float16]:
        """Tokens of N people, who may be none.

        Args:
            crops: the network's pass, with maps.
            regions_px: (N, 4) left, top, right, bottom edges of each crop, in pixels of its image.
            sizes_px: (N, 2) width and height of each one's image.

        Returns:
            (N, width).
        """


@dataclass(frozen=True, eq=False)
class Keypoints:
    """The keypoints of N people in one image, in the order of KEYPOINTS.

    Attributes:
        positions_px: (N, 26, 2) x to the right, y down; NaN for a box with nothing in it.
        confidence: (N, 26) from 0 to 1; 0 for a box with nothing in it.
        tokens: (N, width) what the head made of each person's maps, NaN for a box with nothing in it; None without one.
    """

    positions_px: NDArray[np.float64]
    confidence: NDArray[np.float64]
    tokens: NDArray[np.float16] | None = None

    def __len__(self) -> int:
        return len(self.confidence)

    def of(self, chosen: NDArray[np.bool_]) -> Keypoints:
        """Those of some of the people, (N,) true for each who stays."""
        tokens = None if self.tokens is None else self.tokens[chosen]
        return Keypoints(self.positions_px[chosen], self.confidence[chosen], tokens)


class KeypointNetwork:
    """Finds the keypoints of people whose boxes are known.

    Args:
        network: from normalised crops to scores, with or without feature maps.
        head: of the feature maps, which the network must give then.
    """

    def __init__(self, network: PoseNetwork, *, head: FeatureHead | None = None) -> None:
        self._network = network
        self._head = head

    @classmethod
    def load(
        cls,
        *,
        backend: Literal["onnxruntime", "torch"] = "onnxruntime",
        threads: int = 2,
        device: str | torch.device = "cpu",
        weights: Path | None = None,
        head: FeatureHead | None = None,
    ) -> KeypointNetwork:
        """The network with its published weights, or with others of the same network.

        Args:
            backend: "torch" for a GPU; on a CPU onnxruntime is faster.
            threads: that share one pass on the CPU.
            device: of torch; onnxruntime runs on the CPU.
            weights: an .onnx file; None takes the asset.
            head: makes a row of numbers of each person's feature maps, found in `Keypoints.tokens`.

        Raises:
            ModelError: the weights are missing or not the ones expected.
        """
        check_device(device, backend=backend)
        if backend == "onnxruntime":
            return cls(OnnxPose(weights, threads=threads, levels=head.levels if head else ()), head=head)
        return cls(TorchPose(weights, device=device, threads=threads), head=head)

    def locate(
        self,
        images: Sequence[NDArray[np.uint8]],
        boxes_px: Sequence[NDArray[np.float64]],
        *,
        mirrored: Sequence[bool] | None = None,
    ) -> list[Keypoints]:
        """The keypoints of the people in each image, whichever other images are given with it.

        What torch makes of a crop differs in its last digits with the number of crops in a batch, though not with what
        they show. So its batches that are not full are filled with blanks; for a few people of one image, `locate_in`
        is quicker. With onnxruntime keypoints are equal bit for bit, and a head's tokens to its last digits.

        Args:
            images: RGB (H, W, 3), of any sizes.
            boxes_px: (N_i, 4) left, top, right, bottom, for each image.
            mirrored: for each image, whether the network is given mirror images of its people; None: of none.

        Returns:
            One entry an image, its people in the order of the boxes.
        """
        people = _cut(images, boxes_px, mirrored or [False] * len(images))
        return _by_image([self._among_blanks(batch) for batch in people.batches()], people)

    def locate_in(
        self, image: NDArray[np.uint8], boxes_px: NDArray[np.float64], *, mirrored: bool = False
    ) -> Keypoints:
        """The keypoints of the people of one image, in batches of their own; see `locate`."""
        people = _cut([image], [boxes_px], [mirrored])
        return _by_image([self._found(batch) for batch in people.batches()], people)[0]

    def locate_in_crops(
        self, crops: PersonCrops, sizes_px: NDArray[np.int64], *, mirrored: NDArray[np.bool_]
    ) -> Keypoints:
        """As `locate`, of people who are cropped already.

        Args:
            crops: of N people.
            sizes_px: (N, 2) width and height of the image of each.
            mirrored: (N,) whether the network is given their mirror images.
        """
        people = _People(crops, sizes_px, mirrored, [np.ones(len(sizes_px), dtype=np.bool_)])
        return _by_image([self._among_blanks(batch) for batch in people.batches()], people)[0]

    def _among_blanks(self, batch: _People) -> _Found:
        """As `_found`, torch being given a whole batch; onnxruntime needs no blanks for the same result."""
        given = batch.filled() if isinstance(self._network, TorchPose) else batch
        return self._found(given).first(len(batch.sizes_px))

    def _found(self, batch: _People) -> _Found:
        """Keypoints of the people of a batch, and their tokens; does not keep the maps."""
        passed = run_on_crops(self._network, batch.crops.pixels, torch.from_numpy(batch.mirrored))
        tokens = self._head(passed, batch.crops.regions_px, batch.sizes_px) if self._head else None
        return _Found(*passed.in_crops(), tokens)


@dataclass(frozen=True, eq=False)
class _People:
    """N people cut out of images.

    Attributes:
        crops: of all who can be cut out.
        sizes_px: (N, 2) width and height of each one's image.
        mirrored: (N,) whether the network is given their mirror images.
        usable: for each image (N_i,) which of its boxes they are.
    """

    crops: PersonCrops
    sizes_px: NDArray[np.int64]
    mirrored: NDArray[np.bool_]
    usable: Sequence[NDArray[np.bool_]]

    @property
    def numbers(self) -> NDArray[np.int64]:
        """(N, 2) image and number in that image's boxes."""
        pairs = [(image, person) for image, use in enumerate(self.usable) for person in np.flatnonzero(use)]
        return np.array(pairs, dtype=np.int64).reshape(-1, 2)

    def batches(self) -> Iterator[_People]:
        """Some of them at a time; where there is nobody, one batch of nobody."""
        for first in range(0, max(len(self.sizes_px), 1), BATCH_SIZE):
            some = slice(first, first + BATCH_SIZE)
            crops = PersonCrops(self.crops.pixels[some], self.crops.regions_px[some])
            yield replace(self, crops=crops, sizes_px=self.sizes_px[some], mirrored=self.mirrored[some])

    def filled(self) -> _People:
        """Up to a whole batch, with black crops after the last person; nobody stays nobody."""
        blanks = -len(self.sizes_px) % BATCH_SIZE
        pixels = torch.nn.functional.pad(self.crops.pixels, (0, 0, 0, 0, 0, 0, 0, blanks))
        last = np.minimum(np.arange(len(self.sizes_px) + blanks), len(self.sizes_px) - 1)
        crops = PersonCrops(pixels, self.crops.regions_px[last])
        return replace(self, crops=crops, sizes_px=self.sizes_px[last], mirrored=self.mirrored[last])


@dataclass(frozen=True, eq=False)
class _Found:
    """Of a batch of N people: points (N, 26, 2) in pixels of the crops, confidence (N, 26) and what was read."""

    points: Tensor
    confidence: Tensor
    tokens: NDArray[np.float16] | None

    def first(self, n: int) -> _Found:
        """Of the first people."""
        return _Found(self.points[:n], self.confidence[:n], None if self.tokens is None else self.tokens[:n])


def _cut(
    images: Sequence[NDArray[np.uint8]], boxes_px: Sequence[NDArray[np.float64]], mirrored: Sequence[bool]
) -> _People:
    """The people who can be cut out."""
    if not len(images) == len(boxes_px) == len(mirrored):
        raise ValueError(f"{len(images)} images, but boxes for {len(boxes_px)} and mirroring for {len(mirrored)}")
    boxes = [np.asarray(of_image, dtype=np.float64).reshape(-1, 4) for of_image in boxes_px]
    usable = [is_croppable(image, of_image) for image, of_image in zip(images, boxes, strict=True)]
    counts = [int(use.sum()) for use in usable]
    crops = cut_people(images, [of_image[use] for of_image, use in zip(boxes, usable, strict=True)])
    sizes = [image.shape[1::-1] for image, count in zip(images, counts, strict=True) for _ in range(count)]
    flags = np.repeat(np.array(mirrored, dtype=np.bool_), counts)
    return _People(crops, np.array(sizes, dtype=np.int64).reshape(-1, 2), flags, usable)


def _by_image(found: Sequence[_Found], people: _People) -> list[Keypoints]:
    """One entry an image: what was found in the usable boxes, nothing known of the others."""
    points, confidence = (
        torch.cat(part).double().cpu().numpy() for part in zip(*((f.points, f.confidence) for f in found), strict=True)
    )
    rows = [f.tokens for f in found if f.tokens is not None]
    tokens = np.concatenate(rows) if rows else None
    in_image, first, keypoints = people.crops.to_image(points), 0, []
    for use in people.usable:
        own = slice(first, first := first + int(use.sum()))
        keypoints.append(
            Keypoints(
                _spread(in_image[own], use),
                _spread(confidence[own], use, empty=0.0),
                None if tokens is None else _spread(tokens[own], use),
            )
        )
    return keypoints


def _spread(rows: NDArray[Any], use: NDArray[np.bool_], *, empty: float = np.nan) -> NDArray[Any]:
    """The rows of the usable boxes, at their places among all."""
    spread = np.full((len(use), *rows.shape[1:]), empty, dtype=rows.dtype)
    spread[use] = rows
    return spread
