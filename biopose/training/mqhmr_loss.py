"""What MQ-HMR is trained for: losses on rotations, joints, keypoints, vertices, shape and place, and its figures."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import torch
from scipy.stats import spearmanr
from torch import Tensor

from biopose.body.keypoint_names import KEYPOINTS, LIMB_JOINTS
from biopose.body.rig import PosedBody, ShapedBody
from biopose.body.segment_body import SEGMENTS, SegmentBody
from biopose.hmr.mqhmr import CropInput, Mqhmr, Recovery
from biopose.skeleton.pose_errors import procrustes_distances
from biopose.training.data.crop_batches import CropBatch
from biopose.training.gaussian_nll import gaussian_nll
from biopose.training.synthetic.people import People

HIPS = [KEYPOINTS.index("left_hip"), KEYPOINTS.index("right_hip")]
LIMB_KEYPOINTS = [KEYPOINTS.index(name) for name in LIMB_JOINTS]
VERTEX_STRIDE = 32  # every so manieth vertex is judged while training
MM = 1750.0  # of a height, for figures
MID_HIP = KEYPOINTS.index("mid_hip")  # the origin: it has no error about the hips

Recover = Callable[[CropInput], Recovery]  # a network, or what refines what one says
# Small ends turn freely and are seen badly.
SEGMENT_WEIGHT = torch.tensor([0.3 if name[:4] in ("hand", "toes", "radi") else 1.0 for name in SEGMENTS])


@dataclass(frozen=True)
class LossWeights:
    """Of the terms, each about 0.05 to 0.5 once something is learned.

    Attributes:
        keypoints: mean distance of the 26 keypoints from the truth, about the hips, in heights.
        joints: of the 20 joint centres, likewise.
        vertices: of the vertices, likewise.
        rotation: squared Frobenius distance of the local rotations.
        orientation: of the global ones.
        projected: distance of keypoints in shares of the crop's height.
        depth: of the logarithm of the root's depth, absolute.
        shape: squared, in standard deviations.
        sureness: negative log likelihood of the keypoints.
        drafts: of what was read between the layers, against what was read after them.
    """

    keypoints: float = 10.0
    joints: float = 5.0
    vertices: float = 5.0
    rotation: float = 0.5
    orientation: float = 0.5
    projected: float = 3.0
    depth: float = 0.3
    shape: float = 0.02
    sureness: float = 0.03
    drafts: float = 0.3


@dataclass(frozen=True)
class Truth:
    """Where everything is, in the view, in heights."""

    keypoints: Tensor
    joints: Tensor
    vertices: Tensor
    shape: Tensor


def truth_of(batch: CropBatch, body: SegmentBody, people: People, vertices: slice) -> Truth:
    """The people's own meshes in their poses, not those of the segment body's few terms."""
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
        said = network(batch.crops)
    posed = said.posed(body)
    keypoints, vertices = body.keypoints.positions(posed), _vertices(posed, every)
    origin, true_origin = _hips(keypoints), _hips(truth.keypoints)
    error = (keypoints - origin) - (truth.keypoints - true_origin)
    local = (said.R_segment_local - batch.R_segment_local).square().sum((-1, -2))
    turned = (posed.R_world_delta - batch.R_view_segment).square().sum((-1, -2))
    crop_height = batch.crops.place[:, 2].exp()[:, None, None]
    apart = _projected(keypoints) - _projected(truth.keypoints)
    return (
        w.keypoints * error.norm(dim=-1).mean()
        + w.joints * ((posed.bone_heads - origin) - (truth.joints - true_origin)).norm(dim=-1).mean()
        + w.vertices * ((vertices - origin) - (truth.vertices - true_origin)).norm(dim=-1).mean()
        + w.rotation * (local * SEGMENT_WEIGHT.to(local)).mean()
        + w.orientation * (turned * SEGMENT_WEIGHT.to(turned)).mean()
        + w.projected * (apart / crop_height).norm(dim=-1).clamp(max=1.0).mean()
        + w.depth * (said.root[:, 2].log() - batch.root[:, 2].log()).abs().mean()
        + w.shape * (said.shape - truth.shape).square().mean()
        + w.sureness * gaussian_nll(said.sd, error.detach())
        + w.drafts * _draft_loss(network, said, batch, truth.keypoints - true_origin, w)
    )


def _draft_loss(network: Mqhmr, said: Recovery, batch: CropBatch, about_hips: Tensor, w: LossWeights) -> Tensor:
    """Of what was read between the layers: the local turns and the mean figure's keypoints."""
    total = about_hips.new_zeros(())
    for R_local in said.drafts:
        figure = network.template_body(R_local)
        error = figure - _hips(figure) - about_hips
        turned = (R_local - batch.R_segment_local).square().sum((-1, -2)) * SEGMENT_WEIGHT.to(R_local)
        total = total + w.keypoints * error.norm(dim=-1).mean() + w.rotation * turned.mean()
    return total


