"""A measured trial as its analysis sees it: coordinates, the feet, and how far each frame can be trusted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from biopose.fitting.evidence import LEAST_CONFIDENCE
from biopose.io.files import existing_file, malformed
from biopose.outputs.summary import UNTRUSTED_QUALITY
from biopose.outputs.trial import TRIAL
from biopose.skeleton.full_body import full_body_skeleton

SIDES = ("left", "right")
FOOT = ("heel", "big_toe", "small_toe")
FIGURES = ("quality", "reprojection_px", "confidence", "seen_fraction")

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Motion:
    """One person's motion through T frames.

    Attributes:
        frame_index: (T,) of the video.
        time_s: (T,) increasing.
        coordinates: (T,) each by name: degrees, or metres of the pelvis's translation.
        contact: by side, (T,) probability that some part of the foot rests; NaN where the foot was not seen.
        foot_height_m: by side, (T,) of the foot's lowest keypoint above the ground of the trial.
        figures: of each frame, (T,) by the names of FIGURES.
    """

    frame_index: NDArray[np.int64]
    time_s: FloatArray
    coordinates: Mapping[str, FloatArray]
    contact: Mapping[str, FloatArray]
    foot_height_m: Mapping[str, FloatArray]
    figures: Mapping[str, FloatArray]

    def __len__(self) -> int:
        return len(self.time_s)

    @cached_property
    def interval_s(self) -> float:
        """The usual time from frame to frame; 0 of a single one."""
        return float(np.median(np.diff(self.time_s))) if len(self) > 1 else 0.0

    @cached_property
    def trusted(self) -> NDArray[np.bool_]:
        """(T,) the frames that can be relied on."""
        return self.figures["quality"] >= UNTRUSTED_QUALITY

    def joint_deg(self, joint: str, side: str) -> FloatArray:
        """(T,) a joint's angle, such as knee_angle of the left, degrees."""
        return self.coordinates[f"{joint}_{side[0]}"]


def read_motion(folder: Path) -> Motion:
    """Read a trial's folder.

    Raises:
        FileFormatError: its trial.parquet is missing, broken or lacks a column.
    """
    path = existing_file(folder / TRIAL)
    try:
        table = pq.read_table(path, partitioning=None, page_checksum_verification=True)
    except (pa.ArrowException, OSError) as error:
        raise malformed(path, found=f"no readable Parquet ({error})", expected="a trial that BioPose wrote") from error
    columns = {name: table[name].to_numpy() for name in table.column_names}
    try:
        return _motion_of(columns)
    except KeyError as error:
        raise malformed(path, found=f"no column {error.args[0]}", expected="a trial that BioPose wrote") from error


def coordinate_units() -> dict[str, str]:
    """The default skeleton's coordinates in its order, each with its unit (deg or m), without the coupled ones."""
    skeleton = full_body_skeleton()
    coupled = {coupling.dependent for coupling in skeleton.couplings}
    return {
        coordinate.name: "m" if coordinate.motion == "translational" else "deg"
        for index, coordinate in enumerate(skeleton.coordinates)
        if index not in coupled
    }


def _motion_of(columns: Mapping[str, FloatArray]) -> Motion:
    return Motion(
        frame_index=columns["frame_index"].astype(np.int64),
        time_s=columns["time_s"],
        coordinates={name: columns[f"{name}_{unit}"] for name, unit in coordinate_units().items()},
        contact={side: _contact(columns, side) for side in SIDES},
        foot_height_m={side: np.min([columns[f"{side}_{part}_y_m"] for part in FOOT], axis=0) for side in SIDES},
        figures={name: columns[f"frame_{name}"] for name in FIGURES},
    )


def _contact(columns: Mapping[str, FloatArray], side: str) -> FloatArray:
    probability = np.maximum(*(columns[f"{side}_{part}_contact_probability"] for part in ("heel", "toe")))
    confidence = np.max([columns[f"{side}_{part}_confidence"] for part in FOOT], axis=0)
    return np.where(confidence >= LEAST_CONFIDENCE, probability, np.nan)
