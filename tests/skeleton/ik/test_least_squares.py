"""What the solver computes from sums over bodies is what the markers themselves give."""

from dataclasses import dataclass, fields

import numpy as np
import pytest
import torch
from torch import Tensor

from biopose.skeleton.ik.least_squares import (
    LeastSquaresProblem,
    MarkerSums,
    root_coordinates,
    solve,
    standard_deviations,
)
from biopose.skeleton.model import Skeleton
from tests.skeleton import models
from tests.skeleton.models import random_poses, without_ground_markers

MODELS = ["arm", "coupled_spine", "every_part", "full_body"]


@dataclass(frozen=True)
class Case:
    """A few frames of a skeleton, their markers 3 cm off, some of them missing, with any weights."""

    problem: LeastSquaresProblem
    q: Tensor
    observed: Tensor
    weights: Tensor

    @classmethod
    def of(cls, skeleton: Skeleton, *, held: frozenset[int] = frozenset(), frames: int = 5) -> "Case":
        rng = np.random.default_rng(11)
        skeleton = models.with_random_markers(without_ground_markers(skeleton), each=5)
        q = random_poses(skeleton, count=frames, seed=12)
        positions = models.markers_at(skeleton, q)
        positions += rng.normal(0, 0.03, positions.shape)
        weights = rng.uniform(0.5, 2.0, positions.shape[:2])
        missing = rng.uniform(size=weights.shape) < 0.15
        positions[missing], weights[missing] = np.nan, 0.0
        problem = LeastSquaresProblem(skeleton, bounds={}, held=held)
        return cls(problem, *map(torch.from_numpy, (q, positions, weights)))

    def half_cost(self, frame: int, x: Tensor) -> Tensor:
        q = self.q[frame].index_copy(0, torch.tensor(self.problem.variables), x)
        residuals = self.problem.kinematics.with_coordinates(q).markers - self.observed[frame].nan_to_num()
        return (self.weights[frame] * residuals.square().sum(-1)).sum() / 2

    def jacobians(self) -> tuple[Tensor, Tensor, Tensor]:
        """J (F, 3M, n), residuals (F, 3M) and weights (F, 3M), zero where missing."""
        pose = self.problem.kinematics.with_coordinates(self.q)
        J = pose.marker_jacobian()[..., self.problem.variables].flatten(1, 2)
        return J, (self.observed - pose.markers).nan_to_num().flatten(1), self.weights.repeat_interleave(3, dim=1)

    def matrix(self, *, newton: bool) -> Tensor:
        flag = torch.full((len(self.q),), float(newton), dtype=torch.float64)
        lower = self.problem.normal_equations(self.q, self.sums(), flag).matrix.tril()
        return lower + lower.tril(-1).mT

    def sums(self) -> MarkerSums:
        return self.problem.sums(self.observed, self.weights)

    def hessian(self, frame: int) -> Tensor:
        x = self.q[frame, self.problem.variables]
        return torch.autograd.functional.hessian(lambda x: self.half_cost(frame, x), x)


@pytest.fixture(params=MODELS)
def case(request: pytest.FixtureRequest) -> Case:
    return Case.of(request.getfixturevalue(request.param))


def test_cost_gradient_and_matrix_are_those_of_the_jacobian(case: Case) -> None:
    J, r, w = case.jacobians()
    found = case.problem.normal_equations(case.q, case.sums())
    torch.testing.assert_close(found.cost, (w * r.square()).sum(-1))
    torch.testing.assert_close(found.gradient, (J.mT @ (w * r)[..., None])[..., 0], atol=1e-11, rtol=1e-9)
    expected = J.mT @ (w[..., None] * J)
    torch.testing.assert_close(found.matrix.tril(), expected.tril(), atol=1e-11, rtol=1e-9)
    torch.testing.assert_close(case.matrix(newton=False), expected, atol=1e-11, rtol=1e-9)


def test_scale_says_how_large_the_matrix_is(case: Case) -> None:
    """Damping is measured by it: positive, and the diagonal itself where no coordinate moves several joints."""
    found = case.problem.normal_equations(case.q, case.sums())
    assert (found.scale > 0).all()
    if case.problem.merge is None:
        torch.testing.assert_close(found.scale, found.matrix.diagonal(dim1=-2, dim2=-1))


@pytest.mark.parametrize("name", ["arm", "coupled_spine"])
def test_newtons_matrix_is_the_hessian(request: pytest.FixtureRequest, name: str) -> None:
    case = Case.of(request.getfixturevalue(name))
    for frame, found in enumerate(case.matrix(newton=True)):
        torch.testing.assert_close(found, case.hessian(frame), atol=1e-10, rtol=1e-9)


