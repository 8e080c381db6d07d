"""Points of the body from joint kinematics: the whole-body centre of mass; joint centres; each foot's heel to toes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np
import torch

from biopose.analysis.measured_trial import FloatArray
from biopose.errors import ModelError
from biopose.skeleton.kinematics import FRAMES_AT_ONCE, Kinematics
from biopose.skeleton.model import Skeleton

Side = Literal["left", "right"]

SIDES: tuple[Side, Side] = ("left", "right")
OTHER: Mapping[Side, Side] = {"left": "right", "right": "left"}
HINDFOOT, TOES = "calcn", "toes"  # bodies of the Rajagopal family's feet, before _r or _l
CENTER_OF_MASS = "center_of_mass"
# Joint centres, each the origin of a body of the Rajagopal family; the foot's lie at the heel and at the
# metatarsophalangeal joint.
JOINTS = {
    "hip": "femur",
    "knee": "tibia",
    "ankle": "talus",
    "heel": HINDFOOT,
    "toes": TOES,
    "shoulder": "humerus",
    "elbow": "ulna",
    "wrist": "hand",
}


def center_of_mass_m(skeleton: Skeleton, q: FloatArray) -> FloatArray:
    """(T, 3) of the whole body in the ground's frame: the mean of the segments' centres, weighted by their masses.

    Args:
        skeleton: its bodies carry masses.
        q: (T, Q) coordinates.

    Raises:
        ModelError: the bodies have no mass.
    """
    return body_points_m(skeleton, q)[CENTER_OF_MASS]


def body_points_m(skeleton: Skeleton, q: FloatArray) -> dict[str, FloatArray]:
    """By name, (T, 3) in the ground's frame: center_of_mass as above, and the joint centres, such as hip_l, of JOINTS.

    A joint whose body the skeleton lacks is left out.

    Args:
        skeleton: its bodies carry masses.
        q: (T, Q) coordinates.

    Raises:
        ModelError: the bodies have no mass.
    """
    mass_kg = torch.tensor([body.mass_kg for body in skeleton.bodies[1:]], dtype=torch.float64)
    if not mass_kg.sum() > 0:
        raise ModelError(f"the bodies of the model {skeleton.name} have no mass: the centre of mass is not defined")
    center_m = torch.from_numpy(np.stack([body.mass_center_m for body in skeleton.bodies[1:]]))
    bodies = {f"{joint}_{side[0]}": f"{body}_{side[0]}" for joint, body in JOINTS.items() for side in SIDES}
    at = {joint: skeleton.body_names.index(body) for joint, body in bodies.items() if body in skeleton.body_names}
    kinematics = Kinematics(skeleton)
    found, origins = [], []
    for part in torch.from_numpy(q).split(FRAMES_AT_ONCE):
        T_all = kinematics.with_coordinates(part).T_ground_body
        T_ground_body = T_all[:, 1:]
        centers = (T_ground_body[..., :3, :3] @ center_m[..., None])[..., 0] + T_ground_body[..., :3, 3]
        found.append((mass_kg[:, None] * centers).sum(dim=1) / mass_kg.sum())
        origins.append(T_all[:, list(at.values()), :3, 3])
    origins_m = torch.cat(origins).numpy()
    return {CENTER_OF_MASS: torch.cat(found).numpy()} | {joint: origins_m[:, i] for i, joint in enumerate(at)}


def feet_points_m(skeleton: Skeleton, q: FloatArray) -> Mapping[Side, FloatArray]:
    """By side, (T, P, 3) points of the foot in the ground's frame, from the heel to the toes.

    They are the model's markers on hindfoot and toes; where fewer than two are on a foot, the frames of these two
    bodies, which in the Rajagopal family lie at the heel and at the metatarsophalangeal joint.

    Args:
        skeleton: its feet are named calcn_r, toes_r and so on.
        q: (T, Q) coordinates.

    Raises:
        ModelError: a foot is missing.
    """
    return {side: _foot_points_m(skeleton, q, side[0]) for side in SIDES}


def _foot_points_m(skeleton: Skeleton, q: FloatArray, letter: str) -> FloatArray:
    names = [f"{HINDFOOT}_{letter}", f"{TOES}_{letter}"]
    if missing := [name for name in names if name not in skeleton.body_names]:
        raise ModelError(f"the model {skeleton.name} has no body {missing[0]}: contacts of the foot are not known")
    bodies = [skeleton.body_names.index(name) for name in names]
    markers = tuple(marker for marker in skeleton.markers if marker.body in bodies)
    kinematics = Kinematics(skeleton.with_markers(markers))
    if len(markers) >= 2:
        points_m = kinematics.markers_over_time(torch.from_numpy(q)).numpy()
    else:
        parts = torch.from_numpy(q).split(FRAMES_AT_ONCE)
        poses = [kinematics.with_coordinates(part).T_ground_body[:, bodies, :3, 3] for part in parts]
        points_m = torch.cat(poses).numpy()
    default = kinematics.with_coordinates(torch.from_numpy(skeleton.default_pose)[None])
    T_ground_heel = default.T_ground_body[0, bodies[0]].numpy()
    there = default.markers[0].numpy() if len(markers) >= 2 else default.T_ground_body[0, bodies, :3, 3].numpy()
    return np.asarray(points_m[:, np.argsort((there - T_ground_heel[:3, 3]) @ T_ground_heel[:3, 0], kind="stable")])
