"""Coordinates that go on without a step where some markers are left out for a while."""

from __future__ import annotations

import torch
from torch import Tensor

from biopose.skeleton.ik.marker_faults import FloatArray
from biopose.skeleton.ik.recording_solver import RecordingSolver

CONTINUED_S = 1.0  # a stretch longer than this is continuous at its ends, and solved from its own markers between them
NEIGHBOURS = 10  # frames beside a stretch, of which the nearest solved one counts
OFFSET_ROUNDS = 2  # the offsets rotate with the segments


class Continuity:
    """Of the solution that a solver holds of a recording with frames at time_s (F,)."""

    def __init__(self, solver: RecordingSolver, time_s: FloatArray) -> None:
        self.solver, self.time_s = solver, time_s
        self.bodies = [marker.body for marker in solver.problem.kinematics.skeleton.markers]

    def across(self, frames: Tensor, without: Tensor, lost: Tensor) -> None:
        """Let coordinates go on without a step where markers were left out.

        Markers on skin disagree by a centimetre, so fewer of them give other coordinates. Within a stretch the others
        are therefore shifted in their segments by as much as leaving these markers out changes their residuals in the
        frames beside it, interpolated between both ends.
        """
        solver = self.solver
        for first, last in stretches_of(frames):
            inside = torch.arange(first, last + 1, device=frames.device)
            rows = inside[lost[inside].any(-1)]
            ends = [end for end in (self._end(first, -1, without), self._end(last, 1, without)) if end is not None]
            if len(rows) == 0 or not ends:
                continue
            local = self._interpolated_offsets(rows, ends, lost[rows].any(0))
            observed = solver.observed[rows].clone()
            for _ in range(OFFSET_ROUNDS):
                R = solver.problem.kinematics.with_coordinates(solver.q[rows]).R_ground_body[:, self.bodies]
                solver.observed[rows] = observed - (R @ local[..., None])[..., 0]
                solver.solve_again(rows, solver.q[rows])
            solver.observed[rows] = observed
            solver.measure(rows)

    def _end(self, frame: int, step: int, without: Tensor) -> int | None:
        """The first solved frame beside a stretch, which ends with this one."""
        for k in range(1, NEIGHBOURS + 1):
            beside = frame + step * k
            if not 0 <= beside < len(self.time_s):
                return None
            if not (self.solver.rms_m[beside].isnan() or without[beside]):
                return beside
        return None

    def _interpolated_offsets(self, rows: Tensor, ends: list[int], lost: Tensor) -> Tensor:
        """(F, M, 3) residuals in the segments' frames at the ends of a stretch, interpolated in it; 0 where unknown."""
        solver, time_s = self.solver, torch.from_numpy(self.time_s).to(self.solver.q)
        beside = torch.tensor(ends, device=rows.device)
        q = solver.complete_q(without=torch.zeros_like(solver.converged))[beside]
        local = self._local_residuals(q, beside) - self._local_residuals(self._q_without(q, beside, lost), beside)
        away = (time_s[rows][:, None] - time_s[beside]).abs()
        reach = (time_s[beside[-1]] - time_s[beside[0]]).clamp(max=CONTINUED_S) if len(ends) > 1 else CONTINUED_S
        return torch.einsum("fe,emi->fmi", (1 - away / reach).clamp(min=0), local)

    def _local_residuals(self, q: Tensor, frames: Tensor) -> Tensor:
        """(F, M, 3) observed minus modelled markers in their segments' frames; 0 where missing."""
        R = self.solver.problem.kinematics.with_coordinates(q).R_ground_body[:, self.bodies]
        return (R.mT @ self.solver.residuals(q, frames).nan_to_num()[..., None])[..., 0]

    def _q_without(self, q: Tensor, frames: Tensor, lost: Tensor) -> Tensor:
        """(F, Q) coordinates of solved frames without some of their markers (M,)."""
        solver, saved = self.solver, self.solver.state(frames)
        solver.weights[frames] = torch.where(lost, 0.0, solver.weights[frames])
        solver.solve_again(frames, q)
        found = solver.q[frames].clone()
        self.solver.restore(frames, saved)
        return found


def stretches_of(frames: Tensor) -> list[tuple[int, int]]:
    """First and last of each run of successive frames."""
    if len(frames) == 0:
        return []
    cut = (frames.diff() > 1).nonzero()[:, 0] + 1
    return [(int(run[0]), int(run[-1])) for run in torch.tensor_split(frames, cut.cpu())]
