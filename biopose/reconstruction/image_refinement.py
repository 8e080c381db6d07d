"""Refinement of single images, each of another person: the synthetic evaluation compares it with the decoder."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from biopose.body.keypoint_landmarks import FOOT_KEYPOINTS
from biopose.body.segment_body import SegmentBody
from biopose.hmr.lifter_input import rotation_towards
from biopose.hmr.mqhmr import CropInput, Mqhmr, MqhmrOutput
from biopose.hmr.template_body import crop_rays
from biopose.perception.crops import BOX_MARGIN
from biopose.perception.keypoint_confidence import pixel_sd
from biopose.reconstruction.fit_options import RefinementOptions
from biopose.reconstruction.initialisation import root_position_m
from biopose.reconstruction.observations import LEAST_CONFIDENCE, UNOBSERVED_SD, Observations, relative_to_hips
from biopose.reconstruction.refinement import MeshMotion, Refinement, about_root

IMAGE_ITERATIONS = 100  # more than a track's, which the fit of the skeleton goes on from
IMAGE_SPACING_S = 1e3  # nominal time between images, so that none affects the root position of another


def refine_images(
    network: Mqhmr, body: SegmentBody, options: RefinementOptions | None = None
) -> Callable[[CropInput], MqhmrOutput]:
    """MQ-HMR followed by refinement of each image by itself; lengths in body heights.

    Args:
        network: the decoder.
        body: the segment body.
        options: of the refinement; None takes the default with IMAGE_ITERATIONS.
    """
    network.requires_grad_(False)
    options = options or RefinementOptions(iterations=IMAGE_ITERATIONS)

    def recover(crops: CropInput) -> MqhmrOutput:
        predicted = network(crops)
        R_camera_view = rotation_towards(crops.position[:, :2])
        decoded = body.keypoints.positions(about_root(body, predicted.R_segment_local, predicted.shape, R_camera_view))
        observations = _observations(crops, predicted, decoded, R_camera_view)
        time_s = np.arange(len(decoded), dtype=np.float64) * IMAGE_SPACING_S
        root = root_position_m(decoded, observations.rays, observations.weight * crops.confidence, time_s).float()
        refinement = Refinement(
            network.head, body, observations, R_camera_view, torch.eye(3), height_m=1.0, options=options
        )
        with torch.enable_grad():
            motion = refinement.refine(
                MeshMotion(predicted.tokens, root, predicted.shape, torch.zeros(()), torch.zeros(3))
            ).motion
        R_local, sd = network.head(motion.tokens)
        root_view = (R_camera_view.mT @ motion.root_m[..., None])[..., 0]
        return MqhmrOutput(motion.tokens, R_local, motion.shape, root_view, sd)

    return recover


def _observations(crops: CropInput, predicted: MqhmrOutput, decoded: Tensor, R_camera_view: Tensor) -> Observations:
    """Of the keypoints of N images, without time."""
    height = crops.position[:, 2].exp()[:, None]
    known = crops.confidence >= LEAST_CONFIDENCE
    box = torch.tensor([0.0, 0.0, 0.0, 1.0 / BOX_MARGIN]).expand(len(height), 4)
    sd = torch.from_numpy(pixel_sd(crops.confidence.numpy(), box.numpy())).float() * height
    return Observations(
        rays=torch.where(known[..., None], crop_rays(crops.keypoints, crops.position), 0.0),
        ray_sd=torch.where(known, sd, UNOBSERVED_SD),
        weight=known.float(),
        lifted_m=relative_to_hips(decoded),
        lifted_sd_m=predicted.sd,
        R_camera_view=R_camera_view,
        contact=torch.zeros(len(height), len(FOOT_KEYPOINTS)),
        interval_s=torch.zeros(0),
    )
