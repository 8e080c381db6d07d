"""An expert's motion on a body, rendered: the clips that part (b) of the accuracy protocol measures.

The expert's angles move our default skeleton, scaled to a body of that person's height and mass, and the body with it.
So the reference angles of the rendered body are exactly the expert's. Coordinates that the expert's model lacks
(wrists, neck) stay at 0. The pelvis follows the expert's path times the ratio of the legs' lengths (so that feet
at rest stay at rest), with the lowest point of the motion on the floor. A drop jump starts on a box, sit-to-stand on a
stool.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from biopose.body.anny import Body
from biopose.body.keypoint_names import LIMB_JOINTS
from biopose.body.keypoints import anny_keypoints
from biopose.body.segments import SEGMENT_BONES
from biopose.body.shape import phenotype_for
from biopose.body.subject import BodyWithSkeleton, skeleton_of_body
from biopose.camera.pinhole import Camera
from biopose.errors import BioposeError
from biopose.evaluation.lab_markers import LAB_MASS_KG
from biopose.io.mot import read_mot
from biopose.io.trajectories import CoordinateTrajectories
from biopose.rendering.look_at import look_at
from biopose.rendering.scene import Box, Scene, clothing_colours, write_video
from biopose.skeleton.full_body import full_body_skeleton
from biopose.skeleton.kinematics import Kinematics
from biopose.skeleton.model import Skeleton
from biopose.skeleton.stature import model_height_m

FloatArray = NDArray[np.float64]

# Only stature and mass of the laboratory's person are known. The other phenotypes are off the middle of their ranges,
# where a method starts and would have an unfair advantage.
GENDER, PROPORTIONS = 0.8, 0.2
# How far each camera stands from straight ahead, towards the person's right, in degrees.
VIEWS = {"front": 0.0, "oblique": 45.0, "side": 90.0}
CLIP_S = 4.0  # from the middle of a longer trial
STEP = 2  # of the laboratory's 100 Hz
RATE_HZ = 50
LENS = Camera(1280, 720, (1000.0, 1000.0), (639.5, 359.5))
CAMERA_HEIGHT_M, AIM_HEIGHT_M = 1.2, 0.95
DISTANCE_M, DISTANCE_STEP_M, FARTHEST_M, MARGIN_PX = 4.0, 0.25, 6.5, 20
CHUNK = 25  # frames whose meshes are held at once
NEAR_GROUND_M = 0.03  # of the lowest vertex of all frames: on the lowest level, not in flight
VERTEX_STEP = 20  # for the framing, every 20th vertex
FOOT, SEAT = SEGMENT_BONES["calcn_r"] + SEGMENT_BONES["calcn_l"], SEGMENT_BONES["pelvis"]
DROP_JUMP, ONTO_BOX, SIT_TO_STAND = "DJ", "BJ", "STS"  # prefixes of the trials with a box or a stool
DROP_BOX_M, STOOL_M = (0.45, 0.6), (0.3, 0.3)  # length and width


@dataclass(frozen=True, eq=False)
class ExpertMotion:
    """An expert's motion on a body, to be rendered.

    Attributes:
        trial: its name.
        person: the body that moves.
        q: (F, Q) its skeleton's coordinates; the middle of the path is above the world's origin.
        truth: the expert's coordinates at these times.
        rate_hz: frames per second.
    """

    trial: str
    person: BodyWithSkeleton
    q: FloatArray
    truth: CoordinateTrajectories
    rate_hz: int = RATE_HZ

    def meshes(self) -> Iterator[FloatArray]:
        """Vertices (V, 3) of each frame, in the world, metres."""
        return _meshes(self.person, self.q)

    @cached_property
    def ground_m(self) -> float:
        """Height at which the soles rest: the median of the frames' lowest vertices that are near the lowest of all.

        The lowest of all is not: the expert's model has no floor, and its soles drift by up to 3 cm.
        """
        lowest_m = np.array([mesh[:, 1].min() for mesh in self.meshes()])
        return float(np.median(lowest_m[lowest_m < lowest_m.min() + NEAR_GROUND_M]))

    def limb_joints_m(self) -> FloatArray:
        """(F, 12, 3) LIMB_JOINTS in the world."""
        keypoints = anny_keypoints(_anny(self.person), LIMB_JOINTS)
        posed = self.person.with_coordinates(torch.from_numpy(self.q))
        positions: FloatArray = keypoints.positions(posed).double().numpy()
        return positions


def person_like(expert: Skeleton) -> tuple[BodyWithSkeleton, float]:
    """A body of the laboratory's person, and its height in metres.

    There is no marker on the head, so the height follows from the length of the model's legs.

    Raises:
        BioposeError: the model's legs are not those of the Rajagopal family.
    """
    height_m = model_height_m(expert)
    if height_m is None:
        raise BioposeError(f"the model {expert.name} has no joints hip_r and ankle_r, which give the height")
    body = Body.load(dtype=torch.float64)
    phenotype = phenotype_for(body, height_m=height_m, mass_kg=LAB_MASS_KG, gender=GENDER, proportions=PROPORTIONS)
    shaped = body.with_shape(phenotype)
    return skeleton_of_body(body, shaped, full_body_skeleton()), height_m


def read_expert_motion(lab: Path, trial: str, expert: Skeleton, person: BodyWithSkeleton) -> ExpertMotion:
    """The middle of a trial, at most CLIP_S, put on a body.

    Args:
        lab: the folder mocap/lab.
        trial: a name in it.
        expert: the model that the trial's coordinates belong to.
        person: the body.
    """
    expert_ik = read_mot(lab / f"{trial}_expert_ik.mot", rotational=expert.rotational_names)
    return motion_on_body(trial, expert_ik, expert, person)


def motion_on_body(
    trial: str,
    solved: CoordinateTrajectories,
    expert: Skeleton,
    person: BodyWithSkeleton,
    *,
    rate_hz: int = RATE_HZ,
) -> ExpertMotion:
    """The middle of a motion, at most CLIP_S, put on a body.

    Args:
        trial: its name.
        solved: coordinates of the expert's model, STEP times as many frames a second as the film.
        expert: the model.
        person: the body.
        rate_hz: of the film.
    """
    frames = round(CLIP_S * rate_hz)
    sampled = np.arange(0, len(solved.time_s), STEP)
    first = max(len(sampled) - frames, 0) // 2
    kept = sampled[first : first + frames]
    truth = CoordinateTrajectories(solved.time_s[kept], solved.names, solved.values[kept])
    q = _on_the_floor(person, _translated(truth, expert, person.skeleton))
    return ExpertMotion(trial, person, q, truth, rate_hz=rate_hz)


def _translated(truth: CoordinateTrajectories, expert: Skeleton, skeleton: Skeleton) -> FloatArray:
    """(F, Q) the expert's coordinates in our skeleton, the path as long as the legs, its middle above the origin."""
    q = np.zeros((len(truth.time_s), len(skeleton.coordinates)))
    for column, name in enumerate(truth.names):
        q[:, skeleton.coordinate_names.index(name)] = truth.values[:, column]
    path = [skeleton.coordinate_names.index(f"pelvis_t{axis}") for axis in "xyz"]
    q[:, path] *= (model_height_m(skeleton) or 1.0) / (model_height_m(expert) or 1.0)
    level = [path[0], path[2]]
    q[:, level] -= (q[:, level].max(axis=0) + q[:, level].min(axis=0)) / 2
    return skeleton.satisfy_couplings(q)


