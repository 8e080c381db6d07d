"""What a camera's motion through a video amounts to, in numbers and in a sentence.

All thresholds are fractions of the image's longer side:

- MOVES 0.004: 8 pixels of 1920, which is some 3 cm of a view 8 m wide, as much as the keypoints' own scatter.
- HANDHELD 0.03: an image that goes back and forth within this is trembling, not panning.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

MOVES = 0.004
HANDHELD = 0.03
BACK_AND_FORTH = 2.5  # times its extent that a trembling image travels, and a panning one does not
NOTICED_ZOOM = 0.02  # named beside a larger shift
TOO_SHORT = "The clip is too short to tell whether the camera moves: root motion and ground hold only if it stood still"
DISTRUST = "root motion and ground are not to be trusted"

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class CameraMotionResult:
    """How the camera moved.

    Attributes:
        moves: it moved, or the video cuts to another shot.
        max_shift_px: the farthest that the image's centre came from where it was at the start of its shot.
        max_rotation_deg: likewise, about the optical axis.
        max_zoom: likewise, as a factor: above 1 in, below 1 out, 1 without.
        first_moving_s: when it first moved noticeably or cut; None where it did not.
        cuts_s: when another shot begins.
        reliable: there was enough background with texture.
        sentence: for the report.
    """

    moves: bool
    max_shift_px: float
    max_rotation_deg: float
    max_zoom: float
    first_moving_s: float | None
    cuts_s: tuple[float, ...]
    reliable: bool
    sentence: str


@dataclass(frozen=True)
class _Excursion:
    """One shot's motion in pixels of the video: by how much each image differs from the shot's first, and when."""

    shift_px: float
    vertical: bool
    rotation_rad: float
    log_zoom: float
    extent_px: float  # at the image's corners and centre, on average
    travelled_px: float
    first_s: float | None
    last_s: float


def summary(
    shots: Sequence[tuple[Floats, Floats]],
    *,
    cuts_s: tuple[float, ...],
    lost_s: tuple[float, ...],
    scale: float,
    shape: tuple[int, int],
    reliable: bool,
    compared: bool = True,
) -> CameraMotionResult:
    """Sum up a video.

    Args:
        shots: of each, the times (T,) and the motions (T, 4) since its first image: shift x, y in small pixels,
            rotation (radians), logarithm of the zoom.
        cuts_s: when another shot begins.
        lost_s: when the image could not be followed.
        scale: how many of the video's pixels a small one is.
        shape: the video's height and width.
        reliable: enough of the backgrounds were registered.
        compared: there were two images to compare.
    """
    excursions = [_excursion(times, motions * [scale, scale, 1, 1], shape) for times, motions in shots]
    moving = [excursion for excursion in excursions if excursion.first_s is not None]
    starts = [*(excursion.first_s for excursion in moving if excursion.first_s is not None), *cuts_s, *lost_s]
    zoom = max((excursion.log_zoom for excursion in excursions), key=abs, default=0.0)
    return CameraMotionResult(
        moves=bool(starts),
        max_shift_px=max((excursion.shift_px for excursion in excursions), default=0.0),
        max_rotation_deg=float(np.rad2deg(max((excursion.rotation_rad for excursion in excursions), default=0.0))),
        max_zoom=float(np.exp(zoom)),
        first_moving_s=min(starts, default=None),
        cuts_s=cuts_s,
        reliable=reliable,
        sentence=_sentence(excursions, cuts_s=cuts_s, lost_s=lost_s, size_px=max(shape), reliable=reliable)
        if compared
        else TOO_SHORT,
    )


def _excursion(times: Floats, motions: Floats, shape: tuple[int, int]) -> _Excursion:
    motions = _steadied(motions)
    since = np.array([_displaced(motion, motions[0], shape) for motion in motions])
    until = np.array([_displaced(motion, motions[-1], shape) for motion in motions])
    threshold = MOVES * max(shape)
    # A slow drift begins long before it is noticed.
    edge = min(threshold, 0.1 * float(since.max()))
    moved, before_end = np.flatnonzero(since > edge), np.flatnonzero(until > edge)
    shift = motions[:, :2] - motions[0, :2]
    farthest = shift[np.linalg.norm(shift, axis=1).argmax()]
    return _Excursion(
        shift_px=float(np.hypot(*farthest)),
        vertical=abs(farthest[1]) > abs(farthest[0]),
        rotation_rad=float(np.abs(motions[:, 2]).max()),
        log_zoom=float(max(motions[:, 3], key=abs)),
        extent_px=float(since.max()),
        travelled_px=sum(_displaced(b, a, shape) for a, b in pairwise(motions)),
        first_s=float(times[moved[0]]) if since.max() > threshold else None,
        last_s=float(times[min(before_end[-1] + 1, len(times) - 1)]) if len(before_end) else float(times[-1]),
    )


def _steadied(motions: Floats) -> Floats:
    """Each the median of three neighbours: a single wrong comparison is no motion."""
    if len(motions) < 3:
        return motions
    padded = np.concatenate([motions[:1], motions, motions[-1:]])
    middle: Floats = np.median(np.stack([padded[:-2], padded[1:-1], padded[2:]]), axis=0)
    return middle


def _displaced(motion: Floats, other: Floats, shape: tuple[int, int]) -> float:
    """Mean distance in pixels between two motions over the image's centre and corners."""
    shift, (rotation, zoom) = motion[:2] - other[:2], motion[2:] - other[2:]
    half_x, half_y = shape[1] / 2, shape[0] / 2
    points = np.array([[0, 0], [half_x, half_y], [-half_x, half_y], [half_x, -half_y], [-half_x, -half_y]])
    rotated = np.stack([-points[:, 1], points[:, 0]], -1) * rotation + points * zoom
    return float(np.linalg.norm(shift + rotated, axis=1).mean())


