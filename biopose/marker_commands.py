"""From marker files to model and motion files: what `biopose scale` and `biopose ik` do."""

from __future__ import annotations

import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter
from typing import Any, Protocol

import numpy as np

from biopose.errors import ModelError
from biopose.io.ik_setup import read_marker_weights
from biopose.io.markers import read_markers
from biopose.io.mot import write_mot
from biopose.io.trajectories import MarkerTrajectories
from biopose.skeleton.full_body import build_full_body
from biopose.skeleton.ik import IKSolution, inverse_kinematics, marker_errors_m
from biopose.skeleton.ik_solver import MIN_MARKERS, Limits
from biopose.skeleton.model import Skeleton
from biopose.skeleton.opensim_tools import opensim_inverse_kinematics
from biopose.skeleton.reader import read_osim
from biopose.skeleton.scaled_model import write_scaled_osim
from biopose.skeleton.scaling import scale_to_static
from biopose.skeleton.stature import model_height_m


class ProgressBar(Protocol):
    """What a command shows its progress on."""

    length: int | None

    def update(self, n_steps: int) -> None:
        """So many more steps are done."""


@dataclass(frozen=True)
class ScaleSummary:
    """What `biopose scale` found."""

    out: str
    mass_kg: float
    body_scales: dict[str, list[float]]
    marker_residual_mm: dict[str, float]
    unused_markers: list[str]
    height_used: bool

    def as_dict(self) -> dict[str, Any]:
        """For a program."""
        return asdict(self)

    def lines(self) -> list[str]:
        """For a person."""
        worst = sorted(self.marker_residual_mm.items(), key=lambda item: -item[1])[:3]
        lines = [f"{self.out}: scaled, {self.mass_kg:.1f} kg", "segment        x      y      z"]
        lines += [f"{name:<12} " + " ".join(f"{x:6.3f}" for x in s) for name, s in self.body_scales.items()]
        lines.append("furthest from the model: " + ", ".join(f"{n} {mm:.0f} mm" for n, mm in worst))
        if self.unused_markers:
            lines.append(f"not in the model: {', '.join(self.unused_markers)}")
        if not self.height_used:
            lines.append("the height was not used: none given, or the model has no joints hip_r and ankle_r")
        return lines


def scale_files(
    markers: Path, model: Path | None, out: Path, *, height_m: float | None, mass_kg: float | None
) -> ScaleSummary:
    """Scale a model file to a static trial's file; the default full-body model if `model` is None.

    Raises:
        BioposeError: if a file is malformed, or has too few of the model's markers.
    """
    static = read_markers(markers)
    with tempfile.TemporaryDirectory() as folder:
        source = model or build_full_body(Path(folder) / "full_body.osim")
        skeleton = read_osim(source)
        known_height = model_height_m(skeleton) if height_m else None
        scaling = scale_to_static(
            skeleton, static, height_m=height_m if known_height else None, model_height_m=known_height
        )
        write_scaled_osim(source, out, scaling, mass_kg=mass_kg)
    factors = zip(skeleton.body_names[1:], scaling.body_scales[1:].round(4).tolist(), strict=True)
    return ScaleSummary(
        out=str(out),
        mass_kg=read_osim(out).mass_kg,
        body_scales=dict(factors),
        marker_residual_mm=dict(zip(scaling.marker_names, (1e3 * scaling.residual_m).round(2).tolist(), strict=True)),
        unused_markers=[n for n in static.names if n not in set(skeleton.marker_names)],
        height_used=known_height is not None,
    )


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
        if self.frames_unsolved:
            first, last = self.frames_unsolved[0], self.frames_unsolved[-1]
            lines.append(
                f"NOT SOLVED: {len(self.frames_unsolved)} frames (first {first}, last {last}) have fewer than 3 markers"
            )
        if self.frames_not_converged:
            lines.append(f"NOT CONVERGED: {self.frames_not_converged} frames")
        lines += [
            f"UNDETERMINED: {name} in {count} frames, too few markers"
            for name, count in self.coordinates_undetermined.items()
        ]
        if self.coordinates_held:
            lines.append(f"held at default, seen by no marker: {', '.join(self.coordinates_held)}")
        if self.unused_markers:
            lines.append(f"markers that the model lacks: {', '.join(self.unused_markers)}")
        if self.weights_ignored:
            lines.append(f"weights without a marker: {', '.join(self.weights_ignored)}")
        return lines


