"""How the axes of recorded segments lie on a model's bodies, by a convention or from the neutral posture.

Nothing in a file states which of a segment's axes points forward, up or to the right. The joint centres do: in the
thigh's own axes the knee lies straight down, in the pelvis's the right hip to the right of the left one. Where exactly
one of the known conventions agrees with all of them, it is taken; then thigh, shank, foot, upper arm and pelvis are
turned by the remaining angle, so that the recorded direction to the next joint centre is the model's. (A forearm is
not turned: the model's line from elbow to wrist moves in it with pronation.)

Sources: right-handed axes with z from the distal to the proximal end, y forward and x to the right on both sides are
Visual3D's (its documentation, "Segments"; "ROTATION data type" places the distal end at -z), which Theia3D's .c3d files
follow: public scripts that bring these to OpenSim map their x, y, z to its z, x, y. That origins are hip, knee, ankle,
shoulder, elbow and wrist is in Theia3D's documentation, "Model Description". OpenSim's bodies and the standards of the
International Society of Biomechanics (Wu et al. 2002, J Biomech 35:543; 2005, 38:981) have x forward, y up, z right;
inertial systems and robotics x forward, y left, z up; animation formats x left, y up, z forward.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from biopose.errors import ModelError
from biopose.skeleton.segment_model import HIPS, LINES, SHOULDERS, SegmentModel

FloatArray = NDArray[np.float64]

CONVENTIONS = {
    "x right, y forward, z up (as in Visual3D and Theia3D)": ((0, 1, 0), (0, 0, 1), (1, 0, 0)),
    "x forward, y up, z right (as in OpenSim and the ISB's standards)": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "x forward, y left, z up": ((1, 0, 0), (0, 0, 1), (0, -1, 0)),
    "x left, y up, z forward": ((0, 0, 1), (0, 1, 0), (-1, 0, 0)),
}  # rows: the segment's axis that points forward, up, and to the right, which are x, y and z of a body
LIMIT_DEG = 30.0  # between a joint centre's direction in a convention and on the model
FOOT_LIMIT_DEG = 75.0  # likewise of a foot, whose line from ankle to toes is no axis in any convention
TURNED_DEG = 1.0  # less is what the subtalar joint does to the line from ankle to toes
LEAD_DEG = 15.0  # by which the next convention must be worse
FOOT = "foot"
NOT_TURNED = ("torso", "larm")
SIDEWAYS = ("pelvis", "torso")  # whose lines lead from left to right
FACING_RIGHT = ("thigh", "shank", "torso", "head")  # segments whose right never points to the pelvis's left
WAY_OUT = (
    "give a trial in the neutral posture (upright, arms hanging, palms forward) with the same segments as --static, or "
    "write the axes as markers (`biopose convert`) and use a model that bears these"
)


@dataclass(frozen=True, eq=False)
class SegmentAxes:
    """Axes of segments on the bodies.

    Attributes:
        R_body_segment: (3, 3) by segment.
        notes: which convention was taken, and by what angle segments were turned to the joint centres.
    """

    R_body_segment: dict[str, FloatArray]
    notes: tuple[str, ...]


def axes_by_convention(model: SegmentModel, T: Mapping[str, FloatArray]) -> SegmentAxes:
    """The convention that the recording bears out.

    Args:
        model: of the bodies.
        T: (F, 4, 4) poses of segments in the laboratory by segment, NaN where missing.

    Raises:
        ModelError: no known convention agrees with the joint centres, or several do; or left and right are exchanged.
    """
    lines = _lines(model, T)
    if not lines:
        raise ModelError(
            f"the axes of the segments {', '.join(T)} are unknown: no two of them show a direction between joint "
            f"centres (both thighs and the pelvis; thigh and shank); {WAY_OUT}"
        )
    angles = {name: _angles_deg(lines, np.array(rows, dtype=float)) for name, rows in CONVENTIONS.items()}
    ranked = sorted(CONVENTIONS, key=lambda name: np.mean(list(angles[name].values())))
    means = [float(np.mean(list(angles[name].values()))) for name in ranked]
    best = angles[ranked[0]]
    off = {name: angle for name, angle in best.items() if angle > _limit_deg(name)}
    if off:
        raise ModelError(_exchanged(angles) or _disagreement(ranked[0], off))
    if means[1] - means[0] < LEAD_DEG or best.keys() <= {f"{side}_{FOOT}" for side in "lr"}:
        raise ModelError(
            f"the axes of the segments {', '.join(T)} are unknown: the joint centres agree with {ranked[0]} and with "
            f"{ranked[1]}; {WAY_OUT}"
        )
    base = np.array(CONVENTIONS[ranked[0]], dtype=float)
    _check_facing(T, base)
    posed = {name: _line_in_posture(model, T, name, base) for name in lines if not name.endswith(NOT_TURNED)}
    turned = {name: (lines[name][0], lines[name][1] if line is None else line) for name, line in posed.items()}
    by_deg = {name: angle for name, angle in _angles_deg(turned, base).items() if angle >= TURNED_DEG}
    notes = [f"axes of the segments: {ranked[0]}; the directions between joint centres bear it out, {_listed(best)}"]
    if by_deg:
        notes.append(f"axes turned to the model's joint centres: {_listed(by_deg)}")
    R = {name: _turn(*line, base) for name, line in turned.items() if name in by_deg}
    return SegmentAxes({name: R.get(name, base) for name in T}, tuple(notes))


def _limit_deg(segment: str) -> float:
    return FOOT_LIMIT_DEG if segment.endswith(FOOT) else LIMIT_DEG


def axes_by_neutral_posture(model: SegmentModel, T: Mapping[str, FloatArray]) -> SegmentAxes:
    """Axes from a trial in the neutral posture, in which the model's coordinates have their defaults.

    Args:
        model: of the bodies.
        T: (F, 4, 4) poses in the neutral posture by segment; y is up in the laboratory.

    Raises:
        ModelError: the trial has neither both thighs nor both upper arms, which show where the person faces.
    """
    pair = next((pair for pair in (HIPS, SHOULDERS) if set(pair) <= T.keys()), None)
    right = np.zeros(3) if pair is None else np.nanmedian(T[pair[1]][:, :3, 3] - T[pair[0]][:, :3, 3], axis=0)
    right = np.array([right[0], 0.0, right[2]])
    if not np.linalg.norm(right) > 0:
        raise ModelError("there are neither both thighs nor both upper arms, from which its heading is known")
    z = right / np.linalg.norm(right)
    R_lab_ground = np.column_stack([np.cross([0.0, 1.0, 0.0], z), [0.0, 1.0, 0.0], z])
    found = {}
    for name, poses in T.items():
        there = poses[~np.isnan(poses).any(axis=(1, 2)), :3, :3]
        if len(there):
            U, _, Vt = np.linalg.svd(there.mean(axis=0))
            R_lab_body = R_lab_ground @ model.T_ground_body[model.bodies[name]][:3, :3]
            found[name] = np.asarray(R_lab_body.T @ U @ np.diag([1, 1, np.linalg.det(U @ Vt)]) @ Vt)
    return SegmentAxes(found, ("axes of the segments: from the neutral posture of the static trial",))


def _lines(model: SegmentModel, T: Mapping[str, FloatArray]) -> dict[str, tuple[FloatArray, FloatArray]]:
    """By segment, unit vectors of its line: recorded, in the segment's axes, and the model's, in the body's."""
    found = {}
    for name, ends in LINES.items():
        modelled = model.line_m(ends) if name in model.bodies else None
        if modelled is None or not {name, *ends[0], *ends[1]} <= T.keys():
            continue
        along = T[ends[1][0]][:, :3, 3] - T[ends[0][0]][:, :3, 3]
        local = np.einsum("fji,fj->fi", T[name][:, :3, :3], along)
        there = ~np.isnan(local).any(axis=1)
        recorded = np.median(local[there], axis=0) if there.any() else np.zeros(3)
        if np.linalg.norm(recorded) > 0:
            modelled = model.T_ground_body[model.bodies[name]][:3, :3].T @ modelled
            found[name] = (recorded / np.linalg.norm(recorded), modelled / np.linalg.norm(modelled))
    return found


