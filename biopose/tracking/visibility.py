"""What a track does not show, in sentences for the report: parts out of view or hidden, too short a clip, leaps.

A leap is a step of the trunk from one frame to the next that differs from those before and after by more than a body
can do: it would ask for 60 heights/s² (about 100 m/s²) and as much against it one frame later. Frames are missing
there, as where a video was cut or a camera stored too slowly, or another person is taken for the same.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from biopose.body.keypoint_names import KEYPOINTS
from biopose.tracking.tracks import PersonTrack

LEAST_CONFIDENCE = 0.3  # below it a keypoint is a guess: the network places a limb that is out of view somewhere
MOSTLY = 0.5  # of the frames
SHORT_FRAMES = 4  # fewer are not filtered, and show no motion
PARTS: Mapping[str, tuple[str, ...]] = {
    "head": ("nose", "head_top"),
    "left arm": ("left_elbow", "left_wrist"),
    "right arm": ("right_elbow", "right_wrist"),
    "left leg": ("left_knee", "left_ankle"),
    "right leg": ("right_knee", "right_ankle"),
    "left foot": ("left_heel", "left_big_toe"),
    "right foot": ("right_heel", "right_big_toe"),
}

TRUNK = [KEYPOINTS.index(f"{side}_{joint}") for side in ("left", "right") for joint in ("shoulder", "hip")]
LEAP_PER_S2, LEAST_LEAP = 60.0, 0.06  # in heights of the person's box
NOISE_FACTOR = 8.0  # of the steps' usual differences from those beside them
BESIDE = 3  # steps before and after
LONGEST_INTERVAL = 1.5  # of the usual one: over a longer one a person may go farther
NAMED_LEAPS = 3


def limits_of_view(track: PersonTrack) -> tuple[str, ...]:
    """Sentences for a person about what the track does not show; none where it shows all."""
    sentences = []
    if len(track) < SHORT_FRAMES:
        frames = "1 frame shows" if len(track) == 1 else f"{len(track)} frames show"
        sentences.append(f"{frames} a posture, no motion: nothing was filtered, and depth comes from single images.")
    hidden = [part for part in PARTS if _hidden_share(track, part) > MOSTLY]
    if hidden:
        sentences.append(
            f"Not in view, or hidden, in most frames: {', '.join(hidden)}. Their angles are inferred from the rest "
            "of the body, not measured."
        )
    lost = int((~track.detected).sum())
    if lost:
        sentences.append(f"The person was not found in {lost} of {len(track)} frames: there the motion is filled in.")
    if leaps := _leaps(track):
        where = ", ".join(f"{track.time_s[frame]:.2f} s" for frame in leaps[:NAMED_LEAPS])
        more = f" and {len(leaps) - NAMED_LEAPS} more times" if len(leaps) > NAMED_LEAPS else ""
        sentences.append(
            f"At {where}{more} the person is suddenly elsewhere: frames are missing there, or it is another person "
            "from there on. Times, speeds and counts across it are wrong."
        )
    return tuple(sentences)


def _leaps(track: PersonTrack) -> list[int]:
    """The frames before which the trunk leaps."""
    if len(track) < 2 * BESIDE + 2:
        return []
    known = track.detected & (track.confidence[:, TRUNK] >= LEAST_CONFIDENCE).all(axis=1)
    trunk_px = track.keypoints_px[:, TRUNK].mean(axis=1)
    steps_px, interval_s = np.diff(trunk_px, axis=0), np.diff(track.time_s)
    usual_s = float(np.median(interval_s))
    steps_px[~(known[1:] & known[:-1]) | (interval_s > LONGEST_INTERVAL * usual_s)] = np.nan
    heights_px = track.boxes_px[track.detected, 3] - track.boxes_px[track.detected, 1]
    if not len(heights_px) or not np.isfinite(steps_px).any():
        return []
    lags = [lag for lag in range(-BESIDE, BESIDE + 1) if lag]
    padded = np.pad(steps_px, ((BESIDE, BESIDE), (0, 0)), constant_values=np.nan)
    beside = np.stack([padded[BESIDE + lag : BESIDE + lag + len(steps_px)] for lag in lags])
    enough = np.isfinite(beside[..., 0]).sum(axis=0) >= BESIDE
    expected = np.full_like(steps_px, np.nan)
    expected[enough] = np.nanmedian(beside[:, enough], axis=0)
    differs = np.linalg.norm(steps_px - expected, axis=1) / float(np.median(heights_px))
    if not np.isfinite(differs).any():
        return []
    least = max(LEAP_PER_S2 * usual_s**2, LEAST_LEAP, NOISE_FACTOR * float(np.nanmedian(differs)))
    return (np.flatnonzero(np.nan_to_num(differs) > least) + 1).tolist()


def _hidden_share(track: PersonTrack, part: str) -> float:
    """Of the frames in which the person was found, those in which none of the part's keypoints was found."""
    columns = [KEYPOINTS.index(name) for name in PARTS[part]]
    confidence = track.confidence[track.detected][:, columns].max(axis=1)
    return float((confidence < LEAST_CONFIDENCE).mean()) if len(confidence) else 1.0
