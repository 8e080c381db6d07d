"""One trial as a champion and a candidate measured it, frames averaged away."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from biopose.analysis.agreement import ReferenceErrors, TrialAgreement, reference_errors, trial_agreement
from biopose.skeleton.constant_errors import constant_sd_rad
from tasks.facing import facing_of
from tasks.golden import GoldenSet, joint_angles
from tasks.settings import Settings
from warehouse.paired_runs import PairedRun

FloatArray = NDArray[np.float64]

QUALITY, PREDICTION = "mean_quality", "refinement_reprojection_before_px"
DISAGREEMENT = "refinement_mirror_disagreement_deg"
ROUNDING = 1e-6  # relative, of the warehouse's numbers of 32 bits


@dataclass(frozen=True, eq=False)
class ComparedTrial:
    """One trial of both releases, frames averaged away.

    Attributes:
        trial_id: its id.
        athlete_id: whose it is.
        groups: activity, team, camera, and where the athlete faces.
        columns: of the agreement, such as knee_angle_r_deg.
        agreement: candidate minus champion, of each; by deviations without the anatomical frames' errors, which both
            share.
        metrics: by metric, the mean difference over its sides.
        quality: of champion and candidate.
        artifacts: folders of both runs.
        errors: of champion and candidate, against the trial's reference; None: it has none.
        is_approved: whether that reference is numbers that a person approved, which a champion's usually are.
        frame_s: processor seconds per frame of both; NaN where one is not known.
        peak_mb: memory of both, likewise.
        has_sd: whether champion and candidate give standard deviations.
        prediction_px: distance of both predictions from the keypoints before refinement; NaN where a method has none.
        disagreement_deg: between both releases' predictions of mirrored and of other frames, likewise.
    """

    trial_id: str
    athlete_id: str
    groups: Mapping[str, str]
    columns: tuple[str, ...]
    agreement: TrialAgreement
    metrics: Mapping[str, float]
    quality: tuple[float, float]
    artifacts: tuple[str, str]
    errors: tuple[ReferenceErrors, ReferenceErrors] | None = None
    is_approved: bool = False
    frame_s: tuple[float, float] = (np.nan, np.nan)
    peak_mb: tuple[float, float] = (np.nan, np.nan)
    has_sd: tuple[bool, bool] = (True, True)
    prediction_px: tuple[float, float] = (np.nan, np.nan)
    disagreement_deg: tuple[float, float] = (np.nan, np.nan)

    @classmethod
    def of(cls, pair: PairedRun, settings: Settings, golden: GoldenSet | None) -> ComparedTrial:
        """Compare the two runs of a trial.

        Args:
            pair: the runs.
            settings: say where their folders are.
            golden: the trials with a reference; None: what is asked for needs none.

        Raises:
            BioposeError: the trial's reference is gone or changed.
        """
        columns = tuple(pair.coordinates)
        values, sds = (
            np.stack([table[name] for name in columns], axis=1) for table in (pair.coordinates, pair.deviations)
        )
        is_angle = np.array([name.endswith("_deg") for name in columns])
        of_both = (_without_constant(sds[..., which], columns) for which in (0, 1))
        agreement = trial_agreement(values[..., 0], values[..., 1], *of_both, is_angle=is_angle)
        differences = defaultdict(list)
        for (metric, _), (first, second) in pair.metrics.items():
            differences[metric].append(second - first)
        one, two = pair.costs
        return cls(
            pair.trial_id,
            pair.athlete_id,
            {**pair.groups, "facing": facing_of(settings.home / pair.artifacts[0])},
            columns,
            agreement,
            {metric: float(np.mean(found)) for metric, found in differences.items()},
            pair.quality.get(QUALITY, (np.nan, np.nan)),
            pair.artifacts,
            _errors(pair, golden),
            is_approved=golden is not None
            and pair.trial_id in golden.trials
            and golden.trials[pair.trial_id].kind == "approval",
            frame_s=(one.frame_s, two.frame_s) if one and two else (np.nan, np.nan),
            peak_mb=(one.peak_mb, two.peak_mb) if one and two else (np.nan, np.nan),
            prediction_px=pair.quality.get(PREDICTION, (np.nan, np.nan)),
            disagreement_deg=pair.quality.get(DISAGREEMENT, (np.nan, np.nan)),
            has_sd=(bool(np.isfinite(sds[..., 0]).any()), bool(np.isfinite(sds[..., 1]).any())),
        )

    def of_coordinate(self, coordinate: str, what: str) -> FloatArray:
        """A value of the agreement on a coordinate: of both sides, where it has sides."""
        chosen = [i for i, name in enumerate(self.columns) if coordinate_of(name) == coordinate]
        found: FloatArray = getattr(self.agreement, what)[chosen]
        return found

    def largest_difference(self, coordinates: Iterable[str]) -> tuple[str, float]:
        """The coordinate with the largest root mean square of the difference, and that in degrees.

        An angle in which the candidate is closer to the trial's measured reference is left out: where the champion was
        wrong, a better candidate must differ.
        """
        closer = self._closer_to_reference()
        rms = np.where([name in closer for name in self.columns], np.nan, self.agreement.rms)
        found = {
            coordinate: float(np.nanmax(rms[[coordinate_of(name) == coordinate for name in self.columns]], initial=0.0))
            for coordinate in coordinates
        }
        name = max(found, key=lambda one: found[one])
        return name, found[name]

    def _closer_to_reference(self) -> set[str]:
        """The angles whose mean absolute error against a measured reference is smaller than the champion's."""
        if self.errors is None or self.is_approved:
            return set()
        first, second = self.errors
        falls = second.mean_absolute < first.mean_absolute
        return {name for name, less in zip(joint_angles(), falls, strict=True) if less}

    @property
    def within_intervals(self) -> float:
        """Share of frames and angles whose difference lies within both intervals: none where the candidate gives none.

        NaN where the champion gives none.
        """
        if self.has_sd == (True, False):
            return 0.0
        return mean_of_known(self.agreement.within_intervals)

    @property
    def has_measured_reference(self) -> bool:
        """Whether another measurement is its reference."""
        return self.errors is not None and not self.is_approved

    @property
    def cost_ratio(self) -> float:
        """Processor time per frame, candidate to champion; NaN where it is not known."""
        return _ratio(self.frame_s)

    @property
    def prediction_ratio(self) -> float:
        """Distance of the prediction from the keypoints, likewise."""
        return _ratio(self.prediction_px)

    @property
    def disagreement_ratio(self) -> float:
        """Disagreement of the predictions of mirrored and of other frames, likewise."""
        return _ratio(self.disagreement_deg)


