"""Synthetic videos of a textured wall: a camera that moves in known ways, people as moving boxes in front of it."""

from collections.abc import Callable
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from biopose.camera.motion import BackgroundSampler, CameraMotion
from biopose.camera.motion_summary import CameraMotionResult

WIDTH, HEIGHT, RATE_HZ = 240, 136, 10.0
View = Callable[[float], tuple[float, float, float, float]]  # time -> shift x, y (px), rotation (rad), zoom


@lru_cache(maxsize=8)
def wall(seed: int, contrast: float = 1.0, size: int = 700) -> NDArray[np.float64]:
    """Grey texture (size, size) at several scales."""
    rng = np.random.default_rng(seed)
    octaves = ((1.0, 20.0), (3.0, 50.0), (9.0, 60.0), (27.0, 60.0))
    noise = sum(ndimage.gaussian_filter(rng.standard_normal((size, size)), s) * s * a for s, a in octaves)
    return np.clip(128 + contrast * noise, 0, 255)


def seen(texture: NDArray[np.float64], view: tuple[float, float, float, float]) -> NDArray[np.float64]:
    """The image (HEIGHT, WIDTH) after the background has moved by a view's shift, rotation and zoom."""
    dx, dy, angle, zoom = view
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    x, y = columns - (WIDTH - 1) / 2 - dx, rows - (HEIGHT - 1) / 2 - dy
    c, s = np.cos(angle) / zoom, np.sin(angle) / zoom
    at = [-s * x + c * y + texture.shape[0] / 2, c * x + s * y + texture.shape[1] / 2]
    return ndimage.map_coordinates(texture, at, order=1, mode="reflect")


def frame(
    image: NDArray[np.float64], *, noise: float = 2.0, seed: int = 0, boxes: NDArray[np.float64] | None = None
) -> NDArray[np.uint8]:
    """Noise added and people painted in, each with its own texture that moves along."""
    out = image + np.random.default_rng(seed).normal(0, noise, image.shape)
    cloth = wall(99, size=300)
    for left, top, right, bottom in np.zeros((0, 4)) if boxes is None else boxes.astype(int):
        left, top, right, bottom = max(left, 0), max(top, 0), min(right, WIDTH), min(bottom, HEIGHT)
        if right > left and bottom > top:
            out[top:bottom, left:right] = cloth[: bottom - top, : right - left]
    return np.clip(out, 0, 255).astype(np.uint8)[..., None].repeat(3, -1)


class WatchedCamera(CameraMotion):
    """The camera's motion from frames instead of backgrounds."""

    def __init__(self) -> None:
        super().__init__()
        self._sampler = BackgroundSampler()

    def watch(self, image: NDArray[np.uint8], *, time_s: float, boxes_px: NDArray[np.floating]) -> None:
        """Compare a frame's background if it is due."""
        background = self._sampler.sample(image, time_s=time_s, boxes_px=boxes_px)
        if background is not None:
            self.add(background)


def watch(
    view: View,
    *,
    duration_s: float = 4.0,
    texture: Callable[[float], NDArray[np.float64]] | None = None,
    people: Callable[[float], NDArray[np.float64]] | None = None,
    boxes_known: bool = True,
    light: Callable[[float], float] = lambda _: 1.0,
    noise: float = 2.0,
) -> CameraMotionResult:
    """What CameraMotion says of such a video."""
    plain, motion = wall(1), WatchedCamera()
    for index, time_s in enumerate(np.arange(0, duration_s, 1 / RATE_HZ)):
        background = plain if texture is None else texture(time_s)
        boxes = np.zeros((0, 4)) if people is None else people(time_s)
        image = frame(light(time_s) * seen(background, view(time_s)), noise=noise, seed=index, boxes=boxes)
        motion.watch(image, time_s=time_s, boxes_px=boxes if boxes_known else boxes[:0])
    return motion.result()