def _sentence(
    excursions: Sequence[_Excursion],
    *,
    cuts_s: tuple[float, ...],
    lost_s: tuple[float, ...],
    size_px: int,
    reliable: bool,
) -> str:
    parts = []
    if lost_s:
        parts.append(f"moves too fast to follow at {_times(lost_s)}")
    moving = [excursion for excursion in excursions if excursion.first_s is not None]
    if moving:
        parts.append(_manner(max(moving, key=lambda excursion: excursion.extent_px), size_px))
    if cuts_s:
        parts.append(f"the video cuts to another shot at {_times(cuts_s)}")
    if cuts_s and len(parts) == 1:
        return f"The video cuts to another shot at {_times(cuts_s)}: measure each shot by itself; {DISTRUST}"
    if parts:
        return f"The camera moves ({', '.join(parts)}): {DISTRUST}"
    if not reliable:
        return (
            "Too little textured background is in view to tell whether the camera moves: root motion and ground hold "
            "only if it stood still"
        )
    extent = max((excursion.extent_px for excursion in excursions), default=0.0)
    return f"The camera stands still (its image moves by {extent:.1f} px at most)"


def _times(times_s: tuple[float, ...]) -> str:
    more = f" and {len(times_s) - 3} more times" if len(times_s) > 3 else ""
    return ", ".join(f"{time:.1f} s" for time in times_s[:3]) + more


def _manner(excursion: _Excursion, size_px: int) -> str:
    """The largest part of a motion, and a zoom beside it."""
    when = f"between {excursion.first_s:.1f} s and {excursion.last_s:.1f} s"
    if excursion.extent_px < HANDHELD * size_px and excursion.travelled_px > BACK_AND_FORTH * excursion.extent_px:
        return (
            f"trembles by up to {excursion.extent_px:.0f} px, as if held in the hand, from {excursion.first_s:.1f} s on"
        )
    zoomed = f"zooms {np.exp(excursion.log_zoom):.2f} times"
    arm = size_px / 3  # from the centre to the image's points, on average
    if abs(excursion.log_zoom) * arm > max(excursion.shift_px, excursion.rotation_rad * arm):
        return f"{zoomed} {when}"
    if excursion.rotation_rad * arm > excursion.shift_px:
        return f"rolls by {np.rad2deg(excursion.rotation_rad):.1f} degrees {when}"
    also = f" and {zoomed}" if abs(excursion.log_zoom) > NOTICED_ZOOM else ""
    return f"{'tilts' if excursion.vertical else 'pans'} {excursion.shift_px:.0f} px{also} {when}"
