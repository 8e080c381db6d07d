"""The nonlinear least-squares problem behind inverse kinematics, solved for a batch of frames at once.

Markers are rigid in their bodies, so a body's markers act on cost, gradient and curvature through a few weighted sums
alone (`MarkerSums`), made once; no iteration touches a marker again. The moments of all bodies that a joint carries add
up to composite ones, as in the composite-rigid-body algorithm for a mass matrix (Featherstone 2008, Rigid Body
Dynamics Algorithms, section 6.2): J'WJ comes without forming J. The same moments give the markers' second derivatives,
and with them Newton's step: residuals of a centimetre, typical on skin, would leave Gauss-Newton ten linear steps where
Newton takes three.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import torch
from torch import Tensor

from biopose.skeleton.ik.coordinate_targets import TargetTerms
from biopose.skeleton.ik.normal_equations import NormalEquations, bounded_step
from biopose.skeleton.kinematics import Kinematics, Pose
from biopose.skeleton.model import GROUND, Skeleton

_LAMBDA_LIMITS = (1e-9, 1e9)
_LAMBDA_UNFELT = 1e-6  # up to here damping does not slow even weakly determined coordinates
_LAMBDA_AFTER_FAILURE = 1e-3  # where damping starts to be felt
_ROUNDING = 1e-14  # of the cost, which is a difference of sums as large as the squares of the positions
_TRUST = 0.3  # the curvature of weakly determined coordinates makes the error some ten times the square
_NEWTON_BELOW = 0.1  # a step of less than this (rad, m) is taken to be near the solution


@dataclass(frozen=True)
class Fit:
    """Result of `solve`: coordinates (F, Q), iterations (F,) and whether each frame converged (F,)."""

    q: Tensor
    iterations: Tensor
    converged: Tensor


@dataclass(frozen=True)
class MarkerSums:
    """Weighted sums over each body's markers: l in the body's frame, y observed in ground, weights w.

    Attributes:
        weight: (F, B, 1, 1) of w.
        local_first: (F, B, 3, 1) of w l.
        local_second: (F, B, 3, 3) of w l l'.
        observed_first: (F, B, 3, 1) of w y.
        local_observed: (F, B, 3, 3) of w l y'.
        observed_square: (F,) of w y'y over all bodies.
        targets: of the problem's unknowns, beside the markers.
    """

    weight: Tensor
    local_first: Tensor
    local_second: Tensor
    observed_first: Tensor
    local_observed: Tensor
    observed_square: Tensor
    targets: TargetTerms | None = None

    def __getitem__(self, keep: Tensor) -> MarkerSums:
        """The frames that a mask keeps."""
        parts = [getattr(self, field.name) for field in fields(self)]
        kept: list[Any] = [part if part is None else part[keep] for part in parts]
        return MarkerSums(*kept)


class LeastSquaresProblem:
    """Markers against coordinates for one skeleton.

    Attributes:
        variables: indices of the coordinates that are solved for, in the order of the normal matrix.
        lower, upper: (n,) their limits, infinite where there are none.
    """

    def __init__(
        self,
        skeleton: Skeleton,
        *,
        bounds: dict[int, tuple[float, float]],
        held: frozenset[int],
        device: str = "cpu",
        dtype: torch.dtype = torch.float64,
    ) -> None:
        """Prepares the index tables.

        Args:
            skeleton: with exactly the markers to be fitted.
            bounds: limits by coordinate index; absent means unlimited.
            held: coordinates that keep their value.
            device: where to compute.
            dtype: in which precision; single is enough for a step or two, not to converge.
        """
        self.skeleton = skeleton
        self.kinematics = Kinematics(skeleton.without_bare_branches(), device=device, dtype=dtype)
        drivers, carried = self.kinematics.row_drivers, torch.tensor(self.kinematics.carries_marker)
        free = set(skeleton.free_coordinates) - held
        rows = [r for r, c in enumerate(drivers) if c in free and carried[r].any()]
        joints = [self.kinematics.axes[r][0] for r in rows]
        columns = list(dict.fromkeys((joint, drivers[r]) for joint, r in zip(joints, rows, strict=True)))
        self.variables = list(dict.fromkeys(c for _, c in columns if c is not None))
        self.rows = torch.tensor(rows, dtype=torch.long, device=device)
        where = [columns.index((joint, drivers[r])) for joint, r in zip(joints, rows, strict=True)]
        self.row_columns = torch.tensor(where, dtype=torch.long, device=device)
        self._tabulate_columns(columns, device, dtype)
        limits = torch.tensor([bounds.get(c, (-torch.inf, torch.inf)) for c in self.variables], dtype=dtype)
        self.lower, self.upper = limits.reshape(-1, 2).T.to(device)

    def _tabulate_columns(self, columns: list[tuple[int, int | None]], device: str, dtype: torch.dtype) -> None:
        joints = [joint for joint, _ in columns]
        skeleton = self.kinematics.skeleton
        bodies = [marker.body for marker in skeleton.markers]
        self.marked_bodies = sorted(set(bodies))
        belongs = [[b == body for b in bodies] for body in self.marked_bodies]
        self.body_markers = torch.tensor(belongs, dtype=dtype, device=device)
        carried = [[j + 1 in skeleton.ancestors[b] for b in self.marked_bodies] for j in joints]
        bodies_seen = len(self.marked_bodies)
        self.column_bodies = torch.tensor(carried, dtype=dtype, device=device).reshape(-1, bodies_seen)
        above = [[d + 1 in skeleton.ancestors[j + 1] for d in joints] for j in joints]
        n = len(joints)
        self.is_ancestor = torch.tensor(above, dtype=dtype, device=device).reshape(n, n).tril()
        unknown = [self.variables.index(c) for _, c in columns if c is not None]
        # One column an unknown, in order, is the common case; couplings across joints merge columns.
        self.merge: Tensor | None = None
        if unknown != list(range(len(columns))):
            self.merge = torch.nn.functional.one_hot(torch.tensor(unknown), len(self.variables)).to(device, dtype)

    def normal_equations(self, q: Tensor, sums: MarkerSums, newton: Tensor | None = None) -> NormalEquations:
        """Cost, descent direction and normal matrix.

        Args:
            q: (F, Q) coordinates.
            sums: of the F frames' markers.
            newton: (F,) 1 where the second derivatives belong in the matrix, 0 for Gauss and Newton's approximation.
        """
        equations = self.equations_at(self.kinematics.with_coordinates(q), sums, newton)
        return equations if sums.targets is None else sums.targets.added_to(equations, q[:, self.variables])

    def equations_at(self, pose: Pose, sums: MarkerSums, newton: Tensor | None = None) -> NormalEquations:
        """The same of F frames' poses, of the markers alone."""
        cost, moments = self._body_moments(pose, sums)
        moments = self.column_bodies @ moments
        twists = pose.twists()[..., self.rows, :]
        S = twists.new_zeros(*twists.shape[:-2], len(self.column_bodies), 6).index_add(-2, self.row_columns, twists)
        lever, force = moments[..., 16:25].unflatten(-1, (3, 3)), moments[..., 13:16]
        torque = torch.stack([lever[..., i, j] - lever[..., j, i] for i, j in ((1, 2), (2, 0), (0, 1))], dim=-1)
        gradient = (S[..., :3] * torque).sum(-1) + (S[..., 3:] * force).sum(-1)
        momentum = _momentum(S, moments)
        scale = (momentum * S).sum(-1)
        if newton is not None:
            momentum[..., :3] -= newton[:, None, None] * _curvature(S, force, lever)
        normal = (momentum @ S.mT) * self.is_ancestor
        if self.merge is None:
            return NormalEquations(cost, gradient, normal, scale)
        full = normal + normal.tril(-1).mT
        return NormalEquations(cost, gradient @ self.merge, self.merge.T @ full @ self.merge, scale @ self.merge)

    def _body_moments(self, pose: Pose, sums: MarkerSums) -> tuple[Tensor, Tensor]:
        """Cost (F,) and each marked body's moments (F, B, 25): sums of w, w p, w p p', w r and w p r'.

        p is a marker's modelled position and r its residual, both in ground.
        """
        R = pose.R_ground_body[..., self.marked_bodies, :, :]
        t = pose.p_ground_body[..., self.marked_bodies, :, None]
        turned = R @ sums.local_first
        first = turned + t * sums.weight
        shift = turned @ t.mT
        second = R @ sums.local_second @ R.mT + shift + shift.mT + sums.weight * (t @ t.mT)
        observed_second = R @ sums.local_observed + t @ sums.observed_first.mT
        lever = observed_second - second
        traces = (second - 2 * observed_second).diagonal(dim1=-2, dim2=-1).sum((-1, -2))
        force = sums.observed_first - first
        parts = [sums.weight, first, second.flatten(-2)[..., None], force, lever.flatten(-2)[..., None]]
        return sums.observed_square + traces, torch.cat(parts, dim=-2)[..., 0]

    def sums(self, observed: Tensor, weights: Tensor, targets: TargetTerms | None = None) -> MarkerSums:
        """What the solver needs of the markers, and the unknowns' targets.

        Args:
            observed: (F, M, 3) positions in ground, NaN where missing.
            weights: (F, M), zero where missing.
            targets: of the unknowns, if there are any.
        """
        y = torch.nan_to_num(observed)
        member = self.body_markers  # (B, M)
        local = self.kinematics.marker_locations
        n_bodies = len(member)

        def by_body(features: Tensor) -> Tensor:
            return member @ (weights[..., None] * features)

        constant = torch.cat(
            [torch.ones_like(local[:, :1]), local, (local[:, :, None] * local[:, None]).flatten(1)], -1
        )
        fixed = (weights @ (member.T[:, :, None] * constant[:, None]).flatten(1)).unflatten(-1, (n_bodies, 13))
        crossed = by_body((local[:, :, None] * y[..., None, :]).flatten(-2))
        return MarkerSums(
            weight=fixed[..., :1, None],
            local_first=fixed[..., 1:4, None],
            local_second=fixed[..., 4:].unflatten(-1, (3, 3)),
            observed_first=by_body(y)[..., None],
            local_observed=crossed.unflatten(-1, (3, 3)),
            observed_square=(weights * y.square().sum(-1)).sum(-1),
            targets=targets,
        )


