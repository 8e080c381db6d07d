"""A measured recording of markers, and its files: those of `biopose.outputs.trial`, and forces.mot.

Here markers.trc holds the recorded markers, y up, and scaled.osim is the athlete's model.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from biopose.io.files import written_whole
from biopose.io.force_plates import ForcePlates, write_force_plates
from biopose.io.mot import write_mot
from biopose.io.trajectories import CoordinateTrajectories, MarkerTrajectories
from biopose.io.trc import write_trc
from biopose.outputs.file_names import COORDINATES, FORCES, MARKERS, MODEL, TRIAL
from biopose.outputs.trial import TRIAL_VERSION, channel_table, constant_sd_by_name, position_columns, write_channels
from biopose.skeleton.model import Skeleton

MARKER_TRIAL = "marker_trial"
# A frame of this root mean square marker error has half the quality, below which it is not trusted: OpenSim's guidance
# (Simulation with OpenSim - Best Practices) is an RMS below 20 mm and no error above 40 mm.
HALF_QUALITY_M = 0.04
FEET = {"left": ("calcn_l", "toes_l"), "right": ("calcn_r", "toes_r")}


@dataclass(frozen=True, eq=False)
class MarkerMeasurement:
    """One athlete's motion through T frames, from markers.

    Attributes:
        method: marker_ik, marker_neurik for the network, or keypoint_ik.
        model: the .osim that the coordinates move.
        skeleton: read from it.
        coordinates: (T, Q) radians and metres; NaN where a frame's markers do not determine one.
        coordinate_sd: (T, Q) their standard deviations; None where the method gives none.
        markers: all that were recorded, y up.
        used: names of the M markers that were fitted.
        error_m: (T, M) distance of each from the model's; NaN where it is missing or was left out.
        body_scales: factors (x, y, z) by segment; empty of a model that was given scaled.
        notes: sentences about what limits the measurement.
        held: coordinates that no marker observes, at their default.
        plates: ground reaction as recorded, if it was.
        constant_sd: (Q,) of `coordinate_sd`, the part that is the same error in every frame; None likewise.
    """

    method: str
    model: Path
    skeleton: Skeleton
    coordinates: CoordinateTrajectories
    coordinate_sd: NDArray[np.float64] | None
    markers: MarkerTrajectories
    used: tuple[str, ...]
    error_m: NDArray[np.float64]
    body_scales: Mapping[str, list[float]]
    notes: tuple[str, ...]
    held: tuple[str, ...] = ()
    plates: ForcePlates | None = None
    constant_sd: NDArray[np.float64] | None = None

    @property
    def time_s(self) -> NDArray[np.float64]:
        """(T,) of the frames."""
        return self.coordinates.time_s

    @property
    def rms_m(self) -> NDArray[np.float64]:
        """(T,) root mean square marker error; NaN without a solution."""
        known = np.isfinite(self.error_m)
        solved = known.any(axis=1) & np.isfinite(self.coordinates.values).any(axis=1)
        squares = np.where(known, self.error_m, 0.0) ** 2
        return np.where(solved, np.sqrt(squares.sum(axis=1) / np.maximum(known.sum(axis=1), 1)), np.nan)

    @property
    def quality(self) -> dict[str, NDArray[np.float64]]:
        """(T,) each: quality (0 to 1), marker_error_mm, seen_fraction of the markers that were used."""
        rms_m = self.rms_m
        return {
            "quality": np.nan_to_num(0.5 ** ((rms_m / HALF_QUALITY_M) ** 2)),
            "marker_error_mm": 1e3 * rms_m,
            "seen_fraction": self._there.mean(axis=1),
        }

    @property
    def _there(self) -> NDArray[np.bool_]:
        """(T, M) whether each used marker was recorded."""
        return np.asarray(np.isfinite(self.markers.select(self.used).positions_m).all(axis=-1))

    def foot_observed(self, side: str) -> NDArray[np.bool_]:
        """(T,) whether some marker of a foot was recorded in a frame that is solved."""
        segment_of = {marker.name: self.skeleton.body_names[marker.body] for marker in self.skeleton.markers}
        own = [i for i, name in enumerate(self.used) if segment_of.get(name) in FEET[side]]
        return np.asarray(self._there[:, own].any(axis=1) & np.isfinite(self.rms_m))


def write_marker_trial(
    one: MarkerMeasurement, folder: Path, *, settings: Mapping[str, Any], versions: Mapping[str, Any]
) -> list[Path]:
    """Write the files of a recording of markers, each whole or not at all.

    Args:
        one: the measurement.
        folder: where to; it exists.
        settings: what the measurement was asked to do; can be JSON.
        versions: of the code and of every network; can be JSON.

    Returns:
        The files.
    """
    write_mot(folder / COORDINATES, one.coordinates, rotational=one.skeleton.rotational_names)
    write_trc(folder / MARKERS, one.markers)
    with written_whole(folder / MODEL) as partial:
        shutil.copyfile(one.model, partial)
    _write_parquet(one, folder / TRIAL, settings=settings, versions=versions)
    names = [COORDINATES, MARKERS, MODEL, TRIAL]
    if one.plates is not None:
        write_force_plates(folder / FORCES, one.plates)
        names.append(FORCES)
    return [folder / name for name in names]


def _write_parquet(
    one: MarkerMeasurement, path: Path, *, settings: Mapping[str, Any], versions: Mapping[str, Any]
) -> None:
    metadata = {
        "kind": MARKER_TRIAL,
        "version": TRIAL_VERSION,
        "method": one.method,
        "settings": settings,
        "versions": versions,
        "body_scales": one.body_scales,
        "constant_sd": constant_sd_by_name(one.skeleton, one.constant_sd),
        "notes": one.notes,
    }
    write_channels(channel_table(marker_trial_columns(one), metadata), path)


def marker_trial_columns(one: MarkerMeasurement) -> dict[str, NDArray[Any]]:
    """Every channel by the name of its column, (T,) each: angles in degrees, lengths in metres; held ones are NaN."""
    columns: dict[str, NDArray[Any]] = {"frame_index": np.arange(len(one.time_s)), "time_s": one.time_s}
    for place, name in enumerate(one.coordinates.names):
        unit, factor = ("deg", np.degrees(1.0)) if name in one.skeleton.rotational_names else ("m", 1.0)
        values = one.coordinates.values[:, place]
        columns[f"{name}_{unit}"] = np.full_like(values, np.nan) if name in one.held else factor * values
        if one.coordinate_sd is not None:
            columns[f"{name}_sd_{unit}"] = factor * one.coordinate_sd[:, place]
    columns |= position_columns(one.markers.names, one.markers.positions_m)
    columns |= {f"{side}_foot_observed": one.foot_observed(side).astype(np.float64) for side in FEET}
    return columns | {f"frame_{name}": values for name, values in one.quality.items()}
