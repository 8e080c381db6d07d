"""Write a scaled model as .osim: OpenSim scales all that the file holds (muscles, inertias), we place the markers."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from biopose.errors import ModelError
from biopose.io.files import written_whole
from biopose.skeleton.full_body import build_full_body, full_body_skeleton
from biopose.skeleton.quiet_opensim import opensim
from biopose.skeleton.scaling import Scaling, scaled_geometry


def write_scaled_osim(source: Path, path: Path, scaling: Scaling, *, mass_kg: float | None = None) -> Path:
    """Scale the model file that a `Scaling` was made for.

    Args:
        source: the generic .osim.
        path: the .osim to write; written whole or not at all.
        scaling: factors and markers.
        mass_kg: the person's mass, shared among the bodies as in the generic model; None keeps the model's.

    Returns:
        path.

    Raises:
        ModelError: if OpenSim cannot scale the model.
        ValueError: if the mass is not positive.
    """
    if mass_kg is not None and not mass_kg > 0:
        raise ValueError(f"mass {mass_kg} kg; expected more than 0")
    model = opensim.Model(str(source))
    state = model.initSystem()
    scales = opensim.ScaleSet()
    for body, factors in zip(scaling.skeleton.bodies[1:], scaling.body_scales[1:].tolist(), strict=True):
        if body.within_joint:
            continue
        scale = opensim.Scale()
        scale.setSegmentName(body.name)
        scale.setScaleFactors(opensim.Vec3(*factors))
        scale.setApply(True)
        scales.cloneAndAppend(scale)
    if not model.scale(state, scales, True, -1.0 if mass_kg is None else mass_kg):
        raise ModelError(f"{source}: OpenSim could not scale this model")
    markers = model.updMarkerSet()
    for marker in scaling.skeleton.markers:
        _place(markers.get(marker.name), marker.location_m)
    model.setName(f"{model.getName()}_scaled")
    with written_whole(path) as unfinished:
        model.printToXML(str(unfinished))
    return path


def write_scaled_default(path: Path, body_scales: np.ndarray, *, mass_kg: float | None = None) -> Path:
    """Write the default model at these scales, with its own markers.

    Args:
        path: the .osim to write; written whole or not at all.
        body_scales: (B, 3) factors.
        mass_kg: as of `write_scaled_osim`.
    """
    skeleton = scaled_geometry(full_body_skeleton(), body_scales)
    scaling = Scaling(body_scales, skeleton.default_pose, np.zeros(0), (), skeleton)
    with tempfile.TemporaryDirectory() as folder:
        source = build_full_body(Path(folder) / "full_body.osim")
        return write_scaled_osim(source, path, scaling, mass_kg=mass_kg)


def _place(marker: opensim.Marker, location_m: np.ndarray) -> None:
    """Set a marker's location, given in its body's frame, in whatever frame it is attached to."""
    frame = marker.getParentFrame()
    in_frame = frame.findTransformInBaseFrame().shiftBaseStationToFrame(opensim.Vec3(*location_m.tolist()))
    marker.set_location(in_frame)
