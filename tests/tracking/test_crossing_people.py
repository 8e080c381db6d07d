"""Two people who cross, one behind the other: each keeps their track. Rendered, so the truth is known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from biopose.body.anny import Body
from biopose.body.shape import phenotype_for
from biopose.body.subject import BodyWithSkeleton, skeleton_of_body
from biopose.camera.pinhole import Camera
from biopose.perception.detector import PersonDetector
from biopose.perception.keypoint_network import KeypointNetwork
from biopose.rendering.look_at import look_at
from biopose.rendering.scene import Scene, clothing_colours, write_video
from biopose.skeleton.full_body import full_body_skeleton
from biopose.tracking.people import join_shards
from biopose.tracking.shards import Shard, perceive
from tests.body.bodies import needs_body_asset
from tests.perception.real_people import needs_networks

RATE_HZ, FRAMES = 25, 70
CAMERA = Camera(960, 540, (800.0, 800.0), (479.5, 269.5))
T_CAMERA_WORLD = look_at(position_m=(0.0, 1.2, 6.0), at_m=(0.0, 0.9, 0.0))
SPEED_M_S, STRIDE_HZ = 1.2, 0.9
HIP, KNEE, ARM = 0.45, 0.9, 0.5  # radians
DEPTHS_M = (0.0, -1.0)  # of each person's path, along the world's z, towards the camera


def walker(*, height_m: float, gender: float) -> BodyWithSkeleton:
    body = Body.load(dtype=torch.float64)
    shape = phenotype_for(body, height_m=height_m, mass_kg=22 * height_m**2, gender=gender)
    return skeleton_of_body(body, body.with_shape(shape), full_body_skeleton())


def walking(person: BodyWithSkeleton, *, direction: int, depth_m: float) -> NDArray[np.float64]:
    """(FRAMES, V, 3) vertices of a person who walks along x, in the world."""
    skeleton = person.skeleton
    time_s = np.arange(FRAMES) / RATE_HZ
    q = np.repeat(skeleton.default_pose[None], FRAMES, axis=0)
    for side, phase in (("r", 0.0), ("l", np.pi)):
        swing = np.sin(2 * np.pi * STRIDE_HZ * time_s + phase)
        for name, angle in (
            (f"hip_flexion_{side}", HIP * swing),
            (f"knee_angle_{side}", KNEE * np.clip(np.cos(2 * np.pi * STRIDE_HZ * time_s + phase), 0.05, None)),
            (f"arm_flex_{side}", -ARM * swing),
        ):
            q[:, skeleton.coordinate_names.index(name)] = angle
    vertices = person.with_coordinates(torch.from_numpy(skeleton.satisfy_couplings(q))).vertices.double().numpy()
    vertices[..., 1] -= vertices[..., 1].min(axis=1, keepdims=True)
    if direction < 0:
        vertices[..., [0, 2]] *= -1.0
    x_m = direction * SPEED_M_S * (time_s - time_s.mean())
    return np.asarray(vertices + np.stack([x_m, 0 * x_m, np.full(FRAMES, depth_m)], axis=-1)[:, None])


@pytest.fixture(scope="module")
def crossing(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, NDArray[np.float64]]:
    """The video, and each person's horizontal position in it (2, FRAMES), in pixels."""
    people = [walker(height_m=1.80, gender=0.0), walker(height_m=1.66, gender=1.0)]
    meshes = [
        walking(person, direction=direction, depth_m=depth_m)
        for person, direction, depth_m in zip(people, (1, -1), DEPTHS_M, strict=True)
    ]
    triangles = people[0].shaped.body.triangles.numpy()
    scene = Scene(
        CAMERA,
        T_CAMERA_WORLD,
        np.concatenate([triangles, triangles + meshes[0].shape[1]]),
        np.concatenate([clothing_colours(people[0].shaped), clothing_colours(people[1].shaped)[:, ::-1]]),
    )
    path = tmp_path_factory.mktemp("crossing") / "crossing.mp4"
    write_video(path, map(scene.draw, np.concatenate(meshes, axis=1)), CAMERA, rate_hz=RATE_HZ)
    middle = np.stack([mesh.mean(axis=1) for mesh in meshes])
    return path, CAMERA.project(torch.from_numpy(middle @ T_CAMERA_WORLD[:3, :3].T + T_CAMERA_WORLD[:3, 3])).numpy()[
        ..., 0
    ]


@pytest.mark.slow
@needs_networks
@needs_body_asset
@pytest.mark.parametrize("detect_every", [None, 1, 3])
def test_people_who_cross_keep_their_identities(
    crossing: tuple[Path, NDArray[np.float64]], detect_every: int | None
) -> None:
    video, truth_px = crossing
    networks = {"detector": PersonDetector.load(threads=2), "network": KeypointNetwork.load(threads=2)}
    found, _, _ = join_shards(perceive(Shard(video), **networks, detect_every=detect_every))
    assert len(found.tracks) == 2
    followed = set()
    for track in found.tracks:
        x_px = track.boxes_px[track.detected][:, [0, 2]].mean(axis=1)
        off_px = np.abs(x_px - truth_px[:, track.frame_indices[track.detected]])
        person = int(np.median(off_px, axis=1).argmin())
        assert track.detected.sum() > 0.8 * FRAMES
        assert off_px[person].max() < 60  # a third of the width of a stride
        followed.add(person)
    assert followed == {0, 1}
