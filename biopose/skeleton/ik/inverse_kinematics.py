"""Batched inverse kinematics: the coordinates of a skeleton that best explain marker positions, all frames at once.

    solution = inverse_kinematics(skeleton, trajectories)

Weighted least squares by damped Newton steps (Levenberg 1944; Marquardt 1963) with an active set for the coordinate
limits, so that a coordinate at its limit does not stall the others. Frames are solved from coarse to fine in
time: a few with several starting postures, then ever more, each starting between its solved neighbours.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from biopose.errors import ModelError
from biopose.io.trajectories import CoordinateTrajectories, MarkerTrajectories
from biopose.io.units import IS_IT_RIGHT
from biopose.skeleton.ik.branches import follow_branches
from biopose.skeleton.ik.coordinate_targets import CoordinateTargets
from biopose.skeleton.ik.deviations import coordinate_deviations
from biopose.skeleton.ik.marker_faults import MarkerFault
from biopose.skeleton.ik.outliers import leave_out_outliers
from biopose.skeleton.ik.recording_solver import MIN_MARKERS, Limits, RecordingSolver
from biopose.skeleton.kinematics import Kinematics
from biopose.skeleton.marker_names import other_case, some
from biopose.skeleton.model import Skeleton
from biopose.skeleton.threads import one_torch_thread

Outliers = Literal["kept", "left out"]

# The markers' spread over the model's own: outside, the file's unit is wrong or the model is another creature's.
PLAUSIBLE_SIZE_RATIO = (0.25, 4.0)


@dataclass(frozen=True, eq=False)
class IKSolution:
    """Coordinates and how well they explain the markers.

    Attributes:
        coordinates: (F, Q) values; NaN in frames that could not be solved and where a coordinate is undetermined.
        marker_names: the M markers that were used.
        marker_error_m: (F, M) distance from observed to modelled marker; NaN where missing.
        rms_m: (F,) root mean square of the weighted marker errors; NaN in unsolved frames.
        iterations: (F,) steps of the last solution of the frame; 0 in unsolved frames.
        converged: (F,) whether the iteration settled within the tolerance.
        held: coordinates kept at their default since no marker observes them.
        unused_markers: markers of the recording that the skeleton lacks.
        faults: outlying and exchanged markers and stretches that do not fit, if outliers were left out; `rms_m` is
            then without the outlying ones.
        coordinate_sd: (F, Q) standard deviations of the coordinates, NaN where these are; None unless asked for.
    """

    coordinates: CoordinateTrajectories
    marker_names: tuple[str, ...]
    marker_error_m: NDArray[np.float64]
    rms_m: NDArray[np.float64]
    iterations: NDArray[np.int64]
    converged: NDArray[np.bool_]
    held: tuple[str, ...]
    unused_markers: tuple[str, ...]
    faults: tuple[MarkerFault, ...] = ()
    coordinate_sd: NDArray[np.float64] | None = None

    @property
    def solved(self) -> NDArray[np.bool_]:
        """(F,) frames that had enough markers."""
        return ~np.isnan(self.rms_m)

    @property
    def undetermined(self) -> NDArray[np.bool_]:
        """(F, Q) coordinates that too few markers observe in frames that are solved otherwise, and fit."""
        fits = self.solved.copy()
        for first, last in (r for fault in self.faults if fault.kind == "unexplained" for r in fault.ranges):
            fits[first : last + 1] = False
        return np.isnan(self.coordinates.values) & fits[:, None]


def inverse_kinematics(
    skeleton: Skeleton,
    trajectories: MarkerTrajectories,
    *,
    weights: Mapping[str, float] | None = None,
    targets: CoordinateTargets | None = None,
    limits: Limits = "clamped",
    outliers: Outliers = "kept",
    deviations: bool = False,
    tolerance: float = 1e-5,
    threads: int = 1,
    device: str = "cpu",
    progress: Callable[[int], None] | None = None,
) -> IKSolution:
    """Solve a whole recording.

    Args:
        skeleton: scaled to the person, with markers registered to theirs.
        trajectories: observed markers; names that the skeleton lacks are left aside and reported.
        weights: by marker name; absent names weigh 0 when weights are given, all weigh 1 otherwise.
        targets: values that coordinates should have besides what the markers show.
        limits: hold the coordinates that the model clamps ("clamped"), all of them ("all"), or none within their
            ranges. Root coordinates are never limited: anatomy does not limit a person's orientation in the room.
        outliers: "kept" minimises the squared distances of all markers; "left out" then finds markers that do not fit,
            leaves them out or exchanges them back in the frames concerned, and solves those frames anew. Coordinates
            go on without a step there, and where the recording's gaps had been filled (`filled`). Stretches whose
            coordinates jump where no marker does are solved on the branch of the frames beside them (`branches`).
        deviations: whether standard deviations of the coordinates are computed (`deviations`).
        tolerance: error in radians (metres) that a converged frame's last step leaves, in order of magnitude.
        threads: how many chunks of frames are solved at a time.
        device: where torch computes; float64 throughout.
        progress: called with the number of frames finished since the last call.

    Raises:
        ValueError: if weights name a marker that the skeleton or the recording lacks, or are negative.
        ModelError: if fewer than three markers are common to both, the recording is of a body of another size, or all
            coordinates that move the markers are locked, or a target is of a coordinate that is not free.
    """
    names = _common_markers(skeleton, trajectories, weights)
    chosen = trajectories.select(names)
    observed = torch.from_numpy(np.ascontiguousarray(chosen.positions_m)).to(device)
    given = torch.tensor([1.0 if weights is None else weights[name] for name in names], dtype=torch.float64)
    solver = RecordingSolver(
        skeleton.select_markers(names),
        observed,
        given.to(device),
        limits=limits,
        tolerance=tolerance,
        targets=targets,
    )
    _check_size(solver)
    if not solver.problem.variables:
        raise ModelError(
            f"no coordinate of the skeleton {skeleton.name} is free to move any of the markers {some(names)}; "
            "are all of them locked?"
        )
    solver.prepare()
    solver.run(threads=threads, progress=progress)
    faults = []
    if outliers == "left out":
        faults = leave_out_outliers(solver, chosen)
        with one_torch_thread():
            follow_branches(solver, chosen.time_s)
    values = skeleton.satisfy_couplings(solver.representation.continuous_in_time(solver.q.cpu().numpy()))
    return IKSolution(
        coordinates=CoordinateTrajectories(trajectories.time_s, skeleton.coordinate_names, values),
        marker_names=names,
        marker_error_m=solver.error_m.cpu().numpy(),
        rms_m=solver.rms_m.cpu().numpy(),
        iterations=solver.iterations.cpu().numpy(),
        converged=solver.converged.cpu().numpy(),
        held=tuple(skeleton.coordinate_names[i] for i in solver.unobserved),
        unused_markers=tuple(n for n in trajectories.names if n not in set(skeleton.marker_names)),
        faults=tuple(faults),
        coordinate_sd=coordinate_deviations(solver) if deviations else None,
    )


def marker_errors_m(
    skeleton: Skeleton, trajectories: MarkerTrajectories, coordinates: CoordinateTrajectories
) -> NDArray[np.float64]:
    """(F, M) distance from each observed marker to where the coordinates put it; NaN where missing."""
    kinematics = Kinematics(skeleton.select_markers(trajectories.names))
    modelled = kinematics.with_coordinates(torch.from_numpy(coordinates.values)).markers.numpy()
    return np.asarray(np.linalg.norm(trajectories.positions_m - modelled, axis=-1))


def _common_markers(
    skeleton: Skeleton, trajectories: MarkerTrajectories, weights: Mapping[str, float] | None
) -> tuple[str, ...]:
    model, recorded = set(skeleton.marker_names), set(trajectories.names)
    for name, weight in (weights or {}).items():
        if name not in model or name not in recorded:
            where = f"the skeleton {skeleton.name}" if name not in model else "the recording"
            raise ValueError(f"weight for marker {name}, which {where} lacks")
        if not 0 <= weight < np.inf:
            raise ValueError(f"weight {weight} for marker {name}; expected 0 or more, and finite")
    wanted = model & recorded if weights is None else {n for n, w in weights.items() if w > 0}
    names = tuple(n for n in skeleton.marker_names if n in wanted)
    if len(names) < MIN_MARKERS:
        raise ModelError(
            f"the recording and the skeleton {skeleton.name} have {len(names)} markers in common; at least "
            f"{MIN_MARKERS} are needed. Recording: {some(trajectories.names)}. "
            f"Skeleton: {some(skeleton.marker_names)}. "
            + (
                other_case(trajectories.names, skeleton.marker_names)
                or "Rename the markers of one of the two, or use the model that belongs to this marker set"
            )
        )
    return names


def _check_size(solver: RecordingSolver) -> None:
    model = solver.model_markers()
    observed = solver.observed[solver.solvable]
    if len(observed) == 0:
        return
    present = ~observed[..., 0].isnan()
    spread = torch.stack([_spread(frame[there]) for frame, there in zip(observed[:50], present[:50], strict=True)])
    own = torch.stack([_spread(model[there]) for there in present[:50]])
    ratio = float((spread / own).median())
    if not PLAUSIBLE_SIZE_RATIO[0] <= ratio <= PLAUSIBLE_SIZE_RATIO[1]:
        raise ModelError(
            f"the markers are spread {ratio:.3g} times as far as the skeleton {solver.skeleton.name}'s; {IS_IT_RIGHT}, "
            "and the model scaled to this person?"
        )


def _spread(points: Tensor) -> Tensor:
    return (points - points.mean(0)).norm(dim=-1).mean()
