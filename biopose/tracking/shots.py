"""Shots of an edited video, and pictures that stand still in it.

Nobody is followed across a cut, since the next shot shows another place. In frames that repeat one picture nobody is
seen: they tell when it was shown, not where anybody was.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from biopose.tracking.tracker import LEAST_PERSON_S
from biopose.tracking.tracks import PersonTrack

COMPARED_WITHIN_S = 0.25  # the background is compared ten times a second, and a cut found at the second image behind it


def cut_frames(cuts_s: Sequence[float], time_s: NDArray[np.float64], change: NDArray[np.float64]) -> list[int]:
    """The first frame of each shot that follows a cut, counted in the clip.

    Args:
        cuts_s: when the background was first found to be another.
        time_s: (T,) of the clip's frames.
        change: (T,) by how much each image differs from the one before; NaN where it is not known.
    """
    found = []
    for cut_s in cuts_s:
        near = np.flatnonzero((time_s > cut_s - COMPARED_WITHIN_S) & (time_s <= cut_s + 1e-9))
        known = near[np.isfinite(change[near])]
        found.append(int(known[change[known].argmax()] if len(known) else near[-1]))
    return found


def unseen_in(tracks: Sequence[PersonTrack], stretches: Sequence[tuple[int, int]]) -> list[PersonTrack]:
    """The tracks of people who are not found in some stretches of frames, and end where they begin or end with one.

    Args:
        tracks: of the whole clip.
        stretches: first and last frame of the video of each.
    """
    return split_at([_without(track, stretches) for track in tracks], [])


def _without(track: PersonTrack, stretches: Sequence[tuple[int, int]]) -> PersonTrack:
    frames = track.frame_indices
    hidden = np.any([(frames >= first) & (frames <= last) for first, last in stretches], axis=0)
    nowhere = np.where(hidden, np.nan, 0.0)
    return replace(
        track,
        boxes_px=track.boxes_px + nowhere[:, None],
        keypoints_px=track.keypoints_px + nowhere[:, None, None],
        confidence=np.where(hidden[:, None], 0.0, track.confidence),
        tokens=None if track.tokens is None else np.where(hidden[:, None], np.float16(np.nan), track.tokens),
    )


def split_at(tracks: Sequence[PersonTrack], first_frames: Sequence[int]) -> list[PersonTrack]:
    """The tracks of people, each ending with its shot; what is left of somebody for less than 0.3 s is left out.

    Args:
        tracks: of the whole clip.
        first_frames: of each shot but the first, as frames of the video.
    """
    parts = [part for track in tracks for part in _parts(track, first_frames)]
    parts.sort(key=lambda part: int(part.frame_indices[0]))  # stable: by size within a frame, as the tracks are
    return [replace(part, person=number) for number, part in enumerate(parts)]


def _parts(track: PersonTrack, first_frames: Sequence[int]) -> Iterator[PersonTrack]:
    edges = np.searchsorted(track.frame_indices, sorted(first_frames)).tolist()
    bounds = [0, *edges, len(track)]
    for begin, end in pairwise(bounds):
        found = np.flatnonzero(track.detected[begin:end]) + begin
        if len(found) == len(track) or (len(found) and len(found) / track.rate_hz >= LEAST_PERSON_S):
            yield _frames(track, slice(int(found[0]), int(found[-1]) + 1))


def _frames(track: PersonTrack, kept: slice) -> PersonTrack:
    return PersonTrack(
        track.person,
        track.frame_indices[kept],
        track.time_s[kept],
        track.boxes_px[kept],
        track.keypoints_px[kept],
        track.confidence[kept],
        None if track.tokens is None else track.tokens[kept],
    )
