"""An expert's motion on a body, filmed: the clips that part (b) of the accuracy protocol measures.

The expert's angles move our default skeleton, scaled to a body of that person's height and mass, and the body with it.
So the truth is exactly what the filmed body does: the expert's angles. Coordinates that the expert's model lacks
(wrists, neck) stay at 0. The pelvis follows the expert's path times the ratio of the legs' lengths (feet that stand
still for the expert stand still for the body), with the lowest point of the clip on the floor. A drop jump begins on a
box, and who stands up from sitting has sat on a stool.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
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

# Nothing is known of the laboratory's person but stature and mass. The rest is not what a method would take for a
# start: a body in the middle of every range would be measured too well.
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
EVERY_VERTEX = 20  # that is looked at for the framing
FOOT, SEAT = SEGMENT_BONES["calcn_r"] + SEGMENT_BONES["calcn_l"], SEGMENT_BONES["pelvis"]
DROP_JUMP, SIT_TO_STAND = "DJ", "STS"  # how the names of the trials begin in which something stands in the room
DROP_BOX_M, STOOL_M = (0.45, 0.6), (0.3, 0.3)  # length and width


@dataclass(frozen=True, eq=False)
class Clip:
    """A motion to film.

    Attributes:
        trial: its name.
        person: the body that moves.
        q: (F, Q) its skeleton's coordinates, at RATE_HZ; the middle of the path lies above the world's origin.
        truth: the expert's coordinates at those moments.
    """

    trial: str
    person: BodyWithSkeleton
    q: FloatArray
    truth: CoordinateTrajectories

    def meshes(self) -> Iterator[FloatArray]:
        """Vertices (V, 3) of each frame, in the world, metres."""
        return _meshes(self.person, self.q)

    def limb_joints_m(self) -> FloatArray:
        """(F, 12, 3) LIMB_JOINTS in the world."""
        keypoints = anny_keypoints(_anny(self.person), LIMB_JOINTS)
        posed = self.person.with_coordinates(torch.from_numpy(self.q))
        positions: FloatArray = keypoints.positions(posed).double().numpy()
        return positions


def person_like(expert: Skeleton) -> tuple[BodyWithSkeleton, float]:
    """A body of the laboratory's person, and its height in metres.

    The markers end at the neck: the height is the one that belongs to the length of the model's legs.

    Raises:
        BioposeError: the model's legs are not those of the Rajagopal family.
    """
    height_m = model_height_m(expert)
    if height_m is None:
        raise BioposeError(f"the model {expert.name} has no joints hip_r and ankle_r to tell a height by")
    body = Body.load(dtype=torch.float64)
    phenotype = phenotype_for(body, height_m=height_m, mass_kg=LAB_MASS_KG, gender=GENDER, proportions=PROPORTIONS)
    shaped = body.with_shape(phenotype)
    return skeleton_of_body(body, shaped, full_body_skeleton()), height_m


def read_clip(lab: Path, trial: str, expert: Skeleton, person: BodyWithSkeleton) -> Clip:
    """The middle of a trial, at most CLIP_S, put on a body.

    Args:
        lab: the folder mocap/lab.
        trial: a name in it.
        expert: the model that the trial's coordinates belong to.
        person: the body.
    """
    motion = read_mot(lab / f"{trial}_expert_ik.mot", rotational=expert.rotational_names)
    frames = round(CLIP_S * RATE_HZ)
    every = np.arange(0, len(motion.time_s), STEP)
    first = max(len(every) - frames, 0) // 2
    kept = every[first : first + frames]
    truth = CoordinateTrajectories(motion.time_s[kept], motion.names, motion.values[kept])
    return Clip(trial, person, _on_the_floor(person, _translated(truth, expert, person.skeleton)), truth)


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


def film(clip: Clip, view: str, path: Path) -> FloatArray:
    """Film a clip from one side with a camera that stands still.

    Args:
        clip: the motion.
        view: of VIEWS.
        path: the .mp4 to write.

    Returns:
        T_camera_world (4, 4).
    """
    meshes = list(clip.meshes())
    body = _anny(clip.person)
    T_camera_world = stand(clip, view, np.stack([mesh[::EVERY_VERTEX] for mesh in meshes]))
    scene = Scene(
        LENS, T_camera_world, body.triangles.numpy(), clothing_colours(clip.person.shaped), boxes=_boxes(clip, meshes)
    )
    write_video(path, (scene.draw(mesh) for mesh in meshes), LENS, rate_hz=RATE_HZ)
    return T_camera_world


def stand(clip: Clip, view: str, points_m: FloatArray) -> FloatArray:
    """T_camera_world (4, 4) as near as DISTANCE_M, farther only where points (F, P, 3) would leave the picture.

    Raises:
        BioposeError: they leave it from FARTHEST_M still.
    """
    azimuth = _heading_rad(clip) - np.radians(VIEWS[view])
    towards = np.array([np.cos(azimuth), 0.0, -np.sin(azimuth)])
    at_m = np.array([0.0, AIM_HEIGHT_M, 0.0])
    for distance in np.arange(DISTANCE_M, FARTHEST_M, DISTANCE_STEP_M):
        position_m = distance * towards + np.array([0.0, CAMERA_HEIGHT_M, 0.0])
        T_camera_world = look_at(position_m=position_m, at_m=at_m)
        seen = points_m @ T_camera_world[:3, :3].T + T_camera_world[:3, 3]
        pixels = LENS.project(torch.from_numpy(seen)).numpy()
        inside = (pixels > MARGIN_PX) & (pixels < np.array([LENS.width_px, LENS.height_px]) - MARGIN_PX)
        if inside.all():
            return T_camera_world
    raise BioposeError(f"{clip.trial}: the motion does not fit into the picture from {FARTHEST_M} m away")


def _heading_rad(clip: Clip) -> float:
    """Turn about the vertical of where the pelvis faces on average: 0 along the world's x."""
    pelvis = clip.person.skeleton.body_names.index("pelvis")
    pose = Kinematics(clip.person.skeleton).with_coordinates(torch.from_numpy(clip.q))
    x, _, z = pose.R_ground_body[:, pelvis, :, 0].mean(dim=0).tolist()
    return float(np.arctan2(-z, x))


def _boxes(clip: Clip, meshes: list[FloatArray]) -> list[Box]:
    """What the person stands or sits on, where it is not the floor."""
    if clip.trial.startswith(DROP_JUMP):
        return [_under(clip, meshes[0], FOOT, *DROP_BOX_M)]
    if clip.trial.startswith(SIT_TO_STAND):
        sitting = clip.q[:, clip.person.skeleton.coordinate_names.index("pelvis_ty")].argmin()
        return [_under(clip, meshes[int(sitting)], SEAT, *STOOL_M)]
    return []


def _under(clip: Clip, mesh: FloatArray, bones: tuple[str, ...], length_m: float, width_m: float) -> Box:
    """A box that ends just below some bones' skin."""
    rig = clip.person.shaped.body
    columns = [rig.bone_index[bone] for bone in bones]
    part = mesh[(rig.skin_matrix[:, columns].sum(dim=1) > 0.5).numpy()]
    x, _, z = part.mean(axis=0)
    return Box(x, z, length_m, float(part[:, 1].min()), width_m, _heading_rad(clip))


def _anny(person: BodyWithSkeleton) -> Body:
    body = person.shaped.body
    assert isinstance(body, Body)
    return body


def _meshes(person: BodyWithSkeleton, q: FloatArray) -> Iterator[FloatArray]:
    for some in torch.from_numpy(q).split(CHUNK):
        yield from person.with_coordinates(some).vertices.double().numpy()
