"""Everybody in a clip: the detections of its frames joined over time, and whether the camera moved."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from biopose.camera.motion import CameraMotion
from biopose.camera.motion_summary import CameraMotionResult
from biopose.errors import FileFormatError, VideoError
from biopose.tracking.frame_detections import ShardDetections
from biopose.tracking.shots import cut_frames, split_at, unseen_in
from biopose.tracking.tracker import Tracker
from biopose.tracking.tracks import PersonTrack
from biopose.video.regularity import frozen_stretches, regularity_notes


@dataclass(frozen=True, eq=False)
class People:
    """Everybody in a clip.

    Attributes:
        tracks: the people, by first appearance.
        frame_count: of the clip.
        width_px: of the upright image; 0 in a clip without frames.
        height_px: likewise.
        time_s: (frame_count,) real time of every frame.
    """

    tracks: list[PersonTrack]
    frame_count: int
    width_px: int
    height_px: int
    time_s: NDArray[np.float64]


def join_shards(parts: Iterable[ShardDetections]) -> tuple[People, CameraMotionResult, tuple[str, ...]]:
    """Track everybody through consecutive shards, or parts of them; holds one at a time.

    Returns:
        The people, each within one shot and in frames whose picture does not stand still; whether the camera moved;
        and the notes, each once: of the shards, cuts, and what is uneven about the clip's frames.

    Raises:
        VideoError: a shard does not begin where the one before ended.
        FileFormatError: the shards come from different feature heads.
    """
    tracker, motion = Tracker(), CameraMotion()
    times_s, timed, change = list[float](), list[bool](), list[float]()
    notes: dict[str, None] = {}
    width_px = height_px = 0
    due_index: int | None = None
    token_width: int | None = None
    for part in parts:
        token_width = _same_width(token_width, part.token_width)
        width_px, height_px = part.width_px, part.height_px
        notes |= dict.fromkeys(part.notes)
        for frame in part.frames:
            if due_index is not None and frame.frame_index != due_index:
                raise VideoError(f"frame {frame.frame_index} was decoded where frame {due_index} was due: index broken")
            due_index = frame.frame_index + 1
            tracker.follow(frame.detections, frame_index=frame.frame_index, time_s=frame.time_s)
            if frame.background is not None:
                motion.add(frame.background)
            times_s.append(frame.time_s)
            timed.append(frame.timed)
            change.append(frame.change)
    time_s, changes, camera_motion = np.array(times_s), np.array(change), motion.result()
    tracks, first_index = tracker.tracks(), (due_index or 0) - len(times_s)
    if frozen := frozen_stretches(time_s, changes):
        tracks = unseen_in(tracks, [(first_index + first, first_index + last) for first, last in frozen])
        notes |= dict.fromkeys(
            f"The picture stands still in frames {first_index + first} to {first_index + last} ({time_s[first]:.2f} to "
            f"{time_s[last]:.2f} s): nobody is measured in them."
            for first, last in frozen
        )
    if camera_motion.cuts_s:
        cuts = cut_frames(camera_motion.cuts_s, time_s, changes)
        tracks = split_at(tracks, [first_index + cut for cut in cuts])
        notes |= dict.fromkeys(
            f"Frame {first_index + cut} ({time_s[cut]:.2f} s) begins another shot: nobody is followed across it. "
            "Measure each shot by itself (--start-s, --end-s)."
            for cut in cuts
        )
    people = People(tracks, len(times_s), width_px, height_px, time_s)
    uneven = regularity_notes(people.time_s, timed=np.array(timed, dtype=np.bool_), change=changes)
    return people, camera_motion, (*notes, *uneven)


def _same_width(before: int | None, now: int | None) -> int | None:
    if before is not None and now is not None and before != now:
        raise FileFormatError(
            f"tokens of {before} numbers in one shard and of {now} in another: they come from different networks; "
            "delete the shards and run detection again"
        )
    return now if before is None else before