def _line_in_posture(
    model: SegmentModel, T: Mapping[str, FloatArray], segment: str, base: FloatArray
) -> FloatArray | None:
    """(3,) unit vector of the model's line in the recording's postures: the knee moves in the thigh with flexion.

    None where the line is that of the default pose: from left to right, to a joint of bodies between the segments, and
    where the two segments have no common frame.
    """
    (start,), (end,) = LINES[segment]
    if start != segment or model.joint(end).child != model.bodies[end]:
        return None
    R_segment, R_next = (T[name][:, :3, :3] @ base.T for name in (segment, end))
    R = R_segment.swapaxes(1, 2) @ R_next
    R = R[~np.isnan(R).any(axis=(1, 2))]
    if not len(R):
        return None
    along = model.origin_in_parent_m(end, R) + R @ model.in_body(end, model.centres_m[end])
    line = np.median(along - model.in_body(segment, model.centres_m[segment]), axis=0)
    return np.asarray(line / np.linalg.norm(line))


def _angles_deg(lines: Mapping[str, tuple[FloatArray, FloatArray]], base: FloatArray) -> dict[str, float]:
    return {name: float(np.degrees(np.arccos(np.clip(m @ base @ r, -1, 1)))) for name, (r, m) in lines.items()}


def _exchanged(angles_deg: Mapping[str, Mapping[str, float]]) -> str | None:
    """That one convention agrees with all but the sides, which are the wrong way round, if that is so."""
    for convention, angles in angles_deg.items():
        sideways = [name for name in angles if name in SIDEWAYS]
        others = [angle for name, angle in angles.items() if name not in SIDEWAYS and not name.endswith(FOOT)]
        if sideways and max(others, default=0.0) < LIMIT_DEG < 180 - LIMIT_DEG < min(angles[n] for n in sideways):
            return (
                "left and right are exchanged in the names of the segments, or the recording is mirrored: with axes "
                f"{convention} the right side lies to the left of {' and '.join(sideways)}"
            )
    return None


