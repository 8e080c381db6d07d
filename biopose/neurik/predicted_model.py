"""The default model as an .osim, at the scales that NeurIK predicted, with the recorded markers."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np

from biopose.neurik.recording import RecordingPrediction
from biopose.skeleton.full_body import build_full_body, full_body_skeleton
from biopose.skeleton.scaled_model import write_scaled_osim
from biopose.skeleton.scaling import Scaling, scaled_geometry


def write_predicted_model(path: Path, prediction: RecordingPrediction, *, mass_kg: float | None = None) -> Path:
    """Write the default model at the predicted scales, the recorded markers at their locations on it.

    Args:
        path: the .osim.
        prediction: of a recording.
        mass_kg: of the person; None keeps the model's.
    """
    skeleton = scaled_geometry(full_body_skeleton(), prediction.body_scales)
    recorded = dict(zip(prediction.markers.names, prediction.locations_m, strict=True))
    markers = tuple(replace(m, location_m=recorded.get(m.name, m.location_m)) for m in skeleton.markers)
    residual_m = np.nanmean(prediction.error_m, axis=0)
    scaling = Scaling(
        body_scales=prediction.body_scales,
        static_pose=skeleton.default_pose,
        residual_m=residual_m,
        marker_names=prediction.markers.names,
        skeleton=skeleton.with_markers(markers),
    )
    with tempfile.TemporaryDirectory() as folder:
        return write_scaled_osim(build_full_body(Path(folder) / "full_body.osim"), path, scaling, mass_kg=mass_kg)
