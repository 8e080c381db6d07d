"""Whether the camera moves, and how; ground and root motion hold only where it stands still.

About ten times a second the background (the image without people's boxes) is compared with a reference image of the
same shot, so that a slow pan adds up instead of hiding in each step; when little of the reference is left in view, the
present image takes its place. Where the reference is not found again, the last image is asked, and a cut to another
shot is what neither that nor the next image belongs to; one that is only briefly lost (a flash) is not.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import NDArray

from biopose.camera.image_registration import (
    WIDTH_PX,
    ImagePyramid,
    Match,
    background_mask,
    coarse_shift,
    compose,
    image_pyramid,
    inverse_compose,
    match,
)
from biopose.camera.motion_summary import CameraMotionResult, summary
from biopose.video.probe import LEAST_IMAGE_PX

LEAST_INTERVAL_S = 0.095  # ten times a second, or at the next frame after
NEW_REFERENCE = (0.25, 0.15, 0.12)  # shift as a fraction of the longer side, rotation (radians), logarithm of the zoom
SAMPLES_PER_CELL = 3  # along each side of a cell that is averaged into one small pixel
RELIABLE_SHARE = 0.7  # of the compared images must have been found again
STILL = np.zeros(4)
NEIGHBOURS = np.ones((3, 3))


@dataclass(frozen=True, eq=False)
class Background:
    """A frame as it is compared.

    Attributes:
        time_s: of the frame.
        grey: (h, w) the image made smaller, 0 to 255; 0 where people are, as it is kept in a file.
        boxes_px: (N, 4) of the people in it, in the frame's pixels.
        scale: how many of the frame's pixels one of grey's is.
        shape: height and width of the frame.
    """

    time_s: float
    grey: NDArray[np.float32]
    boxes_px: NDArray[np.float64]
    scale: float
    shape: tuple[int, int]


class BackgroundSampler:
    """Takes the background of about ten frames a second."""

    def __init__(self) -> None:
        self._last_s = -np.inf

    def sample(self, image: NDArray[np.uint8], *, time_s: float, boxes_px: NDArray[np.floating]) -> Background | None:
        """The background of the next frame; None where the last one is not long enough ago.

        Args:
            image: (H, W, 3).
            time_s: increasing.
            boxes_px: (N, 4) left, top, right, bottom of all people in it, in pixels; NaN rows are ignored.
        """
        if time_s < self._last_s + LEAST_INTERVAL_S:
            return None
        self._last_s = time_s
        return background_of(image, time_s=time_s, boxes_px=boxes_px)


def background_of(image: NDArray[np.uint8], *, time_s: float, boxes_px: NDArray[np.floating]) -> Background:
    """What is compared of a frame.

    Args:
        image: (H, W, 3), of any size: what is larger than about 240 pixels is made smaller.
        time_s: of the frame.
        boxes_px: (N, 4) left, top, right, bottom of all people in it, in pixels; NaN rows are ignored.

    Raises:
        ValueError: an array of another shape, or below 32 pixels.
    """
    if image.ndim != 3 or min(image.shape[:2]) < LEAST_IMAGE_PX:
        raise ValueError(f"expected an image (H, W, 3) of at least {LEAST_IMAGE_PX} pixels, got {image.shape}")
    grey, scale = _small_grey(image)
    boxes = np.asarray(boxes_px, dtype=np.float64).reshape(-1, 4)
    grey[_people_mask(grey.shape, boxes / scale)] = 0.0
    return Background(float(time_s), grey, boxes, scale, (image.shape[0], image.shape[1]))


@dataclass
class _Shot:
    """Images of one shot: where the first image's background lies in each that was found, from ``Match.motion``."""

    times_s: list[float]
    motions: list[NDArray[np.float64]]
    reference: ImagePyramid
    reference_motion: NDArray[np.float64]
    last: ImagePyramid

    @classmethod
    def beginning(cls, time_s: float, first: ImagePyramid) -> _Shot:
        return cls([time_s], [STILL], first, STILL, first)

    def follow(self, current: ImagePyramid) -> tuple[Match, NDArray[np.float64]]:
        """The match and the motion since the shot's beginning; the match has whether it holds."""
        found = match(self.reference, current, inverse_compose(self.motions[-1], self.reference_motion))
        if found.good or found.blind:
            return found, compose(found.motion, self.reference_motion)
        found = match(self.last, current, coarse_shift(self.last, current))
        return found, compose(found.motion, self.motions[-1])

    def add(self, time_s: float, current: ImagePyramid, motion: NDArray[np.float64]) -> None:
        self.times_s.append(time_s)
        self.motions.append(motion)
        self.last = current
        shift_x, shift_y, rotation, zoom = inverse_compose(motion, self.reference_motion)
        far = np.hypot(shift_x, shift_y) / max(current.shape), abs(rotation), abs(zoom)
        if np.any(np.greater(far, NEW_REFERENCE)):
            self.reference, self.reference_motion = current, motion


