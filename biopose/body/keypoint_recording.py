"""3D keypoints of a markerless system on the default skeleton: scaled to their segment lengths, ready to be solved.

Keypoints are where a network sees a person's joints, not their centres, so they lie on the skeleton where
`keypoint_landmarks` has measured them. What they do not show is held at its default: hips lie on a line, which tells
nothing of the pelvis's tilt, so the trunk moves as one with it in the sagittal plane; toes bend with the foot. The
middle of the hips, which most systems compute from the two, is left out for the same reason.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from biopose.body.keypoint_landmarks import PREFIX, skeleton_with_keypoints
from biopose.body.keypoint_spellings import keypoint_name
from biopose.errors import ModelError
from biopose.io.trajectories import MarkerTrajectories, duplicates
from biopose.skeleton.full_body import full_body_skeleton
from biopose.skeleton.ik.inverse_kinematics import PLAUSIBLE_SIZE_RATIO
from biopose.skeleton.kinematics import Kinematics
from biopose.skeleton.model import Skeleton
from biopose.skeleton.scaling import scaled_geometry

FloatArray = NDArray[np.float64]

NOT_SHOWN = ("lumbar_extension", "mtp_angle_r", "mtp_angle_l")
LEFT_OUT = ("mid_hip",)
OF_MARKERS = (
    "most of the file's names are no keypoints': is it a recording of markers on the skin? Its knees and ankles are "
    "then no joint centres, and the angles off; solve it by --markers (markers in session.toml)"
)
NEEDED = ("left_hip", "right_hip", "left_knee", "right_knee")
# Keypoints between which a segment's length is measured, on either side, and the bodies that are scaled by it.
LENGTHS: Mapping[str, tuple[str, str]] = {
    "thigh": ("{side}_hip", "{side}_knee"),
    "shank": ("{side}_knee", "{side}_ankle"),
    "foot": ("{side}_heel", "{side}_big_toe"),
    "upper arm": ("{side}_shoulder", "{side}_elbow"),
    "forearm": ("{side}_elbow", "{side}_wrist"),
    "pelvis": ("left_hip", "right_hip"),
    "trunk": ("{side}_hip", "{side}_shoulder"),
    "head": ("neck", "head_top"),
}
SEGMENT_OF = {
    **dict.fromkeys(("femur", "patella"), "thigh"),
    "tibia": "shank",
    **dict.fromkeys(("talus", "calcn", "toes"), "foot"),
    "humerus": "upper arm",
    **dict.fromkeys(("ulna", "radius", "hand"), "forearm"),
    "pelvis": "pelvis",
    **dict.fromkeys(("abdomen", "torso"), "trunk"),
    "head": "head",
}


@dataclass(frozen=True, eq=False)
class KeypointRecording:
    """A recording of keypoints and the skeleton that is to follow it.

    Attributes:
        skeleton: scaled; its markers are the keypoints, under the recording's names.
        markers: the keypoints that are used; the notes state scales and what is held.
        body_scales: (B, 3) factors of the default skeleton.
        held: coordinates that keypoints do not show, at their default.
    """

    skeleton: Skeleton
    markers: MarkerTrajectories
    body_scales: FloatArray
    held: tuple[str, ...]


def keypoint_recording(recording: MarkerTrajectories, *, names: Mapping[str, str] | None = None) -> KeypointRecording:
    """Bring keypoints onto the default skeleton.

    Args:
        recording: of keypoints; y is up.
        names: by the file's name of a keypoint, that of `KEYPOINTS`; they take precedence over the known spellings.

    Raises:
        ModelError: a hip or knee is missing, two keypoints are the same, or the body is of another size.
    """
    ours = {theirs: (names or {}).get(theirs) or keypoint_name(theirs) for theirs in recording.names}
    known = {theirs: name for theirs, name in ours.items() if name is not None}
    _check(recording, known)
    used = [theirs for theirs, name in known.items() if name not in LEFT_OUT]
    markers = recording.select(used)
    skeleton = skeleton_with_keypoints(full_body_skeleton())
    ratios = _length_ratios(
        skeleton, dict(zip([known[one] for one in used], markers.positions_m.swapaxes(0, 1), strict=True))
    )
    body_scales = _body_scales(skeleton, ratios)
    theirs_of = {PREFIX + known[theirs]: theirs for theirs in used}
    named = tuple(replace(m, name=theirs_of[m.name]) for m in skeleton.markers if m.name in theirs_of)
    scaled = scaled_geometry(skeleton.with_markers(named), body_scales)
    locked = tuple(replace(c, locked=True) if c.name in NOT_SHOWN else c for c in scaled.coordinates)
    listed = ", ".join(f"{name} {ratio:.3f}" for name, ratio in ratios.items())
    unused = [theirs for theirs in recording.names if theirs not in used]
    notes = [
        f"{len(used)} keypoints; the default model was scaled to their distances: {listed}; the rest by their mean",
        *([f"keypoints that were not used: {', '.join(unused)}"] if unused else []),
        *([OF_MARKERS] if len(unused) > len(used) else []),
    ]
    return KeypointRecording(
        replace(scaled, coordinates=locked),
        replace(markers, notes=(*markers.notes, *notes)),
        body_scales,
        NOT_SHOWN,
    )


def _check(recording: MarkerTrajectories, known: Mapping[str, str]) -> None:
    if twice := duplicates(known.values()):
        same = [theirs for theirs, name in known.items() if name in twice]
        raise ModelError(f"{', '.join(same)}: several keypoints of one name of ours ({', '.join(twice)}); keep one")
    if missing := [name for name in NEEDED if name not in known.values()]:
        raise ModelError(
            f"has no keypoint {', '.join(missing)}; there are {', '.join(recording.names)}. Write a file of the names, "
            'TheirName = "right_hip" a line, and give it as --names (names in session.toml)'
        )


def _length_ratios(skeleton: Skeleton, positions_m: Mapping[str, FloatArray]) -> dict[str, float]:
    """Recorded length over the skeleton's, by segment, the mean of both sides."""
    default = Kinematics(skeleton).with_coordinates(torch.from_numpy(skeleton.default_pose)).markers.numpy()
    modelled = {name.removeprefix(PREFIX): point for name, point in zip(skeleton.marker_names, default, strict=True)}
    ratios = {}
    for segment, ends in LENGTHS.items():
        pairs = {tuple(end.format(side=side) for end in ends) for side in ("left", "right")}
        found = [
            (_length_m(positions_m, *pair), _length_m(modelled, *pair))
            for pair in pairs
            if set(pair) <= positions_m.keys()
        ]
        lengths = np.array([pair for pair in found if np.isfinite(pair[0])])
        if len(lengths):
            ratios[segment] = float(lengths[:, 0].mean() / lengths[:, 1].mean())
    low, high = PLAUSIBLE_SIZE_RATIO
    if odd := [f"{name} {ratio:.3g}" for name, ratio in ratios.items() if not low <= ratio <= high]:
        raise ModelError(
            f"keypoints lie {', '.join(odd)} times as far apart as a person's; is the file's unit right (--units)?"
        )
    return ratios


def _length_m(points_m: Mapping[str, FloatArray], start: str, end: str) -> float:
    """Median distance of two points over time; NaN where they are never there together."""
    lengths = np.linalg.norm(points_m[start] - points_m[end], axis=-1)
    return float(np.nanmedian(lengths)) if np.isfinite(lengths).any() else float("nan")


def _body_scales(skeleton: Skeleton, ratios: Mapping[str, float]) -> FloatArray:
    """(B, 3): each body as its segment, or as the mean of all where that has no length; ground's are 1."""
    mean = float(np.mean(list(ratios.values())))
    factors = [ratios.get(SEGMENT_OF.get(body.name.partition("_")[0], ""), mean) for body in skeleton.bodies]
    scales = np.repeat(np.array(factors)[:, None], 3, axis=1)
    scales[0] = 1.0
    return scales
