"""Whether body and skeleton are one person: coordinates -> body -> virtual markers -> IK -> coordinates.

Shapes are drawn from ANSUR II's people, poses uniformly from the coordinates' ranges, less a twentieth at either end;
the lumbar joint, whose ranges in the model are far wider than a person's, from 45 degrees to either side.

Beside them stands how far the angles of one posture of the bones, the body at rest, differ between the shapes: the
constant errors of `biopose.skeleton.constant_errors` were taken from it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from biopose.body.anny import Body
from biopose.body.shape import draw_shapes
from biopose.body.subject import BodyWithSkeleton, skeleton_of_body
from biopose.io.trajectories import MarkerTrajectories
from biopose.skeleton.angles import nearest_representation
from biopose.skeleton.constant_errors import PELVIS_TILT, TURNED_WITH_PELVIS, without_side
from biopose.skeleton.full_body import full_body_skeleton
from biopose.skeleton.ik.inverse_kinematics import inverse_kinematics
from biopose.skeleton.model import Skeleton

LUMBAR_RAD = np.pi / 4
PELVIS_SHIFT_M = 1.0


def evaluate_consistency(
    *,
    shapes: int = 200,
    poses: int = 50,
    seed: int = 0,
    threads: int = 2,
    progress: Callable[[int], None] | None = None,
) -> dict[str, Any]:
    """Absolute differences in degrees between the drawn coordinates and those of inverse kinematics.

    Args:
        shapes: bodies drawn.
        poses: of each.
        seed: of both.
        threads: for inverse kinematics.
        progress: called with 1 after each shape.

    Returns:
        median_deg and p95_deg over all rotational coordinates, by_coordinate_deg with both for each, rms_mm, the median
        marker error, and at_rest_sd_deg, the standard deviation of each coordinate between bodies at rest: of hip
        flexion and lumbar extension that of their sum with the pelvis's tilt.
    """
    body = Body.load(dtype=torch.float64)
    full_body = full_body_skeleton()
    rng = np.random.default_rng(seed)
    errors, rms_m, at_rest = [], [], []
    for phenotype in draw_shapes(body, shapes, seed=seed):
        person = skeleton_of_body(body, body.with_shape(phenotype), full_body)
        error, rms = _round_trip(person, draw_poses(full_body, poses, rng=rng), threads=threads)
        at_rest.append(person.rest_pose)
        errors.append(error)
        rms_m.append(rms)
        if progress:
            progress(1)
    rotational = [i for i, name in enumerate(full_body.coordinate_names) if name in full_body.rotational_names]
    degrees = np.degrees(np.abs(np.concatenate(errors)))[:, rotational]
    return {
        "shapes": shapes,
        "poses": poses,
        "median_deg": float(np.median(degrees)),
        "p95_deg": float(np.percentile(degrees, 95)),
        "rms_mm": 1e3 * float(np.median(np.concatenate(rms_m))),
        "at_rest_sd_deg": _at_rest_sd_deg(full_body, np.stack(at_rest)),
        "by_coordinate_deg": {
            full_body.coordinate_names[i]: [float(np.median(column)), float(np.percentile(column, 95))]
            for i, column in zip(rotational, degrees.T, strict=True)
        },
    }


def _at_rest_sd_deg(skeleton: Skeleton, at_rest: NDArray[np.float64]) -> dict[str, float]:
    """By coordinate, of bodies (N, Q)."""
    names = skeleton.coordinate_names
    tilt = at_rest[:, names.index(PELVIS_TILT)]
    found = {}
    for name in sorted(skeleton.rotational_names, key=names.index):
        turned = tilt if without_side(name) in TURNED_WITH_PELVIS else 0.0
        found[name] = float(np.degrees(np.std(at_rest[:, names.index(name)] + turned)))
    return found


def consistency_lines(result: dict[str, Any]) -> list[str]:
    """As text."""
    lines = [
        f"{result['shapes']} shapes, {result['poses']} poses each; markers fit to {result['rms_mm']:.1f} mm",
        f"{'degrees':18}{'median':>8}{'95 %':>8}{'SD at rest':>12}",
        f"{'all':18}{result['median_deg']:8.2f}{result['p95_deg']:8.2f}",
    ]
    at_rest = result["at_rest_sd_deg"]
    by_coordinate = result["by_coordinate_deg"].items()
    return lines + [f"{name:18}{median:8.2f}{p95:8.2f}{at_rest[name]:12.1f}" for name, (median, p95) in by_coordinate]


def draw_poses(skeleton: Skeleton, n: int, *, rng: np.random.Generator) -> NDArray[np.float64]:
    """(n, Q) coordinates, drawn as described above."""
    low = np.array([c.range_min for c in skeleton.coordinates])
    high = np.array([c.range_max for c in skeleton.coordinates])
    for i, c in enumerate(skeleton.coordinates):
        if c.name.startswith("lumbar_"):
            low[i], high[i] = -LUMBAR_RAD, LUMBAR_RAD
        if c.motion == "translational":
            low[i], high[i] = -PELVIS_SHIFT_M, PELVIS_SHIFT_M
    return skeleton.satisfy_couplings(low + (high - low) * rng.uniform(0.05, 0.95, (n, len(low))))


def _round_trip(
    person: BodyWithSkeleton, q: NDArray[np.float64], *, threads: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    markers = person.markers.positions(person.with_coordinates(torch.from_numpy(q))).numpy()
    one_a_second = MarkerTrajectories(np.arange(len(q), dtype=np.float64), person.markers.names, markers)
    solution = inverse_kinematics(person.skeleton, one_a_second, threads=threads)
    names = list(person.skeleton.coordinate_names)
    found = nearest_representation(person.skeleton, names, solution.coordinates.values, q)
    return found - q, solution.rms_m