def _ratio(of_both: tuple[float, float]) -> float:
    return of_both[1] / of_both[0] if of_both[0] > 0 else np.nan


def mean_of_known(values: FloatArray) -> float:
    """NaN where nothing is known."""
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else float("nan")


def _without_constant(sds: FloatArray, columns: Sequence[str]) -> FloatArray:
    """Standard deviations (T, C) without the errors of anatomical frames, which two releases share.

    They stay as they are of a run whose deviations do not hold those errors: one is below what it would then be.
    """
    names = [name.rpartition("_")[0] for name in columns]
    for of_film in (True, False):
        constant = np.degrees(constant_sd_rad(names, of_film=of_film))
        if not (sds < constant * (1 - ROUNDING)).any():
            return np.sqrt(np.clip(sds**2 - constant**2, 0.0, None))
    return sds


def coordinate_of(column: str) -> str:
    """The name without unit and side: knee_angle of knee_angle_r_deg."""
    name = column.rpartition("_")[0]
    return name[:-2] if name.endswith(("_r", "_l")) else name


def _errors(pair: PairedRun, golden: GoldenSet | None) -> tuple[ReferenceErrors, ReferenceErrors] | None:
    """Of both runs, of the joint angles."""
    if golden is None:
        return None
    columns = joint_angles()
    reference = golden.reference(pair.trial_id, time_s=pair.time_s, columns=columns, video_sha256=pair.video_sha256)
    if reference is None:
        return None
    values, sds = (np.stack([table[name] for name in columns], axis=1) for table in (pair.coordinates, pair.deviations))
    first, second = (reference_errors(values[..., which], sds[..., which], reference) for which in (0, 1))
    return first, second