def _on_the_floor(person: BodyWithSkeleton, q: FloatArray) -> FloatArray:
    """The same motion, the lowest point of all frames on the floor."""
    lowest = min(float(mesh[:, 1].min()) for mesh in _meshes(person, q))
    q = q.copy()
    q[:, person.skeleton.coordinate_names.index("pelvis_ty")] -= lowest
    return q


def render(motion: ExpertMotion, view: str, path: Path) -> FloatArray:
    """Render a motion from one side with a static camera.

    Args:
        motion: of the expert.
        view: of VIEWS.
        path: the .mp4 to write.

    Returns:
        T_camera_world (4, 4).
    """
    meshes = list(motion.meshes())
    body = _anny(motion.person)
    T_camera_world = camera_pose(motion, view, np.stack([mesh[::VERTEX_STEP] for mesh in meshes]))
    scene = Scene(
        LENS,
        T_camera_world,
        body.triangles.numpy(),
        clothing_colours(motion.person.shaped),
        boxes=_boxes(motion, meshes),
    )
    write_video(path, (scene.draw(mesh) for mesh in meshes), LENS, rate_hz=motion.rate_hz)
    return T_camera_world


def camera_pose(motion: ExpertMotion, view: str, points_m: FloatArray) -> FloatArray:
    """T_camera_world (4, 4) as near as DISTANCE_M, farther only where points (F, P, 3) would leave the image.

    Raises:
        BioposeError: they leave it even from FARTHEST_M.
    """
    azimuth = _heading_rad(motion) - np.radians(VIEWS[view])
    direction = np.array([np.cos(azimuth), 0.0, -np.sin(azimuth)])
    at_m = np.array([0.0, AIM_HEIGHT_M, 0.0])
    for distance in np.arange(DISTANCE_M, FARTHEST_M, DISTANCE_STEP_M):
        position_m = distance * direction + np.array([0.0, CAMERA_HEIGHT_M, 0.0])
        T_camera_world = look_at(position_m=position_m, at_m=at_m)
        p_camera = points_m @ T_camera_world[:3, :3].T + T_camera_world[:3, 3]
        pixels = LENS.project(torch.from_numpy(p_camera)).numpy()
        inside = (pixels > MARGIN_PX) & (pixels < np.array([LENS.width_px, LENS.height_px]) - MARGIN_PX)
        if inside.all():
            return T_camera_world
    raise BioposeError(f"{motion.trial}: the motion does not fit into the image from {FARTHEST_M} m away")


