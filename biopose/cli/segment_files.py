"""From a file of segment poses to virtual markers on a model: what `biopose ik` reads in place of markers."""

from __future__ import annotations

from pathlib import Path

from biopose.io.c3d_rotations import read_segment_poses
from biopose.io.files import prefixed_errors
from biopose.io.trajectories import MarkerTrajectories
from biopose.io.units import LengthUnit
from biopose.io.up_axis import UpAxis
from biopose.skeleton.full_body import full_body_skeleton
from biopose.skeleton.model import Skeleton
from biopose.skeleton.reader import read_osim
from biopose.skeleton.scaled_model import write_scaled_default
from biopose.skeleton.segment_markers import import_segments


def read_segments(
    path: Path,
    model: Path | None,
    *,
    up: UpAxis,
    units: LengthUnit | None,
    static: Path | None,
    model_out: Path | None,
) -> tuple[Skeleton, MarkerTrajectories]:
    """A model with virtual markers of the segments of a file, and their trajectories.

    Args:
        path: a .c3d with poses of segments.
        model: scaled to the person; the default model, scaled to the segments, if None.
        up: the files' vertical axis.
        units: the files' unit of length, where they state none or a wrong one.
        static: the same segments in the neutral posture.
        model_out: the .osim to write of the scaled default model.

    Raises:
        BioposeError: if a file is malformed, or its segments cannot be brought onto the model.
    """
    poses = read_segment_poses(path, up=up, units=units)
    neutral = read_segment_poses(static, up=up, units=units) if static else None
    skeleton = read_osim(model) if model else full_body_skeleton()
    with prefixed_errors(path):
        recording = import_segments(skeleton, poses, static=neutral, scale=model is None)
    if model_out:
        write_scaled_default(model_out, recording.body_scales)
    return recording.skeleton, recording.markers