def _disagreement(convention: str, off: Mapping[str, float]) -> str:
    return (
        f"the axes of the segments are those of no known convention: with {convention}, the nearest, the directions to "
        f"the next joint centre are off by {_listed(off)}; {WAY_OUT}"
    )


def _check_facing(T: Mapping[str, FloatArray], base: FloatArray) -> None:
    """Raise ModelError where a segment's right axis points to the pelvis's left."""
    if "pelvis" not in T:
        return
    right = {name: poses[:, :3, :3] @ base[2] for name, poses in T.items() if name.endswith(FACING_RIGHT)}
    pelvis = T["pelvis"][:, :3, :3] @ base[2]
    cosines = {name: (axis * pelvis).sum(axis=1) for name, axis in right.items()}
    turned = [n for n, cosine in cosines.items() if not np.isnan(cosine).all() and np.nanmedian(cosine) < 0]
    if turned:
        raise ModelError(
            f"the axes of {', '.join(turned)} point another way than the pelvis's, which are "
            f"{next(name for name, rows in CONVENTIONS.items() if np.array_equal(rows, base))}; {WAY_OUT}"
        )


def _turn(recorded: FloatArray, modelled: FloatArray, base: FloatArray) -> FloatArray:
    """The convention's axes, turned by the least angle that brings the recorded direction to the model's."""
    start = base @ recorded
    v = np.cross(start, modelled)
    K = np.cross(np.eye(3), v)  # K @ a = v x a
    return np.asarray((np.eye(3) + K + K @ K / (1 + start @ modelled)) @ base)


def _listed(angles_deg: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {angle:.0f} degrees" for name, angle in angles_deg.items())
