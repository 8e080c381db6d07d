"""A motion as a mirror shows it: left and right exchanged."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

# Coordinates of the trunk and the root that point to a side; those of limbs are defined alike on both sides.
SIDEWARD = (
    "pelvis_list",
    "pelvis_rotation",
    "pelvis_tz",
    "lumbar_bending",
    "lumbar_rotation",
    "neck_bending",
    "neck_rotation",
)


def mirror(values: NDArray[np.float64], names: Sequence[str]) -> NDArray[np.float64]:
    """Coordinates (..., Q) of the same motion seen in a mirror that stands in the sagittal plane of the world.

    Args:
        values: radians and metres.
        names: of the Q coordinates.
    """
    other = [names.index(_other_side(name)) for name in names]
    signs = np.array([-1.0 if name in SIDEWARD else 1.0 for name in names], dtype=values.dtype)
    return values[..., other] * signs


def _other_side(name: str) -> str:
    for side, opposite in (("_r", "_l"), ("_l", "_r")):
        if name.endswith(side):
            return name.removesuffix(side) + opposite
        if name.endswith(f"{side}_beta"):
            return name.removesuffix(f"{side}_beta") + f"{opposite}_beta"
    return name
