"""The pose of a camera that looks at a point."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

UP = (0.0, 1.0, 0.0)  # in the world


def look_at(*, position_m: ArrayLike, at_m: ArrayLike, up: tuple[float, float, float] = UP) -> NDArray[np.float64]:
    """T_camera_world (4, 4) of a camera at a position in the world (3,) that looks at another (3,).

    Args:
        position_m: of the camera.
        at_m: a point on its optical axis.
        up: direction in the world that is upwards in the image; not along the optical axis.
    """
    position, at = np.asarray(position_m, dtype=np.float64), np.asarray(at_m, dtype=np.float64)
    forward = (at - position) / np.linalg.norm(at - position)
    right = np.cross(forward, up) / np.linalg.norm(np.cross(forward, up))
    T_camera_world = np.eye(4)
    T_camera_world[:3, :3] = np.stack([right, np.cross(forward, right), forward])
    T_camera_world[:3, 3] = -T_camera_world[:3, :3] @ position
    return T_camera_world
