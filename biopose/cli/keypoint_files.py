"""From a file of 3D keypoints to the default model that follows them: what `biopose ik --keypoints` reads."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from biopose.body.keypoint_recording import KeypointRecording, keypoint_recording
from biopose.body.keypoint_spellings import read_keypoint_names
from biopose.io.files import prefixed_errors
from biopose.io.markers import read_markers
from biopose.io.units import LengthUnit
from biopose.io.up_axis import UpAxis
from biopose.skeleton.scaled_model import write_scaled_default


@dataclass(frozen=True)
class KeypointNames:
    """A recording of keypoints, with the file of their names; None where the file's own names are known."""

    file: Path | None = None


def read_keypoints(
    path: Path,
    names: KeypointNames,
    *,
    up: UpAxis,
    units: LengthUnit | None,
    subject: str | None,
    model_out: Path | None,
) -> KeypointRecording:
    """The default model scaled to keypoints, and the keypoints as its markers.

    Args:
        path: a .trc, .c3d or .parquet.
        names: of the keypoints.
        up: the file's vertical axis.
        units: its unit of length, where it states none or a wrong one.
        subject: whose keypoints, where labels are SUBJECT:KEYPOINT.
        model_out: the .osim to write of the scaled default model.

    Raises:
        BioposeError: a file is malformed, or the keypoints cannot be brought onto the model.
    """
    recording = read_markers(path, up=up, units=units, subject=subject)
    ours = None if names.file is None else read_keypoint_names(names.file)
    with prefixed_errors(path):
        found = keypoint_recording(recording, names=ours)
    if model_out:
        write_scaled_default(model_out, found.body_scales)
    return found
