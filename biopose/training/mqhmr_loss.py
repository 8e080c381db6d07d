"""The loss of MQ-HMR on rotations, joints, keypoints, vertices, shape and root, its metrics and its calibration."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from biopose.body.keypoint_names import KEYPOINTS, LIMB_JOINTS
from biopose.body.rig import PosedBody, ShapedBody
from biopose.body.segment_body import SEGMENTS, SegmentBody
from biopose.hmr.mqhmr import CropInput, Mqhmr, MqhmrOutput
from biopose.reconstruction.observations import HIPS, MID_HIP
from biopose.skeleton.pose_errors import procrustes_distances
from biopose.training.calibration import coverage95, error_sd_rank_correlation, sd_factors
from biopose.training.gaussian_nll import gaussian_nll, mean_squares_in_view
from biopose.training.synthetic.crop_batches import CropBatch
from biopose.training.synthetic.people import People

LIMB_KEYPOINTS = [KEYPOINTS.index(name) for name in LIMB_JOINTS]
NOT_MID_HIP = [i for i in range(len(KEYPOINTS)) if i != MID_HIP]  # the origin has no error about the hips
VERTEX_STRIDE = 32  # in training, of the vertices that are compared
HEIGHT_MM = 1750.0  # of the person that metrics in mm are given for

Recover = Callable[[CropInput], MqhmrOutput]  # the network, or the network with refinement
# Distal segments rotate freely and are observed badly.
SEGMENT_WEIGHT = torch.tensor([0.3 if name[:4] in ("hand", "toes", "radi") else 1.0 for name in SEGMENTS])


@dataclass(frozen=True)
class LossWeights:
    """Weights of the terms; each term comes to about 0.05 to 0.5 early in training.

    Attributes:
        keypoints: mean distance of the 26 keypoints from the truth, relative to the mid-hip, in body heights.
        joints: of the 20 joint centres, likewise.
        vertices: of the vertices, likewise.
        rotation: squared Frobenius distance of the local rotations.
        orientation: of the global rotations.
        projected: reprojection error of the keypoints in shares of the crop's height.
        depth: absolute error of the logarithm of the root's depth.
        shape: squared error of the shape coefficients, in standard deviations.
        nll: Gaussian negative log-likelihood of the keypoints.
        drafts: of the poses predicted after each layer but the last, against those of the last.
    """

    keypoints: float = 10.0
    joints: float = 5.0
    vertices: float = 5.0
    rotation: float = 0.5
    orientation: float = 0.5
    projected: float = 3.0
    depth: float = 0.3
    shape: float = 0.02
    nll: float = 0.03
    drafts: float = 0.3


@dataclass(frozen=True)
class Truth:
    """True positions in the view, in body heights, and shape coefficients."""

    keypoints: Tensor
    joints: Tensor
    vertices: Tensor
    shape: Tensor


def truth_of(batch: CropBatch, body: SegmentBody, people: People, vertices: slice) -> Truth:
    """The people's own meshes in their poses, not their approximation by the segment body's shape space."""
    shaped = ShapedBody(body.rig, people.shape[batch.person], people.bone_heads[batch.person])
    posed = shaped.with_global_rotations(batch.R_view_segment, root_position=batch.root)
    return Truth(
        keypoints=posed.skin(people.keypoints[batch.person], body.keypoints.skin_matrix),
        joints=posed.bone_heads,
        vertices=posed.skin(people.vertices[batch.person][:, vertices], body.rig.skin_matrix[vertices]),
        shape=people.shape[batch.person],
    )


def mqhmr_loss(
    network: Mqhmr, batch: CropBatch, body: SegmentBody, people: People, *, weights: LossWeights | None = None
) -> Tensor:
    """The weighted sum of all terms on a batch."""
    w = weights or LossWeights()
    every = slice(None, None, VERTEX_STRIDE)
    truth = truth_of(batch, body, people, every)
    with torch.autocast(truth.joints.device.type, dtype=torch.bfloat16):
        predicted = network(batch.crops)
    posed = predicted.posed(body)
    keypoints, vertices = body.keypoints.positions(posed), _vertices(posed, every)
    origin, true_origin = _mid_hip(keypoints), _mid_hip(truth.keypoints)
    error = (keypoints - origin) - (truth.keypoints - true_origin)
    local_error = _squared_distance(predicted.R_segment_local, batch.R_segment_local)
    global_error = _squared_distance(posed.R_world_delta, batch.R_view_segment)
    crop_height = batch.crops.position[:, 2].exp()[:, None, None]
    reprojection_error = (_projected(keypoints) - _projected(truth.keypoints)) / crop_height
    return (
        w.keypoints * error.norm(dim=-1).mean()
        + w.joints * ((posed.bone_heads - origin) - (truth.joints - true_origin)).norm(dim=-1).mean()
        + w.vertices * ((vertices - origin) - (truth.vertices - true_origin)).norm(dim=-1).mean()
        + w.rotation * local_error.mean()
        + w.orientation * global_error.mean()
        + w.projected * reprojection_error.norm(dim=-1).clamp(max=1.0).mean()
        + w.depth * (predicted.root[:, 2].log() - batch.root[:, 2].log()).abs().mean()
        + w.shape * (predicted.shape - truth.shape).square().mean()
        + w.nll * gaussian_nll(predicted.sd.log(), mean_squares_in_view(error.detach()))
        + w.drafts * _draft_loss(network, predicted, batch, truth.keypoints - true_origin, w)
    )


def _squared_distance(R: Tensor, R_true: Tensor) -> Tensor:
    """(N, 20) squared Frobenius distances of rotations, weighted by segment."""
    return (R - R_true).square().sum((-1, -2)) * SEGMENT_WEIGHT.to(R)


def _draft_loss(
    network: Mqhmr, predicted: MqhmrOutput, batch: CropBatch, true_keypoints: Tensor, w: LossWeights
) -> Tensor:
    """Of the poses between the layers: local rotations, and the template body's keypoints relative to the mid-hip."""
    total = true_keypoints.new_zeros(())
    for R_local in predicted.intermediate:
        keypoints = network.template_body(R_local)
        error = keypoints - _mid_hip(keypoints) - true_keypoints
        rotation = _squared_distance(R_local, batch.R_segment_local)
        total = total + w.keypoints * error.norm(dim=-1).mean() + w.rotation * rotation.mean()
    return total