class CameraMotion:
    """Watches a video's frames go by; memory grows by one small row a tenth of a second."""

    def __init__(self) -> None:
        self._shot: _Shot | None = None
        self._finished: list[tuple[list[float], list[NDArray[np.float64]]]] = []
        self._cuts_s: list[float] = []
        self._stray: tuple[float, ImagePyramid] | None = None  # the last image, when it was not found again
        self._strays = 0  # how many in a row
        self._lost_s: list[float] = []
        self._compared = 0
        self._found = 0
        self._last_time_s = -np.inf
        self._scale = 1.0
        self._shape = (0, 0)

    def add(self, background: Background) -> None:
        """Compare the next background; one that comes too soon after the last is left out.

        Raises:
            ValueError: of an image of another size than those before, or time that does not increase.
        """
        time_s = background.time_s
        if self._shape not in ((0, 0), background.shape):
            height, width = background.shape
            raise ValueError(f"the image's size changed to {width} x {height} at {time_s:g} s")
        if time_s <= self._last_time_s:
            raise ValueError(f"background at {time_s:g} s: time does not increase")
        if time_s < self._last_time_s + LEAST_INTERVAL_S:
            return
        self._last_time_s, self._scale, self._shape = time_s, background.scale, background.shape
        self._compare(time_s, image_pyramid(background.grey, background.boxes_px / background.scale))

    def result(self) -> CameraMotionResult:
        """The motion so far."""
        shots = [*self._finished, *([(self._shot.times_s, self._shot.motions)] if self._shot else [])]
        return summary(
            [(np.array(times_s), np.array(motions)) for times_s, motions in shots],
            cuts_s=tuple(self._cuts_s),
            lost_s=tuple(self._lost_s),
            scale=self._scale,
            shape=self._shape,
            reliable=self._compared > 0 and self._found >= RELIABLE_SHARE * self._compared,
            compared=self._compared > 0,
        )

    def _compare(self, time_s: float, current: ImagePyramid) -> None:
        if self._shot is None:
            self._shot = _Shot.beginning(time_s, current)
            return
        self._compared += 1
        found, motion = self._shot.follow(current)
        if found.good:
            self._found += 1
            self._shot.add(time_s, current, motion)
            self._strays = 0
        elif found.blind:
            if len(self._shot.times_s) == 1:  # it may be the first image that shows nothing
                self._shot = _Shot.beginning(time_s, current)
        else:
            self._not_found(self._shot, time_s, current)

    def _not_found(self, shot: _Shot, time_s: float, current: ImagePyramid) -> None:
        """Another shot has begun if the image before was not found either, and this one continues it."""
        if self._strays and self._stray is not None:
            other = _Shot.beginning(*self._stray)
            found, motion = other.follow(current)
            if found.good:
                self._found += 2
                other.add(time_s, current, motion)
                self._finished.append((shot.times_s, shot.motions))
                if self._strays == 1:
                    self._cuts_s.append(self._stray[0])
                self._shot, self._strays = other, 0
                return
        self._stray, self._strays = (time_s, current), self._strays + 1
        if self._strays == 2:  # neither still nor a cut between two shots
            self._lost_s.append(time_s)


def _people_mask(shape: tuple[int, ...], boxes_px: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Where people are: all that is never compared, but for the pixel at its edge, which the noise estimate reads."""
    return np.asarray(scipy.ndimage.binary_erosion(background_mask(shape, boxes_px) == 0.0, NEIGHBOURS, border_value=1))


def _small_grey(image: NDArray[np.uint8]) -> tuple[NDArray[np.float32], float]:
    """The image at about WIDTH_PX along its longer side, and how many of the image's pixels one of its is.

    The green channel stands for the grey: most of the light, and most of what a codec keeps.
    """
    wanted = max(1, round(max(image.shape[:2]) / WIDTH_PX))
    step = max(1, round(wanted / SAMPLES_PER_CELL))
    samples = int(wanted / step + 0.5)
    cell = samples * step
    green = image[::step, ::step, 1]
    height, width = green.shape[0] // samples, green.shape[1] // samples
    green = green[: height * samples, : width * samples]
    grey = np.zeros((height, width), np.float32)
    for row in range(samples):
        for column in range(samples):
            grey += green[row::samples, column::samples]
    return np.rint(grey / samples**2).astype(np.float32), float(cell)  # whole levels, so that a byte can keep it
