"""One person's files: coordinates.mot, markers.trc, scaled.osim, and trial.parquet with every channel.

The .osim is the default full-body model scaled to the person, with the person's virtual markers and mass: in OpenSim
the .mot moves its markers along the .trc.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from biopose.body.keypoint_names import KEYPOINTS
from biopose.body.shape import measurements
from biopose.body.subject import BodyWithSkeleton
from biopose.io.arrow_arrays import arrow_array
from biopose.io.files import written_whole
from biopose.io.mot import write_mot
from biopose.io.parquet import METADATA_KEY, POSITION_SUFFIXES
from biopose.io.trc import write_trc
from biopose.outputs.file_names import COORDINATES, MARKERS, MODEL, TRIAL, TRIAL_FILES
from biopose.reconstruction.measurement import FOOT_POINTS, PersonMeasurement
from biopose.skeleton.full_body import build_full_body, full_body_skeleton
from biopose.skeleton.model import Skeleton
from biopose.skeleton.quiet_opensim import opensim
from biopose.skeleton.scaled_model import write_scaled_osim
from biopose.skeleton.scaling import Scaling

TRIAL_VERSION = 1


def write_trial(
    one: PersonMeasurement, folder: Path, *, settings: Mapping[str, Any], versions: Mapping[str, Any]
) -> list[Path]:
    """Write one person's files, each whole or not at all.

    Args:
        one: the person.
        folder: where to; it exists.
        settings: what the measurement was asked to do; can be JSON.
        versions: of the code and of every network, with their weights' sha256; can be JSON.

    Returns:
        The files.
    """
    write_mot(folder / COORDINATES, one.coordinates, rotational=one.person.skeleton.rotational_names)
    write_trc(folder / MARKERS, one.markers)
    write_person_osim(one.person, folder / MODEL)
    write_trial_parquet(one, folder / TRIAL, settings=settings, versions=versions)
    return [folder / name for name in TRIAL_FILES]


def write_person_osim(person: BodyWithSkeleton, path: Path) -> Path:
    """Write the person's skeleton as an OpenSim model that carries their virtual markers and their mass.

    Args:
        person: whose skeleton is the default full-body model, scaled.
        path: the .osim to write.
    """
    skeleton = person.skeleton
    residual_m = np.zeros(len(skeleton.markers))
    scaling = Scaling(person.body_scales, person.rest_pose, residual_m, skeleton.marker_names, skeleton)
    with tempfile.TemporaryDirectory() as folder:
        source = _with_all_markers(build_full_body(Path(folder) / "full_body.osim"), person)
        return write_scaled_osim(source, path, scaling, mass_kg=body_size(person)["mass_kg"])


def _with_all_markers(source: Path, person: BodyWithSkeleton) -> Path:
    """Give the model file the person's markers that it lacks: those on soft tissue; scaling then places them."""
    there = set(full_body_skeleton().marker_names)
    model = opensim.Model(str(source))
    for marker in person.skeleton.markers:
        if marker.name not in there:
            body = model.getBodySet().get(person.skeleton.body_names[marker.body])
            model.addMarker(opensim.Marker(marker.name, body, opensim.Vec3(0)))
    model.finalizeConnections()
    model.printToXML(str(source))
    return source


def body_size(person: BodyWithSkeleton) -> dict[str, float]:
    """Height, mass and segment lengths of the body, metres and kilograms, by name."""
    return {name: round(float(value), 4) for name, value in measurements(person.shaped).items()}


def body_scales(person: BodyWithSkeleton) -> dict[str, list[float]]:
    """The skeleton's scale factors (x, y, z) by segment."""
    factors = zip(person.skeleton.body_names[1:], person.body_scales[1:].round(4).tolist(), strict=True)
    return dict(factors)


def write_trial_parquet(
    one: PersonMeasurement, path: Path, *, settings: Mapping[str, Any], versions: Mapping[str, Any]
) -> None:
    """Write every channel, a column each with its unit in its name, a row a frame; gaps are NaN.

    The schema's metadata holds under the key `biopose`, as JSON, how the numbers came about.
    """
    write_channels(trial_table(one, settings=settings, versions=versions), path)


def write_channels(table: pa.Table, path: Path) -> None:
    """Write a table of channels, whole or not at all."""
    with written_whole(path) as partial:
        pq.write_table(table, partial, compression="zstd", write_page_checksum=True)


