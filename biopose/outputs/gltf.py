"""A binary glTF 2.0 file (.glb) of meshes that a tree of joints moves over time: one JSON document and its arrays.

Khronos Group 2021, "glTF 2.0 Specification", https://registry.khronos.org/glTF/specs/2.0/glTF-2.0.html.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

MAGIC, VERSION, JSON_CHUNK, BINARY_CHUNK = 0x46546C67, 2, 0x4E4F534A, 0x004E4942
ALIGNED_BYTES = 4
COMPONENTS = {"float32": 5126, "uint32": 5125, "uint16": 5123, "uint8": 5121}
SHAPES = {(): "SCALAR", (3,): "VEC3", (4,): "VEC4", (4, 4): "MAT4"}
VERTICES, INDICES = 34962, 34963  # targets of a buffer view
TRIANGLES = 4


@dataclass(frozen=True, eq=False)
class JointTree:
    """Joints that turn over time.

    Attributes:
        names: (J,).
        parents: (J,) index of each joint's parent, which comes before it; -1 for the first.
        heads_m: (J, 3) at rest, where every joint's axes are the world's.
        time_s: (T,) increasing.
        quaternions: (T, J, 4) x y z w: of the first in the world, of the others in their parent.
        root_m: (T, 3) of the first joint, in the world.
    """

    names: Sequence[str]
    parents: Sequence[int]
    heads_m: NDArray[np.float64]
    time_s: NDArray[np.float64]
    quaternions: NDArray[np.float64]
    root_m: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class SkinnedMesh:
    """A mesh at rest, and the joints that move its vertices.

    Attributes:
        name: of the mesh.
        vertices_m: (V, 3).
        normals: (V, 3) of length 1.
        triangles: (F, 3) counter-clockwise seen from outside.
        joints: (V, 4) indices.
        weights: (V, 4) that sum to 1.
        colour: red, green, blue and opacity, 0 to 1.
    """

    name: str
    vertices_m: NDArray[np.float64]
    normals: NDArray[np.float64]
    triangles: NDArray[np.int64]
    joints: NDArray[np.int64]
    weights: NDArray[np.float64]
    colour: tuple[float, float, float, float]


def write_gltf(path: Path, tree: JointTree, meshes: Sequence[SkinnedMesh], *, extras: dict[str, Any]) -> None:
    """Write the meshes with one animation.

    Args:
        path: the .glb to write.
        tree: metres, y up.
        meshes: all moved by the tree.
        extras: kept in the file's `asset`.
    """
    file = _File()
    count = len(tree.names)
    bind = np.tile(np.eye(4, dtype=np.float32), (count, 1, 1))
    bind[:, 3, :3] = -tree.heads_m  # the transposed matrix, as glTF stores columns
    skin = {"joints": list(range(count)), "skeleton": 0, "inverseBindMatrices": file.add(bind)}
    nodes = _joint_nodes(tree) + [{"name": mesh.name, "mesh": number, "skin": 0} for number, mesh in enumerate(meshes)]
    document = {
        "asset": {"version": "2.0", "generator": "BioPose", "extras": extras},
        "scene": 0,
        "scenes": [{"nodes": [0, *range(count, len(nodes))]}],
        "nodes": nodes,
        "skins": [skin],
        "meshes": [_mesh(file, mesh, material) for material, mesh in enumerate(meshes)],
        "materials": [_material(mesh) for mesh in meshes],
        "animations": [_animation(file, tree)],
        "accessors": file.accessors,
        "bufferViews": file.views,
        "buffers": [{"byteLength": len(file.binary)}],
    }
    text = json.dumps(document, separators=(",", ":"), allow_nan=False).encode()
    text += b" " * (-len(text) % ALIGNED_BYTES)
    chunks = struct.pack("<II", len(text), JSON_CHUNK) + text
    chunks += struct.pack("<II", len(file.binary), BINARY_CHUNK) + bytes(file.binary)
    path.write_bytes(struct.pack("<III", MAGIC, VERSION, 12 + len(chunks)) + chunks)


@dataclass
class _File:
    """The arrays of a file, each a view of one buffer and an accessor to it."""

    binary: bytearray = field(default_factory=bytearray)
    views: list[dict[str, int]] = field(default_factory=list)
    accessors: list[dict[str, Any]] = field(default_factory=list)

    def add(self, array: NDArray[Any], *, target: int | None = None, limits: bool = False) -> int:
        """Append an array; the index of its accessor.

        Args:
            array: (N, ...) of a type of COMPONENTS.
            target: of its view, for vertices and indices.
            limits: state the least and greatest of each component, as positions and times must.
        """
        data = np.ascontiguousarray(array).tobytes()
        view = {"buffer": 0, "byteOffset": len(self.binary), "byteLength": len(data)}
        self.views.append(view | ({} if target is None else {"target": target}))
        self.binary += data + bytes(-len(data) % ALIGNED_BYTES)
        accessor: dict[str, Any] = {
            "bufferView": len(self.views) - 1,
            "componentType": COMPONENTS[array.dtype.name],
            "count": len(array),
            "type": SHAPES[array.shape[1:]],
        }
        if limits:
            rows = array.reshape(len(array), -1)
            accessor |= {"min": rows.min(0).tolist(), "max": rows.max(0).tolist()}
        self.accessors.append(accessor)
        return len(self.accessors) - 1


def _joint_nodes(tree: JointTree) -> list[dict[str, Any]]:
    """A node each, as it stands in the first frame."""
    nodes: list[dict[str, Any]] = []
    for joint, (name, parent) in enumerate(zip(tree.names, tree.parents, strict=True)):
        offset = tree.root_m[0] if parent < 0 else tree.heads_m[joint] - tree.heads_m[parent]
        children = [child for child, of in enumerate(tree.parents) if of == joint]
        node = {"name": name, "translation": offset.tolist(), "rotation": tree.quaternions[0, joint].tolist()}
        nodes.append(node | ({"children": children} if children else {}))
    return nodes


def _mesh(file: _File, mesh: SkinnedMesh, material: int) -> dict[str, Any]:
    indices = mesh.triangles.astype(np.uint16 if len(mesh.vertices_m) < 2**16 else np.uint32).reshape(-1)
    attributes = {
        "POSITION": file.add(mesh.vertices_m.astype(np.float32), target=VERTICES, limits=True),
        "NORMAL": file.add(mesh.normals.astype(np.float32), target=VERTICES),
        "JOINTS_0": file.add(mesh.joints.astype(np.uint8), target=VERTICES),
        "WEIGHTS_0": file.add(mesh.weights.astype(np.float32), target=VERTICES),
    }
    drawn = {"attributes": attributes, "indices": file.add(indices, target=INDICES), "material": material}
    return {"name": mesh.name, "primitives": [drawn | {"mode": TRIANGLES}]}


def _material(mesh: SkinnedMesh) -> dict[str, Any]:
    surface = {"baseColorFactor": list(mesh.colour), "metallicFactor": 0.0, "roughnessFactor": 0.8}
    blended = {"alphaMode": "BLEND"} if mesh.colour[3] < 1.0 else {}
    return {"name": mesh.name, "pbrMetallicRoughness": surface} | blended


def _animation(file: _File, tree: JointTree) -> dict[str, Any]:
    times = file.add((tree.time_s - tree.time_s[0]).astype(np.float32), limits=True)
    outputs = [(0, "translation", file.add(tree.root_m.astype(np.float32)))]
    outputs += [
        (joint, "rotation", file.add(tree.quaternions[:, joint].astype(np.float32))) for joint in range(len(tree.names))
    ]
    return {
        "name": "trial",
        "samplers": [{"input": times, "output": output, "interpolation": "LINEAR"} for _, _, output in outputs],
        "channels": [
            {"sampler": sampler, "target": {"node": node, "path": path}}
            for sampler, (node, path, _) in enumerate(outputs)
        ],
    }
