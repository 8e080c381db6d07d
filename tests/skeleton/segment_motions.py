"""Motions of the default skeleton as poses of segments, such as a markerless system exports."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch

from biopose.io.c3d_rotations import SegmentPoses
from biopose.skeleton.full_body import full_body_skeleton
from biopose.skeleton.kinematics import Kinematics
from biopose.skeleton.model import Skeleton
from biopose.skeleton.scaling import scaled_geometry
from biopose.skeleton.segment_axes import CONVENTIONS
from biopose.skeleton.segment_model import HIPS, SegmentModel

VISUAL3D, OPENSIM, INERTIAL, ANIMATION = CONVENTIONS
SCALES = {"femur_r": 1.1, "femur_l": 1.08, "tibia_r": 0.94, "humerus_l": 0.9, "torso": 1.05, "pelvis": 0.93}
NECK_M = np.array([-0.02, 0.27, 0.0])  # the torso's origin, as Theia3D has it


def person() -> Skeleton:
    """The default skeleton with segments of other lengths."""
    skeleton = full_body_skeleton()
    return scaled_geometry(skeleton, np.array([[SCALES.get(name, 1.0)] * 3 for name in skeleton.body_names]))


def swinging(skeleton: Skeleton, *, frames: int = 12, seed: int = 0) -> np.ndarray:
    """(F, Q) coordinates that swing by 14 degrees, knees, elbows and pronation about 25, the others about neutral."""
    rng = np.random.default_rng(seed)
    t, phase = np.linspace(0, 2 * np.pi, frames)[:, None], rng.uniform(0, 2 * np.pi, size=len(skeleton.coordinates))
    q = skeleton.default_pose + np.radians(14) * np.sin(t + phase)
    q[:, [n.startswith(("knee", "elbow", "pro_sup")) for n in skeleton.coordinate_names]] += np.radians(25)
    return skeleton.satisfy_couplings(q)


def segment_poses(
    skeleton: Skeleton,
    q: np.ndarray,
    *,
    convention: str = VISUAL3D,
    turned: Mapping[str, np.ndarray] | None = None,
    without: Sequence[str] = (),
) -> SegmentPoses:
    """Poses at these coordinates, with origins in the proximal joints; the torso's is at the neck.

    Args:
        skeleton: of the person.
        q: (F, Q) coordinates.
        convention: of the axes, a key of CONVENTIONS.
        turned: by segment, (3, 3) its axes in those of the convention.
        without: segments that are left out.
    """
    model = SegmentModel.of(skeleton)
    T = Kinematics(skeleton).with_coordinates(torch.from_numpy(q)).T_ground_body.numpy()
    names = [name for name in model.bodies if name not in without]
    joints = {name: model.joint(name) for name in model.bodies}
    origins = {name: (T[:, joint.child] @ joint.T_child_joint)[:, :3, 3] for name, joint in joints.items()}
    origins["pelvis"] = np.mean([origins[hip] for hip in HIPS], axis=0)
    torso = T[:, model.bodies["torso"]]
    origins["torso"] = torso[:, :3, :3] @ NECK_M + torso[:, :3, 3]
    poses = np.tile(np.eye(4), (len(q), len(names), 1, 1))
    for column, name in enumerate(names):
        body = T[:, model.bodies[name]]
        R = np.array(CONVENTIONS[convention], dtype=float) @ (turned or {}).get(name, np.eye(3))
        poses[:, column, :3, :3] = body[:, :3, :3] @ R
        poses[:, column, :3, 3] = origins[name]
    return SegmentPoses(np.arange(len(q)) / 100, tuple(names), poses, ())
