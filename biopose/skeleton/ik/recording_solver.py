"""How a recording is solved: a few frames from several postures first, then from coarse to fine in time, in chunks."""

from __future__ import annotations

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from biopose.skeleton.angles import Representation, unwrap
from biopose.skeleton.ik.coordinate_targets import CoordinateTargets, RecordingTargets, TargetTerms
from biopose.skeleton.ik.initial_pose import align_root, starting_poses
from biopose.skeleton.ik.least_squares import (
    Fit,
    LeastSquaresProblem,
    MarkerSums,
    root_coordinates,
    solve,
    standard_deviations,
)
from biopose.skeleton.model import Skeleton
from biopose.skeleton.threads import one_torch_thread

Limits = Literal["clamped", "all", "none"]

CHUNK_FRAMES = 8192
BATCH_FRAMES = 2048  # what stays in a core's cache
STRIDES = (32, 8, 2, 1)
KEY_FRAMES = 32
# Steps at most of coarse frames, which need not converge yet, and of the others.
FIRST_STEPS, ENOUGH_STEPS = 15, 60
STARTING_POSES = 4
MANY_STARTING_POSES = 12
# A frame whose marker error is so many times that of the better frames, and this, may sit in a wrong minimum.
WRONG_MINIMUM_RATIO, WRONG_MINIMUM_MARGIN_M = 2.0, 0.002
MIN_MARKERS = 3
# A coordinate is undetermined where this much marker error changes it by half a radian (or half a metre).
MARKER_ERROR_M = 0.005
UNDETERMINED_ABOVE = 0.5
FULL_ROTATION_RAD = 2 * math.pi - 0.01  # as degrees in a file are rounded
# Of frames that lack the same markers a few are examined first; if those are this well determined, all are.
SAMPLES_OF_PATTERN, CLEARLY_DETERMINED = 8, 0.5


