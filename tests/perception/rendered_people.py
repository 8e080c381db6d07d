"""Bodies drawn where their keypoints are known: random postures before a coloured background."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from biopose.body.anny import Body
from biopose.body.keypoints import anny_keypoints
from biopose.body.shape import draw_shapes
from biopose.body.subject import BodyWithSkeleton, skeleton_of_body
from biopose.camera.pinhole import Camera
from biopose.rendering.mesh_renderer import MeshRenderer
from biopose.skeleton.full_body import full_body_skeleton

WIDTH_PX, HEIGHT_PX = 480, 640
POSTURE_DEG = {  # lowest and highest angle of each coordinate
    "hip_flexion": (-15, 60),
    "hip_adduction": (-20, 5),
    "knee_angle": (0, 80),
    "ankle_angle": (-15, 20),
    "arm_flex": (-30, 70),
    "arm_add": (-60, -5),
    "elbow_flex": (0, 100),
}


@dataclass(frozen=True, eq=False)
class RenderedPerson:
    """A picture, the box around the body, and its keypoints (26, 2) in pixels."""

    image: NDArray[np.uint8]
    box_px: NDArray[np.float64]
    keypoints_px: NDArray[np.float64]


def rendered_people(*, count: int, seed: int) -> list[RenderedPerson]:
    """People of one shape in drawn postures, observed from all around."""
    rng = np.random.default_rng(seed)
    body = Body.load()
    person = skeleton_of_body(body, body.with_shape(draw_shapes(body, 1, seed=seed)[0]), full_body_skeleton())
    camera = Camera(WIDTH_PX, HEIGHT_PX, (1300.0, 1300.0), ((WIDTH_PX - 1) / 2, (HEIGHT_PX - 1) / 2))
    renderer = MeshRenderer(camera, body.triangles.numpy())
    return [_rendered(body, person, camera, renderer, rng) for _ in range(count)]


def _rendered(
    body: Body, person: BodyWithSkeleton, camera: Camera, renderer: MeshRenderer, rng: np.random.Generator
) -> RenderedPerson:
    posed = person.with_coordinates(torch.from_numpy(_posture(person, rng)))
    keypoints = anny_keypoints(body).positions(posed)
    turn, centre = _facing(rng), keypoints.mean(dim=0)
    vertices, keypoints = ((p - centre) @ turn.T + torch.tensor([0.0, 0.0, 5.0]) for p in (posed.vertices, keypoints))
    background = np.tile(rng.integers(20, 235, 3).astype(np.uint8), (HEIGHT_PX, WIDTH_PX, 1))
    image = renderer.draw([vertices.numpy()], colours=[_clothes(body, rng)], background=background)
    outline = camera.project(vertices).double().numpy()
    box = np.concatenate([outline.min(axis=0), outline.max(axis=0)])
    return RenderedPerson(image, box, camera.project(keypoints).double().numpy())


def _posture(person: BodyWithSkeleton, rng: np.random.Generator) -> NDArray[np.float64]:
    values = np.zeros_like(person.rest_pose)
    for index, coordinate in enumerate(person.skeleton.coordinates):
        low, high = POSTURE_DEG.get(coordinate.name[:-2], (0, 0))
        values[index] = np.deg2rad(rng.uniform(low, high))
    return values


def _facing(rng: np.random.Generator) -> torch.Tensor:
    """From the world (y up) to a level camera (y down), from any side: (3, 3)."""
    heading = rng.uniform(0, 2 * np.pi)
    forward = torch.tensor([np.cos(heading), 0.0, np.sin(heading)], dtype=torch.float32)
    down = torch.tensor([0.0, -1.0, 0.0])
    return torch.stack([torch.linalg.cross(down, forward), down, forward])


def _clothes(body: Body, rng: np.random.Generator) -> NDArray[np.float64]:
    """(V, 3) one colour a bone, those of the arms, the legs and the head alike."""
    parts = ("upperleg", "lowerleg", "foot", "toe", "upperarm", "lowerarm", "wrist", "finger", "head", "neck")
    part = np.array([next((i for i, p in enumerate(parts) if p in name), len(parts)) for name in body.bone_labels])
    palette = rng.integers(20, 235, (len(parts) + 1, 3)).astype(float)
    palette[5:10] = [210.0, 160.0, 130.0]
    colours: NDArray[np.float64] = palette[part[body.skin_matrix.argmax(dim=1).numpy()]]
    return colours
