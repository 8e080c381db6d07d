"""Keypoints of people whose boxes are known: RTMPose-s (Jiang et al. 2023) with OpenMMLab's weights for Halpe's 26.

Pixels: the centre of the first pixel is (0, 0). For the meaning of a confidence see `keypoint_confidence`. People are
taken in batches over all images given, on a CPU one in each thread: in single precision onnxruntime takes half of
torch's time (16 people at a time took 9 % longer a person than 2 or 4, which stay in the processor's cache), in
bfloat16 torch takes seven tenths of that. A `FeatureHead` makes tokens of the feature maps of those who are to be kept.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from biopose.perception.backends import Backend, checked
from biopose.perception.crops import PersonCrops, cut_people, cut_turned, is_croppable
from biopose.perception.flip_augmentation import CropPass, PoseNetwork, run_on_crops
from biopose.perception.person_features import FeatureHead, PersonFeatures
from biopose.perception.pose_backends import OnnxPose, TorchPose
from biopose.skeleton.threads import in_threads

ONNX_BATCH, BFLOAT16_BATCH, TORCH_BATCH = 2, 6, 16


@dataclass(frozen=True, eq=False)
class Keypoints:
    """The keypoints of N people in one image, in the order of KEYPOINTS.

    Attributes:
        positions_px: (N, 26, 2) x to the right, y down; NaN for a box with nothing in it.
        confidence: (N, 26) from 0 to 1; 0 for a box with nothing in it.
        features: N of them, None for a box with nothing in it.
    """

    positions_px: NDArray[np.float64]
    confidence: NDArray[np.float64]
    features: tuple[PersonFeatures | None, ...] = ()

    def __len__(self) -> int:
        return len(self.confidence)

    def of(self, chosen: NDArray[np.bool_]) -> Keypoints:
        """Those of some of the people, (N,) true for each who stays."""
        features = tuple(each for each, stays in zip(self.features, chosen, strict=True) if stays)
        return Keypoints(self.positions_px[chosen], self.confidence[chosen], features)

    def replaced(self, people: NDArray[np.int64], others: Keypoints, which: NDArray[np.int64]) -> Keypoints:
        """These, with some of the people (M,) as others have them at places (M,)."""
        positions_px, confidence, features = self.positions_px.copy(), self.confidence.copy(), list(self.features)
        positions_px[people], confidence[people] = others.positions_px[which], others.confidence[which]
        for person, other in zip(people.tolist(), which.tolist(), strict=True):
            features[person] = others.features[other]
        return Keypoints(positions_px, confidence, tuple(features))


class KeypointNetwork:
    """Finds the keypoints of people whose boxes are known.

    Args:
        network: from normalised crops to scores, with or without feature maps.
        head: of the feature maps, which the network must give then.
        batch_size: people at a time.
        filled: whether a batch of fewer people is filled up with blanks.
        threads: batches that are worked on at the same time.

    Attributes:
        head_processor_s, head_wall_s: processor and wall seconds that the head has taken so far.
    """

    def __init__(
        self,
        network: PoseNetwork,
        *,
        head: FeatureHead | None = None,
        batch_size: int = TORCH_BATCH,
        filled: bool = True,
        threads: int = 1,
    ) -> None:
        self._network = network
        self._head = head
        self._batch_size, self._filled, self._threads = batch_size, filled, threads
        self.head_processor_s = self.head_wall_s = 0.0

    @classmethod
    def load(
        cls,
        *,
        backend: Backend = "onnxruntime",
        threads: int = 2,
        device: str | torch.device = "cpu",
        weights: Path | None = None,
        head: FeatureHead | None = None,
        batch_size: int | None = None,
    ) -> KeypointNetwork:
        """The network with its published weights, or with others of the same network.

        Args:
            backend: as `backend_for` chooses it.
            threads: on the CPU: they take a batch each, but share one of the backend torch.
            device: of the backend torch; the others run on the CPU.
            weights: an .onnx file; None takes the asset.
            head: makes a row of numbers of each person's feature maps, see `tokens`.
            batch_size: people at a time; None: as many as the backend is quick with.

        Raises:
            ModelError: the weights are missing or not the ones expected.
            ValueError: there is no such backend, or not on that device.
        """
        checked(backend, device=device)
        if backend == "onnxruntime":
            network = OnnxPose(weights, levels=head.levels if head else ())
            return cls(network, head=head, batch_size=batch_size or ONNX_BATCH, filled=False, threads=threads)
        if backend == "bfloat16":
            one = TorchPose(weights, threads=1, bfloat16=True)
            return cls(one, head=head, batch_size=batch_size or BFLOAT16_BATCH, filled=False, threads=threads)
        in_torch = TorchPose(weights, device=device, threads=threads)
        return cls(in_torch, head=head, batch_size=batch_size or TORCH_BATCH)

    @property
    def token_batch(self) -> int:
        """People whose tokens are best made at a time; 0 without a head."""
        return self._head.batch_size * self._threads if self._head else 0

    def locate(
        self,
        images: Sequence[NDArray[np.uint8]],
        boxes_px: Sequence[NDArray[np.float64]],
        *,
        mirrored: Sequence[bool] | None = None,
    ) -> list[Keypoints]:
        """The keypoints of the people in each image, whichever other images are given with it, bit for bit.

        What torch makes of a crop differs in its last digits with the number of crops in a batch, though not with what
        they show. So its batches that are not full are filled with blanks; for a few people of one image, `locate_in`
        is quicker. With onnxruntime, and torch in bfloat16 on a CPU, there is no such difference.

        Args:
            images: RGB (H, W, 3), of any sizes.
            boxes_px: (N_i, 4) left, top, right, bottom, for each image.
            mirrored: for each image, whether the network is given mirror images of its people; None: of none.

        Returns:
            One entry an image, its people in the order of the boxes.
        """
        return self._located(images, boxes_px, mirrored or [False] * len(images), filled=self._filled)

    def locate_in(
        self, image: NDArray[np.uint8], boxes_px: NDArray[np.float64], *, mirrored: bool = False
    ) -> Keypoints:
        """The keypoints of the people of one image, in batches of their own; see `locate`."""
        return self._located([image], [boxes_px], [mirrored], filled=False)[0]

    def locate_turned(
        self,
        image: NDArray[np.uint8],
        boxes_px: NDArray[np.float64],
        turns_rad: NDArray[np.float64],
        *,
        mirrored: bool = False,
    ) -> Keypoints:
        """As `locate_in`, of people who are not upright: in crops that are turned, and show them so.

        Args:
            image: RGB (H, W, 3).
            boxes_px: (N, 4) left, top, right, bottom, all of them croppable.
            turns_rad: (N,) of the crops, clockwise in the image.
            mirrored: whether the network is given mirror images of the crops.
        """
        crops = cut_turned(image, boxes_px, turns_rad)
        sizes_px = np.tile(np.array(image.shape[1::-1], dtype=np.int64), (len(boxes_px), 1))
        flags = np.full(len(boxes_px), mirrored)
        return self._located_in(crops, sizes_px, flags, filled=False)

    def locate_in_crops(
        self, crops: PersonCrops, sizes_px: NDArray[np.int64], *, mirrored: NDArray[np.bool_]
    ) -> Keypoints:
        """As `locate`, of people who are cropped already.

        Args:
            crops: of N people.
            sizes_px: (N, 2) width and height of the image of each.
            mirrored: (N,) whether the network is given their mirror images.
        """
        return self._located_in(crops, sizes_px, mirrored, filled=self._filled)

    def _located_in(
        self, crops: PersonCrops, sizes_px: NDArray[np.int64], mirrored: NDArray[np.bool_], *, filled: bool
    ) -> Keypoints:
        def found(some: slice) -> _Found:
            return self._found(crops.of(some), sizes_px[some], mirrored[some], filled=filled)

        return _by_image(in_threads(found, self._batches(len(sizes_px)), threads=self._threads), [len(sizes_px)])[0]

    def tokens(self, people: Sequence[PersonFeatures]) -> NDArray[np.float16]:
        """(N, width) what the head makes of N people's features.

        Raises:
            ValueError: there is no head.
        """
        if (head := self._head) is None:
            raise ValueError("tokens are made by a head; this network has none")

        def made(some: Sequence[PersonFeatures]) -> tuple[NDArray[np.float16], float]:
            began_s = time.thread_time()
            return head(some), time.thread_time() - began_s

        began_s, size = time.perf_counter(), head.batch_size
        batches = [people[first : first + size] for first in range(0, max(len(people), 1), size)]
        rows, processor_s = zip(*in_threads(made, batches, threads=self._threads), strict=True)
        self.head_processor_s += sum(processor_s)
        self.head_wall_s += time.perf_counter() - began_s
        return np.concatenate(rows)

    def _located(
        self,
        images: Sequence[NDArray[np.uint8]],
        boxes_px: Sequence[NDArray[np.float64]],
        mirrored: Sequence[bool],
        *,
        filled: bool,
    ) -> list[Keypoints]:
        if not len(images) == len(boxes_px) == len(mirrored):
            raise ValueError(f"{len(images)} images, but boxes for {len(boxes_px)} and mirroring for {len(mirrored)}")
        boxes = [np.asarray(of_image, dtype=np.float64).reshape(-1, 4) for of_image in boxes_px]
        usable = [is_croppable(image, of_image) for image, of_image in zip(images, boxes, strict=True)]
        people = [(number, box) for number, use in enumerate(usable) for box in boxes[number][use]]

        def found(some: slice) -> _Found:
            numbers = [number for number, _ in people[some]]
            crops = cut_people([images[i] for i in numbers], [box[None] for _, box in people[some]])
            sizes_px = np.array([images[i].shape[1::-1] for i in numbers], dtype=np.int64).reshape(-1, 2)
            return self._found(crops, sizes_px, np.array([mirrored[i] for i in numbers], dtype=np.bool_), filled=filled)

        parts = in_threads(found, self._batches(len(people)), threads=self._threads)
        known = _by_image(parts, [int(use.sum()) for use in usable])
        return [self._among_boxes(each, use) for each, use in zip(known, usable, strict=True)]

    def _among_boxes(self, found: Keypoints, use: NDArray[np.bool_]) -> Keypoints:
        """The people of the usable boxes, at their places among all boxes; nothing is known of the others."""
        people = iter(found.features)
        features = tuple(next(people) if usable else None for usable in use)
        positions_px, confidence = _spread(found.positions_px, use, np.nan), _spread(found.confidence, use, 0.0)
        return Keypoints(positions_px, confidence, features)

    def _batches(self, people: int) -> list[slice]:
        """Of so many; where there is nobody, one batch of nobody."""
        return [slice(first, first + self._batch_size) for first in range(0, max(people, 1), self._batch_size)]

    def _found(
        self, crops: PersonCrops, sizes_px: NDArray[np.int64], mirrored: NDArray[np.bool_], *, filled: bool
    ) -> _Found:
        """The people of a batch; black crops fill it up behind the last one, but nobody stays nobody."""
        n = len(sizes_px)
        blanks = -n % self._batch_size if filled else 0
        pixels = torch.nn.functional.pad(crops.pixels, (0, 0, 0, 0, 0, 0, 0, blanks))
        passed = run_on_crops(self._network, pixels, torch.from_numpy(np.pad(mirrored, (0, blanks))))
        points, confidence = (part[:n].double().cpu().numpy() for part in passed.in_crops())
        features = _features(passed, crops, sizes_px, self._head.levels if self._head else ())
        return _Found(crops.to_image(points), confidence, features)


@dataclass(frozen=True, eq=False)
class _Found:
    """Of N people: keypoints (N, 26, 2) in pixels of their images, confidence (N, 26), and features."""

    positions_px: NDArray[np.float64]
    confidence: NDArray[np.float64]
    features: list[PersonFeatures]


def _features(
    passed: CropPass, crops: PersonCrops, sizes_px: NDArray[np.int64], levels: Sequence[int]
) -> list[PersonFeatures]:
    """Of each person, without the blanks behind them."""
    mirrored = passed.mirrored.tolist()
    turns_rad = np.zeros(len(sizes_px)) if crops.turns_rad is None else crops.turns_rad
    return [
        PersonFeatures(
            tuple(passed.output.maps[level][i] for level in levels),
            passed.points[i],
            passed.confidence[i],
            mirrored[i],
            crops.regions_px[i],
            sizes_px[i],
            float(turns_rad[i]),
        )
        for i in range(len(sizes_px))
    ]


def _by_image(found: Sequence[_Found], counts: Sequence[int]) -> list[Keypoints]:
    """One entry an image, of so many people each."""
    positions_px = np.concatenate([each.positions_px for each in found])
    confidence = np.concatenate([each.confidence for each in found])
    features = [person for each in found for person in each.features]
    ends = np.cumsum(counts).tolist()
    own = [slice(end - count, end) for end, count in zip(ends, counts, strict=True)]
    return [Keypoints(positions_px[some], confidence[some], tuple(features[some])) for some in own]


def _spread(rows: NDArray[Any], use: NDArray[np.bool_], empty: float) -> NDArray[Any]:
    spread = np.full((len(use), *rows.shape[1:]), empty, dtype=rows.dtype)
    spread[use] = rows
    return spread