@pytest.mark.parametrize(("name", "share"), [("every_part", 0.25), ("full_body", 0.03)])
def test_newtons_matrix_is_near_the_hessian_where_functions_are_curved(
    request: pytest.FixtureRequest, name: str, share: float
) -> None:
    """The functions' own curvature is left out: of what Gauss and Newton lack, this share is missing."""
    case = Case.of(request.getfixturevalue(name), frames=9)
    hessian = torch.stack([case.hessian(frame) for frame in range(len(case.q))])
    newton, gauss = (case.matrix(newton=flag) - hessian for flag in (True, False))
    assert (newton.norm(dim=(1, 2)) / gauss.norm(dim=(1, 2))).median() < share
    assert (newton.norm(dim=(1, 2)) / hessian.norm(dim=(1, 2))).max() < 0.005


def test_missing_markers_count_as_absent_ones(full_body: Skeleton) -> None:
    case = Case.of(full_body, frames=1)
    seen = ~case.observed[0].isnan().any(-1)
    skeleton = case.problem.skeleton
    fewer = skeleton.select_markers([n for n, s in zip(skeleton.marker_names, seen.tolist(), strict=True) if s])
    problem = LeastSquaresProblem(fewer, bounds={}, held=frozenset())
    assert problem.variables == case.problem.variables
    sums = problem.sums(case.observed[:, seen], case.weights[:, seen])
    for field in fields(sums):
        torch.testing.assert_close(getattr(sums, field.name), getattr(case.sums(), field.name))
    theirs, ours = problem.normal_equations(case.q, sums), case.problem.normal_equations(case.q, case.sums())
    torch.testing.assert_close(theirs.gradient, ours.gradient)
    torch.testing.assert_close(theirs.matrix, ours.matrix)


def test_held_coordinates_are_no_unknowns(full_body: Skeleton) -> None:
    held = frozenset({full_body.coordinate_names.index(name) for name in ("knee_angle_r", "pelvis_ty")})
    everything, less = Case.of(full_body), Case.of(full_body, held=held)
    assert set(everything.problem.variables) - set(less.problem.variables) == held
    assert set(everything.problem.variables) == set(full_body.free_coordinates)
    keep = [everything.problem.variables.index(c) for c in less.problem.variables]
    torch.testing.assert_close(less.matrix(newton=True), everything.matrix(newton=True)[:, keep][:, :, keep])


def test_standard_deviations_are_the_propagated_marker_errors(case: Case) -> None:
    J, _, w = case.jacobians()
    expected = torch.linalg.inv(J.mT @ (w[..., None] * J)).diagonal(dim1=-2, dim2=-1).sqrt()
    found = standard_deviations(case.problem, case.q, case.sums())
    torch.testing.assert_close(found, expected, atol=0, rtol=1e-6)


def test_standard_deviations_tell_what_nothing_observes(full_body: Skeleton) -> None:
    q = torch.from_numpy(random_poses(full_body, count=5, share=0.3))
    problem = LeastSquaresProblem(full_body, bounds={}, held=frozenset())
    hand = torch.tensor([m.body == full_body.body_names.index("hand_r") for m in full_body.markers])
    toes = torch.tensor([m.body == full_body.body_names.index("toes_l") for m in full_body.markers])
    observed = torch.from_numpy(models.markers_at(full_body, q.numpy()))
    weights = torch.where(hand | toes, 0.0, torch.ones(observed.shape[:2], dtype=torch.float64))
    found = standard_deviations(problem, q, problem.sums(observed, weights))
    blind = {full_body.coordinate_names.index(n) for n in ("wrist_flex_r", "wrist_dev_r", "mtp_angle_l")}
    for column, coordinate in enumerate(problem.variables):
        assert bool((found[:, column] > 1e3).all()) == (coordinate in blind)
        assert bool((found[:, column] < 1e2).all()) == (coordinate not in blind)


def test_solve_finds_the_pose_and_keeps_what_it_does_not_solve_for(full_body: Skeleton) -> None:
    skeleton = models.with_random_markers(full_body)
    q = torch.from_numpy(random_poses(skeleton, count=20, seed=1, share=0.8))
    knee = skeleton.coordinate_names.index("knee_angle_r")
    problem = LeastSquaresProblem(skeleton, bounds={}, held=frozenset({knee}))
    start = q + torch.from_numpy(np.random.default_rng(2).uniform(-0.1, 0.1, q.shape))
    start[:, knee] = q[:, knee]
    observed = problem.kinematics.with_coordinates(q).markers
    sums = problem.sums(observed, torch.ones(observed.shape[:2], dtype=torch.float64))
    fit = solve(problem, start, sums, tolerance=1e-10)
    assert fit.converged.all()
    torch.testing.assert_close(fit.q[:, problem.variables], q[:, problem.variables], atol=1e-7, rtol=0)
    torch.testing.assert_close(fit.q[:, knee], q[:, knee], atol=0, rtol=0)


def test_root_coordinates_are_those_of_the_joints_on_ground(full_body: Skeleton) -> None:
    found = {full_body.coordinate_names[c] for c in root_coordinates(full_body)}
    assert found == {f"pelvis_{name}" for name in ("tilt", "list", "rotation", "tx", "ty", "tz")}
