"""The accuracy protocol on real video: a person on a beam, each of four cameras measured alone.

The reference are joints triangulated from all four cameras. Ours are compared in millimetres over the 12 limb joints:
PA-MPJPE, and MPJPE in the camera's frame (both poses relative to the middle of their hips, the reference rotated by the
calibration), so ours needs no calibration. Knee flexion is the angle between thigh and shank.

The reference's row i belongs to frame i + 1 of every video: with another network's keypoints (RTMPose-s) the smallest
distance from the projected joints, their constant part removed, lies there on all four cameras (9.4, 6.6, 11.1 and 8.9
pixels at the same index; 8.4, 5.3, 9.7 and 7.7 one frame later; 10.4, 6.7, 10.4 and 8.9 two later), and it has 99 rows
for 100 frames.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from biopose.body.keypoint_names import LIMB_JOINTS
from biopose.camera.pinhole import Camera
from biopose.errors import BioposeError
from biopose.evaluation.balance_budget import HIPS, KNEES, LIMBS, balance_budget, budget_lines, flexion
from biopose.evaluation.method import MeasureVideo, our_method
from biopose.io.trc import read_trc
from biopose.reconstruction.measurement import PersonMeasurement
from biopose.reconstruction.method_names import DEFAULT_METHOD, MethodName
from biopose.skeleton.pose_errors import centred_distances, procrustes_distances, transformed

FloatArray = NDArray[np.float64]

CAMERAS = ("cam01", "cam02", "cam03", "cam04")
FIRST_FRAME = 1  # of the videos, to which the reference's first row belongs
# The athlete's height is not published. His legs, hip to knee to ankle, measure 0.832 m (median of the triangulated
# joints, mean of both sides), which is 0.491 of a stature of 1.69 m (Drillis & Contini 1966, as in skeleton.stature);
# with the trunk, the head and the height of an ankle the segments add up to 1.73 m.
HEIGHT_M = 1.70
# In the .trc x, y and z are the calibration's y, z and x.
R_CALIBRATION_WORLD = np.array([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
WORST_FRAMES = 5
ANOTHER_PERSON = 0.5  # hips farther than this share of the reference's height in the image are another person's


@dataclass(frozen=True, eq=False)
class CalibratedCamera:
    """Intrinsics of one camera, and T_camera_world (4, 4) from the reference's world, whose y is up."""

    camera: Camera
    T_camera_world: FloatArray

    def in_camera(self, p_world: FloatArray) -> FloatArray:
        """Points (..., 3) in the camera's frame."""
        return transformed(self.T_camera_world, p_world)


def read_calibration(path: Path) -> dict[str, CalibratedCamera]:
    """The cameras by the names of their videos, cam01 to cam04.

    Raises:
        BioposeError: the file is missing or no calibration in Pose2Sim's format.
    """
    try:
        sections = tomllib.loads(path.read_text(encoding="utf-8"))
        return {name: _calibrated(sections[name.replace("cam", "cam_")]) for name in CAMERAS}
    except FileNotFoundError as error:
        raise BioposeError(f"{path}: not here; --data names the folder that holds multiview/balance") from error
    except (tomllib.TOMLDecodeError, KeyError) as error:
        raise BioposeError(f"{path}: not a calibration of cam_01 to cam_04 as Pose2Sim writes it: {error}") from error


def _calibrated(section: dict[str, Any]) -> CalibratedCamera:
    K, (width, height) = section["matrix"], section["size"]
    k1, k2, p1, p2 = section["distortions"]
    camera = Camera(
        int(width),
        int(height),
        (K[0][0], K[1][1]),
        (K[0][2], K[1][2]),
        distortion=(k1, k2, p1, p2, 0.0),
        source="given",
    )
    T_camera_world = np.eye(4)
    T_camera_world[:3, :3] = Rotation.from_rotvec(section["rotation"]).as_matrix() @ R_CALIBRATION_WORLD
    T_camera_world[:3, 3] = section["translation"]
    return CalibratedCamera(camera, T_camera_world)


def read_reference(path: Path) -> FloatArray:
    """(F, 12, 3) the triangulated LIMB_JOINTS in the reference's world, metres."""
    names = [f"{side[0].upper()}{joint.title()}" for side, joint in (name.split("_") for name in LIMB_JOINTS)]
    return read_trc(path).select(names).positions_m


