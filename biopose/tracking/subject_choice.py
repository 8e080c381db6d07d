"""Which of the people in a clip is measured."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from biopose.errors import TrackingError
from biopose.tracking.tracks import PersonTrack

Point = tuple[float, float, float]  # x and y in pixels, and real time in seconds
Box = tuple[float, float, float, float]  # left, top, right, bottom in pixels
Choice = Literal["largest", "central", "all"] | int | Point | Box

ONE_FRAME_S = 0.05  # how far from a point's time the only frame of a person may lie
CENTRAL = 0.25  # of the image's diagonal: at this distance from the middle a person counts 0.6 of one in the middle


def choose_athletes(
    tracks: Sequence[PersonTrack],
    *,
    choices: Sequence[Choice],
    width_px: int,
    height_px: int,
    frame_count: int | None = None,
) -> list[PersonTrack]:
    """The people to measure, numbered from 0: who fits each choice best, or everybody.

    Args:
        tracks: everybody in the clip.
        choices: for each person who is measured "largest": the greatest part of the image, summed over the time in
            which they are detected; "central": nearest to the image's middle, likewise; a number: counted from 0 in
            the order of "all", as `biopose people` prints it; a point (x, y, seconds): whose box holds it at that time,
            the smallest of several; a box (left, top, right, bottom): who is longest and most fully in it. Or "all"
            alone: everybody, the largest first.
        width_px: of the image.
        height_px: of the image.
        frame_count: of the clip, for the message when nobody is found.

    Raises:
        ValueError: if a choice is none of these, the box is empty, or "all" is not alone.
        TrackingError: if nobody fits a choice, or two choices mean the same person.
    """
    if "all" in choices and set(choices) != {"all"}:
        raise ValueError('"all" stands for everybody; choose nobody else beside it')
    weighings = [_weighing(choice, width_px=width_px, height_px=height_px) for choice in choices]
    if not tracks:
        clip = "the clip" if frame_count is None else f"the clip of {frame_count} frame{'s' * (frame_count != 1)}"
        raise TrackingError(
            f"nobody was found in {clip}: is a person in view, not too small (a twentieth of the image's height) nor "
            "cut off, upright and well lit? Begin and end where the athlete is in view (start_s and end_s)"
        )
    everybody = by_size(tracks)
    if "all" in choices:
        return everybody
    chosen = [
        _best(everybody, choice, weigh, width_px=width_px, height_px=height_px)
        for choice, weigh in zip(choices, weighings, strict=True)
    ]
    _refuse_repeated(choices, chosen)
    return [replace(track, person=number) for number, track in enumerate(chosen)]


def by_size(tracks: Sequence[PersonTrack]) -> list[PersonTrack]:
    """Everybody, numbered from 0 by their part of the image, summed over the time in which they are detected."""
    order = sorted(tracks, key=lambda track: -_over_time(track, _area(track.boxes_px)))
    return [replace(track, person=number) for number, track in enumerate(order)]


def _best(
    everybody: Sequence[PersonTrack],
    choice: Choice,
    weigh: Callable[[PersonTrack], float],
    *,
    width_px: int,
    height_px: int,
) -> PersonTrack:
    """Who fits a choice best."""
    best = max(everybody, key=weigh)
    if weigh(best) > 0 or choice in ("largest", "central"):
        return best
    people = "; ".join(_whereabouts(track) for track in everybody[:5])
    raise TrackingError(
        f"{_nobody(choice, width_px=width_px, height_px=height_px)}; found: {people}. Correct {_what(choice)}, or "
        "choose largest, central or all; `biopose people` shows everybody with a number"
    )


def _nobody(choice: Choice, *, width_px: int, height_px: int) -> str:
    if isinstance(choice, int):
        return f"there is no person {choice}"
    if not isinstance(choice, str) and len(choice) == 3:
        x_px, y_px, time_s = choice
        return f"nobody's box holds the point ({x_px:g}, {y_px:g}) at {time_s:g} s"
    return f"nobody comes into the athlete's box {choice} of the {width_px} x {height_px} image"


def _what(choice: Choice) -> str:
    if isinstance(choice, int):
        return "the number"
    return (
        "the point (x and y in pixels, seconds)" if len(choice) == 3 else "the box (left, top, right, bottom in pixels)"
    )


def _refuse_repeated(choices: Sequence[Choice], chosen: Sequence[PersonTrack]) -> None:
    """Raise TrackingError where two choices mean one person, who would take two heights."""
    first: dict[int, Choice] = {}
    for choice, track in zip(choices, chosen, strict=True):
        if track.person in first:
            raise TrackingError(
                f"athletes {first[track.person]} and {choice} are both {_whereabouts(track)}; choose each person once"
            )
        first[track.person] = choice


def refuse_surplus_heights(given: int, *, found: int) -> None:
    """Raise TrackingError where more heights are given than people were found: somebody might take another's."""
    if given > found:
        people = "1 person was" if found == 1 else f"{found} people were"
        raise TrackingError(
            f"{given} heights are given, but {people} found, so that somebody might take another's height; give one "
            "for each person who is in view, in the order of `biopose people`"
        )


def _weighing(choice: Choice, *, width_px: int, height_px: int) -> Callable[[PersonTrack], float]:
    """How well a person fits a choice; 0: not at all."""
    if choice in ("largest", "all"):
        return lambda track: _over_time(track, _area(track.boxes_px))
    if choice == "central":
        return lambda track: _over_time(track, _nearness(track.boxes_px, width_px=width_px, height_px=height_px))
    if isinstance(choice, int):
        return lambda track: float(track.person == choice)
    if not isinstance(choice, str) and len(choice) == 3:
        return lambda track: _around(track, choice)
    if isinstance(choice, str) or len(choice) != 4 or not (choice[0] < choice[2] and choice[1] < choice[3]):
        raise ValueError(
            f"choice {choice!r}; expected largest, central, all, a number, a point (x, y, seconds) or a box (left, "
            "top, right, bottom)"
        )
    box_px = np.array(choice, dtype=np.float64)
    return lambda track: _over_time(track, _part_inside(track.boxes_px, box_px))


def _around(track: PersonTrack, point: Point) -> float:
    """One over the area of the box that holds a point at its time; 0 where none does."""
    x_px, y_px, time_s = point
    interval_s = np.median(np.diff(track.time_s)) if len(track) > 1 else ONE_FRAME_S
    frame = int(np.abs(track.time_s - time_s).argmin())
    left, top, right, bottom = track.boxes_px[frame]
    holds = left <= x_px <= right and top <= y_px <= bottom and abs(track.time_s[frame] - time_s) <= interval_s
    return float(1.0 / ((right - left) * (bottom - top))) if holds else 0.0


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
    """Weights (T,) summed over the seconds in which the person is detected: dense frames do not count more."""
    seconds = np.gradient(track.time_s) if len(track) > 1 else np.ones(1)
    return float((seconds * weights)[track.detected].sum())


def _whereabouts(track: PersonTrack) -> str:
    left, top, right, bottom = np.nanmedian(track.boxes_px, axis=0)
    start_s, end_s = track.time_s[[0, -1]]
    return (
        f"person {track.person} about ({left:.0f}, {top:.0f}, {right:.0f}, {bottom:.0f}), {start_s:.1f}-{end_s:.1f} s"
    )
