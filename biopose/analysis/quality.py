"""Quality metrics: how far a whole trial can be trusted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from biopose.analysis.cross_check import CrossCheck
from biopose.analysis.measured_trial import FloatArray
from biopose.analysis.motion import Motion
from biopose.analysis.tables import QualityMetric


def quality_metrics(motion: Motion, check: CrossCheck, refinement: Mapping[str, float]) -> list[QualityMetric]:
    """A trial's quality metrics.

    frames and untrusted_share (of them, below a quality of 0.5); mean_quality, median_reprojection_px (the fitted
    person's keypoints against the detected ones), median_confidence (of the keypoint network) and seen_share (of the 26
    keypoints) over the frames; cross_check_*: OpenSim's angles less ours; refinement_*: what the refinement
    of MQ-HMR's prediction gained, where it was refined.
    """
    quality = motion.frame_quality
    return [
        QualityMetric("frames", float(len(motion)), "1"),
        QualityMetric("untrusted_share", float(np.mean(~motion.trusted)), "1"),
        QualityMetric("mean_quality", _of_known(quality["quality"], np.mean), "1"),
        QualityMetric("median_reprojection_px", _of_known(quality["reprojection_px"], np.median), "px"),
        QualityMetric("median_confidence", _of_known(quality["confidence"], np.median), "1"),
        QualityMetric("seen_share", _of_known(quality["seen_fraction"], np.mean), "1"),
        QualityMetric("cross_check_frames", float(check.frames), "1"),
        QualityMetric("cross_check_rms_deg", check.rms_deg, "deg"),
        QualityMetric("cross_check_max_deg", check.max_deg, "deg"),
        *(
            QualityMetric(f"refinement_{name}", float(value), "px" if name.endswith("_px") else "1")
            for name, value in refinement.items()
        ),
    ]


def _of_known(values: FloatArray, statistic: Callable[[FloatArray], Any]) -> float | None:
    known = values[np.isfinite(values)]
    return float(statistic(known)) if len(known) else None