def evaluate_balance(
    data: Path,
    *,
    cameras: Sequence[str] = CAMERAS,
    with_intrinsics: bool = False,
    method: MethodName = DEFAULT_METHOD,
    threads: int = 2,
    measure: MeasureVideo | None = None,
    progress: Callable[[str], None] | None = None,
) -> dict[str, Any]:
    """Measure each camera's video alone and compare it with the triangulated joints.

    Args:
        data: the reference recordings; multiview/balance is read.
        cameras: of CAMERAS.
        with_intrinsics: give the method the calibration's intrinsics; without, it gets a video and a height.
        method: of BioPose's.
        threads: for BioPose's method.
        measure: a method to evaluate instead of ours.
        progress: called with each camera's name before it.

    Returns:
        pa_mpjpe_mm, mpjpe_mm and knee_mae_deg, each by camera and their mean; budget: see `balance_budget`; details of
        each camera under cameras.

    Raises:
        BioposeError: the recordings are not there, or a video cannot be measured.
    """
    folder = data / "multiview" / "balance"
    calibration = read_calibration(folder / "calibration.toml")
    reference = read_reference(folder / "triangulated_body25b.trc")
    measure = measure or our_method(method, threads=threads)
    details, people, true_cameras = {}, {}, {}
    for name in cameras:
        if progress:
            progress(name)
        video, calibrated = folder / f"{name}.mp4", calibration[name]
        true = _of_video(calibrated.camera, video)
        true_cameras[name] = (true, calibrated.T_camera_world)
        people[name] = measure(video, height_m=HEIGHT_M, camera=true if with_intrinsics else None)
        details[name] = compare(people[name], calibrated, reference)
    limbs_m = {name: transformed(one.T_camera_world, _limbs_m(one)) for name, one in people.items()}
    tracks = {name: one.track for name, one in people.items()}
    return {
        **{key: _with_mean(details, key) for key in ("pa_mpjpe_mm", "mpjpe_mm", "knee_mae_deg")},
        "budget": balance_budget(limbs_m, tracks, true_cameras, reference, first=FIRST_FRAME),
        "intrinsics": "calibration" if with_intrinsics else "unknown",
        "height_m": HEIGHT_M,
        "cameras": details,
    }


def compare(person: PersonMeasurement, calibrated: CalibratedCamera, reference: FloatArray) -> dict[str, Any]:
    """One camera's errors.

    Args:
        person: the measurement.
        calibrated: its camera.
        reference: (F, 12, 3) in the reference's world.

    Raises:
        BioposeError: no frame has both a measurement and a reference.
    """
    rows = person.track.frame_indices - FIRST_FRAME
    ours = transformed(person.T_camera_world, _limbs_m(person))
    both = (rows >= 0) & (rows < len(reference)) & np.isfinite(ours).all(axis=(1, 2))
    both[both] &= np.isfinite(reference[rows[both]]).all(axis=(1, 2))
    if not both.any():
        raise BioposeError("no measured frame has a reference: was another part of the video measured?")
    found, expected = ours[both], calibrated.in_camera(reference[rows[both]])
    procrustes_mm = 1e3 * procrustes_distances(found, expected)
    centred_mm = 1e3 * centred_distances(found, expected, root=HIPS)
    frames = person.track.frame_indices[both]
    return {
        "pa_mpjpe_mm": float(procrustes_mm.mean()),
        "mpjpe_mm": float(centred_mm.mean()),
        **_knee_errors(found, expected),
        "pa_joint_mm": _by_joint(procrustes_mm),
        "joint_mm": _by_joint(centred_mm),
        "frames": len(frames),
        "frames_with_reference": len(reference),
        "reprojection_px": float(np.nanmedian(person.quality["reprojection_px"][both])),
        "focal_px": float(person.camera.focal_px[1]),
        "another_person": _is_another_person(person.track.keypoints_px[both][:, LIMBS], calibrated, expected),
        "worst_frames": _worst(frames, procrustes_mm.mean(axis=1)),
    }