def _heading_rad(motion: ExpertMotion) -> float:
    """Mean heading of the pelvis about the vertical: 0 along the world's x."""
    pelvis = motion.person.skeleton.body_names.index("pelvis")
    pose = Kinematics(motion.person.skeleton).with_coordinates(torch.from_numpy(motion.q))
    x, _, z = pose.R_ground_body[:, pelvis, :, 0].mean(dim=0).tolist()
    return float(np.arctan2(-z, x))


def _boxes(motion: ExpertMotion, meshes: list[FloatArray]) -> list[Box]:
    """What the person stands or sits on, where it is not the floor."""
    if motion.trial.startswith(DROP_JUMP):
        return [_under(motion, meshes[0], FOOT, *DROP_BOX_M)]
    if motion.trial.startswith(ONTO_BOX):
        return [_under(motion, meshes[-1], FOOT, *DROP_BOX_M)]
    if motion.trial.startswith(SIT_TO_STAND):
        sitting = motion.q[:, motion.person.skeleton.coordinate_names.index("pelvis_ty")].argmin()
        return [_under(motion, meshes[int(sitting)], SEAT, *STOOL_M)]
    return []


def _under(motion: ExpertMotion, mesh: FloatArray, bones: tuple[str, ...], length_m: float, width_m: float) -> Box:
    """A box that reaches up to the skin of some bones."""
    rig = motion.person.shaped.body
    columns = [rig.bone_index[bone] for bone in bones]
    part = mesh[(rig.skin_matrix[:, columns].sum(dim=1) > 0.5).numpy()]
    x, _, z = part.mean(axis=0)
    return Box(x, z, length_m, float(part[:, 1].min()), width_m, _heading_rad(motion))


def _anny(person: BodyWithSkeleton) -> Body:
    body = person.shaped.body
    assert isinstance(body, Body)
    return body


def _meshes(person: BodyWithSkeleton, q: FloatArray) -> Iterator[FloatArray]:
    for some in torch.from_numpy(q).split(CHUNK):
        yield from person.with_coordinates(some).vertices.double().numpy()
