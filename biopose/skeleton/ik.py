"""Batched inverse kinematics: the coordinates of a skeleton that best explain marker positions, all frames at once.

    solution = inverse_kinematics(skeleton, trajectories)

Weighted least squares by a damped Gauss-Newton iteration (Levenberg 1944; Marquardt 1963) with an active set for the
coordinate limits, so that a coordinate at its limit does not stall the others. Frames are solved from coarse to fine in
time: a few with several starting postures, then ever more, each starting between its solved neighbours.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from biopose.errors import ModelError
from biopose.io.trajectories import CoordinateTrajectories, MarkerTrajectories
from biopose.skeleton.initial_pose import align_root, starting_poses
from biopose.skeleton.least_squares import (
    Fit,
    LeastSquaresProblem,
    root_coordinates,
    solve,
    standard_deviations,
)
from biopose.skeleton.model import Skeleton

Limits = Literal["clamped", "all", "none"]

CHUNK_FRAMES = 4096
BATCH_FRAMES = 512  # what stays in a core's cache
STRIDES = (64, 16, 4, 1)
KEY_FRAMES = 32
STARTING_POSES = 4
MIN_MARKERS = 3
# A coordinate is undetermined where this much marker error would turn it by half a radian (or move it half a metre).
MARKER_ERROR_M = 0.005
UNDETERMINED_ABOVE = 0.5
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
        iterations: (F,) steps taken; 0 in unsolved frames.
        converged: (F,) whether the iteration settled within the tolerance.
        held: coordinates kept at their default since no marker observes them.
        unused_markers: markers of the recording that the skeleton lacks.
    """

    coordinates: CoordinateTrajectories
    marker_names: tuple[str, ...]
    marker_error_m: NDArray[np.float64]
    rms_m: NDArray[np.float64]
    iterations: NDArray[np.int64]
    converged: NDArray[np.bool_]
    held: tuple[str, ...]
    unused_markers: tuple[str, ...]

    @property
    def solved(self) -> NDArray[np.bool_]:
        """(F,) frames that had enough markers."""
        return self.iterations > 0

    @property
    def undetermined(self) -> NDArray[np.bool_]:
        """(F, Q) coordinates that too few markers observe in frames that are solved otherwise."""
        return np.isnan(self.coordinates.values) & self.solved[:, None]


