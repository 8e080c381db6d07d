"""A video's intrinsics: from what was given, else from the file's metadata, else an estimate with its uncertainty.

What files hold (PyAV 18.1 and published samples of tags):

- QuickTime's ``com.apple.quicktime.camera.focal_length.35mm_equivalent`` ("26", "26.00mm"), in the video track's
  metadata: FFmpeg does not read it there, ``biopose.video.quicktime`` does.
- ``com.apple.quicktime.make`` and ``.model``, ``com.android.manufacturer``, ``.model`` and ``.version``: who made the
  phone; not which of its lenses was used. Android writes no focal length.
- GoPro: a handler named "GoPro AVC" or "GoPro H.265"; the field of view that was chosen is in a binary box.

A 35 mm equivalent compares diagonals: f / diagonal = equivalent / 43.27 mm. A phone's number is the lens's, for its
whole 4:3 sensor. A video is a part of it: at 16:9 the full width, less what stabilisation keeps in reserve. Two
published measurements of that reserve: 1.175 (an iPhone 7, photograph and video of one tape measure) and 1.09
(self-calibration from 48 to 102 frame pairs of an iPhone's 16:9 clips: 32 mm where the file has 27); without
stabilisation 1.0. Hence 1.09 with a log-sd of 0.08.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from biopose.camera.pinhole import Camera
from biopose.video.probe import VideoInfo
from biopose.video.quicktime import quicktime_tags

FOCAL_35MM_KEY = "com.apple.quicktime.camera.focal_length.35mm_equivalent"
FILM_DIAGONAL_MM = math.hypot(36.0, 24.0)
SENSOR_ASPECT = 4.0 / 3.0
STABILISING_CROP = 1.09
GIVEN_SD = 0.02
METADATA_SD = 0.08
# Main cameras of phones are 23 to 29 mm equivalent: 26 mm, seen through the crop above, is a focal length of 0.82 of
# the long side. Tablets and camcorders are a little longer, zoomed and broadcast images much longer, ultra-wide ones
# shorter: 95 % between 0.50 and 1.34, that is 90 to 41 degrees across the long side.
PHONE_35MM = 26.0
ESTIMATE_SD = 0.25
# GoPro's linear view is about 87 degrees across, 0.53 of the long side; the wide one bends lines: no single number.
GOPRO_FOCAL_PER_LONG_SIDE = 0.53
# No camera that people are filmed with sees more or less across: outside it is millimetres given for pixels.
NARROWEST_VIEW_DEG, WIDEST_VIEW_DEG = 0.2, 165.0
AGREEMENT = 0.02  # of a focal length and a field of view that are both given, as a fraction
NO_METADATA: Mapping[str, str] = MappingProxyType({})


def camera_of(
    info: VideoInfo,
    *,
    focal_px: float | None = None,
    horizontal_fov_deg: float | None = None,
    distortion: Sequence[float] | None = None,
) -> Camera:
    """The camera of a video's upright image: as given, else from its file's tags, else an estimate.

    Args:
        info: of the video; a QuickTime or MP4 file's tags are read from the file.
        focal_px: where known, in the upright image's pixels.
        horizontal_fov_deg: where known, from the left to the right edge of the upright image.
        distortion: k1, k2, p1, p2, k3 (OpenCV's), in the upright image.

    Raises:
        ValueError: impossible or contradictory numbers.
    """
    return intrinsics(
        width_px=info.width_px,
        height_px=info.height_px,
        focal_px=focal_px,
        horizontal_fov_deg=horizontal_fov_deg,
        distortion=distortion,
        metadata=dict(info.metadata) | quicktime_tags(info.path),
    )


def intrinsics(
    *,
    width_px: int,
    height_px: int,
    focal_px: float | None = None,
    horizontal_fov_deg: float | None = None,
    distortion: Sequence[float] | None = None,
    metadata: Mapping[str, str] = NO_METADATA,
) -> Camera:
    """The camera of a video's upright image.

    Args:
        width_px: of the upright image.
        height_px: of the upright image.
        focal_px: where known, in the upright image's pixels.
        horizontal_fov_deg: where known, from the left to the right edge of the upright image.
        distortion: k1, k2, p1, p2, k3 (OpenCV's), in the upright image.
        metadata: the file's tags, of the container and of the video stream together.

    Raises:
        ValueError: impossible or contradictory numbers.
    """
    if width_px < 1 or height_px < 1:
        raise ValueError(f"an image of {width_px} x {height_px} pixels; both must be positive")
    coefficients = _five(distortion)
    focal = _given_focal(width_px=width_px, focal_px=focal_px, horizontal_fov_deg=horizontal_fov_deg)
    if focal is not None:
        sd, source = GIVEN_SD, "given"
    elif (equivalent := _equivalent_35mm(metadata)) is not None:
        focal, sd, source = _phone_focal_px(equivalent, width_px=width_px, height_px=height_px), METADATA_SD, "metadata"
    else:
        focal = default_focal_px(width_px=width_px, height_px=height_px, metadata=metadata)
        sd, source = ESTIMATE_SD, "estimate"
    return Camera(
        width_px=width_px,
        height_px=height_px,
        focal_px=(focal, focal),
        centre_px=((width_px - 1) / 2, (height_px - 1) / 2),
        distortion=coefficients,
        focal_sd=sd,
        source=source,  # type: ignore[arg-type]
    )


def default_focal_px(*, width_px: int, height_px: int, metadata: Mapping[str, str] = NO_METADATA) -> float:
    """The focal length to expect of an image of which no more is known than its size, and perhaps who made the camera.

    Args:
        width_px: of the upright image.
        height_px: of the upright image.
        metadata: the file's tags.
    """
    if any("gopro" in str(value).lower() for value in metadata.values()):
        return GOPRO_FOCAL_PER_LONG_SIDE * max(width_px, height_px)
    return _phone_focal_px(PHONE_35MM, width_px=width_px, height_px=height_px)


def _five(distortion: Sequence[float] | None) -> tuple[float, float, float, float, float]:
    if distortion is None:
        return (0.0, 0.0, 0.0, 0.0, 0.0)
    if len(distortion) not in (4, 5):
        raise ValueError(f"{len(distortion)} distortion coefficients; expected k1, k2, p1, p2 and perhaps k3")
    k1, k2, p1, p2, k3 = (*map(float, distortion), 0.0)[:5]
    return (k1, k2, p1, p2, k3)


def _given_focal(*, width_px: int, focal_px: float | None, horizontal_fov_deg: float | None) -> float | None:
    if focal_px is not None and not (math.isfinite(focal_px) and focal_px > 0):
        raise ValueError(f"focal_px is {focal_px}; a focal length is positive")
    if focal_px is not None:
        view_deg = math.degrees(2 * math.atan(0.5 * width_px / focal_px))
        if not NARROWEST_VIEW_DEG <= view_deg <= WIDEST_VIEW_DEG:
            raise ValueError(
                f"focal_px {focal_px:g} is a view of {view_deg:.3g} degrees across an image {width_px} pixels wide, "
                "which no camera has. It is the focal length in pixels, not in millimetres"
            )
    if horizontal_fov_deg is None:
        return focal_px
    if not 0 < horizontal_fov_deg < 180:
        raise ValueError(f"horizontal_fov_deg is {horizontal_fov_deg}; expected between 0 and 180 degrees")
    from_view = 0.5 * width_px / math.tan(math.radians(horizontal_fov_deg) / 2)
    if focal_px is not None and abs(math.log(focal_px / from_view)) > AGREEMENT:
        raise ValueError(
            f"focal_px {focal_px:g} and horizontal_fov_deg {horizontal_fov_deg:g} contradict each other: that view is "
            f"{from_view:.0f} pixels at a width of {width_px}; give one of them"
        )
    return from_view if focal_px is None else focal_px


def _equivalent_35mm(metadata: Mapping[str, str]) -> float | None:
    """The tag in millimetres; None where it is absent or no lens has it."""
    number = re.match(r"\s*(\d+(?:\.\d+)?)", str(metadata.get(FOCAL_35MM_KEY, "")))
    return float(number[1]) if number and 8.0 <= float(number[1]) <= 1000.0 else None


def _phone_focal_px(equivalent_mm: float, *, width_px: int, height_px: int) -> float:
    """Of a video that is a stabilised part of a 4:3 sensor whose lens has this 35 mm equivalent."""
    long, short = max(width_px, height_px), min(width_px, height_px)
    sensor_long = max(long, short * SENSOR_ASPECT)
    diagonal = math.hypot(sensor_long, sensor_long / SENSOR_ASPECT)
    return equivalent_mm / FILM_DIAGONAL_MM * diagonal * STABILISING_CROP
