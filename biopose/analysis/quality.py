"""Figures that tell how far a whole trial can be trusted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from biopose.analysis.cross_check import CrossCheck
from biopose.analysis.measured_trial import FloatArray
from biopose.analysis.motion import Motion
from biopose.analysis.tables import Figure


def quality_figures(motion: Motion, check: CrossCheck, refinement: Mapping[str, float]) -> list[Figure]:
    """A trial's figures.

    frames and untrusted_share (of them, below a quality of 0.5); mean_quality, median_reprojection_px (the fitted
    person's keypoints against the seen ones), median_confidence (of the keypoint network) and seen_share (of the 26
    keypoints) over the frames; cross_check_*: OpenSim's angles less ours; refinement_*: what refining MQ-HMR's
    word gained, where it was refined.
    """
    figures = motion.figures
    return [
        Figure("frames", float(len(motion)), "1"),
        Figure("untrusted_share", float(np.mean(~motion.trusted)), "1"),
        Figure("mean_quality", _of_known(figures["quality"], np.mean), "1"),
        Figure("median_reprojection_px", _of_known(figures["reprojection_px"], np.median), "px"),
        Figure("median_confidence", _of_known(figures["confidence"], np.median), "1"),
        Figure("seen_share", _of_known(figures["seen_fraction"], np.mean), "1"),
        Figure("cross_check_frames", float(check.frames), "1"),
        Figure("cross_check_rms_deg", check.rms_deg, "deg"),
        Figure("cross_check_max_deg", check.max_deg, "deg"),
        *(
            Figure(f"refinement_{name}", float(value), "px" if name.endswith("_px") else "1")
            for name, value in refinement.items()
        ),
    ]


def _of_known(values: FloatArray, statistic: Callable[[FloatArray], Any]) -> float | None:
    known = values[np.isfinite(values)]
    return float(statistic(known)) if len(known) else None