def inverse_kinematics(
    skeleton: Skeleton,
    trajectories: MarkerTrajectories,
    *,
    weights: Mapping[str, float] | None = None,
    limits: Limits = "clamped",
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
        limits: hold the coordinates that the model clamps ("clamped"), all of them ("all"), or none within their
            ranges. Root coordinates are never limited: anatomy does not say how a person is turned in the room.
        tolerance: of convergence, in radians (metres) a step.
        threads: how many chunks of frames are solved at a time.
        device: where torch computes; float64 throughout.
        progress: called with the number of frames finished since the last call.

    Raises:
        ValueError: if weights name a marker that the skeleton or the recording lacks, or are negative.
        ModelError: if fewer than three markers are common to both, or the recording is not of a body of the model's size.
    """
    names = _common_markers(skeleton, trajectories, weights)
    observed = torch.from_numpy(np.ascontiguousarray(trajectories.select(names).positions_m)).to(device)
    given = torch.tensor([1.0 if weights is None else weights[name] for name in names], dtype=torch.float64)
    solver = _Solver(skeleton.select_markers(names), observed, given.to(device), limits=limits, tolerance=tolerance)
    _check_size(solver, trajectories)
    solver.prepare()
    solver.run(threads=threads, progress=progress)
    values = skeleton.satisfy_couplings(_continuous(solver.q.cpu().numpy(), solver.periodic))
    return IKSolution(
        coordinates=CoordinateTrajectories(trajectories.time_s, skeleton.coordinate_names, values),
        marker_names=names,
        marker_error_m=solver.error_m.cpu().numpy(),
        rms_m=solver.rms_m.cpu().numpy(),
        iterations=solver.iterations.cpu().numpy(),
        converged=solver.converged.cpu().numpy(),
        held=tuple(skeleton.coordinate_names[i] for i in solver.unobserved),
        unused_markers=tuple(n for n in trajectories.names if n not in set(skeleton.marker_names)),
    )


def _common_markers(
    skeleton: Skeleton, trajectories: MarkerTrajectories, weights: Mapping[str, float] | None
) -> tuple[str, ...]:
    model, recorded = set(skeleton.marker_names), set(trajectories.names)
    for name, weight in (weights or {}).items():
        if name not in model or name not in recorded:
            where = f"the skeleton {skeleton.name}" if name not in model else "the recording"
            raise ValueError(f"weight for marker {name}, which {where} lacks")
        if not weight >= 0:
            raise ValueError(f"weight {weight} for marker {name}; expected 0 or more")
    wanted = model & recorded if weights is None else {n for n, w in weights.items() if w > 0}
    names = tuple(n for n in skeleton.marker_names if n in wanted)
    if len(names) < MIN_MARKERS:
        raise ModelError(
            f"the recording and the skeleton {skeleton.name} have {len(names)} markers in common; at least "
            f"{MIN_MARKERS} are needed. Recording: {_some(trajectories.names)}. Skeleton: {_some(skeleton.marker_names)}."
        )
    return names


def _some(names: tuple[str, ...], *, shown: int = 12) -> str:
    return ", ".join(names[:shown]) + (f" and {len(names) - shown} more" if len(names) > shown else "") or "none"


def _check_size(solver: _Solver, trajectories: MarkerTrajectories) -> None:
    model = solver.model_markers()
    seen = solver.observed[solver.solvable]
    if len(seen) == 0:
        return
    present = ~seen[..., 0].isnan()
    spread = torch.stack([_spread(frame[there]) for frame, there in zip(seen[:50], present[:50], strict=True)])
    own = torch.stack([_spread(model[there]) for there in present[:50]])
    ratio = float((spread / own).median())
    if not PLAUSIBLE_SIZE_RATIO[0] <= ratio <= PLAUSIBLE_SIZE_RATIO[1]:
        raise ModelError(
            f"the markers are spread {ratio:.3g} times as far as the skeleton {solver.skeleton.name}'s; "
            "is the unit in the marker file's header right, and the model scaled to this person?"
        )


def _spread(points: Tensor) -> Tensor:
    return (points - points.mean(0)).norm(dim=-1).mean()


def _continuous(q: NDArray[np.float64], columns: list[int]) -> NDArray[np.float64]:
    """Unlimited angles made continuous in time across gaps: a turn of 350 degrees is followed by 370, not 10."""
    for column in columns:
        known = ~np.isnan(q[:, column])
        q[known, column] = np.unwrap(q[known, column])
    return q


class _Solver:
    """State of one recording's solution; frames are rows everywhere."""

    def __init__(self, skeleton: Skeleton, observed: Tensor, weights: Tensor, *, limits: Limits, tolerance: float) -> None:
        self.skeleton, self.observed, self.tolerance = skeleton, observed, tolerance
        seen = ~observed.isnan().any(-1)
        self.weights = weights * seen
        self.solvable = ((self.weights > 0).sum(-1) >= MIN_MARKERS).nonzero()[:, 0]
        n_frames, n_markers = observed.shape[:2]
        self.q = observed.new_full((n_frames, len(skeleton.coordinates)), torch.nan)
        self.error_m = observed.new_full((n_frames, n_markers), torch.nan)
        self.rms_m = observed.new_full((n_frames,), torch.nan)
        self.iterations = torch.zeros(n_frames, dtype=torch.long, device=observed.device)
        self.converged = torch.zeros(n_frames, dtype=torch.bool, device=observed.device)
        self.bounds = _bounds(skeleton, limits)
        self.periodic = _periodic_coordinates(skeleton, self.bounds)
        self.unobserved: tuple[int, ...] = ()
        self.problem = self._problem(frozenset())

    def _problem(self, held: frozenset[int]) -> LeastSquaresProblem:
        device = str(self.observed.device)
        return LeastSquaresProblem(self.skeleton, bounds=self.bounds, held=held, device=device)

    def model_markers(self) -> Tensor:
        """(M, 3) the skeleton's markers in its default pose."""
        default = torch.from_numpy(self.skeleton.default_pose).to(self.observed)
        return self.problem.kinematics.with_coordinates(default).markers

    def prepare(self) -> None:
        """Solve a few frames of the whole recording from several postures, and see what the markers observe at all."""
        if len(self.solvable) == 0:
            return
        pick = torch.linspace(0, len(self.solvable) - 1, min(KEY_FRAMES, len(self.solvable))).round().long()
        self.keys = self.solvable[pick]
        poses = starting_poses(self.skeleton, count=STARTING_POSES).to(self.observed)
        starts = [pose.expand(len(self.keys), -1) for pose in poses]
        self.key_q = self._best(self.keys, starts)
        sd = standard_deviations(self.problem, self.key_q, self.observed[self.keys], self.weights[self.keys])
        blind = (sd * MARKER_ERROR_M > UNDETERMINED_ABOVE).all(0)
        unknowns = set(self.problem.unknowns)
        held = {c for c, never in zip(self.problem.unknowns, blind.tolist(), strict=True) if never}
        self.unobserved = tuple(c for c in self.skeleton.free_coordinates if c not in unknowns or c in held)
        if held:
            self.problem = self._problem(frozenset(held))
            self.key_q = self._best(self.keys, starts)

    def run(self, *, threads: int, progress: Callable[[int], None] | None) -> None:
        """Solve all frames, a chunk at a time."""
        chunks = self.solvable.split(CHUNK_FRAMES)
        before = torch.get_num_threads()

        def work(chunk: Tensor) -> int:
            torch.set_num_threads(1)  # chunks are the parallelism; more inside would only contend
            self._solve_chunk(chunk)
            return len(chunk)

        try:
            with ThreadPoolExecutor(max_workers=threads) as pool:
                for finished in pool.map(work, chunks):
                    if progress:
                        progress(finished)
        finally:
            torch.set_num_threads(before)

    def _solve_chunk(self, frames: Tensor) -> None:
        solved = torch.zeros(len(frames), dtype=torch.bool, device=frames.device)
        for stride in STRIDES:
            due = torch.zeros_like(solved)
            due[::stride] = True
            due[-1] = True
            due &= ~solved
            if not due.any():
                continue
            if not solved.any():
                nearest = (frames[due][:, None] - self.keys).abs().argmin(-1)
                default = torch.from_numpy(self.skeleton.default_pose).to(self.observed)
                self.q[frames[due]] = self._best(frames[due], [self.key_q[nearest], default.expand(int(due.sum()), -1)])
            else:
                known = self.q[frames[solved]]
                known[:, self.periodic] = _unwrap(known[:, self.periodic])
                start = _interpolate(frames[solved], known, frames[due])
                self._store(frames[due], self._solve(frames[due], start, near=stride == 1))
            solved |= due
        self._repair(frames)
        self._assess(frames)

    def _solve(self, frames: Tensor, start: Tensor, *, near: bool = True) -> Fit:
        fits = [
            solve(
                self.problem,
                q,
                self.problem.sums(self.observed[batch], self.weights[batch]),
                tolerance=self.tolerance,
                damping=1e-6 if near else 1e-2,
                near=near,
            )
            for batch, q in zip(frames.split(BATCH_FRAMES), start.split(BATCH_FRAMES), strict=True)
        ]
        return Fit(*(torch.cat(parts) for parts in zip(*((f.q, f.iterations, f.converged) for f in fits), strict=True)))

    def _store(self, frames: Tensor, fit: Fit) -> None:
        self.q[frames], self.iterations[frames], self.converged[frames] = fit.q, fit.iterations, fit.converged

    def _best(self, frames: Tensor, starts: list[Tensor]) -> Tensor:
        """The best of several starts for each frame; a later one must be better by a hundredth to be preferred."""
        n, repeated = len(starts), frames.repeat(len(starts))
        kinematics = self.problem.kinematics
        start = align_root(kinematics, torch.cat(starts), self.observed[repeated], self.weights[repeated])
        fit = self._solve(repeated, start, near=False)
        cost = self._cost(fit.q, repeated).reshape(n, -1)
        preference = 1 + 0.01 * torch.arange(n).to(cost)[:, None]
        choice = (cost * preference + 1e-9 * (preference - 1)).argmin(0)
        pick = choice * len(frames) + torch.arange(len(frames), device=frames.device)
        self._store(frames, Fit(fit.q[pick], fit.iterations[pick], fit.converged[pick]))
        best = self.q[frames]
        middle = torch.tensor([self._middle(c) for c in self.periodic]).to(best)
        best[:, self.periodic] = middle + _wrap(best[:, self.periodic] - middle)
        self.q[frames] = best
        return best

    def _middle(self, coordinate: int) -> float:
        c = self.skeleton.coordinates[coordinate]
        return (c.range_min + c.range_max) / 2

    def _cost(self, q: Tensor, frames: Tensor) -> Tensor:
        squares = self._residuals(q, frames).square().sum(-1)
        return (self.weights[frames] * squares.nan_to_num()).sum(-1)

    def _residuals(self, q: Tensor, frames: Tensor) -> Tensor:
        """(F, M, 3) observed minus modelled markers, NaN where missing."""
        return self.observed[frames] - self.problem.kinematics.with_coordinates(q).markers

    def _repair(self, frames: Tensor) -> None:
        """A frame that fits much worse than its neighbours sits in a wrong minimum: start again from theirs."""
        cost = self._cost(self.q[frames], frames) / self.weights[frames].sum(-1)
        around = torch.stack([cost.roll(1), cost.roll(-1)]).amin(0)
        bad = (cost > 4 * around + 1e-6).nonzero()[:, 0]
        if len(bad) == 0 or len(frames) < 3:
            return
        neighbours = torch.where(cost.roll(1)[bad] < cost.roll(-1)[bad], bad - 1, (bad + 1) % len(frames))
        fit = self._solve(frames[bad], self.q[frames[neighbours]], near=False)
        wins = self._cost(fit.q, frames[bad]) < cost[bad] * self.weights[frames[bad]].sum(-1)
        self._store(frames[bad[wins]], Fit(fit.q[wins], fit.iterations[wins], fit.converged[wins]))

    def _assess(self, frames: Tensor) -> None:
        """Marker errors, and NaN for what the markers of a frame leave undetermined."""
        observed, weights = self.observed[frames], self.weights[frames]
        self.error_m[frames] = self._residuals(self.q[frames], frames).norm(dim=-1)
        self.rms_m[frames] = ((weights * self.error_m[frames].square().nan_to_num()).sum(-1) / weights.sum(-1)).sqrt()
        gappy = (weights[:, (self.weights > 0).any(0)] == 0).any(-1).nonzero()[:, 0]
        if len(gappy):
            sd = standard_deviations(self.problem, self.q[frames[gappy]], observed[gappy], weights[gappy])
            unknowns = torch.tensor(self.problem.unknowns, device=frames.device)
            values = self.q[frames[gappy][:, None], unknowns]
            values = torch.where(sd * MARKER_ERROR_M > UNDETERMINED_ABOVE, torch.nan, values)
            self.q[frames[gappy][:, None], unknowns] = values


def _bounds(skeleton: Skeleton, limits: Limits) -> dict[int, tuple[float, float]]:
    if limits == "none":
        return {}
    root = root_coordinates(skeleton)
    return {
        i: (c.range_min, c.range_max)
        for i, c in enumerate(skeleton.coordinates)
        if i not in root and (c.clamped or limits == "all")
    }


def _periodic_coordinates(skeleton: Skeleton, bounds: dict[int, tuple[float, float]]) -> list[int]:
    """Unlimited coordinates that are the angle of one axis: a whole turn more is the same pose."""
    axes = [axis for joint in skeleton.joints for axis in joint.axes[:3]]
    drives: dict[int, list[bool]] = {}
    for axis in (*axes, *(axis for joint in skeleton.joints for axis in joint.axes[3:])):
        if axis.coordinate is not None:
            drives.setdefault(axis.coordinate, []).append(axis.function.is_identity and axis in axes)
    coupled = {c.independent for c in skeleton.couplings} | {c.dependent for c in skeleton.couplings}
    return [c for c, plain in sorted(drives.items()) if plain == [True] and c not in bounds and c not in coupled]


def _wrap(angle: Tensor) -> Tensor:
    """Into [-pi, pi]."""
    return angle - 2 * torch.pi * torch.round(angle / (2 * torch.pi))


def _unwrap(angles: Tensor) -> Tensor:
    """(F, n) made continuous along F."""
    return torch.cat([angles[:1], angles[:1] + _wrap(angles.diff(dim=0)).cumsum(0)])


def _interpolate(known_frames: Tensor, known_q: Tensor, frames: Tensor) -> Tensor:
    """Coordinates at `frames`, linear in time between the known ones."""
    after = torch.searchsorted(known_frames, frames).clamp(1, len(known_frames) - 1)
    before = after - 1
    share = (frames - known_frames[before]) / (known_frames[after] - known_frames[before])
    return torch.lerp(known_q[before], known_q[after], share[:, None].to(known_q).clamp(0, 1))
