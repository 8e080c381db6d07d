"""The solver of the fit, from several starts side by side.

    problem = MotionProblem(model, observations, R_camera_world)
    found, best_start = solve(problem, problem.start(q), SolverOptions())

Gradient descent (Adam; Kingma & Ba 2015) on all variables from every start; the best goes on by Gauss-Newton steps of
the poses, before and after another descent on all variables.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from biopose.reconstruction.gradient_descent import Adam
from biopose.reconstruction.motion_problem import MotionProblem, MotionVariables
from biopose.reconstruction.pose_gauss_newton import refine_poses

POSE_STEP, SHAPE_STEP, FOCAL_STEP = 0.03, 0.03, 0.003  # of Adam: radians, metres; standard deviations; logarithm
SHAPE_DESCENT_STEP = 0.6  # first step of the second descent, as a fraction of the first one's


@dataclass(frozen=True)
class SolverOptions:
    """Iterations of the solver.

    Attributes:
        first_iterations: of gradient descent, of all starts.
        shape_iterations: of gradient descent, of the best start, once its poses are near.
        newton_steps: at most, of the best start's poses, before that and after.
    """

    first_iterations: int = 40
    shape_iterations: int = 40
    newton_steps: int = 12


def solve(problem: MotionProblem, start: MotionVariables, options: SolverOptions) -> tuple[MotionVariables, int]:
    """The best fit from all starts, and the index of the start that it came from."""
    at = descend(problem, start, iterations=options.first_iterations)
    with torch.no_grad():
        best = int(problem.energy(at).argmin())
    at = refine_poses(problem, at[best : best + 1], steps=options.newton_steps)
    if not problem.shape_is_known:
        at = descend(problem, at, iterations=options.shape_iterations, step=SHAPE_DESCENT_STEP)
        at = refine_poses(problem, at, steps=options.newton_steps)
    return at, best


def descend(problem: MotionProblem, at: MotionVariables, *, iterations: int, step: float = 1.0) -> MotionVariables:
    """Gradient descent on all variables, with a cosine schedule of steps.

    Args:
        problem: whose energy.
        at: the starts.
        iterations: of Adam.
        step: the first, as a fraction of the default.
    """
    q, proportions, log_focal, ground = (
        v.detach().clone().requires_grad_() for v in (at.q, at.proportions, at.log_focal, at.ground)
    )
    free = [(q, POSE_STEP)]
    if not problem.shape_is_known:
        free += [(proportions, SHAPE_STEP), (ground, SHAPE_STEP)]
        if problem.model.focal_sd > 0:
            free.append((log_focal, FOCAL_STEP))
    adam = Adam(free, iterations=iterations, step=step)
    variables = MotionVariables(q, proportions, log_focal, ground)
    for _ in range(iterations):
        adam.descend(problem.energy(variables).sum())
        with torch.no_grad():
            q.clamp_(problem.low, problem.high)
    return MotionVariables(q.detach(), proportions.detach(), log_focal.detach(), ground.detach())
