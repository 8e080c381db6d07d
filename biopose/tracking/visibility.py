"""What a track does not show, in sentences for the report: parts out of view or hidden, a clip that is too short."""

from __future__ import annotations

from collections.abc import Mapping

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
    return tuple(sentences)


def _hidden_share(track: PersonTrack, part: str) -> float:
    """Of the frames in which the person was found, those in which none of the part's keypoints was found."""
    columns = [KEYPOINTS.index(name) for name in PARTS[part]]
    confidence = track.confidence[track.detected][:, columns].max(axis=1)
    return float((confidence < LEAST_CONFIDENCE).mean()) if len(confidence) else 1.0
