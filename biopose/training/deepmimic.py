"""DeepMimic's humanoid clips, as pybullet's wheel carries them, on the default skeleton.

    motions = deepmimic_motions(Path("pybullet_data/data/motions"))

A frame is its duration, the root's place and turn, and each joint's turn against its parent: quaternions (w, x, y, z),
or one angle for knees and elbows (Peng et al. 2018, ACM Trans Graph 37:143). The axes are ours: x forward, y up, z
right; at rest the humanoid stands with its arms hanging. It has no wrists, no toes and no turn of the forearm, so the
hand goes with the forearm and the toes go with the foot.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline
from scipy.spatial.transform import Rotation, RotationSpline

from biopose.errors import BioposeError
from biopose.skeleton.model import Skeleton
from biopose.training.motion import SHORTEST_S, Motion, default_skeleton, on_the_ground
from biopose.training.retargeting import follow, leg_length_m, reference_rotations

FloatArray = NDArray[np.float64]

RATE_HZ = 60.0
VALUES_PER_FRAME = 44


def _limbs(side: str) -> tuple[tuple[str, str, int], ...]:
    return (
        (f"{side}_hip", "root", 4),
        (f"{side}_knee", f"{side}_hip", 1),
        (f"{side}_ankle", f"{side}_knee", 4),
        (f"{side}_shoulder", "chest", 4),
        (f"{side}_elbow", f"{side}_shoulder", 1),
    )


# Joint, its parent, how many numbers it has; in the order of the file, after the root's place.
JOINTS = (("root", "", 4), ("chest", "root", 4), ("neck", "chest", 4), *_limbs("right"), *_limbs("left"))
JOINT_OF_SEGMENT = {"pelvis": "root", "torso": "chest", "head": "neck"} | {
    f"{segment}_{side[0]}": f"{side}_{joint}"
    for side in ("right", "left")
    for segment, joint in {
        "femur": "hip",
        "tibia": "knee",
        "calcn": "ankle",
        "toes": "ankle",
        "humerus": "shoulder",
        "ulna": "elbow",
        "radius": "elbow",
        "hand": "elbow",
    }.items()
}
# Our coordinates when the humanoid is at rest. Our elbow's axis is turned 13 degrees in the humerus; the forearms are
# given a walker's turn. The humanoid's pelvis is upright where a person's is tilted forward by 10 degrees.
REFERENCE_DEG = {
    "pelvis_tilt": -8.0,
    "lumbar_extension": 8.0,
    "hip_flexion": 8.0,
    "arm_rot": -13.0,
    "elbow_flex": 4.0,
    "pro_sup": 110.0,
}
HIP_M, THIGH_M, SHANK_M = 0.084887, 0.421546, 0.409870  # half between the hips; of the humanoid's description
# Clips in which more than the feet touch the ground.
ON_MORE_THAN_FEET = ("cartwheel", "crawl", "getup_facedown", "getup_faceup", "roll")


def deepmimic_motions(folder: Path) -> list[Motion]:
    """All clips of the humanoid in the folder and below.

    Raises:
        BioposeError: if there are none.
    """
    skeleton = default_skeleton()
    paths = [p for p in sorted(folder.rglob("*.txt")) if _frames(p).shape[1] == VALUES_PER_FRAME]
    if not paths:
        raise BioposeError(f"no humanoid clips (humanoid3d_walk.txt, ...) in {folder}")
    return [motion for path in paths if len((motion := read_clip(path, skeleton)).values) >= SHORTEST_S * RATE_HZ]


def _frames(path: Path) -> FloatArray:
    """(T, 44), or fewer columns for another creature's."""
    try:
        return np.array(json.loads(path.read_text())["Frames"], dtype=np.float64)
    except (ValueError, KeyError) as error:
        raise BioposeError(f"{path}: no DeepMimic clip ({error})") from error


def read_clip(path: Path, skeleton: Skeleton) -> Motion:
    """One clip as a motion at 60 Hz."""
    frames = _frames(path)
    time_s = np.concatenate([[0.0], np.cumsum(frames[:-1, 0])])
    at_s = np.arange(0.0, time_s[-1], 1 / RATE_HZ)
    ratio = leg_length_m(skeleton) / (THIGH_M + SHANK_M)
    root_m = CubicSpline(time_s, frames[:, 1:4])(at_s)
    R = _rotations(frames[:, 4:], time_s, at_s)
    reference = reference_rotations(skeleton, REFERENCE_DEG)
    ankles_m = {f"talus_{s[0]}": _ankle_m(R, root_m, s) * ratio for s in ("right", "left")}
    turned = {segment: R[joint] @ reference[segment] for segment, joint in JOINT_OF_SEGMENT.items()}
    values = follow(skeleton, turned, root_m * ratio, ankles_m, rate_hz=RATE_HZ).coordinates.values
    name = path.stem.removeprefix("humanoid3d_")
    flat = name not in ON_MORE_THAN_FEET
    motion = Motion(f"deepmimic_{name}", RATE_HZ, skeleton.coordinate_names, values, flat_ground=flat)
    return on_the_ground(motion, skeleton) if flat else motion


def _rotations(values: FloatArray, time_s: FloatArray, at_s: FloatArray) -> dict[str, FloatArray]:
    """(N, 3, 3) by joint, in the world, at other moments."""
    R: dict[str, FloatArray] = {}
    column = 0
    for joint, parent, size in JOINTS:
        given = values[:, column : column + size]
        column += size
        turn = Rotation.from_quat(given, scalar_first=True) if size == 4 else Rotation.from_euler("z", given)
        local = RotationSpline(time_s, turn)(at_s).as_matrix()
        R[joint] = R[parent] @ local if parent else local
    return R


def _ankle_m(R: dict[str, FloatArray], root_m: FloatArray, side: str) -> FloatArray:
    """(N, 3) of the humanoid."""
    hip = [0.0, 0.0, HIP_M if side == "right" else -HIP_M]
    legs = R[f"{side}_hip"] @ [0.0, -THIGH_M, 0.0] + R[f"{side}_knee"] @ [0.0, -SHANK_M, 0.0]
    return np.asarray(root_m + R["root"] @ hip + legs, dtype=np.float64)
