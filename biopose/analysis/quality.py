"""Quality metrics: how far a whole trial can be trusted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from biopose.analysis.cross_check import CrossCheck
from biopose.analysis.measured_trial import FloatArray
from biopose.analysis.motion import Motion
from biopose.analysis.plate_events import PlateMoments
from biopose.analysis.tables import QualityMetric

_UNITS = {"px": "px", "deg": "deg", "mm": "mm"}  # by the end of a name


def quality_metrics(motion: Motion, check: CrossCheck, refinement: Mapping[str, float | None]) -> list[QualityMetric]:
    """A trial's quality metrics.

    frames and untrusted_share (of them, below a quality of 0.5); mean_quality, median_reprojection_px (the fitted
    person's keypoints against the detected ones), median_confidence (of the keypoint network) and seen_share (of the 26
    keypoints) over the frames; cross_check_*: OpenSim's angles less ours; refinement_*: what the refinement
    of MQ-HMR's prediction gained, where it was refined, and how sure that was: the disagreement of its predictions of
    mirrored frames, and its own standard deviation; both rise with input unlike the training data.
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
            QualityMetric(f"refinement_{name}", float(value), _UNITS.get(name.rpartition("_")[2], "1"))
            for name, value in refinement.items()
            if value is not None
        ),
    ]


def marker_quality_metrics(motion: Motion, moments: PlateMoments | None) -> list[QualityMetric]:
    """Quality metrics of a trial of markers: of each frame the root mean square distance from the model's markers.

    frames and untrusted_share (of them, below a quality of 0.5, or in which missing markers leave a joint of trunk or
    limbs open, forearms and wrists aside); undetermined_share (in which they leave any joint open); mean_quality;
    median_marker_error_mm and p95_marker_error_mm over the frames; seen_share (of the markers that were used). With
    force plates plate_contacts, and of them plate_contacts_unattributed: it is not known whose foot it was, and
    plate_contacts_contradicted: the foot moved as in the air.
    """
    contacts = (
        {"": moments.contacts, "_unattributed": moments.unattributed, "_contradicted": moments.contradicted}
        if moments
        else {}
    )
    quality = motion.frame_quality
    error_mm = quality["marker_error_mm"]
    untrusted = ~motion.trusted | motion.body_undetermined
    open_joints = motion.not_determined(list(motion.undetermined))
    return [
        QualityMetric("frames", float(len(motion)), "1"),
        QualityMetric("untrusted_share", float(np.mean(untrusted)), "1"),
        QualityMetric("undetermined_share", float(np.mean(open_joints)), "1"),
        QualityMetric("mean_quality", _of_known(quality["quality"], np.mean), "1"),
        QualityMetric("median_marker_error_mm", _of_known(error_mm, np.median), "mm"),
        QualityMetric("p95_marker_error_mm", _of_known(error_mm, lambda known: np.quantile(known, 0.95)), "mm"),
        QualityMetric("seen_share", _of_known(quality["seen_fraction"], np.mean), "1"),
        *(QualityMetric(f"plate_contacts{which}", float(count), "1") for which, count in contacts.items()),
    ]


def _of_known(values: FloatArray, statistic: Callable[[FloatArray], Any]) -> float | None:
    known = values[np.isfinite(values)]
    return float(statistic(known)) if len(known) else None
