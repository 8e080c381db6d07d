"""CMU's motion capture on the default skeleton: the orientation of every segment, followed by inverse kinematics.

    subject = Subject.of(acclaim, motions, CALIBRATIONS["02"], skeleton)
    solution = retarget(subject, motions[0], skeleton)

In CMU's reference posture every bone's frame is the world's, so what a trial tells of a bone is its turn from that
posture; our segment makes the same turn from ours. The path shrinks or grows with the legs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from biopose.skeleton.ik.inverse_kinematics import IKSolution
from biopose.skeleton.model import Skeleton
from biopose.training.data.acclaim import AcclaimMotion, AcclaimSkeleton
from biopose.training.data.retargeting import follow, leg_length_m, reference_rotations

RATE_HZ = 120.0
KEPT_EVERY = 2  # 60 Hz is plenty under a cut-off of 12 Hz

# CMU: x left, y up, z forward. Ours: x forward, y up, z right.
R_OURS_CMU = np.array([[0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [-1.0, 0.0, 0.0]])

BONE_OF_SEGMENT = {"pelvis": "root", "torso": "thorax", "head": "head"} | {
    f"{segment}_{side}": f"{side}{bone}"
    for side in "rl"
    for segment, bone in {
        "femur": "femur",
        "tibia": "tibia",
        "calcn": "foot",
        "toes": "toes",
        "humerus": "humerus",
        "ulna": "radius",
        "radius": "wrist",
        "hand": "hand",
    }.items()
}

# Our coordinates when CMU's bones are in their reference posture: arms level, palms down, the elbows' bend 30 degrees
# above forward, legs 20 degrees apart. Our elbow's axis is turned 13 degrees in the humerus, and at 0 the line of our
# joint centres is bent back by 4 degrees.
REFERENCE_DEG = {
    "hip_adduction": -20.0,
    "arm_add": -90.0,
    "arm_rot": -43.0,
    "elbow_flex": 4.0,
    "pro_sup": 133.0,
}


# Segments whose own frame CMU's markers place badly: what they are turned against the one before on average is taken
# for that error. (One subject's head looks 50 degrees to the side throughout, and hands bend to the same side.)
LOOSE = {"head": "thorax", "rhand": "rwrist", "lhand": "lwrist"}


@dataclass(frozen=True)
class Calibration:
    """What a subject's legs and pelvis are off by, in degrees: CMU placed hips and knees by rule of thumb.

    Read off level walking and quiet standing, where the pelvis is tilted forward by about 10 degrees and the knee's
    least flexion is about 3.

    Attributes:
        anterior_tilt: of the pelvis when CMU's root is upright.
        thigh: how far ahead of the hip the true knee is, when CMU's thigh is upright (negative: behind).
        knee: flexion when CMU's knee is straight.
        floor_slope: how many metres the level floor rises per metre in CMU's forward axis, as the feet in stance show.
    """

    anterior_tilt: float
    thigh: float = 0.0
    knee: float = 0.0
    floor_slope: float = 0.0


CALIBRATIONS = {
    "01": Calibration(anterior_tilt=10.0, thigh=-3.5, knee=-7.0),
    "02": Calibration(anterior_tilt=13.0, thigh=-3.5, knee=-7.0, floor_slope=0.0164),
    "03": Calibration(anterior_tilt=8.0),
}


@dataclass(frozen=True, eq=False)
class Subject:
    """A person of CMU's and how our skeleton stands for them.

    Attributes:
        R_world_reference: by segment, (3, 3) our segments in CMU's reference posture, in our world.
        R_world_cmu: (3, 3) CMU's axes in our world, the floor level.
        length_ratio: the default skeleton's leg over theirs.
    """

    R_world_reference: Mapping[str, NDArray[np.float64]]
    R_world_cmu: NDArray[np.float64]
    length_ratio: float

    @classmethod
    def of(
        cls, acclaim: AcclaimSkeleton, motions: Sequence[AcclaimMotion], calibration: Calibration, skeleton: Skeleton
    ) -> Subject:
        """Stand our skeleton in CMU's reference posture, with what the person's trials tell of their markers."""
        R = _reference(skeleton, calibration)
        error = {s: R_OURS_CMU @ _frame_error(b, motions) @ R_OURS_CMU.T for s, b in BONE_OF_SEGMENT.items()}
        legs = [np.linalg.norm(acclaim.bone(side + bone).offset_m) for side in "rl" for bone in ("femur", "tibia")]
        R_level = Rotation.from_euler("z", -np.arctan(calibration.floor_slope)).as_matrix()
        reference = {s: error[s].T @ R[s] for s in BONE_OF_SEGMENT}
        return cls(reference, R_level @ R_OURS_CMU, 2 * leg_length_m(skeleton) / float(np.sum(legs)))


def _reference(skeleton: Skeleton, calibration: Calibration) -> dict[str, NDArray[np.float64]]:
    tilt = calibration.anterior_tilt
    legs = {
        "hip_flexion": tilt + calibration.thigh,
        "knee_angle": calibration.knee,
        "ankle_angle": calibration.knee - calibration.thigh,
    }
    return reference_rotations(skeleton, REFERENCE_DEG | legs | {"pelvis_tilt": -tilt, "lumbar_extension": tilt})


def _frame_error(bone: str, motions: Sequence[AcclaimMotion]) -> NDArray[np.float64]:
    """(3, 3) the turn that the bone's frame has in it, in CMU's axes.

    A loose one's is its mean turn. Half of the feet's mean toe-out is taken for theirs and half for the leg's: the
    default skeleton's feet point with its knees.
    """
    if bone in LOOSE:
        poses = [motion.pose().R_world_bone for motion in motions]
        relative = np.concatenate([np.swapaxes(R[LOOSE[bone]], 1, 2) @ R[bone] for R in poses])
        return np.asarray(Rotation.from_matrix(relative).mean().as_matrix(), dtype=np.float64)
    if bone[1:] in ("femur", "tibia", "foot", "toes"):
        foot = motions[0].skeleton.bone(f"{bone[0]}foot")
        toe_out = np.median(np.concatenate([motion.angles_rad[foot.name][:, 2] for motion in motions]))
        half = toe_out / 2 if bone[1:] in ("foot", "toes") else -toe_out / 2
        return np.asarray(Rotation.from_rotvec(half * foot.R_world_axes[:, 2]).as_matrix(), dtype=np.float64)
    return np.eye(3)


def retarget(subject: Subject, motion: AcclaimMotion, skeleton: Skeleton) -> IKSolution:
    """A trial's coordinates, at 60 Hz.

    Args:
        subject: whose trial it is.
        motion: the trial.
        skeleton: the default full-body model, unscaled.
    """
    pose = motion.pose()
    A = subject.R_world_cmu
    R = {
        s: A @ pose.R_world_bone[bone] @ R_OURS_CMU.T @ subject.R_world_reference[s]
        for s, bone in BONE_OF_SEGMENT.items()
    }
    hips_m = (pose.end_m["rhipjoint"] + pose.end_m["lhipjoint"]) / 2 @ A.T * subject.length_ratio
    balls_m = {f"toes_{side}": pose.end_m[f"{side}foot"] @ A.T * subject.length_ratio for side in "rl"}
    return follow(skeleton, R, hips_m, balls_m, rate_hz=RATE_HZ, kept_every=KEPT_EVERY)
