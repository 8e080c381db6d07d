"""Motion sequences for clips, with the truth: the skeleton's coordinates in a world with a ground.

Varied motion needs a new path of the pelvis, since bent legs lower the body and other swings make other steps. The
body's lowest keypoint is its support: it moves as the lowest foot of the recorded clip does, and rests where that
rests. The change from the recorded path is smoothed, since the support may be another point in the next frame.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from scipy.ndimage import gaussian_filter1d
from torch import Tensor

from biopose.body.keypoint_landmarks import FOOT_KEYPOINTS, skeleton_with_keypoints
from biopose.skeleton.angles import unwrap
from biopose.skeleton.full_body import full_body_skeleton
from biopose.skeleton.kinematics import Kinematics
from biopose.skeleton.rotations import body_fixed_angles, rotation_axes
from biopose.skeleton.stature import model_height_m
from biopose.training.synthetic.people import People
from biopose.training.synthetic.posing import PostureSource, headings, leans
from biopose.training.synthetic.scenes import MIDDLE, MOMENTS, SOLE_BELOW_KEYPOINTS_M, Scene
from biopose.training.synthetic.skeletons import Skeletons

PELVIS_ANGLES = ("pelvis_tilt", "pelvis_list", "pelvis_rotation")
SMOOTHING_S = 0.1
# A shoulder's angles jump together at a singular posture (see `Motion`), and interpolation between the two sets of
# angles gives no human motion. That happens in 2 % of sequences; the others reach 20 to 50 rad/s.
LARGEST_ANGULAR_VELOCITY_RAD_S = 60.0
PELVIS_TRANSLATIONS = ("pelvis_tx", "pelvis_ty", "pelvis_tz")


@dataclass(frozen=True, eq=False)
class MotionSequence:
    """A person's motion through T frames, in a world with y up and the ground at y = 0.

    Attributes:
        person: index.
        q: (T, Q) coordinates of the default skeleton, scaled to the person.
        R_world_segment: (T, MOMENTS, 20, 3, 3) global rotations from the reference posture, at moments of exposures.
        keypoints_m: (T, 26, 3) approximate keypoints: those of the skeleton.
        root_m: (T, 3) head of the pelvis's bone.
    """

    person: int
    q: Tensor
    R_world_segment: Tensor
    keypoints_m: Tensor
    root_m: Tensor

    def translated(self, shift_m: Tensor) -> MotionSequence:
        """The sequence translated by (3,) metres."""
        q = self.q.clone()
        q[:, _columns(*PELVIS_TRANSLATIONS)] += shift_m
        return replace(self, q=q, keypoints_m=self.keypoints_m + shift_m, root_m=self.root_m + shift_m)

    def scenes(self, R_camera_world: Tensor, camera_m: Tensor) -> Scene:
        """T scenes, one for each frame.

        Args:
            R_camera_world: (3, 3).
            camera_m: (3,) in the world.
        """
        frames = len(self.q)
        return Scene(
            person=torch.full((frames,), self.person),
            R_world_segment=self.R_world_segment,
            R_camera_world=R_camera_world.expand(frames, 3, 3),
            camera_m=camera_m - self.root_m,
            ground_m=-self.root_m[:, 1],
        )


class MotionSequenceSource:
    """Draws sequences.

    Args:
        postures: source of the postures.
        people: that are drawn from.
        skeletons: of these people.
    """

    def __init__(self, postures: PostureSource, people: People, skeletons: Skeletons) -> None:
        self.postures, self.people, self.skeletons = postures, people, skeletons
        skeleton = full_body_skeleton()
        self.kinematics = Kinematics(skeleton_with_keypoints(skeleton), dtype=torch.float32)
        self.pelvis = skeleton.body_names.index("pelvis")
        self.pelvis_axes = rotation_axes(skeleton.joints[0]).float()
        self.model_height_m = model_height_m(skeleton) or 1.0

    def draw(self, generator: torch.Generator, frames: int, *, interval_s: float) -> MotionSequence:
        """Draw a sequence; exposures last two thirds of the time between frames.

        Args:
            generator: drawn from.
            frames: number of frames.
            interval_s: between them.
        """
        while True:
            sequence = self._drawn(generator, frames, interval_s=interval_s)
            if peak_angular_velocity_rad_s(sequence, interval_s=interval_s) <= LARGEST_ANGULAR_VELOCITY_RAD_S:
                return sequence

    def _drawn(self, generator: torch.Generator, frames: int, *, interval_s: float) -> MotionSequence:
        g = generator
        person = int(torch.randint(len(self.people), (1,), generator=g))
        moments = torch.tensor([interval_s / MOMENTS])
        every, clip = self.postures.coordinates(g, 1, moments=frames * MOMENTS, interval_s=moments)
        heading = headings(g, 1)[0]
        R_attitude = leans(g, 1)[0] @ heading
        q, clip = every[0, MIDDLE::MOMENTS].clone(), clip[0, MIDDLE::MOMENTS]

        scaled = self.kinematics.with_scales(self.skeletons.body_scales[person])
        pose = scaled.with_coordinates(q)
        about_pelvis = (pose.markers - pose.p_ground_body[:, self.pelvis, None]) @ R_attitude.mT
        size = self.people.height_m[person] / self.model_height_m
        feet = self.kinematics.with_coordinates(clip).markers[:, FOOT_KEYPOINTS] * size @ heading.mT
        recorded_m = clip[:, _columns(*PELVIS_TRANSLATIONS)] * size @ heading.mT
        changed_m = supported_pelvis_m(about_pelvis, feet) - recorded_m
        pelvis_m = recorded_m + _smoothed(changed_m, frames=SMOOTHING_S / interval_s)

        R_pelvis = R_attitude @ pose.R_ground_body[:, self.pelvis]
        q[:, _columns(*PELVIS_ANGLES)] = unwrap(body_fixed_angles(R_pelvis, self.pelvis_axes))
        q[:, _columns(*PELVIS_TRANSLATIONS)] = pelvis_m
        return MotionSequence(
            person=person,
            q=torch.from_numpy(self.kinematics.skeleton.satisfy_couplings(q.double().numpy())).float(),
            R_world_segment=R_attitude @ self.postures.global_rotations(every[0]).unflatten(0, (frames, MOMENTS)),
            keypoints_m=about_pelvis + pelvis_m[:, None],
            root_m=pelvis_m + R_pelvis @ self.skeletons.root_in_pelvis_m[person],
        )


def peak_angular_velocity_rad_s(sequence: MotionSequence, *, interval_s: float) -> float:
    """Largest angular velocity of any segment between two moments."""
    R = sequence.R_world_segment.flatten(0, 1)
    cosine = ((R[1:] * R[:-1]).sum((-2, -1)) - 1) / 2
    return float(cosine.clamp(-1.0, 1.0).acos().max()) * MOMENTS / interval_s


def supported_pelvis_m(about_pelvis_m: Tensor, feet_m: Tensor) -> Tensor:
    """Path (T, 3) of the pelvis with which the body's lowest point moves as the lowest foot does.

    Args:
        about_pelvis_m: (T, 26, 3) keypoints relative to the pelvis's origin.
        feet_m: (T, 4, 3) foot points of the clip; the lowest of all frames touches the ground.
    """
    lowest, support = about_pelvis_m[..., 1].min(1)
    foot_m, foot = feet_m[..., 1].min(1)
    now = torch.arange(len(lowest) - 1)
    foot_step_m = feet_m[now + 1, foot[:-1]] - feet_m[now, foot[:-1]]
    support_step_m = about_pelvis_m[now + 1, support[:-1]] - about_pelvis_m[now, support[:-1]]
    pelvis_m = torch.zeros(len(lowest), 3)
    pelvis_m[1:] = (foot_step_m - support_step_m).cumsum(0)
    pelvis_m[:, 1] = foot_m - foot_m.min() - lowest + SOLE_BELOW_KEYPOINTS_M
    return pelvis_m


def _smoothed(path: Tensor, *, frames: float) -> Tensor:
    """A path (T, 3) filtered by a Gaussian with a standard deviation in frames."""
    return torch.from_numpy(gaussian_filter1d(path.numpy(), frames, axis=0, mode="nearest"))


def _columns(*names: str) -> list[int]:
    return [full_body_skeleton().coordinate_names.index(name) for name in names]
