"""A trial's skeleton as .bvh (Biovision Hierarchy), for animation programs: y up, centimetres, degrees.

A node is a segment, at the centre of the joint that moves it; in the rest pose, that of OFFSET, all coordinates are 0
and no node is turned. A joint whose centre moves in its parent, such as the knee's, has channels of position, too,
which stand in place of its OFFSET; all others turn alone. Rotations are about z, x, y: R = Rz Rx Ry.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from biopose.io.files import written_whole
from biopose.io.mot import read_mot
from biopose.outputs.file_names import COORDINATES, MODEL
from biopose.outputs.trial_person import interpolated
from biopose.skeleton.kinematics import Kinematics, Pose
from biopose.skeleton.model import GROUND, Skeleton
from biopose.skeleton.reader import read_osim

CM = 100.0  # in a metre
MOVING_M = 1e-4  # beyond this a joint's centre moves in its parent
END_M = 0.05  # length of a last segment without a known centre of mass
POSITIONS, ROTATIONS = "Xposition Yposition Zposition", "Zrotation Xrotation Yrotation"

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Node:
    """A segment of the hierarchy.

    Attributes:
        name: of the body.
        children: that it carries.
        offset_m: (3,) from its parent in the rest pose.
        positions_m: (T, 3) in its parent's axes; None where it does not move in them.
        rotations_deg: (T, 3) about z, x and y.
        end_m: (3,) from it to its end, of a segment that carries none.
    """

    name: str
    children: tuple[Node, ...]
    offset_m: FloatArray
    positions_m: FloatArray | None
    rotations_deg: FloatArray
    end_m: FloatArray


def write_bvh(folder: Path, target: Path) -> None:
    """Write the .bvh of a trial's scaled.osim and coordinates.mot; coordinates that are not known are interpolated.

    Args:
        folder: of the trial.
        target: the file.

    Raises:
        FileFormatError: a file is missing or broken.
        ModelError: the model is.
    """
    skeleton = read_osim(folder / MODEL)
    motion = read_mot(folder / COORDINATES, rotational=skeleton.rotational_names)
    q = np.tile(skeleton.default_pose, (len(motion.time_s), 1))
    for column, name in enumerate(motion.names):
        if name in skeleton.coordinate_names:
            q[:, skeleton.coordinate_names.index(name)] = interpolated(motion.values[:, column], motion.time_s)
    roots = _nodes(skeleton, q)
    step_s = float(np.diff(motion.time_s).mean()) if len(motion.time_s) > 1 else 1.0
    lines = [
        "HIERARCHY",
        *(line for root in roots for line in _hierarchy(root)),
        "MOTION",
        f"Frames: {len(q)}",
        f"Frame Time: {step_s:.8f}",
        *(" ".join(f"{value:.4f}" for value in row) for row in np.hstack([_channels(root) for root in roots])),
    ]
    with written_whole(target) as partial:
        partial.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _nodes(skeleton: Skeleton, q: FloatArray) -> list[Node]:
    """The segments that ground carries, each with those that it carries."""
    kinematics = Kinematics(skeleton)
    moving = kinematics.with_coordinates(torch.from_numpy(skeleton.satisfy_couplings(q)))
    rest = kinematics.with_coordinates(torch.from_numpy(skeleton.satisfy_couplings(np.zeros(q.shape[1])))[None])
    turned, centres = _frames(moving)
    rest_turned, rest_centres = _frames(rest)
    turned = turned @ rest_turned.swapaxes(-1, -2)  # since the rest pose
    segments = [index for index, body in enumerate(skeleton.bodies) if index != GROUND and not body.within_joint]
    parents = {index: _carrier(skeleton, index) for index in segments}

    def node(index: int) -> Node:
        parent = parents[index]
        axes = turned[:, parent]
        places = np.einsum("tji,tj->ti", axes, centres[:, index] - centres[:, parent])
        offset = rest_centres[0, index] - rest_centres[0, parent]
        is_moving = parent == GROUND or np.abs(places - offset).max() > MOVING_M
        children = tuple(node(child) for child in segments if parents[child] == index)
        return Node(
            skeleton.body_names[index],
            children,
            offset,
            places if is_moving else None,
            _angles_deg(axes.swapaxes(-1, -2) @ turned[:, index]),
            _end(skeleton, index, rest_turned[0, index]),
        )

    return [node(index) for index in segments if parents[index] == GROUND]


def _frames(pose: Pose) -> tuple[FloatArray, FloatArray]:
    """(T, B, 3, 3) axes of the bodies and (T, B, 3) centres of their joints, ground first at its origin."""
    centres = pose.joint_centers.numpy()
    return pose.R_ground_body.numpy(), np.concatenate([np.zeros_like(centres[:, :1]), centres], axis=1)


def _carrier(skeleton: Skeleton, index: int) -> int:
    """The segment, or ground, that carries a segment, beyond the links within its joint."""
    parent = skeleton.joints[index - 1].parent
    return _carrier(skeleton, parent) if skeleton.bodies[parent].within_joint else parent


def _end(skeleton: Skeleton, index: int, axes: FloatArray) -> FloatArray:
    """(3,) twice as far from the joint's centre as the centre of mass."""
    joint = skeleton.joints[index - 1]
    to_mass = axes @ (skeleton.bodies[index].mass_center_m - joint.T_child_joint[:3, 3])
    return 2 * to_mass if np.linalg.norm(to_mass) > MOVING_M else np.array([0.0, -END_M, 0.0])


def _angles_deg(R: FloatArray) -> FloatArray:
    """(T, 3) about z, x, y of R = Rz Rx Ry, without jumps of whole turns."""
    about_x = np.arcsin(np.clip(R[:, 2, 1], -1.0, 1.0))
    about_z, about_y = np.arctan2(-R[:, 0, 1], R[:, 1, 1]), np.arctan2(-R[:, 2, 0], R[:, 2, 2])
    return np.degrees(np.unwrap(np.stack([about_z, about_x, about_y], axis=1), axis=0))


def _hierarchy(node: Node, level: int = 0) -> Iterator[str]:
    indent = "\t" * level
    moves = node.positions_m is not None
    yield f"{indent}{'ROOT' if level == 0 else 'JOINT'} {node.name}"
    yield f"{indent}{{"
    yield f"{indent}\tOFFSET {_vector(node.offset_m)}"
    yield f"{indent}\tCHANNELS {f'6 {POSITIONS} ' if moves else '3 '}{ROTATIONS}"
    for child in node.children:
        yield from _hierarchy(child, level + 1)
    if not node.children:
        yield from (
            f"{indent}\tEnd Site",
            f"{indent}\t{{",
            f"{indent}\t\tOFFSET {_vector(node.end_m)}",
            f"{indent}\t}}",
        )
    yield f"{indent}}}"


def _vector(vector_m: FloatArray) -> str:
    return " ".join(f"{value:.4f}" for value in CM * vector_m)


def _channels(node: Node) -> FloatArray:
    """(T, channels) of a node and of all below it, in the order of the hierarchy."""
    own = [node.rotations_deg] if node.positions_m is None else [CM * node.positions_m, node.rotations_deg]
    return np.hstack([*own, *(_channels(child) for child in node.children)])
