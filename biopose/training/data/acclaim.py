"""Motion capture in Acclaim's two files: the skeleton (.asf) and its motion (.amc), as CMU's database gives it.

    skeleton = read_asf(Path("02.asf"))
    pose = read_amc(Path("02_01.amc"), skeleton).pose()     # position and orientation of every bone

Each bone rotates about its parent's end by L = C R C^T, R being its rotations about x, then y, then z, and C the
orientation of its axes in the reference posture, in which every bone's frame is the world's (CMU: y up, z forward, x to
the left, arms level, legs apart).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from biopose.errors import BioposeError

ROOT = "root"
INCH_M = 0.0254
ANGLES = ("rx", "ry", "rz")

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Bone:
    """A bone in the reference posture.

    Attributes:
        name: as in the file.
        parent: the bone at whose end it begins; the root for those that begin there.
        offset_m: (3,) from its beginning to its end in the reference posture.
        R_world_axes: (3, 3) its axes C in the reference posture.
        dof: which of rx, ry, rz the motion gives, in that order.
    """

    name: str
    parent: str
    offset_m: FloatArray
    R_world_axes: FloatArray
    dof: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class AcclaimSkeleton:
    """The bones, each after its parent, and metres per unit of length."""

    bones: tuple[Bone, ...]
    unit_m: float

    def bone(self, name: str) -> Bone:
        """The bone of that name.

        Raises:
            ValueError: if there is none.
        """
        for bone in self.bones:
            if bone.name == name:
                return bone
        raise ValueError(f"no bone {name}; there are {', '.join(b.name for b in self.bones)}")


@dataclass(frozen=True, eq=False)
class AcclaimPose:
    """The skeleton over T frames, in the file's world.

    Attributes:
        R_world_bone: by bone (the root too), (T, 3, 3): rotation from the reference posture.
        end_m: by bone, (T, 3) metres; the root's own position for the root.
    """

    R_world_bone: dict[str, FloatArray]
    end_m: dict[str, FloatArray]


@dataclass(frozen=True, eq=False)
class AcclaimMotion:
    """A trial.

    Attributes:
        skeleton: whose motion it is.
        root_m: (T, 3) the root's position.
        angles_rad: by bone, (T, 3) rotations about x, y, z; zero where the bone lacks the degree of freedom.
    """

    skeleton: AcclaimSkeleton
    root_m: FloatArray
    angles_rad: dict[str, FloatArray]

    def pose(self) -> AcclaimPose:
        """Forward kinematics."""
        R = {ROOT: _rotations(self.angles_rad[ROOT])}
        end = {ROOT: self.root_m}
        for bone in self.skeleton.bones:
            C = bone.R_world_axes
            R[bone.name] = R[bone.parent] @ (C @ _rotations(self.angles_rad[bone.name]) @ C.T)
            end[bone.name] = end[bone.parent] + R[bone.name] @ bone.offset_m
        return AcclaimPose(R, end)


def _rotations(xyz_rad: FloatArray) -> FloatArray:
    return np.asarray(Rotation.from_euler("xyz", xyz_rad).as_matrix(), dtype=np.float64)


def read_asf(path: Path) -> AcclaimSkeleton:
    """Read a skeleton.

    Raises:
        BioposeError: if the file is no Acclaim skeleton in degrees, or a bone has no parent.
    """
    sections = _sections(path)
    for name in ("units", "bonedata", "hierarchy"):
        if name not in sections:
            raise BioposeError(f"{path}: no section :{name}; is this an Acclaim skeleton (.asf)?")
    units = {line[0]: line[1] for line in sections["units"]}
    if units.get("angle") != "deg":
        raise BioposeError(f"{path}: angles in {units.get('angle')}; only degrees (angle deg) are read")
    unit_m = INCH_M / float(units["length"])
    parents = {child: line[0] for line in sections["hierarchy"] for child in line[1:]}
    bones = {}
    for block in _blocks(sections["bonedata"]):
        bone = _bone(block, parents, unit_m=unit_m, path=path)
        bones[bone.name] = bone
    return AcclaimSkeleton(tuple(_parents_first(bones, path)), unit_m)


def _sections(path: Path) -> dict[str, list[list[str]]]:
    """The lines under each :keyword, split at spaces."""
    sections: dict[str, list[list[str]]] = {}
    current: list[list[str]] = []
    for line in path.read_text(encoding="latin-1").splitlines():
        words = line.split("#")[0].split()
        if words and words[0].startswith(":"):
            current = sections.setdefault(words[0][1:].lower(), [])
        elif words:
            current.append(words)
    return sections


def _blocks(lines: list[list[str]]) -> list[dict[str, list[str]]]:
    """The lines between each begin and end, by their first word."""
    blocks: list[dict[str, list[str]]] = []
    for words in lines:
        if words[0] == "begin":
            blocks.append({})
        elif words[0] != "end":
            blocks[-1][words[0]] = words[1:]
    return blocks


def _bone(block: dict[str, list[str]], parents: dict[str, str], *, unit_m: float, path: Path) -> Bone:
    try:
        name = block["name"][0]
        axis_deg = [float(a) for a in block["axis"][:3]]
        direction = np.array([float(d) for d in block["direction"]])
        offset_m = direction * float(block["length"][0]) * unit_m
    except (KeyError, ValueError, IndexError) as error:
        raise BioposeError(f"{path}: bone {block.get('name', ['without a name'])[0]} lacks {error}") from error
    if name not in parents:
        raise BioposeError(f"{path}: the hierarchy lacks bone {name}")
    C = Rotation.from_euler("xyz", axis_deg, degrees=True).as_matrix()
    dof = tuple(d for d in block.get("dof", []) if d in ANGLES)
    return Bone(name, parents[name], offset_m, np.asarray(C, dtype=np.float64), dof)


def _parents_first(bones: dict[str, Bone], path: Path) -> list[Bone]:
    placed: dict[str, Bone] = {}
    while len(placed) < len(bones):
        ready = [b for b in bones.values() if b.name not in placed and (b.parent == ROOT or b.parent in placed)]
        if not ready:
            raise BioposeError(
                f"{path}: these bones are not connected to the root: {', '.join(set(bones) - set(placed))}"
            )
        placed.update((bone.name, bone) for bone in ready)
    return list(placed.values())


def read_amc(path: Path, skeleton: AcclaimSkeleton) -> AcclaimMotion:
    """Read a trial of a skeleton.

    Raises:
        BioposeError: if it has no frames, or a frame lacks a bone or one of its values.
    """
    frames: list[dict[str, list[str]]] = []
    for line in path.read_text(encoding="latin-1").splitlines():
        words = line.split("#")[0].split()
        if len(words) == 1 and words[0].isdigit():
            frames.append({})
        elif words and frames:
            frames[-1][words[0]] = words[1:]
    if not frames:
        raise BioposeError(f"{path}: no frames; is this an Acclaim motion (.amc)?")
    try:
        root = np.array([[float(v) for v in frame[ROOT]] for frame in frames]).reshape(len(frames), 6)
        angles = {bone.name: _angles_rad(frames, bone) for bone in skeleton.bones}
    except (KeyError, ValueError) as error:
        raise BioposeError(f"{path}: a frame lacks values of a bone of its skeleton ({error})") from error
    return AcclaimMotion(skeleton, root[:, :3] * skeleton.unit_m, angles | {ROOT: np.radians(root[:, 3:])})


def _angles_rad(frames: list[dict[str, list[str]]], bone: Bone) -> FloatArray:
    angles = np.zeros((len(frames), 3))
    if bone.dof:
        given = np.array([[float(v) for v in frame[bone.name]] for frame in frames]).reshape(len(frames), len(bone.dof))
        angles[:, [ANGLES.index(dof) for dof in bone.dof]] = np.radians(given)
    return angles
