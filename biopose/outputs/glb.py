"""A trial as .glb: the skinned body and the skeleton's joints, animated, in metres, y up; any 3D viewer opens it.

The body's bones that no joint of the skeleton lies between turn as one, so they are one joint of the file.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from biopose.body.rig import Rig, ShapedBody
from biopose.body.segments import SEGMENT_OF_BONE
from biopose.outputs.gltf import JointTree, SkinnedMesh, write_gltf
from biopose.outputs.trial_person import TrialPerson, read_trial_person

CHUNK_FRAMES = 256
INFLUENCES = 4  # joints of a vertex, as glTF has them
BODY_COLOUR = (0.87, 0.57, 0.27, 0.6)
SKELETON_COLOUR = (0.13, 0.19, 0.24, 1.0)
BONE_WIDTH = 0.07  # of a bone's length
WIDEST_AT = 0.2  # of a bone's length from its head


def write_glb(trial: Path, path: Path) -> None:
    """Write a trial.parquet as .glb.

    Raises:
        FileFormatError: it lacks what describes the body or a coordinate.
    """
    measured = read_trial_person(trial)
    shaped = measured.person.shaped
    first_bones, joint_of_bone = _joints(shaped.body)
    tree = _tree(measured, first_bones, joint_of_bone)
    extras = {"first_time_s": float(measured.time_s[0]), "unit": "m", "up": "y"}
    write_gltf(path, tree, [_body(shaped, joint_of_bone), _skeleton(tree)], extras=extras)


def _joints(body: Rig) -> tuple[list[int], NDArray[np.int64]]:
    """The bones at which a segment begins, and of each bone the joint that moves it."""
    segments = [SEGMENT_OF_BONE[bone] for bone in body.bone_labels]
    first_bones: list[int] = []
    joint_of_bone = np.zeros(len(segments), np.int64)
    for bone, parent in enumerate(body.bone_parents):
        if parent >= 0 and segments[bone] == segments[parent]:
            joint_of_bone[bone] = joint_of_bone[parent]
        else:
            joint_of_bone[bone] = len(first_bones)
            first_bones.append(bone)
    return first_bones, joint_of_bone


def _tree(measured: TrialPerson, first_bones: list[int], joint_of_bone: NDArray[np.int64]) -> JointTree:
    body = measured.person.shaped.body
    parents = [-1 if (above := body.bone_parents[bone]) < 0 else int(joint_of_bone[above]) for bone in first_bones]
    rotations, roots = [], []
    for start in range(0, len(measured.q), CHUNK_FRAMES):
        posed = measured.person.with_coordinates(torch.from_numpy(measured.q[start : start + CHUNK_FRAMES]))
        rotations.append(posed.R_world_delta[:, first_bones].double().numpy())
        roots.append(posed.bone_heads[:, 0].double().numpy())
    R_world = np.concatenate(rotations)
    R_local = R_world.copy()
    R_local[:, 1:] = np.swapaxes(R_world[:, parents[1:]], -1, -2) @ R_world[:, 1:]
    quaternions = Rotation.from_matrix(R_local.reshape(-1, 3, 3)).as_quat().reshape(*R_local.shape[:2], 4)
    return JointTree(
        [f"{SEGMENT_OF_BONE[body.bone_labels[bone]]} {body.bone_labels[bone]}" for bone in first_bones],
        parents,
        measured.person.shaped.bone_heads[first_bones].double().numpy(),
        measured.time_s,
        _continuous(quaternions),
        np.concatenate(roots),
    )


def _continuous(quaternions: NDArray[np.float64]) -> NDArray[np.float64]:
    """(T, J, 4) the same rotations, each of the sign that is nearer to the frame before: viewers interpolate."""
    steps = np.sum(quaternions[1:] * quaternions[:-1], axis=-1, keepdims=True)
    signs = np.cumprod(np.where(steps < 0, -1.0, 1.0), axis=0)
    return np.concatenate([quaternions[:1], quaternions[1:] * signs])


def _body(shaped: ShapedBody, joint_of_bone: NDArray[np.int64]) -> SkinnedMesh:
    of_bones = shaped.body.skin_matrix.double().numpy()
    weights = np.zeros((len(of_bones), joint_of_bone.max() + 1))
    np.add.at(weights.T, joint_of_bone, of_bones.T)
    joints = np.argsort(-weights, axis=1, kind="stable")[:, :INFLUENCES]
    kept = np.take_along_axis(weights, joints, axis=1)
    kept /= kept.sum(axis=1, keepdims=True)
    vertices = shaped.vertices.double().numpy()
    triangles = shaped.body.triangles.numpy()
    normals = _normals(vertices, triangles)
    return SkinnedMesh("body", vertices, normals, triangles, np.where(kept > 0, joints, 0), kept, BODY_COLOUR)


def _skeleton(tree: JointTree) -> SkinnedMesh:
    """A slender octahedron from each joint to the next, which its own joint moves."""
    vertices, triangles, joints = [], [], []
    for joint, parent in enumerate(tree.parents):
        head, tip = tree.heads_m[parent], tree.heads_m[joint]
        if parent < 0 or not np.linalg.norm(tip - head) > 0:
            continue
        corners = _octahedron(head, tip)
        vertices.append(corners)
        triangles.append(np.arange(len(corners)).reshape(-1, 3) + sum(map(len, vertices[:-1])))
        joints += [parent] * len(corners)
    placed, connected = np.concatenate(vertices), np.concatenate(triangles)
    moved_by = np.zeros((len(placed), INFLUENCES), np.int64)
    moved_by[:, 0] = joints
    weights = np.tile([1.0, 0.0, 0.0, 0.0], (len(placed), 1))
    return SkinnedMesh("skeleton", placed, _normals(placed, connected), connected, moved_by, weights, SKELETON_COLOUR)


def _octahedron(head: NDArray[np.float64], tip: NDArray[np.float64]) -> NDArray[np.float64]:
    """(24, 3) corners of its 8 triangles, each with corners of its own, so that its faces look flat."""
    axis = tip - head
    length = float(np.linalg.norm(axis))
    across = np.eye(3)[np.argmin(np.abs(axis))]
    u = np.cross(axis, across) / np.linalg.norm(np.cross(axis, across))
    v = np.cross(axis, u) / length
    ring = head + WIDEST_AT * axis + BONE_WIDTH * length * np.array([u, v, -u, -v])
    sides = list(zip(ring, np.roll(ring, -1, axis=0), strict=True))
    faces = [(a, b, tip) for a, b in sides] + [(b, a, head) for a, b in sides]
    return np.array(faces).reshape(-1, 3)


def _normals(vertices: NDArray[np.float64], triangles: NDArray[np.int64]) -> NDArray[np.float64]:
    """(V, 3) mean of the normals of the triangles around each vertex, weighted by their areas."""
    a, b, c = (vertices[triangles[:, corner]] for corner in range(3))
    normals = np.zeros_like(vertices)
    for corner in range(3):
        np.add.at(normals, triangles[:, corner], np.cross(b - a, c - a))
    lengths = np.linalg.norm(normals, axis=1, keepdims=True)
    return np.where(lengths > 0, normals / np.where(lengths > 0, lengths, 1.0), [0.0, 1.0, 0.0])
