"""What MQ-HMR's prediction states of itself where its input is unlike its training: it must look less sure."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import av
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from biopose.hmr.feature_head import unpacked
from biopose.hmr.mqhmr import load_mqhmr
from biopose.perception.flip_augmentation import is_mirrored
from biopose.pipeline import METHODS
from biopose.reconstruction.mirror_disagreement import mirror_disagreement_deg
from biopose.reconstruction.models import PerceptionModels, WeightFiles
from tests.perception.real_people import CLIP, needs_networks

pytestmark = [pytest.mark.slow, needs_networks]

Image = NDArray[np.uint8]
FIRST, FRAMES = 84, 10
BELOW_PX = 470  # the walker is below, the jumper above
Doubts = Callable[[Sequence[Image]], tuple[float, float]]


@pytest.fixture(scope="module")
def walker() -> list[Image]:
    """Frames of the sample clip that show the walker alone."""
    with av.open(str(CLIP)) as container:
        decoded = zip(range(FIRST + FRAMES), container.decode(video=0), strict=False)
        return [frame.to_ndarray(format="rgb24")[BELOW_PX:] for index, frame in decoded if index >= FIRST]


@pytest.fixture(scope="module")
def networks() -> PerceptionModels:
    return PerceptionModels.load(METHODS["mqhmr"], WeightFiles(), threads=1)


@pytest.fixture(scope="module")
def box_px(networks: PerceptionModels, walker: list[Image]) -> NDArray[np.float64]:
    (found,) = networks.detector.detect(walker[:1])
    return found.boxes_px[0]


@pytest.fixture(scope="module")
def doubts(networks: PerceptionModels, box_px: NDArray[np.float64]) -> Doubts:
    """The disagreement of mirrored frames in degrees, and the mean standard deviation of keypoints in body heights."""
    decoder, network = load_mqhmr(), networks.keypoints

    def measure(images: Sequence[Image]) -> tuple[float, float]:
        found = [network.locate_in(image, box_px[None], mirrored=is_mirrored(i)) for i, image in enumerate(images)]
        rows = np.concatenate([network.tokens(one.features) for one in found])
        with torch.no_grad():
            R_local, sd = decoder.head(unpacked(rows, decoder.shape).tokens)
        disagreement_deg = mirror_disagreement_deg(R_local, np.arange(len(rows)))
        assert disagreement_deg is not None
        return disagreement_deg, float(sd.mean())

    return measure


def test_predictions_of_upside_down_and_noise_input_disagree_more_with_their_mirror_images(
    doubts: Doubts, walker: list[Image], box_px: NDArray[np.float64]
) -> None:
    disagreement_deg, sd = doubts(walker)
    noise = np.random.default_rng(0).integers(0, 256, (FRAMES, *walker[0].shape), dtype=np.uint8)
    for unfamiliar in (upside_down(walker, box_px), list(noise)):
        other_deg, other_sd = doubts(unfamiliar)
        assert other_deg > 1.4 * disagreement_deg
        assert other_sd > 1.5 * sd


def test_the_networks_own_standard_deviations_grow_with_strong_blur(doubts: Doubts, walker: list[Image]) -> None:
    _, sd = doubts(walker)
    _, of_blurred = doubts([gaussian_filter(image, (15, 15, 0)) for image in walker])
    assert of_blurred > 1.5 * sd


def upside_down(images: list[Image], box_px: NDArray[np.float64]) -> list[Image]:
    """The same people in the same box, their heads down."""
    left, top, right, bottom = box_px.astype(int)
    turned = [image.copy() for image in images]
    for image in turned:
        image[top:bottom, left:right] = image[top:bottom, left:right][::-1].copy()
    return turned
