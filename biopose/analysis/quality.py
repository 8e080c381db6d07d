"""Figures that tell how far a whole trial can be trusted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from biopose.analysis.cross_check import CrossCheck
from biopose.analysis.motion import FloatArray, Motion


@dataclass(frozen=True)
class QualityFigure:
    """One figure; None where nothing is known."""

    name: str
    value: float | None
    unit: str


def quality_figures(motion: Motion, check: CrossCheck) -> list[QualityFigure]:
    """A trial's figures.

    frames and untrusted_share (of them, below a quality of 0.5); mean_quality, median_reprojection_px (the fitted
    person's keypoints against the seen ones), median_confidence (of the keypoint network) and mean_seen_fraction (of
    the 26 keypoints) over the frames; cross_check_*: OpenSim's angles less ours.
    """
    figures = motion.figures
    return [
        QualityFigure("frames", float(len(motion)), "1"),
        QualityFigure("untrusted_share", float(np.mean(~motion.trusted)), "1"),
        QualityFigure("mean_quality", _of_known(figures["quality"], np.mean), "1"),
        QualityFigure("median_reprojection_px", _of_known(figures["reprojection_px"], np.median), "px"),
        QualityFigure("median_confidence", _of_known(figures["confidence"], np.median), "1"),
        QualityFigure("mean_seen_fraction", _of_known(figures["seen_fraction"], np.mean), "1"),
        QualityFigure("cross_check_frames", float(check.frames), "1"),
        QualityFigure("cross_check_rms_deg", check.rms_deg, "deg"),
        QualityFigure("cross_check_max_deg", check.max_deg, "deg"),
    ]


def _of_known(values: FloatArray, statistic: Callable[[FloatArray], Any]) -> float | None:
    known = values[np.isfinite(values)]
    return float(statistic(known)) if len(known) else None
