"""The results of `biopose scale` and `biopose ik`, as JSON and as text."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from biopose.skeleton.ik.fit_report import (
    POOR_FIT_MM,
    away_line,
    calls_for_a_look,
    doubt_lines,
    far_line,
    fault_lines,
    jump_lines,
    lying_lines,
    poorly_determined_line,
)
from biopose.skeleton.ik.recording_solver import MIN_MARKERS
from biopose.skeleton.static_trial import StaticTrial

LEARNED_HZ = (20.0, 120.0)  # what NeurIK was trained on
RATE_SLACK = 1.01
NAN = "what is missing is nan in the .mot; fill it before OpenSim's own viewer or tools read it"


@dataclass(frozen=True)
class ScaleSummary:
    """The result of `biopose scale`; residuals are distances of the scaled model's markers from the recorded ones, mm.

    The markers in `moved_markers` were then moved to their recorded positions, by their residual. `landmarks` are those
    that lie on landmarks; all markers do where it is empty.
    """

    out: str
    mass_kg: float
    body_scales: dict[str, list[float]]
    marker_residual_mm: dict[str, float]
    moved_markers: list[str]
    unused_markers: list[str]
    height_m: float | None
    height_used: bool
    notes: list[str]
    static_trial: StaticTrial | None = None
    landmarks: list[str] = field(default_factory=list)

    @property
    def doubtful(self) -> bool:
        """Whether the trial is not one of a person standing still, with all landmarks in their places."""
        return self.static_trial is not None and bool(self.static_trial.lines())

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)

    def lines(self) -> list[str]:
        """As text."""
        lines = [f"{self.out}: scaled, {self.mass_kg:.1f} kg", "segment        x      y      z"]
        lines += [f"{name:<12} " + " ".join(f"{x:6.3f}" for x in s) for name, s in self.body_scales.items()]
        return lines + self.remarks()

    def remarks(self) -> list[str]:
        """Remarks beside the factors."""
        lines = self._residual_lines() + (self.static_trial.lines() if self.static_trial else []) + self.notes
        if self.unused_markers:
            lines.append(f"not in the model: {', '.join(self.unused_markers)}")
        if self.height_m is not None and not self.height_used:
            lines.append("the height was not used: the model has no joints hip_r and ankle_r to measure its own")
        return lines

    def _residual_lines(self) -> list[str]:
        """Of the anatomical landmarks."""
        residual_mm, moved = self.marker_residual_mm, self.moved_markers
        landmarks = self.landmarks or list(residual_mm)
        furthest = sorted(landmarks, key=lambda name: -residual_mm[name])[:3]
        worst = ", ".join(f"{name} {residual_mm[name]:.0f} mm" for name in furthest)
        lines = [f"landmarks: {len(landmarks)}, furthest from the scaled model: {worst}"]
        if moved:
            lines.append(f"moved to their recorded positions: {len(moved)} markers")
        return lines


@dataclass(frozen=True)
class IKSummary:
    """The result of `biopose ik`; marker errors in millimetres; `notes` are the readers', of the files given.

    `faults` are of `MarkerFault`: kind, markers, frames (first and last of each stretch, counted from 0), error_mm,
    lies_at; `outliers` is what was done about them ("left out" or "kept"). `markers_far` are the markers that stay
    above OpenSim's limit of 40 mm for some frames otherwise: frames, max_mm. `poorly_determined` are the angles
    whose median standard deviation is large, degrees; of OpenSim's solution none is known. `jumps` are steps of joints
    that no marker makes: frames, degrees, markers_mm. `handedness` explains a poor fit. `away_from_best_fit` are
    degrees by coordinate by which OpenSim's solution is off the least squares of the same markers; None where that was
    not looked at.
    """

    out: str
    solver: str
    frames: int
    frames_unsolved: list[int]
    frames_not_converged: int
    rms_mm: float
    worst_marker: str
    worst_mm: float
    coordinates_held: list[str]
    coordinates_undetermined: dict[str, int]
    unused_markers: list[str]
    weights_ignored: list[str]
    lies_on_its_side: bool
    seconds: float
    notes: list[str]
    outliers: str = "left out"
    faults: list[dict[str, Any]] = field(default_factory=list)
    markers_far: dict[str, dict[str, Any]] = field(default_factory=dict)
    jumps: list[dict[str, Any]] = field(default_factory=list)
    poorly_determined: dict[str, float] = field(default_factory=dict)
    handedness: dict[str, Any] | None = None
    away_from_best_fit: dict[str, float] | None = None

    @property
    def poor_fit(self) -> bool:
        """Whether the markers do not fit the model as a whole."""
        return self.rms_mm > POOR_FIT_MM or self.handedness is not None

    @property
    def incomplete(self) -> bool:
        """Whether the result lacks anything that a complete and faultless recording would have given."""
        missing = self.frames_unsolved or self.frames_not_converged or self.coordinates_undetermined
        return bool(missing or calls_for_a_look(self.faults) or self.jumps or self.poor_fit)

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self) | {"poor_fit": self.poor_fit}

    def lines(self) -> list[str]:
        """As text."""
        lines = [*_first_lines(self), *self._doubts(), *fault_lines(self.faults, outliers=self.outliers)]
        lines += [
            *away_line(self.away_from_best_fit or {}),
            *far_line(self.markers_far),
            *jump_lines(self.jumps),
            *self._missing(),
            *poorly_determined_line(self.poorly_determined),
            *self.notes,
        ]
        if self.coordinates_held:
            lines.append(f"held at default, observed by no marker: {', '.join(self.coordinates_held)}")
        if self.unused_markers:
            lines.append(f"markers that the model lacks: {', '.join(self.unused_markers)}")
        if self.weights_ignored:
            lines.append(f"weights without a marker: {', '.join(self.weights_ignored)}")
        return lines

    def _doubts(self) -> list[str]:
        return doubt_lines(self.rms_mm, self.handedness, lies_on_its_side=self.lies_on_its_side)

    def _missing(self) -> list[str]:
        lines = _unsolved(self.frames_unsolved)
        if self.frames_not_converged:
            lines.append(f"NOT CONVERGED: {self.frames_not_converged} frames")
        by_count: dict[int, list[str]] = {}
        for name, count in self.coordinates_undetermined.items():
            by_count.setdefault(count, []).append(name)
        lines += [f"UNDETERMINED in {n} frames, too few markers: {', '.join(c)}" for n, c in by_count.items()]
        unexplained = any(fault["kind"] == "unexplained" for fault in self.faults)
        if self.frames_unsolved or self.coordinates_undetermined or unexplained:
            lines.append(NAN)
        return lines


@dataclass(frozen=True)
class NeurikSummary:
    """The result of `biopose ik --solver neurik`; marker errors in mm, from the network's marker locations.

    `sd_deg` is the median standard deviation of each limb's angles; `coordinates_unobserved` depend on no marker.
    """

    out: str
    model_out: str | None
    sd_out: str | None
    frames: int
    frames_unsolved: list[int]
    frames_pelvis_unobserved: list[int]
    rate_hz: float | None
    rms_mm: float
    worst_marker: str
    worst_mm: float
    body_scales: dict[str, list[float]]
    model_mass_kg: float | None
    sd_deg: dict[str, float]
    coordinates_unobserved: list[str]
    markers_used: list[str]
    unused_markers: list[str]
    lies_on_its_side: bool
    seconds: float
    notes: list[str]
    solver: str = "neurik"
    outliers: str = "kept"
    faults: list[dict[str, Any]] = field(default_factory=list)

    @property
    def poor_fit(self) -> bool:
        """Whether the markers do not fit the predicted body as a whole."""
        return self.rms_mm > POOR_FIT_MM

    @property
    def incomplete(self) -> bool:
        """Whether the result lacks anything that a complete and faultless recording would have given."""
        return bool(
            self.frames_unsolved or self.frames_pelvis_unobserved or calls_for_a_look(self.faults) or self.poor_fit
        )

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self) | {"poor_fit": self.poor_fit}

    def lines(self) -> list[str]:
        """As text."""
        deviations = ", ".join(f"{limb} {deg:.1f}" for limb, deg in self.sd_deg.items())
        lines = [*_first_lines(self), f"standard deviations, median: {deviations} degrees", self._scales_line()]
        if self.model_out:
            lines.append(f"{self.model_out}: the default model at these scales, {self.model_mass_kg:.1f} kg as it was")
        lines += [*self._doubts(), *fault_lines(self.faults, outliers=self.outliers)]
        lines += [*_unsolved(self.frames_unsolved), *self.notes]
        if self.frames_unsolved:
            lines.append(NAN)
        if self.coordinates_unobserved:
            lines.append(f"estimated without any marker: {', '.join(self.coordinates_unobserved)}")
        if self.unused_markers:
            lines.append(f"markers that NeurIK does not know: {', '.join(self.unused_markers)}")
        return lines

    def _scales_line(self) -> str:
        mean = {name: sum(factors) / 3 for name, factors in self.body_scales.items()}
        least, most = min(mean, key=mean.__getitem__), max(mean, key=mean.__getitem__)
        return f"body scales: {mean[least]:.3f} ({least}) to {mean[most]:.3f} ({most})"

    def _doubts(self) -> list[str]:
        lines = []
        if self.rms_mm > POOR_FIT_MM:
            lines.append(
                f"POOR FIT: above {POOR_FIT_MM:.0f} mm; do the markers lie where their names imply, is the "
                "recording mirrored?"
            )
        if unobserved := self.frames_pelvis_unobserved:
            lines.append(
                f"PELVIS UNOBSERVED in {len(unobserved)} frames (from {unobserved[0]} to {unobserved[-1]}, counted "
                "from 0): position and heading are not reliable there"
            )
        if self.rate_hz and not LEARNED_HZ[0] <= RATE_SLACK * self.rate_hz <= RATE_SLACK**2 * LEARNED_HZ[1]:
            lines.append(
                f"RATE: NeurIK was trained on {LEARNED_HZ[0]:.0f} to {LEARNED_HZ[1]:.0f} frames/s; these are "
                f"{self.rate_hz:.0f}"
            )
        return lines + lying_lines(self.lies_on_its_side)


def _first_lines(summary: IKSummary | NeurikSummary) -> list[str]:
    """Number of frames, speed and marker error."""
    rate = summary.frames / summary.seconds
    return [
        f"{summary.out}: {summary.frames} frames in {summary.seconds:.2f} s ({rate:.0f} frames/s, {summary.solver})",
        f"markers: {summary.rms_mm:.1f} mm RMS; worst {summary.worst_marker}, {summary.worst_mm:.1f} mm on average",
    ]


def _unsolved(frames: list[int]) -> list[str]:
    if not frames:
        return []
    return [
        f"NOT SOLVED: {len(frames)} frames (from {frames[0]} to {frames[-1]}, counted from 0) have fewer than "
        f"{MIN_MARKERS} markers"
    ]
