"""Errors of 3D joints as the field defines them, and the flexion of a hinge by three points.

MPJPE is the mean distance of the joints after both poses were moved so that a root is at the origin; PA-MPJPE the mean
distance after the similarity (rotation, translation, scale; no reflection) that brings a frame's pose nearest to the
reference in the least squares sense (Umeyama 1991, IEEE PAMI 13:376). Distances are returned by joint; the mean is the
caller's.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


def transformed(T_a_b: FloatArray, p_b: FloatArray) -> FloatArray:
    """Points (..., 3) of frame b in frame a, by T_a_b (4, 4)."""
    p_a: FloatArray = p_b @ T_a_b[:3, :3].T + T_a_b[:3, 3]
    return p_a


def centred_distances(points: FloatArray, reference: FloatArray, *, root: Sequence[int]) -> FloatArray:
    """Distances (..., J) of joints (..., J, 3) from a reference's, each pose relative to its own root.

    Args:
        points: (..., J, 3).
        reference: (..., J, 3), in axes parallel to those of `points`.
        root: the joints whose mean is the root: both hips for the middle of the pelvis.
    """
    indices = list(root)
    moved = points - points[..., indices, :].mean(axis=-2, keepdims=True)
    expected = reference - reference[..., indices, :].mean(axis=-2, keepdims=True)
    return _norm(moved - expected)


def procrustes_distances(points: FloatArray, reference: FloatArray) -> FloatArray:
    """Distances (..., J) of joints (..., J, 3) from a reference's after the best similarity of each frame."""
    return _norm(similarity_aligned(points, reference) - reference)


def similarity_aligned(points: FloatArray, reference: FloatArray) -> FloatArray:
    """Poses (..., J, 3), each rotated, moved and scaled to lie nearest to its reference.

    A pose without any extent stays a point: it is moved to the reference's mean. A pose with a NaN, or whose reference
    has one, is NaN.

    Raises:
        ValueError: the shapes differ, or the last axis is not 3.
    """
    if points.shape != reference.shape or points.shape[-1] != 3:
        raise ValueError(f"points {points.shape} and reference {reference.shape} must both be (..., J, 3)")
    known = np.isfinite(points).all(axis=(-2, -1)) & np.isfinite(reference).all(axis=(-2, -1))
    aligned = np.full(points.shape, np.nan)
    aligned[known] = _aligned(points[known], reference[known])
    return aligned


def flexion_rad(proximal: FloatArray, joint: FloatArray, distal: FloatArray) -> FloatArray:
    """How far a joint (..., 3) is bent, (...): 0 where the three points are in line, pi where the limb is folded."""
    u, v = joint - proximal, distal - joint
    # The arctangent stays exact near 0, where the arccosine of the dot product loses half its digits.
    angle: FloatArray = np.arctan2(_norm(np.cross(u, v)), (u * v).sum(axis=-1))
    return angle


def _aligned(points: FloatArray, reference: FloatArray) -> FloatArray:
    """Of poses (N, J, 3) without gaps."""
    middle = reference.mean(axis=-2, keepdims=True)
    x, y = points - points.mean(axis=-2, keepdims=True), reference - middle
    U, s, Vt = np.linalg.svd(x.swapaxes(-1, -2) @ y)
    sign = np.ones_like(s)
    sign[..., 2] = np.where(np.linalg.det(U @ Vt) < 0, -1.0, 1.0)
    R = (U * sign[..., None, :]) @ Vt
    extent = (x**2).sum(axis=(-2, -1))
    scale = np.divide((s * sign).sum(axis=-1), extent, out=np.zeros_like(extent), where=extent > 0)
    return scale[..., None, None] * (x @ R) + middle


def _norm(vectors: FloatArray) -> FloatArray:
    lengths: FloatArray = np.linalg.norm(vectors, axis=-1)
    return lengths