def solve_files(
    markers: Path,
    model: Path,
    out: Path,
    *,
    weights: Path | None,
    solver: str,
    limits: Limits,
    threads: int,
    progress: ProgressBar,
) -> IKSummary:
    """Inverse kinematics from a marker file and a model file to a .mot file.

    Raises:
        BioposeError: if a file is malformed, model and recording do not belong together, or no frame can be solved.
    """
    trajectories, skeleton = read_markers(markers), read_osim(model)
    given = read_marker_weights(weights) if weights else None
    known = set(skeleton.marker_names) & set(trajectories.names)
    used = {n: w for n, w in given.items() if n in known} if given is not None else None
    progress.length = len(trajectories.time_s)
    start = perf_counter()
    if solver == "opensim":
        solution = _solve_with_opensim(model, skeleton, trajectories, used, clamped=limits != "none", progress=progress)
    else:
        solution = inverse_kinematics(
            skeleton, trajectories, weights=used, limits=limits, threads=threads, progress=progress.update
        )
    seconds = perf_counter() - start
    if not solution.solved.any():
        raise ModelError(f"{markers}: no frame has {MIN_MARKERS} markers of the model {model}; nothing was written")
    write_mot(out, solution.coordinates, rotational=skeleton.rotational_names)
    return _summary(out, solver, solution, sorted(set(given or {}) - known), seconds)


def _solve_with_opensim(
    model: Path,
    skeleton: Skeleton,
    trajectories: MarkerTrajectories,
    weights: dict[str, float] | None,
    *,
    clamped: bool,
    progress: ProgressBar,
) -> IKSolution:
    """OpenSim's coordinates with the errors of our own forward kinematics, which are the same as its own."""
    coordinates = opensim_inverse_kinematics(
        model, trajectories, weights=weights, clamped=clamped, progress=progress.update
    )
    names = tuple(n for n in skeleton.marker_names if n in (weights or trajectories.names))
    error_m = marker_errors_m(skeleton, trajectories.select(names), coordinates)
    solved = np.array(~np.isnan(coordinates.values).all(axis=1))
    rms_m = np.full(len(error_m), np.nan)
    rms_m[solved] = np.sqrt(np.nanmean(error_m[solved] ** 2, axis=1))
    unused = tuple(n for n in trajectories.names if n not in set(skeleton.marker_names))
    return IKSolution(
        coordinates=coordinates,
        marker_names=names,
        marker_error_m=error_m,
        rms_m=rms_m,
        iterations=np.where(solved, 1, 0),
        converged=np.array(solved),
        held=(),
        unused_markers=unused,
    )


def _summary(out: Path, solver: str, solution: IKSolution, ignored: list[str], seconds: float) -> IKSummary:
    mean_mm = 1e3 * np.array([_mean(column) for column in solution.marker_error_m.T])
    worst = int(np.nanargmax(mean_mm))
    open_frames = solution.undetermined.sum(axis=0)
    return IKSummary(
        out=str(out),
        solver=solver,
        frames=len(solution.rms_m),
        frames_unsolved=np.flatnonzero(~solution.solved).tolist(),
        frames_not_converged=int((solution.solved & ~solution.converged).sum()),
        rms_mm=round(1e3 * float(np.nanmean(solution.rms_m)), 3),
        worst_marker=solution.marker_names[worst],
        worst_mm=round(float(mean_mm[worst]), 3),
        coordinates_held=list(solution.held),
        coordinates_undetermined={
            name: int(n) for name, n in zip(solution.coordinates.names, open_frames, strict=True) if n
        },
        unused_markers=list(solution.unused_markers),
        weights_ignored=ignored,
        seconds=round(seconds, 3),
    )


def _mean(values: np.ndarray) -> float:
    """Of what is known; NaN if nothing is."""
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else float("nan")