def _vertices(posed: PosedBody, which: slice) -> Tensor:
    body = posed.shaped.body
    terms = body.vertex_blendshapes[:, which]
    rest = body.template_vertices[which] + (posed.shaped.coefficients @ terms.flatten(1)).unflatten(-1, terms.shape[1:])
    return posed.skin(rest, body.skin_matrix[which])


def _mid_hip(keypoints: Tensor) -> Tensor:
    """(N, 1, 3) midway between the hip joints."""
    return keypoints[:, HIPS].mean(1, keepdim=True)


def _projected(points: Tensor) -> Tensor:
    return points[..., :2] / points[..., 2:].clamp(min=0.3)


@torch.no_grad()
def mqhmr_metrics(
    recover: Recover, batches: Iterable[CropBatch], body: SegmentBody, people: People, *, stride: int = VERTEX_STRIDE
) -> dict[str, float]:
    """Metrics of people recovered from crops.

    Args:
        recover: the network, or another way.
        batches: without augmentation.
        body: the segment body.
        people: of the batches.
        stride: every stride-th vertex is compared.

    Returns:
        mpjpe_mm and pa_mpjpe_mm over the 12 limb keypoints, pve_mm over the vertices relative to the mid-hip, depth_mm,
        coverage95 and error_sd_rank_correlation of the keypoints (`uncertainty_metrics`); mm of a person of 1.75 m.
    """
    found: dict[str, list[Tensor]] = {}
    for batch in batches:
        for name, value in _errors(recover(batch.crops), batch, body, people, slice(None, None, stride)).items():
            found.setdefault(name, []).append(value.cpu())
    whole = {name: torch.cat(values) for name, values in found.items()}
    error, sd = whole.pop("error"), whole.pop("sd")
    return {name: HEIGHT_MM * float(value.mean()) for name, value in whole.items()} | uncertainty_metrics(error, sd)


