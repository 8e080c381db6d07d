"""Markers that are displaced all through a recording: least squares shares their error out among their neighbours.

What a marker's distance from the solution without it would be follows from the solution with it, to first order: its
deleted residual (I - H)^-1 r, with the hat matrix H of the least-squares problem (Cook and Weisberg 1982, Residuals and
Influence in Regression, section 2.2). A marker that alone determines some direction has none there.
"""

from __future__ import annotations

import torch
from torch import Tensor

from biopose.skeleton.ik.recording_solver import RecordingSolver

SAMPLES = 32  # frames that are examined
MOST_DISPLACED = 1 / 5  # of the markers
# An acromion rises by so much with the arm, in a model without scapulae (0.15 m of clavicle, by 30 degrees).
DISPLACED_M = 0.080
# Of synthetic people, 8 mm of skin motion, markers located to 20 mm: at most 5.4 (and 50 mm) in faultless recordings,
# 7 or more (and mostly 100 to 140 mm) for markers displaced by 120 mm, but for some of the wrist.
VARIANCE_RATIO = 6.0
LEAST_FREE = 0.15  # share of an error that reaches the residual, from which on a direction counts as determined


def displaced_markers(solver: RecordingSolver) -> Tensor:
    """(M,) markers that are displaced in most of a solved recording's frames; the solver's state stays as it is.

    One after another the marker whose removal improves the fit most is left out, if its deleted residual is far and
    the fall of the squared residuals is many times what the others' would make likely (an F ratio).
    """
    if not solver.problem.variables:
        return torch.zeros(solver.weights.shape[1], dtype=torch.bool, device=solver.q.device)
    pick = torch.linspace(0, len(solver.solvable) - 1, min(SAMPLES, len(solver.solvable))).round().long()
    frames = solver.solvable[pick]
    found = torch.zeros(solver.weights.shape[1], dtype=torch.bool, device=solver.q.device)
    saved = solver.state(frames)
    for _ in range(int(MOST_DISPLACED * len(found))):
        distance_m, ratio = deleted_residuals(solver, frames)
        suspect = (distance_m.nanmedian(0).values > DISPLACED_M) & (ratio.nanmedian(0).values > VARIANCE_RATIO)
        if not suspect.any():
            break
        worst = int(torch.where(suspect, ratio.nanmedian(0).values, -torch.inf).argmax())
        found[worst] = True
        solver.weights[frames, worst] = 0.0
        solver.solve_again(frames, solver.q[frames])
    solver.restore(frames, saved)
    return found


def deleted_residuals(solver: RecordingSolver, frames: Tensor) -> tuple[Tensor, Tensor]:
    """Each marker's distance (F, M) from the solution without it, and the F ratio (F, M) of leaving it out.

    NaN where a marker is missing. Coordinates at a limit count as held there.
    """
    problem, q, weights = solver.problem, solver.q[frames].nan_to_num(), solver.weights[frames]
    pose, x = problem.kinematics.with_coordinates(q), q[:, problem.variables]
    held = (x <= problem.lower) | (x >= problem.upper)
    jacobian = torch.where(held[:, None, None], 0.0, pose.marker_jacobian()[..., problem.variables])
    jacobian = jacobian * weights.sqrt()[..., None, None]
    residual = (solver.observed[frames] - pose.markers).nan_to_num() * weights.sqrt()[..., None]
    normal = torch.einsum("fmia,fmib->fab", jacobian, jacobian)
    floor = 1e-9 * normal.diagonal(dim1=-2, dim2=-1).amax(-1, keepdim=True)
    normal = normal + torch.diag_embed(floor + held)
    hat = jacobian @ torch.linalg.solve(normal[:, None], jacobian.mT)
    free, axes = torch.linalg.eigh(torch.eye(3).to(hat) - hat)
    inverse = torch.where(free > LEAST_FREE, 1 / free.clamp(min=LEAST_FREE), 0.0)
    along = (axes.mT @ residual[..., None])[..., 0]
    fall, directions = (inverse * along.square()).sum(-1), (inverse > 0).sum(-1)
    total = residual.square().sum((-1, -2))[:, None] - fall
    left = 3 * (weights > 0).sum(-1) - (~held).sum(-1)
    variance = total / (left[:, None] - directions).clamp(min=1)
    missing = (weights <= 0) | (directions == 0)
    distance_m = (inverse * along).norm(dim=-1) / weights.sqrt()
    ratio = fall / directions.clamp(min=1) / variance.clamp(min=1e-12)
    return distance_m.masked_fill(missing, torch.nan), ratio.masked_fill(missing, torch.nan)