class RecordingSolver:
    """State of one recording's solution; frames are rows everywhere."""

    def __init__(
        self,
        skeleton: Skeleton,
        observed: Tensor,
        weights: Tensor,
        *,
        limits: Limits,
        tolerance: float,
        targets: CoordinateTargets | None = None,
    ) -> None:
        self.skeleton, self.observed, self.tolerance = skeleton, observed, tolerance
        present = ~observed.isnan().any(-1)
        self.weights = weights * present
        self.solvable = ((self.weights > 0).sum(-1) >= MIN_MARKERS).nonzero()[:, 0]
        n_frames, n_markers = observed.shape[:2]
        self.q = observed.new_full((n_frames, len(skeleton.coordinates)), torch.nan)
        self.error_m = observed.new_full((n_frames, n_markers), torch.nan)
        self.rms_m = observed.new_full((n_frames,), torch.nan)
        self.iterations = torch.zeros(n_frames, dtype=torch.long, device=observed.device)
        self.converged = torch.zeros(n_frames, dtype=torch.bool, device=observed.device)
        self.default = torch.from_numpy(skeleton.default_pose).to(observed)
        self.bounds = _bounds(skeleton, limits)
        self.freedom = self.representation = Representation.of(skeleton, self.bounds)
        self.targets = None if targets is None else RecordingTargets(targets, skeleton, like=observed)
        if self.targets is not None:
            self.representation = self.targets.representation_without(self.freedom)
        self.unobserved: tuple[int, ...] = ()
        self.problem = self._problem(frozenset())

    def _problem(self, held: frozenset[int]) -> LeastSquaresProblem:
        device = str(self.observed.device)
        return LeastSquaresProblem(self.skeleton, bounds=self.bounds, held=held, device=device)

    def model_markers(self) -> Tensor:
        """(M, 3) the skeleton's markers in its default pose."""
        return self.problem.kinematics.with_coordinates(self.default).markers

    def prepare(self) -> None:
        """Solve a few frames of the whole recording from several postures, and find what the markers observe at all."""
        if len(self.solvable) == 0:
            return
        with one_torch_thread():
            self._prepare()

    def _prepare(self) -> None:
        pick = torch.linspace(0, len(self.solvable) - 1, min(KEY_FRAMES, len(self.solvable))).round().long()
        self.keys = self.solvable[pick]
        count = max(STARTING_POSES, min(MANY_STARTING_POSES, KEY_FRAMES * STARTING_POSES // len(self.keys)))
        poses = starting_poses(self.skeleton, count=count).to(self.observed)
        self.q[self.keys] = self._best(self.keys, self._starts(poses, n_frames=len(self.keys))).q
        unobserved = (self._indeterminacy(self.keys) > 1).all(0)
        variables = set(self.problem.variables)
        held = {c for c, never in zip(self.problem.variables, unobserved.tolist(), strict=True) if never}
        aimed_at = set() if self.targets is None else set(self.targets.columns)
        free = self.skeleton.free_coordinates
        self.unobserved = tuple(c for c in free if (c not in variables and c not in aimed_at) or c in held)
        if held:
            self.problem = self._problem(frozenset(held))
            self.q[self.keys] = self._best(self.keys, self._starts(poses, n_frames=len(self.keys))).q
        self._cross_limits(self.keys)
        self.key_q = self.representation.continuous(self.q[self.keys], after=self.default)

    def _starts(self, poses: Tensor, *, n_frames: int) -> list[Tensor]:
        """Each posture, repeated for n_frames; what is not solved for stays at its default."""
        poses = poses.clone()
        still = [c for c in range(poses.shape[-1]) if c not in self.problem.variables]
        poses[:, still] = self.default[still]
        return [pose.expand(n_frames, -1) for pose in poses]

    def run(self, *, threads: int, progress: Callable[[int], None] | None) -> None:
        """Solve all frames, a chunk at a time."""
        if len(self.solvable) == 0:
            return

        def work(chunk: Tensor) -> int:
            with one_torch_thread():  # chunks are the parallelism; more inside would only contend
                self._solve_chunk(chunk)
            return len(chunk)

        with ThreadPoolExecutor(max_workers=threads) as pool:
            for finished in pool.map(work, self.solvable.split(CHUNK_FRAMES)):
                if progress:
                    progress(finished)

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
                starts = [self.key_q[nearest], self.default.expand(int(due.sum()), -1)]
                self._store(frames[due], self._best(frames[due], starts))
                self._cross_limits(frames[due])
                self.q[frames[due]] = self.representation.continuous(self.q[frames[due]], after=starts[0][0])
            else:
                known = self.q[frames[solved]]
                known[:, self.representation.periodic] = unwrap(known[:, self.representation.periodic])
                start = _interpolate(frames[solved], known, frames[due])
                near = stride == STRIDES[-1]
                steps = ENOUGH_STEPS if near else FIRST_STEPS
                self._store(frames[due], self._solve(frames[due], start, near=near, max_iterations=steps))
            solved |= due
        self._finish(frames)
        self._cross_limits(frames)
        for batch in frames.split(BATCH_FRAMES):
            self.measure(batch)
        self._repair(frames)
        self.mark_undetermined(frames)
        if self.targets is not None:
            self.targets.set_unobserved(self.q, frames, variables=self.problem.variables, bounds=self.bounds)

    def _cross_limits(self, frames: Tensor) -> None:
        """Frames that a limit holds, whose pose can be written away from it: go on from there if that is better."""
        elsewhere = self.representation.away_from_limits(self.q[frames])
        held = (elsewhere != self.q[frames]).any(-1)
        if not held.any():
            return
        frames, fit = frames[held], self._solve(frames[held], elsewhere[held], near=False)
        wins = self._cost(fit.q, frames) < (1 - 1e-9) * self._cost(self.q[frames], frames)
        self._store(frames[wins], Fit(fit.q[wins], fit.iterations[wins], fit.converged[wins]))

    def state(self, frames: Tensor) -> tuple[Tensor, ...]:
        """A copy of all that is known of frames, for `restore`."""
        return tuple(field[frames].clone() for field in self._fields())

    def restore(self, frames: Tensor, state: tuple[Tensor, ...]) -> None:
        """Set frames back to a state."""
        for field, saved in zip(self._fields(), state, strict=True):
            field[frames] = saved

    def _fields(self) -> tuple[Tensor, ...]:
        solution = (self.q, self.error_m, self.rms_m, self.iterations, self.converged)
        return (*solution, self.weights, self.observed)

    def solve_again(self, frames: Tensor, start: Tensor) -> None:
        """Solve frames from start (F, Q), as after a change of their observations or weights, and measure them."""
        self._store(frames, self._solve(frames, start, near=False))
        self._cross_limits(frames)
        for batch in frames.split(BATCH_FRAMES):
            self.measure(batch)

    def complete_q(self, *, without: Tensor) -> Tensor:
        """(F, Q) all frames' coordinates, those of the frames `without` (F,) and what is NaN interpolated in time.

        Default values where no frame has any.
        """
        rows = self.representation.continuous_in_time(self.q.cpu().numpy())
        usable = ~np.isnan(rows) & ~without.cpu().numpy()[:, None]
        for c, values in enumerate(rows.T):
            there = np.flatnonzero(usable[:, c])
            rows[:, c] = np.interp(np.arange(len(rows)), there, values[there]) if len(there) else self.default[c].item()
        return torch.from_numpy(rows).to(self.q)

    def _finish(self, frames: Tensor) -> None:
        """Go on with the frames that did not converge in the first steps."""
        rest = frames[~self.converged[frames]]
        if len(rest):
            self._store(rest, self._solve(rest, self.q[rest]))

    def _solve(self, frames: Tensor, start: Tensor, *, near: bool = True, max_iterations: int = ENOUGH_STEPS) -> Fit:
        if self.targets is not None:
            start = self.targets.nearest(start, frames, self.freedom)
        fits = [
            solve(
                self.problem,
                q,
                self.sums(batch, self.weights[batch]),
                tolerance=self.tolerance,
                max_iterations=max_iterations,
                damping=1e-6 if near else 1e-2,
                near=near,
            )
            for batch, q in zip(frames.split(BATCH_FRAMES), start.split(BATCH_FRAMES), strict=True)
        ]
        return Fit(*(torch.cat(parts) for parts in zip(*((f.q, f.iterations, f.converged) for f in fits), strict=True)))

    def sums(self, frames: Tensor, weights: Tensor) -> MarkerSums:
        """Of the frames' observations at weights (F, M), and the coordinates' targets."""
        return self.problem.sums(self.observed[frames], weights, self._target_terms(frames, weights))

    def _store(self, frames: Tensor, fit: Fit) -> None:
        self.q[frames], self.iterations[frames], self.converged[frames] = fit.q, fit.iterations, fit.converged

    def _best(self, frames: Tensor, starts: list[Tensor], *, max_iterations: int = FIRST_STEPS) -> Fit:
        """The best of several starts for each frame; a later one must be better by a hundredth to be preferred."""
        n, repeated = len(starts), frames.repeat(len(starts))
        kinematics = self.problem.kinematics
        start = align_root(kinematics, torch.cat(starts), self.observed[repeated], self.weights[repeated])
        fit = self._solve(repeated, start, near=False, max_iterations=max_iterations)
        cost = self._cost(fit.q, repeated).reshape(n, -1)
        preference = 1 + 0.01 * torch.arange(n).to(cost)[:, None]
        choice = (cost * preference + 1e-9 * (preference - 1)).argmin(0)
        pick = choice * len(frames) + torch.arange(len(frames), device=frames.device)
        return Fit(fit.q[pick], fit.iterations[pick], fit.converged[pick])

    def residuals(self, q: Tensor, frames: Tensor) -> Tensor:
        """(F, M, 3) observed minus modelled markers, NaN where missing."""
        return self.observed[frames] - self.problem.kinematics.with_coordinates(q).markers

    def _cost(self, q: Tensor, frames: Tensor) -> Tensor:
        squares = self.residuals(q, frames).square().sum(-1)
        return (self.weights[frames] * squares.nan_to_num()).sum(-1) + self._target_cost(q, frames)

    def _target_terms(self, frames: Tensor, weights: Tensor) -> TargetTerms | None:
        """The coordinates' targets beside markers of these weights (F, M); None where there are no targets."""
        return None if self.targets is None else self.targets.terms(frames, self.problem.variables, weights.sum(-1))

    def _target_cost(self, q: Tensor, frames: Tensor) -> Tensor | float:
        terms = self._target_terms(frames, self.weights[frames])
        return 0.0 if terms is None else terms.cost(q[:, self.problem.variables])

    def measure(self, frames: Tensor) -> None:
        """Marker errors of what is stored."""
        weights = self.weights[frames]
        self.error_m[frames] = self.residuals(self.q[frames], frames).norm(dim=-1)
        square = (weights * self.error_m[frames].square().nan_to_num()).sum(-1)
        self.rms_m[frames] = (square / weights.sum(-1)).sqrt()

    def _repair(self, frames: Tensor) -> None:
        """Frames that fit much worse than the better ones sit in a wrong minimum: start them from elsewhere.

        First from the frame next to them that fits better, then from every posture.
        """
        for elsewhere in (self._from_neighbours, self._from_postures):
            rms = self.rms_m[frames]
            bad = rms > WRONG_MINIMUM_RATIO * rms.quantile(0.25) + WRONG_MINIMUM_MARGIN_M
            if not bad.any():
                return
            for batch in frames[bad].split(BATCH_FRAMES):
                fit = elsewhere(batch, frames)
                cost = self.rms_m[batch].square() * self.weights[batch].sum(-1)
                cost = cost + self._target_cost(self.q[batch], batch)
                wins = self._cost(fit.q, batch) < 0.99 * cost
                self._store(batch[wins], Fit(fit.q[wins], fit.iterations[wins], fit.converged[wins]))
                for frame in batch[wins]:
                    index = int(torch.searchsorted(frames, frame))
                    before = self.q[frames[index - 1]] if index else self.key_q[0]
                    self.q[frame] = self.representation.continuous(self.q[frame, None], after=before)[0]
                self.measure(batch[wins])

    def _from_neighbours(self, bad: Tensor, frames: Tensor) -> Fit:
        index = torch.searchsorted(frames, bad)
        before, after = frames[(index - 1).clamp(min=0)], frames[(index + 1).clamp(max=len(frames) - 1)]
        better = torch.where(self.rms_m[before] < self.rms_m[after], before, after)
        return self._solve(bad, self.q[better], near=False)

    def _from_postures(self, bad: Tensor, _: Tensor) -> Fit:
        poses = starting_poses(self.skeleton, count=MANY_STARTING_POSES).to(self.observed)
        return self._best(bad, self._starts(poses, n_frames=len(bad)), max_iterations=ENOUGH_STEPS)

    def mark_undetermined(self, frames: Tensor) -> None:
        """NaN for the coordinates that a frame's markers do not determine, which only a missing marker can cause."""
        present = self.weights[frames] > 0
        gappy = frames[(~present & (self.weights > 0).any(0)).any(-1)]
        if len(gappy) == 0:
            return
        patterns, pattern = torch.unique(self.weights[gappy] > 0, dim=0, return_inverse=True)
        members = [gappy[pattern == i] for i in range(len(patterns))]
        samples = [m[:: max(1, len(m) // SAMPLES_OF_PATTERN)] for m in members]
        doubtful = torch.stack([(self._indeterminacy(sample) > CLEARLY_DETERMINED).any() for sample in samples])
        suspects = gappy[doubtful[pattern]]
        variables = torch.tensor(self.problem.variables, device=frames.device)
        for batch in suspects.split(BATCH_FRAMES):
            values = self.q[batch[:, None], variables]
            self.q[batch[:, None], variables] = torch.where(self._indeterminacy(batch) > 1, torch.nan, values)

    def _indeterminacy(self, frames: Tensor) -> Tensor:
        """(F, n) change of each variable by marker error, over what counts as undetermined."""
        present = (self.weights[frames] > 0).to(self.weights.dtype)
        sd = standard_deviations(self.problem, self.q[frames], self.sums(frames, present))
        return sd * MARKER_ERROR_M / UNDETERMINED_ABOVE


def _bounds(skeleton: Skeleton, limits: Limits) -> dict[int, tuple[float, float]]:
    """Lower and upper limit by coordinate index.

    The root is never limited, and neither is an angle whose range is 2 pi: its ends are the same pose.
    """
    if limits == "none":
        return {}
    root = root_coordinates(skeleton)
    return {
        i: (c.range_min, c.range_max)
        for i, c in enumerate(skeleton.coordinates)
        if i not in root
        and (c.clamped or limits == "all")
        and not (c.motion == "rotational" and c.range_max - c.range_min > FULL_ROTATION_RAD)
    }


def _interpolate(known_frames: Tensor, known_q: Tensor, frames: Tensor) -> Tensor:
    """Coordinates at `frames`: cubic in time through the four nearest known ones, linear where there are fewer."""
    n = len(known_frames)
    after = torch.searchsorted(known_frames, frames).clamp(1, n - 1)
    if n < 4:
        before = after - 1
        share = (frames - known_frames[before]) / (known_frames[after] - known_frames[before])
        return torch.lerp(known_q[before], known_q[after], share[:, None].to(known_q))
    first = (after - 2).clamp(0, n - 4)
    nodes = first[:, None] + torch.arange(4, device=frames.device)
    t = known_frames[nodes].to(known_q)
    weights = torch.ones_like(t)  # Lagrange's polynomials
    for i in range(4):
        for j in range(4):
            if i != j:
                weights[:, i] *= (frames - t[:, j]) / (t[:, i] - t[:, j])
    return (weights[..., None] * known_q[nodes]).sum(1)
