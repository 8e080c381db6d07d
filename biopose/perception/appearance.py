"""Appearance of a person's clothes: colour histograms of the trunk and of the thighs, located by the keypoints."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from biopose.body.keypoint_names import KEYPOINTS

LIGHTNESS_BINS = 4
COLOUR_BINS = 8
COLOUR_RANGE = 64.0  # a* and b* of clothes lie within this; what goes beyond counts in the last bin
MIN_CONFIDENCE = 0.3  # of the four corners: below, the trunk is not located
POINTS_ACROSS = 8

_CORNERS = tuple(KEYPOINTS.index(name) for name in ("left_shoulder", "right_shoulder", "left_hip", "right_hip"))
_KNEES = tuple(KEYPOINTS.index(name) for name in ("left_knee", "right_knee"))
_XYZ_FROM_RGB = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
_WHITE = _XYZ_FROM_RGB.sum(1)


def appearance(
    image: NDArray[np.uint8], keypoints_px: NDArray[np.float64], confidence: NDArray[np.float64]
) -> NDArray[np.float64] | None:
    """Colours of a person's trunk and thighs.

    Args:
        image: (H, W, 3) RGB.
        keypoints_px: (26, 2).
        confidence: (26,).

    Returns:
        (2, bins) square roots of two histograms that sum to 1, so that their inner product is Bhattacharyya's
        coefficient; None where trunk and thighs are not in view.
    """
    if min(confidence[[*_CORNERS, *_KNEES]]) < MIN_CONFIDENCE:
        return None
    samples = [_pixels(image, points) for points in (_trunk(keypoints_px), _thighs(keypoints_px))]
    if min(map(len, samples)) < POINTS_ACROSS:
        return None
    return np.stack([_root_histogram(_lab(colours)) for colours in samples])


def distance(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """From 0 for the same colours to 1 for no colour in common: Hellinger's distance over trunk and thighs."""
    return float(np.sqrt(np.clip(1 - (a * b).sum(-1).mean(), 0, 1)))


def blend(old: NDArray[np.float64] | None, new: NDArray[np.float64], *, weight: float) -> NDArray[np.float64]:
    """The appearance between an old and a new one, the new one weighing from 0 to 1."""
    if old is None:
        return new
    mixed = (1 - weight) * old**2 + weight * new**2
    return np.sqrt(mixed)


def _trunk(keypoints_px: NDArray[np.float64]) -> NDArray[np.float64]:
    """(P, 2) points inside the quadrilateral of shoulders and hips, away from its edges."""
    left_shoulder, right_shoulder, left_hip, right_hip = keypoints_px[list(_CORNERS)]
    down, across = np.meshgrid(*(np.linspace(0.15, 0.85, POINTS_ACROSS),) * 2, indexing="ij")
    down, across = down.reshape(-1, 1), across.reshape(-1, 1)
    top = (1 - across) * left_shoulder + across * right_shoulder
    bottom = (1 - across) * left_hip + across * right_hip
    return np.asarray((1 - down) * top + down * bottom)


def _thighs(keypoints_px: NDArray[np.float64]) -> NDArray[np.float64]:
    """(P, 2) points along the upper part of both thighs."""
    along = np.linspace(0.15, 0.75, 2 * POINTS_ACROSS)[:, None]
    return np.concatenate(
        [
            (1 - along) * keypoints_px[hip] + along * keypoints_px[knee]
            for hip, knee in zip(_CORNERS[2:], _KNEES, strict=True)
        ]
    )


def _pixels(image: NDArray[np.uint8], points: NDArray[np.float64]) -> NDArray[np.uint8]:
    columns, rows = np.rint(points).astype(int).T
    inside = (columns >= 0) & (columns < image.shape[1]) & (rows >= 0) & (rows < image.shape[0])
    return image[rows[inside], columns[inside]]


def _lab(rgb: NDArray[np.uint8]) -> NDArray[np.float64]:
    """(P, 3) CIE L*a*b* (D65) of sRGB colours."""
    value = rgb / 255.0
    linear = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    xyz = linear @ _XYZ_FROM_RGB.T / _WHITE
    x, y, z = np.where(xyz > 216 / 24389, np.cbrt(xyz), (24389 / 27 * xyz + 16) / 116).T
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)


def _root_histogram(lab: NDArray[np.float64]) -> NDArray[np.float64]:
    """Each colour counts in the bins around it by nearness, so that a change of light moves it gradually."""
    scale = np.array([LIGHTNESS_BINS / 100, *(COLOUR_BINS / (2 * COLOUR_RANGE),) * 2])
    bins = np.array([LIGHTNESS_BINS, COLOUR_BINS, COLOUR_BINS])
    position = np.clip((lab + np.array([0, COLOUR_RANGE, COLOUR_RANGE])) * scale - 0.5, 0, bins - 1)
    low = np.minimum(position.astype(int), bins - 2)
    part = position - low
    corners = np.array(list(np.ndindex(2, 2, 2)))[:, None]
    weights = np.where(corners, part, 1 - part).prod(-1)
    places = np.ravel_multi_index(tuple(np.moveaxis(low + corners, -1, 0)), bins.tolist())
    histogram = np.bincount(places.ravel(), weights.ravel(), minlength=int(bins.prod()))
    return np.asarray(np.sqrt(histogram / len(lab)))