def _limbs_m(person: PersonMeasurement) -> FloatArray:
    """(T, 12, 3) LIMB_JOINTS in the measurement's world."""
    return person.keypoints_m[:, LIMBS]


def _knee_errors(found: FloatArray, expected: FloatArray) -> dict[str, Any]:
    """Absolute and signed errors of the knees' flexion of poses (N, 12, 3), degrees."""
    error = {side: np.degrees(flexion(found, joints) - flexion(expected, joints)) for side, joints in KNEES.items()}
    return {
        "knee_mae_deg": float(np.mean([np.abs(e).mean() for e in error.values()])),
        "knee_mae_by_side_deg": {side: float(np.abs(e).mean()) for side, e in error.items()},
        "knee_bias_deg": {side: float(e.mean()) for side, e in error.items()},
    }


def _by_joint(distances_mm: FloatArray) -> dict[str, float]:
    return dict(zip(LIMB_JOINTS, distances_mm.mean(axis=0).tolist(), strict=True))


def _worst(frames: NDArray[np.int64], errors_mm: FloatArray) -> list[list[float]]:
    """The frames of the video with the largest errors, and these errors."""
    order = np.argsort(-errors_mm)[:WORST_FRAMES]
    return [[int(frames[i]), float(errors_mm[i])] for i in order]


def _is_another_person(keypoints_px: FloatArray, calibrated: CalibratedCamera, expected: FloatArray) -> bool:
    """Whether the person tracked, keypoints (N, 12, 2), is elsewhere in the image than the reference."""
    projected = calibrated.camera.project(torch.from_numpy(expected)).numpy()
    distance_px = np.linalg.norm(keypoints_px[:, HIPS].mean(axis=1) - projected[:, HIPS].mean(axis=1), axis=-1)
    height = np.ptp(projected[..., 1], axis=1)
    return bool(np.nanmedian(distance_px / height) > ANOTHER_PERSON)


def _of_video(camera: Camera, video: Path) -> Camera:
    """The same intrinsics for the video's image size: two of the videos lack the calibration's last 8 columns."""
    import av

    with av.open(str(video)) as container:
        stream = container.streams.video[0]
        return replace(camera, width_px=stream.width, height_px=stream.height)


def _with_mean(details: dict[str, dict[str, Any]], key: str) -> dict[str, float]:
    values = {name: float(detail[key]) for name, detail in details.items()}
    return values | {"mean": float(np.mean(list(values.values())))}


def balance_lines(result: dict[str, Any]) -> list[str]:
    """As text: each camera's errors, then each joint's, then the worst frames."""
    names = list(result["cameras"])
    details = list(result["cameras"].values())
    lines = [
        f"Each camera alone against the triangulated joints; intrinsics: {result['intrinsics']}, "
        f"height {result['height_m']:.2f} m",
        f"{'':22}" + "".join(f"{name:>9}" for name in [*names, "mean"]),
    ]
    rows = (("PA-MPJPE (mm)", "pa_mpjpe_mm"), ("MPJPE (mm)", "mpjpe_mm"), ("knee flexion (deg)", "knee_mae_deg"))
    lines += [f"{label:22}" + "".join(f"{v:9.1f}" for v in result[key].values()) for label, key in rows]
    for side in KNEES:
        lines.append(f"{f'  {side}, bias':22}" + "".join(f"{d['knee_bias_deg'][side]:+9.1f}" for d in details))
    lines.append(f"{'reprojection (px)':22}" + "".join(f"{d['reprojection_px']:9.1f}" for d in details))
    lines.append(f"{'frames compared':22}" + "".join(f"{d['frames']:9d}" for d in details))
    lines += budget_lines(result["budget"])
    lines.append("PA-MPJPE by joint (mm)")
    lines += [f"  {j:20}" + "".join(f"{d['pa_joint_mm'][j]:9.1f}" for d in details) for j in LIMB_JOINTS]
    for name, detail in result["cameras"].items():
        worst = ", ".join(f"{frame} ({error:.0f} mm)" for frame, error in detail["worst_frames"])
        lines.append(f"{name}: worst frames {worst}")
        if detail["another_person"]:
            lines.append(f"{name}: ANOTHER PERSON was measured, not the one on the beam")
    return lines
