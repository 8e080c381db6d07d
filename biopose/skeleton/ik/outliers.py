"""Find the markers that do not fit in a solved recording, leave them out or exchange them back, and solve those frames.

The plain least-squares solution stays as it is wherever nothing in it looks like a fault (`marker_faults.suspicion`).
Suspicious frames are solved by truncated least squares (`robust_fit`), first a few of the whole recording if a marker
is far off throughout. What is beyond its limit there is outlying; where two or more outlying markers lie in each
other's places they are exchanged back, if then all fit.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from biopose.io.trajectories import MarkerTrajectories
from biopose.skeleton.ik.continuity import Continuity, stretches_of
from biopose.skeleton.ik.displaced_markers import displaced_markers
from biopose.skeleton.ik.marker_faults import (
    BoolArray,
    FloatArray,
    MarkerFault,
    Suspicion,
    outlying_faults,
    ranges_of,
    suspicion,
)
from biopose.skeleton.ik.recording_solver import BATCH_FRAMES, MIN_MARKERS, RecordingSolver
from biopose.skeleton.ik.robust_fit import robust_fit
from biopose.skeleton.model import GROUND
from biopose.skeleton.threads import one_torch_thread

# A marker's distance from which on it is outlying: twice its median and a centimetre, between these.
LIMIT_RATIO, LIMIT_MARGIN_M, LIMITS_M = 2.0, 0.010, (0.030, 0.100)
SAMPLES = 32  # frames that are examined for what is wrong throughout
THROUGHOUT_SHARE = 0.7  # of them
STRETCH_SHARE = 1 / 3  # of a stretch's frames from which on a marker is suspected in all of them
MOST_OUTLYING = 1 / 5  # of a frame's markers: with more, which of them are right is open
POOR_FIT_M = 0.040
ROUNDS = 4
# A marker moves abruptly where its second difference is so many times its median, and this.
ABRUPT_RATIO, ABRUPT_M, ABRUPT_TRUST = 4.0, 0.005, 0.2


def leave_out_outliers(solver: RecordingSolver, recording: MarkerTrajectories) -> list[MarkerFault]:
    """Faults of a recording that the solver has solved; the solver then holds the solution without them.

    Args:
        solver: after `run`.
        recording: the solver's markers.
    """
    if len(solver.solvable) == 0:
        return []
    first = _suspicion(solver, recording.time_s)
    poor = float(solver.rms_m[solver.solvable].median()) > POOR_FIT_M
    filled = recording.filled is not None and bool(recording.filled.any())
    with one_torch_thread():
        displaced = bool(displaced_markers(solver).any())
        if not (poor or filled or displaced or first.throughout.any() or first.frames.any()):
            return []
        search = _Search(solver, recording.names, recording.time_s)
        if filled:
            search.continue_across_filled(torch.from_numpy(recording.filled).to(solver.weights.device))
        return search.run(first, throughout=poor or bool(first.throughout.any()))


def _suspicion(solver: RecordingSolver, time_s: FloatArray) -> Suspicion:
    error_m = solver.error_m.cpu().numpy()
    return suspicion(np.where(solver.weights.cpu().numpy() > 0, error_m, np.nan), time_s)


class _Search:
    """Outlying markers and exchanges found so far."""

    def __init__(self, solver: RecordingSolver, names: tuple[str, ...], time_s: FloatArray) -> None:
        self.solver, self.names, self.time_s = solver, names, time_s
        self.bodies = [marker.body for marker in solver.problem.kinematics.skeleton.markers]
        self.continuity = Continuity(solver, time_s)
        bodies = torch.tensor(self.bodies, device=solver.q.device)
        parents = torch.tensor([self._marked_parent(body) for body in self.bodies], device=solver.q.device)
        self.same_segment = (bodies[:, None] == bodies).double()  # (M, M)
        self.on_parent = (parents[:, None] == bodies).double()  # (M, M), the other marker on this one's parent
        self.everything = torch.arange(len(solver.q), device=solver.q.device)
        self.given = solver.weights.clone()
        self.recorded = solver.observed.clone()
        self.outlying = torch.zeros_like(solver.weights, dtype=torch.bool)
        self.always = self.outlying.new_zeros(self.outlying.shape[1])  # (M,) outlying throughout
        self.unexplained = torch.zeros_like(solver.rms_m, dtype=torch.bool)
        self.exchanged: dict[tuple[int, ...], Tensor] = {}  # by cycle: (F,) frames
        self.distance_m = torch.zeros_like(solver.weights)  # of each marker as recorded, where it was found wrong

    def _marked_parent(self, body: int) -> int:
        """The next segment towards the root that has markers; -1 of the root's."""
        joints = self.solver.problem.kinematics.skeleton.joints
        while body != GROUND:
            body = joints[body - 1].parent
            if body in self.bodies:
                return body
        return -1

    def run(self, first: Suspicion, *, throughout: bool) -> list[MarkerFault]:
        """Whole recording first, then its suspicious stretches."""
        if throughout and self._repair_throughout(first):
            first = _suspicion(self.solver, self.time_s)
        displaced = displaced_markers(self.solver)
        if displaced.any() and self._accept_throughout(self.always | displaced, []):
            first = _suspicion(self.solver, self.time_s)
        frames = torch.from_numpy(first.frames.any(axis=1)) & ~self.solver.rms_m.isnan().cpu()
        suspects = frames.nonzero()[:, 0].to(self.solver.q.device)
        if len(suspects):
            self._repair(suspects, first)
        return self._faults()

    def _limit_m(self, judged: Suspicion) -> Tensor:
        limit = np.clip(LIMIT_RATIO * judged.typical_m + LIMIT_MARGIN_M, *LIMITS_M)
        return torch.from_numpy(limit).to(self.solver.q)

    def _repair_throughout(self, judged: Suspicion) -> bool:
        """Markers that are outlying or exchanged in most of a few frames are so in all; whether there are any."""
        solver, limit_m = self.solver, self._limit_m(judged)
        pick = torch.linspace(0, len(solver.solvable) - 1, min(SAMPLES, len(solver.solvable))).round().long()
        samples = solver.solvable[pick]
        saved = self.solver.state(samples)
        found = self._without_outliers(samples, limit_m)
        cycles = self._exchange(samples, found, limit_m)
        outlying = self.outlying[samples]
        self.solver.restore(samples, saved)
        self.outlying[samples] = False
        always = outlying.double().mean(0) >= THROUGHOUT_SHARE
        cycles = {cycle: where for cycle, where in cycles.items() if where.double().mean() >= THROUGHOUT_SHARE}
        if int(always.sum()) > MOST_OUTLYING * len(always) or not (always.any() or cycles):
            return False
        return self._accept_throughout(always, list(cycles))

    def _accept_throughout(self, always: Tensor, cycles: list[tuple[int, ...]]) -> bool:
        frames = self.solver.solvable
        saved, before = self.solver.state(frames), float(self.solver.rms_m[frames].median())
        was = self.outlying[frames].clone()
        self.outlying[frames] = always & (self.given[frames] > 0)
        for cycle in cycles:
            self._swap(frames, cycle)
        self.solver.weights[frames] = torch.where(self.outlying[frames], 0.0, self.given[frames])
        self.solver.solve_again(frames, self.solver.complete_q(without=torch.zeros_like(self.unexplained))[frames])
        if float(self.solver.rms_m[frames].median()) > 0.9 * before:
            self.solver.restore(frames, saved)
            self.outlying[frames] = was
            return False
        self.always = always
        self.distance_m[frames] = torch.where(self.outlying[frames], self._recorded_distance(frames), 0.0)
        for cycle in cycles:
            self._note_exchange(cycle, frames)
        self.solver.mark_undetermined(frames)
        return True

    def _repair(self, frames: Tensor, judged: Suspicion) -> None:
        """Solve suspicious frames without what does not fit; those that no few markers explain are unexplained."""
        limit_m = self._limit_m(judged)
        before, already = self.solver.state(self.everything), self.outlying.clone()
        self._without_outliers(frames, limit_m)
        cycles = self._exchange(frames, self.outlying[frames], limit_m)
        outlying, counted = self.outlying[frames], self.given[frames] > 0
        left = (counted & ~outlying).sum(-1)
        fails = (outlying.sum(-1) > MOST_OUTLYING * counted.sum(-1)) | (left < MIN_MARKERS)
        clean = (outlying == already[frames]).all(-1) & ~self._touched(cycles, len(frames))
        back = frames[fails | clean]
        self.solver.restore(back, tuple(part[back] for part in before))
        self.outlying[back] = already[back]
        self.unexplained[frames[fails]] = True
        kept = frames[~(fails | clean)]
        self.distance_m[kept] = torch.where(self.outlying[kept], self._recorded_distance(kept), 0.0)
        for cycle, where in cycles.items():
            self._note_exchange(cycle, frames[where & ~fails])
        self.continuity.across(kept, self.unexplained, self.outlying & ~already)
        self.solver.mark_undetermined(kept)
        if 2 * int(self.unexplained.sum()) <= len(self.solver.solvable):
            self.solver.q[self.unexplained] = torch.nan

    def continue_across_filled(self, filled: Tensor) -> None:
        """The same for gaps (F, M) that the source had filled: they are found faults, not gaps of the recording."""
        lost = filled & ~(self.given > 0)
        frames = (lost.any(-1) & ~self.solver.rms_m.isnan()).nonzero()[:, 0]
        self.solver.q[frames] = self.solver.complete_q(without=torch.zeros_like(self.unexplained))[frames]
        self.continuity.across(frames, self.unexplained, lost)
        self.solver.mark_undetermined(frames)

    def _without_outliers(self, frames: Tensor, limit_m: Tensor) -> Tensor:
        """Solve frames (F,) without outlying markers, and return those (F, M)."""
        solver = self.solver
        suspect = torch.zeros_like(self.unexplained)
        suspect[frames] = True
        starts = [(solver.complete_q(without=torch.zeros_like(suspect)), False)]
        if len(frames) < len(solver.solvable):
            starts.append((solver.complete_q(without=suspect), True))
        trust = self._trust(frames)
        parts = [
            robust_fit(solver, batch, [(q[batch], near) for q, near in starts], limit_m, factors)
            for batch, factors in zip(frames.split(BATCH_FRAMES), trust.split(BATCH_FRAMES), strict=True)
        ]
        q, outlying = torch.cat([p.q for p in parts]), torch.cat([p.outlying for p in parts])
        outlying |= self._share_of_stretch(frames, outlying) & (self.given[frames] > 0)
        return self._settle(frames, outlying, q, limit_m)

    def _settle(self, frames: Tensor, outlying: Tensor, q: Tensor, limit_m: Tensor) -> Tensor:
        """Solve without outlying markers (F, M) until those are the ones beyond their limits.

        They return at half their limits, but not to a segment half of whose markers, or of its parent's, remain
        outlying: fewer might determine its pose, wrongly.
        """
        for _ in range(ROUNDS):
            q = self._solve_without(frames, outlying, q)
            again = self._beyond(frames, torch.where(outlying, limit_m / 2, limit_m))
            counted = (self.given[frames] > 0).double()
            for beside in (self.same_segment, self.on_parent):
                of_beside = counted @ beside.T
                again |= outlying & (of_beside > 0) & (2 * (again.double() @ beside.T) >= of_beside)
            if (again == outlying).all():
                return outlying
            outlying = again
        self._solve_without(frames, outlying, q)
        return outlying

    def _trust(self, frames: Tensor) -> Tensor:
        """(F, M) factors of the markers' weights: low in a stretch at whose ends the marker itself moves abruptly.

        Where a few markers of one segment disagree with a few of the next, this shows which of them to leave out.
        """
        change = torch.zeros_like(self.distance_m)
        change[1:-1] = (self.recorded[2:] - 2 * self.recorded[1:-1] + self.recorded[:-2]).norm(dim=-1)
        median = change.where(change > 0, torch.nan).nanmedian(0).values.nan_to_num()
        abrupt = change.nan_to_num() > ABRUPT_RATIO * median + ABRUPT_M
        trust = torch.ones_like(change)
        for first, last in stretches_of(frames):
            ends = [i for i in (*range(first - 2, first + 2), *range(last - 1, last + 3)) if 0 <= i < len(change)]
            trust[first : last + 1] = torch.where(abrupt[ends].any(0), ABRUPT_TRUST, 1.0)
        return trust[frames]

    def _share_of_stretch(self, frames: Tensor, outlying: Tensor) -> Tensor:
        """(F, M) markers that are outlying in a good part of the stretch of successive frames."""
        stretch = torch.cat([frames.new_zeros(1), (frames.diff() > 1).long()]).cumsum(0)
        count = int(stretch[-1]) + 1
        share = outlying.new_zeros(count, outlying.shape[1], dtype=torch.double).index_add(
            0, stretch, outlying.double()
        )
        share = share / torch.bincount(stretch, minlength=count)[:, None]
        return (share >= STRETCH_SHARE)[stretch]

    def _solve_without(self, frames: Tensor, outlying: Tensor, start: Tensor) -> Tensor:
        self.outlying[frames] = outlying | (self.always & (self.given[frames] > 0))
        self.solver.weights[frames] = torch.where(self.outlying[frames], 0.0, self.given[frames])
        self.solver.solve_again(frames, start)
        return self.solver.q[frames]

    def _beyond(self, frames: Tensor, limit_m: Tensor) -> Tensor:
        """(F, M) markers that are further off than their limits."""
        return (self.solver.error_m[frames] > limit_m) & (self.given[frames] > 0)

    def _exchange(self, frames: Tensor, outlying: Tensor, limit_m: Tensor) -> dict[tuple[int, ...], Tensor]:
        """Exchange back outlying markers that lie in each other's places, where all fit then; the frames by cycle."""
        solver, found = self.solver, self._cycles(frames, outlying, limit_m)
        if not found:
            return {}
        saved, was = self.solver.state(frames), self.outlying[frames].clone()
        touched = self._touched(found, len(frames))
        for cycle, where in found.items():
            self._swap(frames[where], cycle)
            self.outlying[frames[where][:, None], torch.tensor(cycle, device=frames.device)] = False
        again = frames[touched]
        self._solve_without(again, self.outlying[again], solver.q[again])
        failed = torch.zeros_like(touched)
        for cycle, where in found.items():
            beyond = self._beyond(frames, limit_m)[:, list(cycle)].any(-1)
            failed |= where & beyond
        self.solver.restore(frames[failed], tuple(part[failed] for part in saved))
        self.outlying[frames[failed]] = was[failed]
        found = {cycle: where & ~failed for cycle, where in found.items()}
        return {cycle: where for cycle, where in found.items() if where.any()}

    def _cycles(self, frames: Tensor, outlying: Tensor, limit_m: Tensor) -> dict[tuple[int, ...], Tensor]:
        """Markers each of which lies where the next one of the cycle belongs, and in which of the frames (F,)."""
        found: dict[tuple[int, ...], Tensor] = {}
        rows = (outlying.sum(-1) > 1).nonzero()[:, 0]
        if len(rows) == 0:
            return {}
        modelled = self.solver.observed[frames] - self.solver.residuals(self.solver.q[frames], frames)
        for row in rows.tolist():
            members = outlying[row].nonzero()[:, 0]
            distance = torch.cdist(modelled[row, members], self.solver.observed[frames[row], members])
            for cycle in _closed_cycles(distance.cpu().numpy(), limit_m[members].cpu().numpy()):
                key = tuple(int(members[i]) for i in cycle)
                found.setdefault(key, torch.zeros(len(frames), dtype=torch.bool, device=frames.device))[row] = True
        return found

    def _swap(self, frames: Tensor, cycle: tuple[int, ...]) -> None:
        """Give each marker of the cycle the position recorded under the one before it, which lies in its place."""
        taken = [cycle[-1], *cycle[:-1]]
        observed = self.solver.observed
        observed[frames[:, None], torch.tensor(cycle)] = observed[frames[:, None], torch.tensor(taken)]

    def _note_exchange(self, cycle: tuple[int, ...], frames: Tensor) -> None:
        if len(frames):
            where = self.exchanged.setdefault(cycle, torch.zeros_like(self.unexplained))
            where[frames] = True
            columns = torch.tensor(cycle, device=frames.device)
            self.distance_m[frames[:, None], columns] = self._recorded_distance(frames)[:, columns]

    def _recorded_distance(self, frames: Tensor) -> Tensor:
        """(F, M) distance of the markers as recorded, before any exchange, from where the solution has them."""
        modelled = self.solver.problem.kinematics.with_coordinates(self.solver.q[frames]).markers
        return (self.recorded[frames] - modelled).norm(dim=-1).nan_to_num()

    @staticmethod
    def _touched(cycles: dict[tuple[int, ...], Tensor], n: int) -> Tensor:
        touched = torch.zeros(n, dtype=torch.bool)
        for where in cycles.values():
            touched |= where.cpu()
        return touched

    def _places(self) -> list[str | None]:
        """For each marker the missing one in whose place it lies in most of the frames where it is outlying."""
        solver = self.solver
        places: list[str | None] = []
        for m in range(len(self.names)):
            rows = self.outlying[:, m].nonzero()[:, 0]
            if len(rows) == 0:
                places.append(None)
                continue
            q = solver.complete_q(without=torch.zeros_like(self.unexplained))[rows]
            modelled = solver.problem.kinematics.with_coordinates(q).markers
            distance = (modelled - self.recorded[rows, m, None]).norm(dim=-1)
            missing = self.recorded[rows].isnan().any(-1)
            there = (missing & (distance < LIMITS_M[0])).double().mean(0)
            best = int(there.argmax())
            places.append(self.names[best] if there[best] > STRETCH_SHARE else None)
        return places

    def _faults(self) -> list[MarkerFault]:
        distance = self.distance_m.cpu().numpy()
        faults = [
            MarkerFault(
                "exchanged",
                tuple(self.names[m] for m in cycle),
                ranges_of(where.cpu().numpy()),
                float(distance[where.cpu().numpy()][:, list(cycle)].max()),
            )
            for cycle, where in self.exchanged.items()
        ]
        outlying: BoolArray = self.outlying.cpu().numpy() & (distance > 0)
        faults += outlying_faults(self.names, outlying, distance, self._places())
        if self.unexplained.any():
            worst = float(self.solver.rms_m[self.unexplained].max())
            faults.append(MarkerFault("unexplained", (), ranges_of(self.unexplained.cpu().numpy()), worst))
        return faults


def _closed_cycles(distance_m: FloatArray, limit_m: FloatArray) -> list[tuple[int, ...]]:
    """Cycles of markers, each lying within its limit of where the next belongs and much nearer to it than the next.

    Args:
        distance_m: (M, M) from where marker i belongs to where marker j lies.
        limit_m: (M,).
    """
    lies = distance_m.argmin(axis=1)
    n = np.arange(len(lies))
    takes = (lies != n) & (distance_m[n, lies] < np.minimum(limit_m, distance_m[n, n] / 2))
    cycles, done = [], set()
    for i in n:
        chain, j = [], int(i)
        while takes[j] and j not in chain and j not in done:
            chain.append(j)
            j = int(lies[j])
        if len(chain) > 1 and j == chain[0]:
            cycles.append(tuple(reversed(chain)))
            done.update(chain)
    return cycles
