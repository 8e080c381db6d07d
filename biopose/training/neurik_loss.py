"""The loss of NeurIK, its metrics and the calibration of its standard deviations."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from biopose.body.markers import BONY_LANDMARKS, MARKERS
from biopose.neurik.marker_segments import marker_owners
from biopose.neurik.network import Neurik
from biopose.neurik.output import NeurikOutput, OutputDecoder
from biopose.skeleton.angles import orthogonal_triples, wrap
from biopose.skeleton.kinematics import Pose
from biopose.skeleton.limbs import LIMBS
from biopose.skeleton.rotations import other_angles, rotation_vector
from biopose.training.calibration import coverage95, error_sd_rank_correlation, sd_factors
from biopose.training.data.marker_batch import MarkerBatch
from biopose.training.gaussian_nll import gaussian_nll
from biopose.training.synthetic.marker_trajectories import marker_positions

BETA_RAD = float(np.radians(5.0))
RANGE_TOLERANCE_RAD = 1e-5  # single precision
BONY = [list(MARKERS).index(name) for name in BONY_LANDMARKS]
BONY_WEIGHT = 3.0  # of a bony landmark; other markers weigh 1

Predict = Callable[[MarkerBatch], NeurikOutput]  # NeurIK, or another way from markers to coordinates


@dataclass(frozen=True)
class LossWeights:
    """Weights of the terms.

    Attributes:
        joints: mean distance of joint centres from the truth relative to the pelvis, decimetres.
        markers: of the markers on the predicted skeleton, likewise; bony landmarks weigh most.
        angles: smooth L1 of the angles in units of its beta, 5 degrees.
        pelvis: rotation angle between predicted and true pelvis, in the same unit.
        position: distance of the pelvis's origin from the truth, decimetres.
        scales: mean absolute error of body scales, in hundredths.
        velocity: absolute error of the angles' change from frame to frame, in units of beta.
        nll: Gaussian negative log-likelihood of all errors.
    """

    joints: float = 1.0
    markers: float = 2.0
    angles: float = 1.0
    pelvis: float = 0.3
    position: float = 0.5
    scales: float = 0.05
    velocity: float = 0.5
    nll: float = 0.05


@dataclass(frozen=True, eq=False)
class OutputErrors:
    """Errors in N windows of T frames; C limited coordinates.

    Attributes:
        angles: (N, T, C) radians, three angles about orthogonal axes in the representation nearest to the truth.
        rotation: (N, T, 3) rotation vector of the pelvis in its own axes, radians.
        position: (N, T, 3) of the pelvis, metres.
        joints: (N, T, J, 3) of joint centres relative to the pelvis, metres.
        markers: (N, T, M, 3) of markers on the predicted skeleton, likewise.
        scales: (N, B, 3) of all scale factors; ground's is 0.
    """

    angles: Tensor
    rotation: Tensor
    position: Tensor
    joints: Tensor
    markers: Tensor
    scales: Tensor


class Evaluator:
    """Compares predictions with the truth.

    Args:
        decoder: of the predictions, on their device.
    """

    def __init__(self, decoder: OutputDecoder) -> None:
        self.decoder, skeleton = decoder, decoder.kinematics.skeleton
        limited = decoder.limited
        self.names = [skeleton.coordinate_names[c] for c in limited]
        triples = [triple for triple in orthogonal_triples(skeleton) if set(triple) <= set(limited)]
        self.triples = torch.tensor([[limited.index(c) for c in triple] for triple in triples])
        self.owner = marker_owners(skeleton)
        self.pelvis = skeleton.body_names.index("pelvis")

    def errors(self, output: NeurikOutput, truth: MarkerBatch) -> OutputErrors:
        """Errors of a prediction."""
        with torch.no_grad():
            true = self._pose(truth.q, truth.body_scales)
        predicted = self._pose(output.q, output.body_scales)
        scale_ratio = (output.body_scales / truth.body_scales)[:, None, self.owner]
        position = predicted.p_ground_body[..., self.pelvis, :] - true.p_ground_body[..., self.pelvis, :]
        R_true = true.R_ground_body[..., self.pelvis, :, :]
        joints = predicted.joint_centers - true.joint_centers
        predicted_m, true_m = (
            marker_positions(pose.R_ground_body, pose.p_ground_body, self.owner, locations_m)
            for pose, locations_m in (
                (predicted, truth.locations_m[:, None] * scale_ratio),
                (true, truth.locations_m[:, None]),
            )
        )
        return OutputErrors(
            angles=self._nearest(output.q[..., self.decoder.limited], truth.q[..., self.decoder.limited]),
            rotation=rotation_vector(R_true.mT @ predicted.R_ground_body[..., self.pelvis, :, :]),
            position=position,
            joints=joints - position[..., None, :],
            markers=predicted_m - true_m - position[..., None, :],
            scales=output.body_scales - truth.body_scales,
        )

    def beyond_range(self, q: Tensor) -> Tensor:
        """(..., C) which of the limited coordinates are beyond their ranges."""
        decoder = self.decoder
        return (q[..., decoder.limited] - decoder.middle).abs() > decoder.half + RANGE_TOLERANCE_RAD

    def _pose(self, q: Tensor, body_scales: Tensor) -> Pose:
        return self.decoder.kinematics.with_scales(body_scales[:, None]).with_coordinates(q)

    def _nearest(self, angles: Tensor, truth: Tensor) -> Tensor:
        """(..., C) differences; of three angles about orthogonal axes those of the nearer representation."""
        predicted, true = angles[..., self.triples], truth[..., self.triples]
        same, other = wrap(predicted - true), wrap(other_angles(predicted) - true)
        nearer = other.abs().sum(-1, keepdim=True) < same.abs().sum(-1, keepdim=True)
        found = torch.where(nearer, other, same).flatten(-2)
        return (angles - truth).index_copy(-1, self.triples.flatten().to(angles.device), found)


def neurik_loss(
    network: Neurik, batch: MarkerBatch, evaluator: Evaluator, *, weights: LossWeights | None = None
) -> Tensor:
    """The weighted sum of all terms on a batch."""
    w = weights or LossWeights()
    with torch.autocast(batch.q.device.type, dtype=torch.bfloat16):  # twice as fast, on CPUs too
        raw = network(batch.windows)
    error = evaluator.errors(evaluator.decoder(raw), batch)
    bony = torch.ones(len(MARKERS)).index_fill(0, torch.tensor(BONY), BONY_WEIGHT).to(batch.q)
    angles = torch.nn.functional.smooth_l1_loss(error.angles / BETA_RAD, torch.zeros_like(error.angles))
    velocity = error.angles.diff(dim=1).abs().sum() / max(error.angles[:, 1:].numel(), 1) / BETA_RAD
    return (
        w.joints * 10 * length(error.joints).mean()
        + w.markers * 10 * (length(error.markers) * bony).mean() / bony.mean()
        + w.angles * angles
        + w.pelvis * error.rotation.abs().mean() / BETA_RAD
        + w.position * 10 * length(error.position).mean()
        + w.scales * 100 * error.scales.abs().mean()
        + w.velocity * velocity
        + w.nll * gaussian_nll(raw.log_sd, squared_errors(error))
    )


def length(vectors: Tensor) -> Tensor:
    """(..., 3) to (...), with a finite gradient at zero."""
    return (vectors.square().sum(-1) + 1e-8).sqrt()


def squared_errors(error: OutputErrors) -> Tensor:
    """(N, T, C + 2) squares of the errors that `RawOutput.log_sd` describes, in its order, without gradient."""
    root = [part.square().mean(-1, keepdim=True) for part in (error.rotation, error.position)]
    return torch.cat([error.angles.square(), *root], dim=-1).detach()


@torch.no_grad()
def neurik_metrics(predict: Predict, batches: list[MarkerBatch], evaluator: Evaluator) -> dict[str, float]:
    """Metrics of a way from markers to coordinates.

    Returns:
        mae_deg over the limited coordinates and mae_deg_lower, _upper, _trunk; pelvis_deg, the pelvis's rotation error;
        mpblpe_mm over the bony landmarks and mpjpe_mm, relative to the pelvis; mae_body; jitter_deg, the mean absolute
        second difference of the angles' errors; beyond_range, the share of angles beyond their ranges; coverage95 and
        error_sd_rank_correlation (Spearman's) of the angles, where the predictions have standard deviations.
    """
    found: dict[str, list[Tensor]] = {}
    for batch in batches:
        output = predict(batch)
        error = evaluator.errors(output, batch)
        parts = {
            "angles": error.angles.rad2deg().abs().flatten(0, 1),
            "sd": output.sd[..., evaluator.decoder.limited].rad2deg().flatten(0, 1),
            "pelvis_deg": error.rotation.norm(dim=-1).rad2deg().flatten(),
            "mpblpe_mm": 1e3 * error.markers[..., BONY, :].norm(dim=-1).flatten(),
            "mpjpe_mm": 1e3 * error.joints.norm(dim=-1).flatten(),
            "mae_body": error.scales[:, 1:].abs().flatten(),
            "beyond_range": evaluator.beyond_range(output.q).float().flatten(),
            "jitter_deg": error.angles.rad2deg().diff(n=2, dim=1).abs().flatten(),
        }
        for name, value in parts.items():
            found.setdefault(name, []).append(value.cpu())
    whole = {name: torch.cat(values) for name, values in found.items()}
    angles, sd = whole.pop("angles"), whole.pop("sd")
    metrics = angle_metrics(angles, evaluator.names) | {name: float(value.mean()) for name, value in whole.items()}
    if sd.any():
        metrics["coverage95"] = coverage95(angles, sd)
        metrics["error_sd_rank_correlation"] = error_sd_rank_correlation(angles, sd)
    return metrics


def angle_metrics(error_deg: Tensor, names: list[str]) -> dict[str, float]:
    """Mean absolute errors (F, C) in degrees, overall and by limb."""
    metrics = {"mae_deg": float(error_deg.mean())}
    for limb, prefixes in LIMBS.items():
        columns = [i for i, name in enumerate(names) if name.startswith(prefixes)]
        metrics[f"mae_deg_{limb}"] = float(error_deg[:, columns].mean())
    return metrics


@torch.no_grad()
def calibrate_neurik(network: Neurik, batches: list[MarkerBatch], evaluator: Evaluator) -> None:
    """Scale the network's standard deviations so that 95 % intervals cover 95 % of the errors.

    Args:
        network: trained; its bias is changed in place.
        batches: of held-out people and motions.
        evaluator: of its predictions.
    """
    ratios = []
    for batch in batches:
        raw = network(batch.windows)
        error = evaluator.errors(evaluator.decoder(raw), batch)
        ratios.append((squared_errors(error).sqrt() / raw.log_sd.exp()).flatten(0, 1))
    network.log_sd_bias.add_(sd_factors(torch.cat(ratios)).log().to(network.log_sd_bias))


def predict_with(network: Neurik, decoder: OutputDecoder) -> Predict:
    """NeurIK's way from a batch to coordinates."""
    return lambda batch: decoder(network(batch.windows))
