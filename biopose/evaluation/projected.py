"""Accuracy of the keypoint fit on synthetic tracks: held-out recorded motion, projected, with keypoint errors.

The fit's constants may be chosen here alone: the truth is known, and no evaluation recording is used.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from biopose.body.keypoint_landmarks import skeleton_with_keypoints
from biopose.body.keypoint_names import KEYPOINTS, LIMB_JOINTS
from biopose.camera.pinhole import Camera
from biopose.hmr.lifter_input import WEIGHT_SD
from biopose.perception.keypoint_confidence import CONFIDENCES, SD_OF_SCALE, box_scale_px
from biopose.reconstruction.fit_options import FitWeights
from biopose.reconstruction.motion_problem import PersonModel
from biopose.reconstruction.observations import HIPS
from biopose.reconstruction.observed_track import observe
from biopose.reconstruction.people_fit import FitModels
from biopose.reconstruction.track_fit import fit_track
from biopose.skeleton.kinematics import Kinematics
from biopose.skeleton.pose_errors import centred_distances, flexion_rad, procrustes_distances
from biopose.tracking.tracks import PersonTrack
from biopose.training.data.projected_motion import MotionProjector, ProjectedSequences
from biopose.training.lifter import projectors

RATE_HZ = 30.0
WIDTH_PX, HEIGHT_PX, FOCAL_PX = 1920, 1080, 1500.0
LIMBS = [KEYPOINTS.index(name) for name in LIMB_JOINTS]
ROOT = [LIMBS.index(hip) for hip in HIPS]


def evaluate_projected(
    motion: Path,
    *,
    tracks: int,
    frames: int,
    varied: bool,
    weights: FitWeights | None = None,
    progress: Callable[[int], None] = lambda _: None,
) -> dict[str, Any]:
    """Fit synthetic tracks of held-out motion and people.

    Args:
        motion: folder of CMU's .asf and .amc files.
        tracks: their number.
        frames: of each, at 30 Hz.
        varied: the motion is varied as for training (hard), or as it was recorded.
        weights: of the fit's terms; None takes the default.
        progress: called with 1 after each track.

    Returns:
        mpjpe_mm, pa_mpjpe_mm and knee_mae_deg over the 12 limb joints, of the fit and of the lifter alone.
    """
    models = FitModels.load()
    _, projector = projectors(motion)
    projected = projector.project(tracks, frames=frames, interval_s=torch.full((tracks,), 1 / RATE_HZ), varied=varied)
    metrics: dict[str, list[dict[str, float]]] = {"fit": [], "lifter": []}
    for number in range(tracks):
        fitted, lifted = _fit(projected, number, projector, models, weights or FitWeights())
        truth = projected.keypoints_m[number].double().numpy()
        metrics["fit"].append(_errors(fitted, truth))
        metrics["lifter"].append(_errors(lifted, truth))
        progress(1)
    return {
        "tracks": tracks,
        "frames": frames,
        "varied": varied,
        **{method: {k: float(np.mean([one[k] for one in all_])) for k in all_[0]} for method, all_ in metrics.items()},
    }


def projected_lines(result: dict[str, Any]) -> list[str]:
    """As text."""
    kind = "varied" if result["varied"] else "as recorded"
    lines = [f"{result['tracks']} tracks of {result['frames']} frames, held-out motion {kind}"]
    lines += [f"{'':20}{'fit':>8}{'lifter':>8}"]
    return lines + [f"  {k:<18}{v:8.1f}{result['lifter'][k]:8.1f}" for k, v in result["fit"].items()]


def _fit(
    projected: ProjectedSequences, number: int, projector: MotionProjector, models: FitModels, weights: FitWeights
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Keypoints (T, 26, 3) in the camera's frame, by the fit and by the lifter alone."""
    track = _track(projected, number)
    camera = Camera(WIDTH_PX, HEIGHT_PX, (FOCAL_PX, FOCAL_PX), (WIDTH_PX / 2, HEIGHT_PX / 2))
    seen = observe(track, camera, models.lifter, height_m=float(projected.height_m[number]))
    mean_scales = projector.log_scales[projected.person[number]].exp().double().numpy().reshape(-1, 3)
    skeleton = skeleton_with_keypoints(models.skeleton)
    fitted = fit_track(seen, PersonModel(skeleton, mean_scales, models.pose_prior, weights=weights), track.time_s)
    scaled = Kinematics(skeleton).with_scales(torch.from_numpy(fitted.body_scales))
    world = scaled.markers_over_time(torch.from_numpy(fitted.q)).numpy()
    return world @ fitted.R_camera_world.T, seen.observations.lifted_m.double().numpy()


def _track(projected: ProjectedSequences, number: int) -> PersonTrack:
    """Pixels and confidences that correspond to the projected rays and weights."""
    weight = projected.weight[number].double().numpy()
    observed = weight > 0
    pixels = projected.rays[number].double().numpy() * FOCAL_PX + [WIDTH_PX / 2, HEIGHT_PX / 2]
    known = np.where(observed[..., None], pixels, np.nan)
    boxes = np.concatenate([np.nanmin(known, axis=1), np.nanmax(known, axis=1)], axis=-1)
    spread_px = np.sqrt(np.nanmean(((known - np.nanmean(known, axis=1, keepdims=True)) ** 2).sum(-1), axis=1))
    sd_px = WEIGHT_SD * np.sqrt(1 / weight.clip(1e-6) - 1) * spread_px[:, None]
    share = sd_px / box_scale_px(boxes)[:, None]
    confidence = np.interp(np.log(share), np.log(SD_OF_SCALE[::-1]), CONFIDENCES[::-1])
    frames = np.arange(len(pixels))
    return PersonTrack(0, frames, frames / RATE_HZ, boxes, pixels, np.where(observed, confidence, 0.0))


def _errors(points: NDArray[np.float64], truth: NDArray[np.float64]) -> dict[str, float]:
    knees = [_knees_deg(keypoints) for keypoints in (points, truth)]
    return {
        "mpjpe_mm": 1e3 * float(centred_distances(points[:, LIMBS], truth[:, LIMBS], root=ROOT).mean()),
        "pa_mpjpe_mm": 1e3 * float(procrustes_distances(points[:, LIMBS], truth[:, LIMBS]).mean()),
        "knee_mae_deg": float(np.abs(knees[0] - knees[1]).mean()),
    }


def _knees_deg(keypoints: NDArray[np.float64]) -> NDArray[np.float64]:
    """(2, T) flexion by three points."""
    legs = [[KEYPOINTS.index(f"{side}_{joint}") for joint in ("hip", "knee", "ankle")] for side in ("right", "left")]
    return np.degrees([flexion_rad(*(keypoints[:, joint] for joint in leg)) for leg in legs])
