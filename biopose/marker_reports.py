"""What `biopose scale` and `biopose ik` found, for a program and for a person."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from biopose.skeleton.ik_solver import MIN_MARKERS

# OpenSim's guidance (Simulation with OpenSim - Best Practices) is an RMS below 20 mm and no error above 40 mm.
POOR_FIT_MM = 40.0


@dataclass(frozen=True)
class ScaleSummary:
    """What `biopose scale` found; residuals are from the scaled model's own markers to those seen.

    A marker in `registered_markers` was then moved to where it was seen, so its residual says how far.
    """

    out: str
    mass_kg: float
    body_scales: dict[str, list[float]]
    marker_residual_mm: dict[str, float]
    registered_markers: list[str]
    unused_markers: list[str]
    height_m: float | None
    height_used: bool

    def as_dict(self) -> dict[str, Any]:
        """For a program."""
        return asdict(self)

    def lines(self) -> list[str]:
        """For a person."""
        lines = [f"{self.out}: scaled, {self.mass_kg:.1f} kg", "segment        x      y      z"]
        lines += [f"{name:<12} " + " ".join(f"{x:6.3f}" for x in s) for name, s in self.body_scales.items()]
        return lines + self.notes()

    def notes(self) -> list[str]:
        """What is to be said beside the factors."""
        lines = self._residual_lines()
        if self.unused_markers:
            lines.append(f"not in the model: {', '.join(self.unused_markers)}")
        if self.height_m is not None and not self.height_used:
            lines.append("the height was not used: the model has no joints hip_r and ankle_r to tell its own")
        return lines

    def _residual_lines(self) -> list[str]:
        """Of the landmarks, which are all markers in a model that keeps none in its place."""
        residual_mm, moved = self.marker_residual_mm, set(self.registered_markers)
        landmarks = [name for name in residual_mm if name not in moved] or list(residual_mm)
        furthest = sorted(landmarks, key=lambda name: -residual_mm[name])[:3]
        worst = ", ".join(f"{name} {residual_mm[name]:.0f} mm" for name in furthest)
        lines = [f"landmarks: {len(landmarks)}, furthest from the scaled model: {worst}"]
        if moved:
            lines.append(f"moved to where they were seen: {len(moved)} markers")
        return lines


@dataclass(frozen=True)
class IKSummary:
    """What `biopose ik` found; marker errors in millimetres."""

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

    @property
    def incomplete(self) -> bool:
        """Whether anything is missing from the result that a complete recording would have given."""
        return bool(self.frames_unsolved or self.frames_not_converged or self.coordinates_undetermined)

    def as_dict(self) -> dict[str, Any]:
        """For a program."""
        return asdict(self)

    def lines(self) -> list[str]:
        """For a person."""
        rate = self.frames / self.seconds
        lines = [f"{self.out}: {self.frames} frames in {self.seconds:.2f} s ({rate:.0f} frames/s, {self.solver})"]
        lines.append(f"markers: {self.rms_mm:.1f} mm RMS; worst {self.worst_marker}, {self.worst_mm:.1f} mm on average")
        lines += [*self._doubts(), *self._missing()]
        if self.coordinates_held:
            lines.append(f"held at default, seen by no marker: {', '.join(self.coordinates_held)}")
        if self.unused_markers:
            lines.append(f"markers that the model lacks: {', '.join(self.unused_markers)}")
        if self.weights_ignored:
            lines.append(f"weights without a marker: {', '.join(self.weights_ignored)}")
        return lines

    def _doubts(self) -> list[str]:
        lines = []
        if self.rms_mm > POOR_FIT_MM:
            lines.append(
                f"POOR FIT: above {POOR_FIT_MM:.0f} mm; is the model scaled to this person, its markers theirs, and "
                "the recording not mirrored?"
            )
        if self.lies_on_its_side:
            lines.append(
                "LYING: the model lies on its side most of the time; if the person stood, the recording's up is not y: "
                "say which is, with --up"
            )
        return lines

    def _missing(self) -> list[str]:
        lines = []
        if self.frames_unsolved:
            first, last = self.frames_unsolved[0], self.frames_unsolved[-1]
            lines.append(
                f"NOT SOLVED: {len(self.frames_unsolved)} frames (from {first} to {last}, counted from 0) have fewer "
                f"than {MIN_MARKERS} markers"
            )
        if self.frames_not_converged:
            lines.append(f"NOT CONVERGED: {self.frames_not_converged} frames")
        by_count: dict[int, list[str]] = {}
        for name, count in self.coordinates_undetermined.items():
            by_count.setdefault(count, []).append(name)
        lines += [f"UNDETERMINED in {n} frames, too few markers: {', '.join(c)}" for n, c in by_count.items()]
        if self.frames_unsolved or self.coordinates_undetermined:
            lines.append("what is missing is nan in the .mot; fill it before OpenSim's own viewer or tools read it")
        return lines