def _vertices(posed: PosedBody, which: slice) -> Tensor:
    body = posed.shaped.body
    terms = body.vertex_blendshapes[:, which]
    rest = body.template_vertices[which] + (posed.shaped.coefficients @ terms.flatten(1)).unflatten(-1, terms.shape[1:])
    return posed.skin(rest, body.skin_matrix[which])


def _hips(keypoints: Tensor) -> Tensor:
    """(N, 1, 3) the middle of both."""
    return keypoints[:, HIPS].mean(1, keepdim=True)


def _projected(points: Tensor) -> Tensor:
    return points[..., :2] / points[..., 2:].clamp(min=0.3)


@torch.no_grad()
def mqhmr_figures(
    recover: Recover, batches: Iterable[CropBatch], body: SegmentBody, people: People, *, stride: int = VERTEX_STRIDE
) -> dict[str, float]:
    """Figures of people recovered from crops.

    Args:
        recover: the network, or another way.
        batches: undisturbed.
        body: the segment body.
        people: of the batches.
        stride: every so manieth vertex is judged.

    Returns:
        mpjpe_mm and pa_mpjpe_mm over the 12 limb keypoints, pve_mm over the vertices about the hips, depth_mm,
        coverage95 and sureness_rank of the keypoints (see `uncertainty_metrics`); mm of a person of 1.75 m.
    """
    found: dict[str, list[Tensor]] = {}
    for batch in batches:
        for name, value in _errors(recover(batch.crops), batch, body, people, slice(None, None, stride)).items():
            found.setdefault(name, []).append(value.cpu())
    whole = {name: torch.cat(values) for name, values in found.items()}
    error, sd = whole.pop("error"), whole.pop("sd")
    return {name: MM * float(value.mean()) for name, value in whole.items()} | uncertainty_metrics(error, sd)


def _errors(said: Recovery, batch: CropBatch, body: SegmentBody, people: People, vertices: slice) -> dict[str, Tensor]:
    """Distances in heights by the names of their figures; error and sd as `keypoint_errors` has them."""
    posed, truth = said.posed(body), truth_of(batch, body, people, vertices)
    keypoints = body.keypoints.positions(posed)
    error = (keypoints - _hips(keypoints)) - (truth.keypoints - _hips(truth.keypoints))
    aligned = procrustes_distances(*(x[:, LIMB_KEYPOINTS].double().cpu().numpy() for x in (keypoints, truth.keypoints)))
    skin = (_vertices(posed, vertices) - _hips(keypoints)) - (truth.vertices - _hips(truth.keypoints))
    return {
        "mpjpe_mm": error[:, LIMB_KEYPOINTS].norm(dim=-1),
        "pa_mpjpe_mm": torch.from_numpy(aligned),
        "pve_mm": skin.norm(dim=-1),
        "depth_mm": error[..., 2].abs(),
        "error": error,
        "sd": said.sd,
    }


@torch.no_grad()
def keypoint_errors(
    recover: Recover, batches: Iterable[CropBatch], body: SegmentBody, people: People
) -> tuple[Tensor, Tensor]:
    """Errors (N, 26, 3) of the keypoints about the hips and their standard deviations (N, 26, 2), in heights."""
    every = slice(None, None, VERTEX_STRIDE)
    found = [_errors(recover(batch.crops), batch, body, people, every) for batch in batches]
    error, sd = (torch.cat([one[name].cpu() for one in found]) for name in ("error", "sd"))
    return error, sd


def uncertainty_metrics(error: Tensor, sd: Tensor) -> dict[str, float]:
    """How well standard deviations (N, 26, 2) tell errors (N, 26, 3).

    Returns:
        coverage95: the share of errors along and across the view within 1.96 standard deviations; sureness_rank:
        Spearman's correlation of a keypoint's distance from the truth with its standard deviation.
    """
    judged = [i for i in range(error.shape[1]) if i != MID_HIP]
    error, sd = error[:, judged], sd[:, judged]
    inside = error.abs() < 1.96 * sd[..., [0, 0, 1]]
    total = (2 * sd[..., 0].square() + sd[..., 1].square()).sqrt()
    rank = spearmanr(error.norm(dim=-1).flatten().numpy(), total.flatten().numpy()).statistic
    return {"coverage95": float(inside.float().mean()), "sureness_rank": float(np.asarray(rank))}