def _momentum(S: Tensor, moments: Tensor) -> Tensor:
    """(F, C, 6) angular and linear momentum about the origin of the carried point masses moving with twist S."""
    angular, linear = S[..., :3], S[..., 3:]
    mass, first, second = moments[..., :1], moments[..., 1:4], moments[..., 4:13].unflatten(-1, (3, 3))
    trace = second.diagonal(dim1=-2, dim2=-1).sum(-1, keepdim=True)
    turned = trace * angular - (second @ angular[..., None])[..., 0]
    return torch.cat(
        [torch.linalg.cross(first, linear) + turned, mass * linear - torch.linalg.cross(first, angular)], dim=-1
    )


def _curvature(S: Tensor, force: Tensor, lever: Tensor) -> Tensor:
    """(F, C, 3) sum over the carried markers of w (velocity under S) x residual.

    Its product with an ancestor's angular velocity is the residual's product with the second derivative, since an
    ancestor's rotation rotates the velocity.
    """
    angular, linear = S[..., :3], S[..., 3:]
    trace = lever.diagonal(dim1=-2, dim2=-1).sum(-1, keepdim=True)
    return (lever @ angular[..., None])[..., 0] - trace * angular + torch.linalg.cross(linear, force)


def solve(
    problem: LeastSquaresProblem,
    q: Tensor,
    sums: MarkerSums,
    *,
    tolerance: float = 1e-5,
    max_iterations: int = 60,
    damping: float = _LAMBDA_UNFELT,
    near: bool = True,
) -> Fit:
    """Minimise sum_m w_m |observed_m - marker_m(q)|^2 and the targets' cost in every frame, within the limits.

    Args:
        problem: skeleton, variables and limits.
        q: (F, Q) where to start.
        sums: of the frames' markers, from the problem.
        tolerance: a frame has converged when a step leaves an error of this order (radians or metres): when no
            coordinate moves further, or by the square root of it in a Newton step.
        max_iterations: steps at most.
        damping: first Levenberg-Marquardt factor; it falls thirtyfold with a step that helps and rises tenfold
            with one that does not.
        near: whether the start is near the solution, so that Newton's step can be trusted from the beginning.
    """
    result, converged = q.clone(), torch.zeros(len(q), dtype=torch.bool, device=q.device)
    iterations = torch.zeros(len(q), dtype=torch.long, device=q.device)
    if len(q) == 0 or not problem.variables:
        return Fit(result, iterations, ~converged)
    frames = torch.arange(len(q), device=q.device)
    descent = _Descent(problem, q, sums, damping=damping, near=near)
    for _ in range(max_iterations):
        target, length, settled = descent.step(tolerance)
        iterations[frames] += 1
        stuck = descent.factor >= _LAMBDA_LIMITS[1]
        if (done := settled | stuck).any():
            result[frames[done]] = torch.where(settled[done, None], target[done], descent.q[done])
            converged[frames[done]] = settled[done]
            frames, target, length = frames[~done], target[~done], length[~done]
            descent.keep(~done)
        if len(frames) == 0:
            break
        descent.move(target, length)
    result[frames] = descent.q
    return Fit(result, iterations, converged)


