"""Segment poses in .c3d files: the ROTATION group, in which markerless systems export segments instead of markers.

A pose is stored as 17 floats: a 4 x 4 transform from the segment's axes to the laboratory's, column by column, and its
reliability (Visual3D documentation, "ROTATION data type"). Translations are in POINT:UNITS. Axes and origins of the
segments are those of the program that exported them: nothing is converted to another skeleton here. A pose that equals
the laboratory's is that of a segment which was not found.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from biopose.io.c3d_layout import first_frame, frame_counts, rate_hz
from biopose.io.c3d_parameters import BLOCK_BYTES, C3DContent, read_content
from biopose.io.c3d_units import c3d_units_per_metre
from biopose.io.files import existing_file, malformed
from biopose.io.trajectories import FloatArray, MarkerTrajectories
from biopose.io.units import LengthUnit
from biopose.io.up_axis import UpAxis, y_up

POSE_VALUES = 17
AXIS_M = 0.1  # length of the axes that markers show
CORNERS_M = np.concatenate([np.zeros((1, 3)), AXIS_M * np.eye(3)])  # origin and ends of axes, in the segment's axes
SUFFIX = "_4X4"  # of labels, as pelvis_4X4
WORLD = "worldbody"  # the laboratory itself, exported as if it were a segment
ORTHONORMAL_TOLERANCE = 1e-3


@dataclass(frozen=True, eq=False)
class SegmentPoses:
    """Poses of segments over time.

    Attributes:
        time_s: (F,) seconds.
        names: N segments, as pelvis, l_thigh, r_shank.
        T_lab_segment: (F, N, 4, 4) metres, in the laboratory's axes; NaN where a pose is missing.
        notes: what was odd, a sentence each.
    """

    time_s: FloatArray
    names: tuple[str, ...]
    T_lab_segment: FloatArray
    notes: tuple[str, ...]


def has_rotations(content: C3DContent) -> bool:
    """Whether the file states segment poses."""
    return content.count("ROTATION:USED") > 0


def segment_names(content: C3DContent) -> list[str]:
    """Names of the segments in the file, the laboratory itself left out."""
    names = [label.removesuffix(SUFFIX) for label in content.texts("ROTATION:LABELS")]
    return [name for name in names if name and name != WORLD]


def holds_poses_alone(path: Path | str) -> bool:
    """Whether a file is a .c3d with segment poses and no trajectories of points.

    Raises:
        FileFormatError: The file has this suffix, and is missing or no C3D.
    """
    if Path(path).suffix.lower() != ".c3d":
        return False
    content = read_content(existing_file(path))
    return has_rotations(content) and not content.header.points and not content.number("POINT:USED")


def markers_of_poses(poses: SegmentPoses) -> MarkerTrajectories:
    """Each segment's origin (NAME_O) and the ends of its axes (NAME_X, NAME_Y, NAME_Z), 0.1 m long, as markers."""
    R, origin = poses.T_lab_segment[..., :3, :3], poses.T_lab_segment[..., :3, 3]
    positions_m = np.einsum("fnij,cj->fnci", R, CORNERS_M) + origin[:, :, None]
    names = tuple(f"{name}_{corner}" for name in poses.names for corner in "OXYZ")
    return MarkerTrajectories(poses.time_s, names, positions_m.reshape(len(positions_m), -1, 3), notes=poses.notes)


def read_segment_poses(path: Path | str, *, up: UpAxis = "y", units: LengthUnit | None = None) -> SegmentPoses:
    """Read the segment poses of a .c3d file.

    Args:
        path: the file.
        up: the laboratory's vertical axis; its axes are permuted cyclically so that y is vertical, as in OpenSim.
        units: the file's unit of length, where it states none or a wrong one.

    Raises:
        FileFormatError: The file is missing or no C3D, has no segment poses, fewer labels than poses, no known unit,
            or ends before its last frame.
    """
    content = read_content(existing_file(path))
    count, labels = content.count("ROTATION:USED"), content.texts("ROTATION:LABELS")
    if not count or len(labels) < count or "" in labels[:count]:
        found = f"{count} segment poses (ROTATION:USED) and {len(labels)} ROTATION:LABELS"
        raise malformed(content.path, found=found, expected="segment poses with a label each")
    ratio = content.count("ROTATION:RATIO") or 1
    frame_rate, notes = rate_hz(content)
    first, first_notes = first_frame(content)
    factor, unit_notes = c3d_units_per_metre(content, units)
    T_lab_segment = _transforms(content, count, ratio)
    T_lab_segment[..., :3, 3] /= factor
    kept = [column for column, label in enumerate(labels[:count]) if label.removesuffix(SUFFIX) != WORLD]
    T_lab_segment = T_lab_segment[:, kept]
    missing = ~_is_pose(T_lab_segment)
    T_lab_segment[missing] = np.nan
    if missing.any():
        notes.append(
            f"{missing.sum()} of {missing.size} segment poses are missing, the laboratory itself or no rotation"
        )
    T_lab_segment[..., :3, :] = y_up(T_lab_segment[..., :3, :], up, axis=-2)
    return SegmentPoses(
        time_s=first / frame_rate + np.arange(len(T_lab_segment)) / (frame_rate * ratio),
        names=tuple(labels[column].removesuffix(SUFFIX) for column in kept),
        T_lab_segment=T_lab_segment,
        notes=(*notes, *first_notes, *unit_notes),
    )


def _transforms(content: C3DContent, count: int, ratio: int) -> FloatArray:
    """(F, N, 4, 4) as stored, in the file's units."""
    begin = (content.count("ROTATION:DATA_START") - 1) * BLOCK_BYTES
    stated = content.count("ROTATION:FRAMES")
    frames = {stated} if stated else {value * ratio for value in frame_counts(content)}
    frame_bytes = 4 * POSE_VALUES * count
    fitting = [n for n in frames if begin >= content.parameters_end and begin + n * frame_bytes <= len(content.raw)]
    if len(fitting) != 1 or len(frames) != 1:
        found = f"{' or '.join(map(str, sorted(frames)))} frames of {count} segment poses from byte {begin} on"
        expected = f"one number of frames that {len(content.raw)} bytes hold; the file is cut off or contradicts itself"
        raise malformed(content.path, found=found, expected=expected)
    values = content.stored.floats(content.raw, count=fitting[0] * count * POSE_VALUES, offset=begin)
    columns = values.reshape(fitting[0], count, POSE_VALUES)[..., :16].reshape(fitting[0], count, 4, 4)
    with np.errstate(invalid="ignore"):  # a NaN of any kind
        return columns.swapaxes(2, 3).astype(np.float64)


def _is_pose(transforms: FloatArray) -> np.ndarray:
    """(F, N) whether a transform is a rotation and a translation."""
    R = np.nan_to_num(transforms[..., :3, :3])
    with np.errstate(all="ignore"):
        orthonormal = np.abs(R.swapaxes(-1, -2) @ R - np.eye(3)).max(axis=(-1, -2)) < ORTHONORMAL_TOLERANCE
        right_handed = np.linalg.det(R) > 0
    found = (transforms != np.eye(4)).any(axis=(-1, -2))
    finite = np.isfinite(transforms).all(axis=(-1, -2))
    return orthonormal & right_handed & finite & found & (transforms[..., 3, :] == [0, 0, 0, 1]).all(axis=-1)
