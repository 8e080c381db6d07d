"""Where a solution jumps and the markers do not: another minimum of least squares, a branch, from there on.

With few markers on a segment two postures may fit them equally well, and noise decides between them frame by frame. A
stretch between two jumps, or from one to the end, is therefore solved once more from the other side of its jump, and
kept there if it fits about as well and the jump is gone. Where markers are missing on one side of a jump alone, the
others are shifted first as `continuity` does.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from biopose.io.trajectories import CoordinateTrajectories, MarkerTrajectories
from biopose.skeleton.angles import wrap
from biopose.skeleton.ik.continuity import Continuity
from biopose.skeleton.ik.marker_faults import BoolArray, FloatArray
from biopose.skeleton.ik.recording_solver import RecordingSolver
from biopose.skeleton.kinematics import Kinematics
from biopose.skeleton.model import GROUND, Skeleton

# A step is a jump if it is so large, and so many times the median of the steps beside it.
JUMP_RAD, JUMP_RATIO, BESIDE = np.radians(15.0), 3.0, 3
MARKER_JUMP_M = 0.005  # by which a marker's step must exceed JUMP_RATIO times those beside it to explain one
LEVER_M = 0.1  # a marker that moves by a joint's step at such a lever explains it
WORSE_RATIO, WORSE_M = 1.1, 0.001  # what continuity may cost, of a stretch's marker error
MOST_STRETCHES = 32  # that are solved once more


@dataclass(frozen=True)
class Jump:
    """A step of joints that no marker makes.

    Attributes:
        frame: after which it is, counted from 0.
        steps: by coordinate of the joints, radians; those of more than JUMP_RAD.
        markers_m: the largest step of a marker relative to the root segment.
    """

    frame: int
    steps: dict[str, float]
    markers_m: float


def jumps(skeleton: Skeleton, coordinates: CoordinateTrajectories, trajectories: MarkerTrajectories) -> list[Jump]:
    """Jumps of a solution.

    Args:
        skeleton: with the recording's markers.
        coordinates: (F, Q) all of the skeleton's; NaN count as no step.
        trajectories: the markers that were solved.
    """
    known = trajectories.select([name for name in trajectories.names if name in skeleton.marker_names])
    kinematics = Kinematics(skeleton.select_markers(known.names))
    q, observed = torch.from_numpy(coordinates.values), torch.from_numpy(known.positions_m)
    found, marker_step_m = _jumps(kinematics, q, observed)
    step = wrap(q.diff(dim=0)).numpy()
    result = []
    for frame in np.flatnonzero(found.any(axis=1)).tolist():
        joints = [skeleton.joints[j] for j in np.flatnonzero(found[frame])]
        mine = {c for joint in joints for axis in joint.axes for c in axis.coordinates}
        far = sorted((c for c in mine if abs(step[frame, c]) > JUMP_RAD), key=lambda c: -abs(step[frame, c]))
        steps = {coordinates.names[c]: float(step[frame, c]) for c in far}
        result.append(Jump(frame, steps, float(np.nanmax(marker_step_m[frame], initial=0.0))))
    return result


def follow_branches(solver: RecordingSolver, time_s: FloatArray) -> None:
    """Solve stretches on another branch anew, from the shortest on; the solver then holds the solution without them.

    Args:
        solver: that has solved a recording.
        time_s: (F,) of its frames.
    """
    _continue_across_gaps(solver, time_s)
    tried: set[tuple[int, int]] = set()
    for _ in range(MOST_STRETCHES):
        found, _ = _jumps(solver.problem.kinematics, solver.q, solver.observed)
        at = np.flatnonzero(found.any(axis=1))
        todo = [stretch for stretch in _between(at, len(solver.q)) if stretch not in tried]
        if not len(at) or not todo:
            return
        first, last = min(todo, key=lambda stretch: stretch[1] - stretch[0])
        tried.add((first, last))
        _continue(solver, first, last, jumps_before=len(at))


def _continue_across_gaps(solver: RecordingSolver, time_s: FloatArray) -> None:
    """Let coordinates go on without a step in gaps of markers that they jump at, if they do not jump then."""
    found, _ = _jumps(solver.problem.kinematics, solver.q, solver.observed)
    at = np.flatnonzero(found.any(axis=1)).tolist()
    lost = _lost_beside(solver.weights.cpu() <= 0, at).to(solver.q.device)
    frames = lost.any(-1).nonzero()[:, 0]
    frames = frames[~solver.rms_m[frames].isnan()]
    if not len(frames):
        return
    saved = solver.state(frames)
    continuity, without = Continuity(solver, time_s), lost.any(-1)
    solver.q[frames] = solver.complete_q(without=without)[frames]
    for pattern in torch.unique(lost[frames], dim=0):
        continuity.across(frames[(lost[frames] == pattern).all(-1)], without, lost)
    left, _ = _jumps(solver.problem.kinematics, solver.q, solver.observed)
    if int(left.any(axis=1).sum()) < len(at):
        solver.mark_undetermined(frames)
    else:
        solver.restore(frames, saved)


def _lost_beside(missing: Tensor, at: list[int]) -> Tensor:
    """(F, M) markers that are missing from a jump on, forwards or backwards, and are there on its other side."""
    lost = torch.zeros_like(missing)
    for frame in at:
        for here, beyond, step in ((frame, frame + 1, 1), (frame + 1, frame, -1)):
            gone = missing[beyond] & ~missing[here]
            while 0 <= beyond < len(missing) and (gone := gone & missing[beyond]).any():
                lost[beyond] |= gone
                beyond += step
    return lost


def _between(at: np.ndarray, count: int) -> list[tuple[int, int]]:
    """First and last frames of the stretches that jumps after the frames `at` leave of a recording."""
    starts = [0, *(at + 1).tolist()]
    return list(zip(starts, [*at.tolist(), count - 1], strict=True))


def _continue(solver: RecordingSolver, first: int, last: int, *, jumps_before: int) -> None:
    """Solve a stretch from where its neighbours are, and keep that if it fits and has fewer jumps."""
    frames = torch.arange(first, last + 1, device=solver.q.device)
    frames = frames[~solver.rms_m[frames].isnan()]
    if not len(frames):
        return
    q = solver.complete_q(without=torch.zeros_like(solver.converged))
    saved, before = solver.state(frames), float(solver.rms_m[frames].square().mean())
    for beside, end in ((first - 1, first), (last + 1, last)):
        if not 0 <= beside < len(q):
            continue
        solver.solve_again(frames, q[frames] + (q[beside] - q[end]))
        after = float(solver.rms_m[frames].square().mean())
        found, _ = _jumps(solver.problem.kinematics, solver.q, solver.observed)
        if after**0.5 <= WORSE_RATIO * before**0.5 + WORSE_M and int(found.any(axis=1).sum()) < jumps_before:
            solver.mark_undetermined(frames)
            return
        solver.restore(frames, saved)


def _jumps(kinematics: Kinematics, q: Tensor, observed: Tensor) -> tuple[BoolArray, FloatArray]:
    """(F - 1, J) joints whose rotation jumps after a frame while no marker beyond does, and these markers' steps (m).

    Joints with a coordinate that is NaN do not count.
    """
    skeleton = kinematics.skeleton
    R = kinematics.with_coordinates(q.nan_to_num()).R_ground_body
    parents, children = ([getattr(joint, end) for joint in skeleton.joints] for end in ("parent", "child"))
    relative = R[:, parents].mT @ R[:, children]
    turned = (relative[:-1] * relative[1:]).sum((-1, -2))
    step = torch.arccos(((turned - 1) / 2).clamp(-1, 1)).cpu().numpy()
    marker_step_m = _marker_steps(observed.cpu().numpy())
    moved_by = [[c for axis in joint.axes for c in axis.coordinates] for joint in skeleton.joints]
    missing = torch.stack([q[:, columns].isnan().any(-1) for columns in moved_by], dim=-1).cpu().numpy()
    on_ground = np.array([joint.parent == GROUND for joint in skeleton.joints])
    beyond = np.array([[child in skeleton.ancestors[m.body] for m in skeleton.markers] for child in children])
    # A joint without markers beyond it, such as a patella's that the knee moves, is moved by others.
    known = ~(missing[:-1] | missing[1:] | on_ground | ~beyond.any(axis=1))
    rotates = known & (step > np.maximum(JUMP_RAD, JUMP_RATIO * _beside(step)))
    if not rotates.any():
        return rotates, np.zeros_like(step)
    explained = np.zeros_like(rotates)
    largest = np.zeros_like(step)
    moved = marker_step_m > JUMP_RATIO * _beside(marker_step_m) + MARKER_JUMP_M
    for j in np.flatnonzero(rotates.any(axis=0)):
        largest[:, j] = np.nan_to_num(marker_step_m[:, beyond[j]]).max(axis=1, initial=0.0)
        explained[:, j] = moved[:, beyond[j]].any(axis=1) | (largest[:, j] > LEVER_M * step[:, j])
    return rotates & ~explained, np.where(rotates, largest, 0.0)


def _marker_steps(positions_m: FloatArray) -> FloatArray:
    """(F - 1, M) how far each marker moves from a frame to the next, beyond the median marker's way; NaN at gaps."""
    way = np.diff(positions_m, axis=0)
    common = np.array([_nanmedian(row) for row in way]).reshape(-1, 1, 3)
    return np.asarray(np.linalg.norm(way - common, axis=-1))


def _nanmedian(rows: FloatArray) -> FloatArray:
    known = rows[~np.isnan(rows).any(axis=1)]
    return np.median(known, axis=0) if len(known) else np.zeros(3)


def _beside(step: FloatArray) -> FloatArray:
    """(F - 1, ...) the median of the BESIDE steps before and after each one; 0 where there are none."""
    padded = np.pad(step, ((BESIDE, BESIDE), (0, 0)), constant_values=np.nan)
    windows = np.stack([padded[k : k + len(step)] for k in range(2 * BESIDE + 1) if k != BESIDE])
    empty = np.isnan(windows).all(axis=0)
    return np.where(empty, 0.0, np.nanmedian(np.where(empty, 0.0, windows), axis=0))
