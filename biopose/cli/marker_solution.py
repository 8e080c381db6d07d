"""A recording of markers solved by either solver, with the faults of its markers: the middle of `biopose ik`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from biopose.cli.ik_setup_files import AppliedSetup
from biopose.io.trajectories import MarkerTrajectories
from biopose.skeleton.ik.fit_report import away_from_best_fit
from biopose.skeleton.ik.handedness import examined_handedness
from biopose.skeleton.ik.inverse_kinematics import IKSolution, Outliers, inverse_kinematics, marker_errors_m
from biopose.skeleton.ik.marker_faults import MarkerFault, without_faults
from biopose.skeleton.ik.opensim_ik import opensim_inverse_kinematics
from biopose.skeleton.ik.recording_solver import Limits
from biopose.skeleton.model import Skeleton

Progress = Callable[[int], None]


@dataclass(frozen=True, eq=False)
class SolvedMarkers:
    """What was solved, and how it was judged.

    Attributes:
        solution: by the solver that was asked for.
        judged: the markers that it was solved from.
        handedness: what explains a fit that is poor throughout; None where nothing does.
        away_from_best_fit: coordinates that OpenSim's solver left away from the best fit; None of ours.
    """

    solution: IKSolution
    judged: MarkerTrajectories
    handedness: dict[str, Any] | None
    away_from_best_fit: dict[str, float] | None


def solve_markers(
    skeleton: Skeleton,
    setup: AppliedSetup,
    *,
    model: Path | None,
    limits: Limits,
    outliers: Outliers,
    threads: int,
    progress: Progress,
) -> SolvedMarkers:
    """Find the faults of the markers, and the coordinates without these, unless outliers are kept.

    Args:
        skeleton: the model.
        setup: frames, weights and targets.
        model: its file, for OpenSim's solver; None solves by ours.
        limits: of the coordinates.
        outliers: what becomes of markers that do not fit.
        threads: of our solver.
        progress: called with frames that are solved.

    Raises:
        BioposeError: model and recording do not belong together.
    """
    own = model is None
    # Faults are judged by the markers alone: coordinate tasks may contradict them, as asked for.
    best = inverse_kinematics(
        skeleton,
        setup.trajectories,
        weights=setup.weights,
        limits=limits,
        outliers="left out",
        deviations=own,
        tolerance=setup.tolerance,
        threads=threads,
        progress=progress if own else None,
    )
    handedness = examined_handedness(skeleton, setup.trajectories, best, setup.weights, limits)
    kept = outliers == "kept"
    judged = setup.trajectories if kept else without_faults(setup.trajectories, best.faults)
    is_best = setup.targets is None and not (kept and best.faults)  # nothing but the solver differs
    if model is not None:
        solution = _solve_with_opensim(
            model,
            skeleton,
            replace(setup, trajectories=judged),
            faults=best.faults,
            clamped=limits != "none",
            progress=progress,
        )
        away = away_from_best_fit(skeleton, solution, best) if is_best else None
        return SolvedMarkers(solution, judged, handedness, away)
    if is_best:
        return SolvedMarkers(best, judged, handedness, None)
    plain = inverse_kinematics(
        skeleton,
        judged,
        weights=setup.weights,
        targets=setup.targets,
        limits=limits,
        deviations=True,
        tolerance=setup.tolerance,
        threads=threads,
    )
    return SolvedMarkers(replace(plain, faults=best.faults), judged, handedness, None)


def _solve_with_opensim(
    model: Path,
    skeleton: Skeleton,
    setup: AppliedSetup,
    *,
    faults: tuple[MarkerFault, ...],
    clamped: bool,
    progress: Progress,
) -> IKSolution:
    """OpenSim's coordinates, with marker errors from our forward kinematics, which equals OpenSim's."""
    trajectories, weights = setup.trajectories, setup.weights
    coordinates = opensim_inverse_kinematics(
        model,
        trajectories,
        weights=weights,
        targets=setup.targets,
        accuracy=setup.accuracy,
        constraint_weight=setup.constraint_weight,
        clamped=clamped,
        progress=progress,
    )
    given = weights if weights is not None else dict.fromkeys(trajectories.names, 1.0)
    names = tuple(n for n in skeleton.marker_names if given.get(n, 0.0) > 0)
    error_m = marker_errors_m(skeleton, trajectories.select(names), coordinates)
    solved = np.array(~np.isnan(coordinates.values).all(axis=1))
    weight = np.array([given[n] for n in names]) * ~np.isnan(error_m[solved])
    rms_m = np.full(len(error_m), np.nan)
    rms_m[solved] = np.sqrt((weight * np.nan_to_num(error_m[solved]) ** 2).sum(axis=1) / weight.sum(axis=1))
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
        faults=faults,
    )