class _Descent:
    """The frames that have not converged: their coordinates and their normal equations there."""

    def __init__(
        self, problem: LeastSquaresProblem, q: Tensor, sums: MarkerSums, *, damping: float, near: bool
    ) -> None:
        self.problem, self.sums = problem, sums
        self.variables = torch.tensor(problem.variables, dtype=torch.long, device=q.device)
        self.q = q.index_copy(-1, self.variables, q[:, self.variables].clamp(problem.lower, problem.upper))
        self.factor = torch.full((len(q),), damping, dtype=q.dtype, device=q.device)
        self.newton = torch.full_like(self.factor, float(near))
        self.equations = problem.normal_equations(self.q, sums, self.newton)

    def keep(self, mask: Tensor) -> None:
        """Drop the other frames."""
        self.q, self.factor, self.newton = self.q[mask], self.factor[mask], self.newton[mask]
        self.sums, self.equations = self.sums[mask], self.equations[mask]

    def step(self, tolerance: float) -> tuple[Tensor, Tensor, Tensor]:
        """Coordinates after the next step (F, Q), its length (F,), and whether the frame has converged with it (F,)."""
        x = self.q[:, self.variables]
        target = self._bounded_step(x, slice(None))
        # Newton's matrix need not be positive definite away from a minimum; Gauss and Newton's is.
        failed = target.isnan().any(-1) & (self.newton > 0)
        if failed.any():
            self.newton = self.newton * ~failed
            self.equations.matrix[failed] = self.problem.normal_equations(self.q[failed], self.sums[failed]).matrix
            target[failed] = self._bounded_step(x[failed], failed)
        length = (target - x).abs().amax(-1)
        lower, upper = self.problem.lower, self.problem.upper
        reached = ((target <= lower) & (x > lower)) | ((target >= upper) & (x < upper))
        # A Newton step leaves an error of the order of its square.
        trusted = (self.newton > 0) & (self.factor <= _LAMBDA_UNFELT) & ~reached.any(-1)
        settled = length < torch.where(trusted, _TRUST * tolerance**0.5, tolerance)  # false for NaN
        return self.q.index_copy(-1, self.variables, target), length, settled

    def _bounded_step(self, x: Tensor, where: Tensor | slice) -> Tensor:
        return bounded_step(x, self.equations[where], self.factor[where], self.problem.lower, self.problem.upper)

    def move(self, target: Tensor, length: Tensor) -> None:
        """Take the step where it lowers the cost; elsewhere stay and damp more."""
        newton = (length < _NEWTON_BELOW).to(target.dtype)
        new = self.problem.normal_equations(target, self.sums, newton)
        better = new.cost <= self.equations.cost + _ROUNDING * self.sums.observed_square  # false for NaN
        raised = (self.factor * 10).clamp(min=_LAMBDA_AFTER_FAILURE)
        self.factor = torch.where(better, self.factor * 0.03, raised).clamp(*_LAMBDA_LIMITS)
        self.newton = torch.where(better, newton, self.newton)
        self.q = torch.where(better[:, None], target, self.q)
        self.equations = self.equations.where(better, new)


def standard_deviations(problem: LeastSquaresProblem, q: Tensor, sums: MarkerSums) -> Tensor:
    """Standard deviation of each unknown for a unit standard deviation of markers of weight 1, (F, n).

    The linear error propagation sqrt(diag((J'WJ)^-1)), where errors' variances are as 1 / weight; infinite where
    nothing observes it.
    """
    normal = problem.normal_equations(q, sums).matrix
    full = normal.tril() + normal.tril(-1).mT
    floor = 1e-12 * torch.eye(full.shape[-1], dtype=full.dtype, device=full.device)
    variance = torch.linalg.inv(full + floor).diagonal(dim1=-2, dim2=-1)
    return torch.where(full.diagonal(dim1=-2, dim2=-1) > 0, variance.clamp(min=0), torch.inf).sqrt()


def root_coordinates(skeleton: Skeleton) -> frozenset[int]:
    """Coordinates of the joints on ground: the body's position and orientation, which anatomy does not limit."""
    on_ground = (joint for joint in skeleton.joints if joint.parent == GROUND)
    return frozenset(c for joint in on_ground for axis in joint.axes for c in axis.coordinates)
