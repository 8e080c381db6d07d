"""People who are upside down or lie: their keypoints are located again, in turned crops.

The keypoint network learned people who are mostly upright; of somebody upside down its confidence is low, and of
somebody who lies its keypoints are off by 2 to 4 % of the body's length (in a turned image of the sample clip; in the
turned crop by 0.4 %). So they are given to it again, turned by the eighth of a circle nearest to the body's direction;
where confidence is still low, by the eighths beside that; where it is still low but somebody is visible, by two that
are within an eighth of the directions left. The crop of highest confidence counts.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from biopose.perception.crops import is_croppable
from biopose.perception.detections import UPPER, body_axis_rad
from biopose.perception.keypoint_network import KeypointNetwork, Keypoints
from biopose.tracking.detection_windows import FOLLOWED
from biopose.tracking.interpolated_boxes import CONFIDENT

FOLLOWED_TILTED = 0.3  # mean confidence of the keypoints, from which somebody tilted is there: others have under 0.25
FAR_RAD = np.deg2rad(60.0)  # of a body's direction from up, beyond which crops are turned whatever the confidence
GAIN = 0.05  # of the mean confidence, from which a turned crop counts
LARGE = 0.5  # of the longest box of a frame: smaller people, such as a crowd, are left as they are
VISIBLE = 0.2  # highest mean confidence in three or four crops, below which nobody is found in further ones either
# Eighths from the body's direction, and the highest confidence so far from which they are tried.
STEPS = (((0,), 0.0), ((1, -1), 0.0), ((3, -3), VISIBLE))
EIGHTHS = 8
EIGHTH_RAD = 2 * np.pi / EIGHTHS


def may_lie(boxes_px: NDArray[np.float64], scores: NDArray[np.float64], located: Keypoints) -> NDArray[np.bool_]:
    """(N,) of detected people, who may not be upright: large ones with head and shoulders unfound, or beside the legs.

    Somebody upright whose legs are hidden is not among them.

    Args:
        boxes_px: (N, 4) as detected.
        scores: (N,) the detector's.
        located: their keypoints in upright crops.
    """
    size_px = (boxes_px[:, 2:] - boxes_px[:, :2]).max(1)
    large = (scores >= CONFIDENT) & (size_px >= LARGE * size_px.max(initial=0.0))
    unfound = located.confidence[:, UPPER].mean(1) < FOLLOWED
    return np.asarray(large & (unfound | (np.abs(_axes_rad(located)) > FAR_RAD)))


def most_confident_turned(
    image: NDArray[np.uint8],
    boxes_px: NDArray[np.float64],
    located: Keypoints,
    network: KeypointNetwork,
    *,
    among: NDArray[np.bool_],
    mirrored: bool,
    before_rad: NDArray[np.float64] | None = None,
) -> Keypoints:
    """The keypoints of the people of an image, from turned crops where the network's confidence is higher there.

    Args:
        image: RGB (H, W, 3).
        boxes_px: (N, 4) of the people.
        located: their keypoints in upright crops.
        network: of keypoints.
        among: (N,) whose crops may be turned.
        mirrored: whether the network is given mirror images.
        before_rad: (N,) direction of each one's body in the frame before, `body_axis_rad`; NaN or None: as it was
            located now.
    """
    upright = located.confidence.mean(1)
    now_rad = _axes_rad(located)
    axes_rad = now_rad if before_rad is None else np.where(np.isnan(before_rad), now_rad, before_rad)
    far = np.abs(axes_rad) > FAR_RAD
    wanted = among & ((upright < FOLLOWED) | far) & is_croppable(image, boxes_px)
    highest = np.where(far, 0.0, upright)
    eighths = np.round(np.nan_to_num(axes_rad, nan=np.pi) / EIGHTH_RAD).astype(np.int64)
    for steps, visible in STEPS:
        people = np.flatnonzero(wanted & (highest >= visible))
        turns = [(person, (eighths[person] + step) % EIGHTHS) for person in people for step in steps]
        pairs = np.array([pair for pair in turns if pair[1]], dtype=np.int64).reshape(-1, 2)  # upright: there already
        located, highest = _most_confident(image, boxes_px, located, highest, network, pairs, mirrored)
        wanted &= highest < FOLLOWED
    return located


def _axes_rad(located: Keypoints) -> NDArray[np.float64]:
    people = zip(located.positions_px, located.confidence, strict=True)
    return np.array([body_axis_rad(*each) for each in people], dtype=np.float64)


def _most_confident(
    image: NDArray[np.uint8],
    boxes_px: NDArray[np.float64],
    located: Keypoints,
    highest: NDArray[np.float64],
    network: KeypointNetwork,
    pairs: NDArray[np.int64],
    mirrored: bool,
) -> tuple[Keypoints, NDArray[np.float64]]:
    """With the most confident of the crops of pairs (M, 2) of a person and a turn in eighths.

    Returns:
        The keypoints, and (N,) the highest mean confidence of each person's crops so far.
    """
    if not len(pairs):
        return located, highest
    people, turns = pairs.T
    turned = network.locate_turned(image, boxes_px[people], turns * EIGHTH_RAD, mirrored=mirrored)
    confidence = turned.confidence.mean(1)
    chosen = np.unique(people)
    best = np.array([max(np.flatnonzero(people == person), key=lambda i: confidence[i]) for person in chosen])
    higher = confidence[best] >= located.confidence[chosen].mean(1) + GAIN
    highest = highest.copy()
    highest[chosen] = np.maximum(highest[chosen], confidence[best])
    return located.replaced(chosen[higher], turned, best[higher]), highest
