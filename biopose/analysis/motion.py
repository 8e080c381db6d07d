"""A measured trial as the analysis takes it: coordinates, the feet, and how far each frame can be trusted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from biopose.analysis.kinematics import coordinate_units
from biopose.analysis.measured_trial import FloatArray, MeasuredTrial
from biopose.outputs.summary import UNTRUSTED_QUALITY
from biopose.reconstruction.observations import LEAST_CONFIDENCE

Side = Literal["left", "right"]

SIDES: tuple[Side, Side] = ("left", "right")
FOOT = ("heel", "big_toe", "small_toe")
FRAME_QUALITY = ("quality", "reprojection_px", "confidence", "seen_fraction")


@dataclass(frozen=True, eq=False)
class Motion:
    """One person's motion through T frames.

    Attributes:
        frame_index: (T,) of the video.
        time_s: (T,) increasing.
        coordinates: (T,) each by name: degrees, or metres of the pelvis's translation.
        coordinate_sd: (T,) the standard deviation of each, likewise; NaN where it is not known.
        contact: by side, (T,) probability that some part of the foot rests; NaN where the foot was not detected.
        foot_height_m: by side, (T,) of the foot's lowest keypoint above the ground of the trial.
        frame_quality: (T,) each by the names of FRAME_QUALITY.
    """

    frame_index: NDArray[np.int64]
    time_s: FloatArray
    coordinates: Mapping[str, FloatArray]
    coordinate_sd: Mapping[str, FloatArray]
    contact: Mapping[str, FloatArray]
    foot_height_m: Mapping[str, FloatArray]
    frame_quality: Mapping[str, FloatArray]

    def __len__(self) -> int:
        return len(self.time_s)

    @cached_property
    def interval_s(self) -> float:
        """Median interval between frames; 0 of a single one."""
        return float(np.median(np.diff(self.time_s))) if len(self) > 1 else 0.0

    @cached_property
    def trusted(self) -> NDArray[np.bool_]:
        """(T,) the frames that can be relied on."""
        return self.frame_quality["quality"] >= UNTRUSTED_QUALITY

    def joint_deg(self, joint: str, side: Side) -> FloatArray:
        """(T,) a joint's angle, such as knee_angle of the left, degrees."""
        return self.coordinates[f"{joint}_{side[0]}"]

    def joint_sd_deg(self, joint: str, side: Side) -> FloatArray:
        """(T,) its standard deviation, NaN where it is not known."""
        return self.coordinate_sd[f"{joint}_{side[0]}"]


def motion_of(trial: MeasuredTrial) -> Motion:
    """The motion that a trial's table holds.

    Raises:
        FileFormatError: a channel is missing.
    """
    return Motion(
        frame_index=trial.frame_index.astype(np.int64),
        time_s=trial.time_s,
        coordinates={name: trial.column(f"{name}_{unit}") for name, unit in coordinate_units()},
        coordinate_sd={name: trial.column_if_there(f"{name}_sd_{unit}") for name, unit in coordinate_units()},
        contact={side: _contact(trial, side) for side in SIDES},
        foot_height_m={side: np.min([trial.column(f"{side}_{part}_y_m") for part in FOOT], axis=0) for side in SIDES},
        frame_quality={name: trial.column(f"frame_{name}") for name in FRAME_QUALITY},
    )


def _contact(trial: MeasuredTrial, side: Side) -> FloatArray:
    probability = np.maximum(*(trial.column(f"{side}_{part}_contact_probability") for part in ("heel", "toe")))
    confidence = np.max([trial.column(f"{side}_{part}_confidence") for part in FOOT], axis=0)
    return np.where(confidence >= LEAST_CONFIDENCE, probability, np.nan)