def trial_table(one: PersonMeasurement, *, settings: Mapping[str, Any], versions: Mapping[str, Any]) -> pa.Table:
    """What `write_trial_parquet` writes."""
    metadata = {
        "kind": "trial",
        "version": TRIAL_VERSION,
        "person": one.track.person,
        "settings": settings,
        "versions": versions,
        "camera": asdict(one.camera),
        "T_camera_world": one.T_camera_world.tolist(),
        "body": body_size(one.person),
        "shape_coefficients": one.person.shaped.coefficients.tolist(),
        "body_scales": body_scales(one.person),
        "constant_sd": constant_sd_by_name(one.person.skeleton, one.constant_sd),
        "notes": one.notes,
        "refinement": one.refinement and asdict(one.refinement),
    }
    return channel_table(trial_columns(one), metadata)


def constant_sd_by_name(skeleton: Skeleton, sd: NDArray[np.float64] | None) -> dict[str, float]:
    """Constant standard deviations (Q,) that are known and not 0, by coordinate, in degrees or metres."""
    if sd is None:
        return {}
    angles = skeleton.rotational_names
    of = zip(skeleton.coordinate_names, sd.tolist(), strict=True)
    return {name: float(np.degrees(one)) if name in angles else one for name, one in of if one > 0}


def channel_table(columns: Mapping[str, NDArray[Any]], metadata: Mapping[str, Any]) -> pa.Table:
    """Channels as a table, with what describes them as JSON in the schema's metadata."""
    arrays = {name: arrow_array(values) for name, values in columns.items()}
    return pa.table(arrays).replace_schema_metadata({METADATA_KEY: json.dumps(metadata).encode()})


def trial_columns(one: PersonMeasurement) -> dict[str, NDArray[Any]]:
    """Every channel by the name of its column, (T,) each: angles in degrees, lengths in metres or pixels."""
    columns: dict[str, NDArray[Any]] = {"frame_index": one.track.frame_indices, "time_s": one.track.time_s}
    columns |= _coordinate_columns(one) | _seen_columns(one)
    columns |= position_columns(KEYPOINTS, one.keypoints_m)
    columns |= position_columns(one.markers.names, one.markers.positions_m)
    columns |= {f"{name}_contact_probability": one.contact[:, i] for i, name in enumerate(FOOT_POINTS)}
    return columns | {f"frame_{name}": values for name, values in one.quality.items()}


def _coordinate_columns(one: PersonMeasurement) -> dict[str, NDArray[Any]]:
    """Each coordinate; beside it its standard deviation, where the method gives them, and itself before the filter."""
    columns = {}
    for coordinate in one.person.skeleton.coordinates:
        place = one.coordinates.names.index(coordinate.name)
        unit, factor = ("m", 1.0) if coordinate.motion == "translational" else ("deg", np.degrees(1.0))
        columns[f"{coordinate.name}_{unit}"] = factor * one.coordinates.values[:, place]
        if one.coordinate_sd is not None:
            columns[f"{coordinate.name}_sd_{unit}"] = factor * one.coordinate_sd[:, place]
        if one.unfiltered is not None:
            columns[f"{coordinate.name}_unfiltered_{unit}"] = factor * one.unfiltered.values[:, place]
    return columns


def _seen_columns(one: PersonMeasurement) -> dict[str, NDArray[Any]]:
    """What the networks saw: the box and the keypoints with their confidence."""
    track = one.track
    columns = {f"box_{edge}_px": track.boxes_px[:, i] for i, edge in enumerate(("left", "top", "right", "bottom"))}
    for i, name in enumerate(KEYPOINTS):
        columns |= {f"{name}_x_px": track.keypoints_px[:, i, 0], f"{name}_y_px": track.keypoints_px[:, i, 1]}
        columns[f"{name}_confidence"] = track.confidence[:, i]
    return columns


def position_columns(names: tuple[str, ...], positions_m: NDArray[np.float64]) -> dict[str, NDArray[Any]]:
    """(T, N, 3) positions as columns NAME_x_m, NAME_y_m, NAME_z_m."""
    return {
        name + suffix: positions_m[:, i, axis]
        for i, name in enumerate(names)
        for axis, suffix in enumerate(POSITION_SUFFIXES)
    }