def _errors(
    predicted: MqhmrOutput, batch: CropBatch, body: SegmentBody, people: People, vertices: slice
) -> dict[str, Tensor]:
    """Distances in body heights by the names of their metrics; error and sd as in `keypoint_errors`."""
    posed, truth = predicted.posed(body), truth_of(batch, body, people, vertices)
    keypoints = body.keypoints.positions(posed)
    origin, true_origin = _mid_hip(keypoints), _mid_hip(truth.keypoints)
    error = (keypoints - origin) - (truth.keypoints - true_origin)
    aligned = procrustes_distances(*(x[:, LIMB_KEYPOINTS].double().cpu().numpy() for x in (keypoints, truth.keypoints)))
    vertex_error = (_vertices(posed, vertices) - origin) - (truth.vertices - true_origin)
    return {
        "mpjpe_mm": error[:, LIMB_KEYPOINTS].norm(dim=-1),
        "pa_mpjpe_mm": torch.from_numpy(aligned),
        "pve_mm": vertex_error.norm(dim=-1),
        "depth_mm": error[..., 2].abs(),
        "error": error,
        "sd": predicted.sd,
    }


@torch.no_grad()
def keypoint_errors(
    recover: Recover, batches: Iterable[CropBatch], body: SegmentBody, people: People
) -> tuple[Tensor, Tensor]:
    """Errors (N, 26, 3) of the keypoints relative to the mid-hip and their sd (N, 26, 2), in body heights."""
    every = slice(None, None, VERTEX_STRIDE)
    found = [_errors(recover(batch.crops), batch, body, people, every) for batch in batches]
    error, sd = (torch.cat([one[name].cpu() for one in found]) for name in ("error", "sd"))
    return error, sd


def uncertainty_metrics(error: Tensor, sd: Tensor) -> dict[str, float]:
    """How well standard deviations (N, 26, 2), across and along the line of sight, predict errors (N, 26, 3).

    Returns:
        coverage95: share of errors within 1.96 standard deviations; error_sd_rank_correlation: Spearman's, of a
        keypoint's distance from the truth and its standard deviation over all three axes.
    """
    error, sd = error[:, NOT_MID_HIP], sd[:, NOT_MID_HIP]
    total = (2 * sd[..., 0].square() + sd[..., 1].square()).sqrt()
    return {
        "coverage95": coverage95(error, sd[..., [0, 0, 1]]),
        "error_sd_rank_correlation": error_sd_rank_correlation(error.norm(dim=-1), total),
    }


@torch.no_grad()
def calibrate_mqhmr(network: Mqhmr, batches: Iterable[CropBatch], body: SegmentBody, people: People) -> None:
    """Scale the network's standard deviations so that 95 % intervals cover 95 % of the errors.

    Args:
        network: trained; its bias is changed in place.
        batches: held out, without augmentation.
        body: the segment body.
        people: of the batches.
    """
    factors = calibration_factors(*keypoint_errors(network, batches, body, people))
    network.head.log_sd_bias.add_(factors.log().to(network.head.log_sd_bias))


def calibration_factors(error: Tensor, sd: Tensor) -> Tensor:
    """Factors (26, 2) of each keypoint's standard deviation, across the view and along it; 1 for the mid-hip.

    Args:
        error: (N, 26, 3) of keypoints relative to the mid-hip.
        sd: (N, 26, 2) predicted, in the same unit.
    """
    ratio = error.abs() / sd[..., [0, 0, 1]]
    across = sd_factors(ratio[..., :2].transpose(1, 2).flatten(0, 1))
    factors = torch.stack([across, sd_factors(ratio[..., 2])], dim=-1)
    factors[MID_HIP] = 1.0
    return factors
