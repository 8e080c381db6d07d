"""The solver of the fit, from several starts.

    problem = MotionProblem(model, observations, R_camera_world)
    found, best_start = solve(problem, problem.start(q), SolverOptions())

Gauss-Newton steps on all variables at once; where there are several starts, each takes a few, and the best goes on.
"""

from __future__ import annotations

from biopose.reconstruction.fit_options import SolverOptions
from biopose.reconstruction.motion_gauss_newton import MotionIterate, refine_motion
from biopose.reconstruction.motion_problem import MotionProblem, MotionVariables


def solve(problem: MotionProblem, start: MotionVariables, options: SolverOptions) -> tuple[MotionVariables, int]:
    """The best fit from all starts, and the index of the start that it came from."""
    starts = [start[i : i + 1] for i in range(len(start.q))]
    best = 0
    if len(starts) > 1:
        starts = [refine_motion(problem, one, steps=options.first_steps) for one in starts]
        energies = [float(MotionIterate.of(problem, one).cost) for one in starts]
        best = energies.index(min(energies))
    return refine_motion(problem, starts[best], steps=options.steps), best
