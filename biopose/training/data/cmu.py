"""CMU's motion capture on the default skeleton: inverse kinematics that follows the orientation of every segment.

    subject = Subject.of(acclaim, motions, CALIBRATIONS["02"], skeleton)
    solution = retarget(subject, motions[0], skeleton)

In CMU's reference posture every bone's frame is the world's, so a trial gives each bone's rotation from that posture;
our segment makes the same rotation from ours. The path is scaled by the length of the legs.
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
from biopose.training.data.retargeting import leg_length_m, reference_rotations, retargeted

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

# Our coordinates when CMU's bones are in their reference posture: arms level, palms down, the elbows' axes 30 degrees
# above forward, legs 20 degrees apart. Our elbow's axis is rotated by 13 degrees in the humerus, and at 0 the line of
# our joint centres is extended by 4 degrees.
REFERENCE_DEG = {
    "hip_adduction": -20.0,
    "arm_add": -90.0,
    "arm_rot": -43.0,
    "elbow_flex": 4.0,
    "pro_sup": 133.0,
}


# Segments whose frames CMU's markers define badly: their mean rotation relative to the parent is taken for that error.
# (One subject's head is rotated 50 degrees to the side throughout, and the hands deviate to the same side.)
BADLY_MARKED = {"head": "thorax", "rhand": "rwrist", "lhand": "lwrist"}


@dataclass(frozen=True)
class Calibration:
    """Errors of a subject's leg and pelvis frames in degrees: CMU placed hips and knees by rule of thumb.

    Estimated from level walking and quiet standing, with an anterior pelvic tilt of about 10 degrees and a least knee
    flexion of about 3.

    Attributes:
        anterior_tilt: of the pelvis when CMU's root is upright.
        thigh: how far in front of the hip the true knee is, when CMU's thigh is vertical (negative: behind).
        knee: flexion when CMU's knee is straight.
        floor_slope: rise of the floor in metres per metre along CMU's forward axis, estimated from feet in stance.
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
    """A subject of CMU's, and the relation to our skeleton.

    Attributes:
        R_world_reference: by segment, (3, 3) our segments in CMU's reference posture, in our world.
        R_world_cmu: (3, 3) CMU's axes in our world, with the floor horizontal.
        length_ratio: the default skeleton's leg over theirs.
    """

    R_world_reference: Mapping[str, NDArray[np.float64]]
    R_world_cmu: NDArray[np.float64]
    length_ratio: float

    @classmethod
    def of(
        cls, acclaim: AcclaimSkeleton, motions: Sequence[AcclaimMotion], calibration: Calibration, skeleton: Skeleton
    ) -> Subject:
        """Our skeleton in CMU's reference posture, with the frame errors estimated from the person's trials."""
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
    """(3, 3) rotation error of a bone's frame, in CMU's axes.

    Of a badly marked bone it is the mean rotation. The mean toe-out is split between feet and legs: the default
    skeleton's feet point as its knees do.
    """
    if bone in BADLY_MARKED:
        poses = [motion.pose().R_world_bone for motion in motions]
        relative = np.concatenate([np.swapaxes(R[BADLY_MARKED[bone]], 1, 2) @ R[bone] for R in poses])
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
        subject: of the trial.
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
    return retargeted(skeleton, R, hips_m, balls_m, rate_hz=RATE_HZ, kept_every=KEPT_EVERY)
