"""Which of the people in a clip is measured."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from biopose.errors import TrackingError
from biopose.tracking.tracks import PersonTrack

Choice = Literal["largest", "central", "all"] | tuple[float, float, float, float]

CENTRAL = 0.25  # of the image's diagonal: at this distance from the middle a person counts 0.6 of one in the middle


def choose_athletes(
    tracks: Sequence[PersonTrack], *, choice: Choice, width_px: int, height_px: int, frame_count: int | None = None
) -> list[PersonTrack]:
    """The people to measure, numbered from 0, the best fitting first.

    Args:
        tracks: everybody in the clip.
        choice: "largest": the greatest part of the image, summed over the time in which they are detected; "central":
            nearest to the image's middle, likewise; a box (left, top, right, bottom) in pixels: who is longest and most
            fully in it; "all": everybody, the largest first.
        width_px: of the image.
        height_px: of the image.
        frame_count: of the clip, for the message when nobody is found.

    Raises:
        ValueError: if the choice is none of these or the box is empty.
        TrackingError: if nobody fits.
    """
    weigh = _weighing(choice, width_px=width_px, height_px=height_px)
    if not tracks:
        clip = "the clip" if frame_count is None else f"the clip of {frame_count} frame{'s' * (frame_count != 1)}"
        raise TrackingError(
            f"nobody was found in {clip}: is a person in view, not too small (a twentieth of the image's height) nor "
            "cut off, upright and well lit? Begin and end where the athlete is in view (start_s and end_s)"
        )
    weights = [_over_time(track, weigh(track.boxes_px[track.detected])) for track in tracks]
    order = sorted(range(len(tracks)), key=lambda i: -weights[i])
    if not isinstance(choice, str) and weights[order[0]] <= 0:
        people = "; ".join(_whereabouts(track) for track in tracks[:5])
        raise TrackingError(
            f"nobody comes into the athlete's box {choice} of the {width_px} x {height_px} image; found: {people}. "
            "Correct the box (left, top, right, bottom in pixels), or choose largest, central or all"
        )
    chosen = order if choice == "all" else order[:1]
    return [replace(tracks[i], person=number) for number, i in enumerate(chosen)]


def refuse_surplus_heights(given: int, *, found: int) -> None:
    """Raise TrackingError where more heights are given than people were found: somebody might take another's."""
    if given > found:
        people = "1 person was" if found == 1 else f"{found} people were"
        raise TrackingError(
            f"{given} heights are given, but {people} found, so that somebody might take another's height; give one "
            "for each person who is in view, the largest in the image first"
        )


def _weighing(choice: Choice, *, width_px: int, height_px: int) -> Callable[[NDArray[np.float64]], NDArray[np.float64]]:
    """From boxes (N, 4) to how well each fits the choice (N,)."""
    if choice in ("largest", "all"):
        return _area
    if choice == "central":
        return lambda boxes_px: _nearness(boxes_px, width_px=width_px, height_px=height_px)
    if isinstance(choice, str) or len(choice) != 4 or not (choice[0] < choice[2] and choice[1] < choice[3]):
        raise ValueError(f"choice {choice!r}; expected largest, central, all or a box (left, top, right, bottom)")
    return lambda boxes_px: _part_inside(boxes_px, np.array(choice, dtype=np.float64))


def _area(boxes_px: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray((boxes_px[:, 2:] - boxes_px[:, :2]).prod(1))


def _nearness(boxes_px: NDArray[np.float64], *, width_px: int, height_px: int) -> NDArray[np.float64]:
    middle = np.array([width_px, height_px]) / 2
    distance = np.linalg.norm((boxes_px[:, :2] + boxes_px[:, 2:]) / 2 - middle, axis=1)
    return np.asarray(np.exp(-0.5 * (distance / (CENTRAL * np.hypot(width_px, height_px))) ** 2))


def _part_inside(boxes_px: NDArray[np.float64], chosen_px: NDArray[np.float64]) -> NDArray[np.float64]:
    """(N,) intersection over union: a person who fills the box counts more than one who passes through it."""
    sides = np.minimum(boxes_px[:, 2:], chosen_px[2:]) - np.maximum(boxes_px[:, :2], chosen_px[:2])
    common = np.clip(sides, 0, None).prod(1)
    return np.asarray(common / (_area(boxes_px) + _area(chosen_px[None]) - common))


def _over_time(track: PersonTrack, weights: NDArray[np.float64]) -> float:
    """Summed over seconds, so that frames which come more densely do not count more."""
    if len(track) == 1:
        return float(weights.sum())
    seconds = np.gradient(track.time_s)[track.detected]
    return float((seconds * weights).sum())


def _whereabouts(track: PersonTrack) -> str:
    left, top, right, bottom = np.nanmedian(track.boxes_px, axis=0)
    start_s, end_s = track.time_s[[0, -1]]
    return (
        f"person {track.person} about ({left:.0f}, {top:.0f}, {right:.0f}, {bottom:.0f}), {start_s:.1f}-{end_s:.1f} s"
    )
