"""Standard deviations of coordinates by inverse kinematics, from how far the markers lie from where the model has them.

The covariance of a least-squares solution is s^2 (J'WJ)^-1, where the weights W are as the errors' precisions and s^2
is the residuals' weighted sum of squares over their number less that of the unknowns (Seber & Wild 1989, Nonlinear
Regression, chapter 2). Values that coordinates should have count as residuals. Those do not show what markers of a
segment err by together, as the skin of a thigh does. A frame's s is at least that of the whole recording.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from biopose.skeleton.ik.least_squares import standard_deviations
from biopose.skeleton.ik.recording_solver import BATCH_FRAMES, RecordingSolver
from biopose.skeleton.threads import one_torch_thread


def coordinate_deviations(solver: RecordingSolver) -> NDArray[np.float64]:
    """(F, Q) radians and metres; NaN of frames that are not solved and of coordinates that no marker determines.

    Args:
        solver: of a recording that is solved.
    """
    if not solver.problem.variables:
        return np.full(tuple(solver.q.shape), np.nan)
    q = torch.where(solver.q.isnan(), solver.default, solver.q)
    q, slopes = solver.problem.kinematics.satisfy_couplings(q)
    sd = torch.full_like(q, torch.nan)
    variables = torch.tensor(solver.problem.variables, device=q.device)
    used = (solver.weights > 0) & ~solver.error_m.isnan()
    squares = (solver.weights * torch.where(used, solver.error_m, 0.0).square()).sum(dim=1)
    surplus = 3 * used.sum(dim=1) - len(variables)
    with one_torch_thread():
        for frames in solver.solvable.split(BATCH_FRAMES):
            sums = solver.sums(frames, solver.weights[frames])
            sd[frames[:, None], variables] = standard_deviations(solver.problem, q[frames], sums)
            if sums.targets is not None:
                squares[frames] += sums.targets.cost(q[frames][:, variables])
                surplus[frames] += (sums.targets.weights > 0).sum(dim=1)
    sd = sd * _unit_sd_m(squares, surplus)[:, None]
    for coupling in solver.skeleton.couplings:
        sd[:, coupling.dependent] = slopes[:, coupling.dependent].abs() * sd[:, coupling.independent]
    return torch.where(sd.isfinite() & ~solver.q.isnan(), sd, torch.nan).cpu().numpy()


def _unit_sd_m(squares: Tensor, surplus: Tensor) -> Tensor:
    """(F,) deviation along an axis of a marker of weight 1; NaN where no frame has more residuals than unknowns.

    Args:
        squares: (F,) weighted, of the frame's residuals.
        surplus: (F,) of residuals over unknowns.
    """
    surplus = surplus.clamp(min=0)
    overall = squares[surplus > 0].sum() / surplus.sum()
    own = torch.where(surplus > 0, squares / surplus.clamp(min=1), 0.0)
    return own.maximum(overall).sqrt()
