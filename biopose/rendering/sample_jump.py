"""A synthetic countermovement jump: joint angles at eight key frames, interpolated between them, of a body of 1.78 m.

python -m biopose.rendering.sample_jump --out jump.png  # README's image: seven moments of it
"""

# ruff: noqa: D301 - in a help text \b is the character that keeps click from filling the lines after it
from __future__ import annotations

from pathlib import Path

import click
import numpy as np
import torch
from numpy.typing import NDArray

from biopose.body.anny import Body
from biopose.body.shape import phenotype_for
from biopose.body.subject import BodyWithSkeleton, skeleton_of_body
from biopose.rendering.body_views import View, draw_views, write_png
from biopose.skeleton.full_body import full_body_skeleton
from biopose.skeleton.kinematics import Kinematics

RATE_HZ = 100.0
GRAVITY_M_S2 = 9.81
HEIGHT_M, MASS_KG = 1.78, 75.0
SHOWN_S = (0.0, 0.6, 0.8, 0.95, 1.26, 1.7, 2.39)
MARKERS_ON_FLOOR = ("RHEE", "LHEE", "RTOE", "LTOE")

# Times of the key frames, and both sides' angles in them.
KEY_TIMES_S = (0.0, 0.4, 0.8, 1.02, 1.25, 1.50, 1.75, 2.4)
TAKE_OFF_S, LANDING_S = 1.02, 1.50
ANGLES_DEG: dict[str, tuple[float, ...]] = {
    "hip_flexion": (2, 5, 80, 0, 10, 20, 70, 2),
    "hip_adduction": (-4, -4, -6, -4, -5, -5, -7, -4),
    "knee_angle": (4, 8, 95, 3, 10, 18, 85, 4),
    "ankle_angle": (4, 5, 28, -35, -30, -25, 27, 4),
    "mtp_angle": (0, 0, 0, -20, 0, 0, 0, 0),
    "arm_flex": (5, -30, -50, 120, 130, 90, 20, 5),
    "arm_add": (-12, -12, -15, -12, -12, -15, -20, -12),
    "elbow_flex": (15, 20, 25, 30, 30, 35, 45, 15),
    "pro_sup": (80, 80, 80, 80, 80, 80, 80, 80),
}
LUMBAR_EXTENSION_DEG = (-4, -5, -22, 2, 0, -6, -20, -4)
PELVIS_TILT_DEG = (0, -2, -32, 0, -2, -8, -28, 0)


def synthetic_jump() -> tuple[BodyWithSkeleton, NDArray[np.float64], NDArray[np.float64]]:
    """The person, the times (T,) and the coordinates (T, Q) of their jump."""
    body = Body.load(dtype=torch.float64)
    shaped = body.with_shape(phenotype_for(body, height_m=HEIGHT_M, mass_kg=MASS_KG, gender=0.0))
    person = skeleton_of_body(body, shaped, full_body_skeleton())
    time_s = np.arange(0.0, KEY_TIMES_S[-1], 1 / RATE_HZ)
    return person, time_s, _on_floor(person, _jump_coordinates(person, time_s), time_s)


def _jump_coordinates(person: BodyWithSkeleton, time_s: NDArray[np.float64]) -> NDArray[np.float64]:
    names = person.skeleton.coordinate_names
    q = np.repeat(person.skeleton.default_pose[None], len(time_s), axis=0)
    for stem, angles in ANGLES_DEG.items():
        for side in "rl":
            q[:, names.index(f"{stem}_{side}")] = np.radians(_smooth(time_s, angles))
    q[:, names.index("lumbar_extension")] = np.radians(_smooth(time_s, LUMBAR_EXTENSION_DEG))
    q[:, names.index("pelvis_tilt")] = np.radians(_smooth(time_s, PELVIS_TILT_DEG))
    return person.skeleton.satisfy_couplings(q)


def _smooth(time_s: NDArray[np.float64], values: tuple[float, ...]) -> NDArray[np.float64]:
    """The values interpolated between the key frames by cubic polynomials, with zero velocity at each key frame."""
    times, levels = np.array(KEY_TIMES_S), np.array(values, dtype=np.float64)
    after = np.clip(np.searchsorted(times, time_s, side="right"), 1, len(times) - 1)
    share = (time_s - times[after - 1]) / (times[after] - times[after - 1])
    return levels[after - 1] + (levels[after] - levels[after - 1]) * share**2 * (3 - 2 * share)


def _on_floor(person: BodyWithSkeleton, q: NDArray[np.float64], time_s: NDArray[np.float64]) -> NDArray[np.float64]:
    """The coordinates with the pelvis raised so that the feet are on the floor, and in ballistic flight between."""
    feet = [person.markers.names.index(name) for name in MARKERS_ON_FLOOR]
    lowest = person.markers.positions(person.with_coordinates(torch.from_numpy(q))).numpy()[:, feet, 1].min(axis=1)
    flight_s = np.clip(time_s - TAKE_OFF_S, 0, LANDING_S - TAKE_OFF_S)
    rise = GRAVITY_M_S2 / 2 * flight_s * (LANDING_S - TAKE_OFF_S - flight_s)
    q = q.copy()
    q[:, person.skeleton.coordinate_names.index("pelvis_ty")] += rise - lowest
    return q


@click.command()
@click.option("--out", required=True, type=click.Path(dir_okay=False, path_type=Path), help="The .png to write.")
def main(out: Path) -> None:
    """Draw the synthetic jump: the body at seven moments, with the joint centres of its skeleton.

    \b
    Example:
      python -m biopose.rendering.sample_jump --out jump.png
    """
    person, time_s, coordinates = synthetic_jump()
    frames = [time_s.searchsorted(t) for t in SHOWN_S]
    q = torch.from_numpy(coordinates[frames])
    beside = np.arange(len(frames))[:, None, None] * [0.9, 0.0, 0.0]
    vertices = person.with_coordinates(q).vertices.numpy() + beside
    joints = Kinematics(person.skeleton).with_coordinates(q).joint_centers.numpy() + beside
    triangles = person.shaped.body.triangles.numpy()
    all_triangles = np.concatenate([triangles + i * vertices.shape[1] for i in range(len(frames))])
    points = {str(i): point for i, point in enumerate(joints.reshape(-1, 3))}
    view = View(towards_camera=(-0.15, 0.1, 1.0), centre=(2.7, 1.25, 0.0), height_m=2.75)
    pixels = draw_views(
        vertices.reshape(-1, 3),
        all_triangles,
        points,
        [view],
        width_px=1500,
        height_px=620,
        radius_m=0.018,
        opacity=0.45,
        with_names=False,
    )
    write_png(pixels, out)


if __name__ == "__main__":
    main()
