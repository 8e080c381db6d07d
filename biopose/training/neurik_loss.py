"""What NeurIK is trained for, its figures, and how its standard deviations are made to keep their word."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from scipy.stats import spearmanr
from torch import Tensor

from biopose.body.markers import BONY_LANDMARKS, MARKERS
from biopose.neurik.marker_segments import marker_owners
from biopose.neurik.network import Neurik
from biopose.neurik.output import NeurikOutput, OutputDecoder
from biopose.skeleton.angles import orthogonal_triples, wrap
from biopose.skeleton.kinematics import Pose
from biopose.skeleton.limbs import LIMBS
from biopose.skeleton.rotations import other_angles, rotation_vector
from biopose.training.calibration import FACTORS, SDS, SHARE
from biopose.training.data.marker_batch import MarkerBatch
from biopose.training.data.marker_trajectories import marker_positions

BETA_RAD = float(np.radians(5.0))
AT_THE_END_RAD = 1e-5  # single precision
BONY = [list(MARKERS).index(name) for name in BONY_LANDMARKS]
BONY_WEIGHT = 3.0  # of a bony landmark, other markers having one

Answering = Callable[[MarkerBatch], NeurikOutput]  # NeurIK, or another way from markers to coordinates


@dataclass(frozen=True)
class LossWeights:
    """Of the terms.

    Attributes:
        joints: mean distance of joint centres from the truth about the pelvis, decimetres.
        markers: of the markers on the answered skeleton, likewise, bony landmarks weighing most.
        angles: smooth L1 of the angles in units of its beta, 5 degrees.
        pelvis: absolute turn of the pelvis from the truth, in the same unit.
        place: distance of the pelvis's origin from the truth, decimetres.
        scales: mean absolute error of body scales, in hundredths.
        velocity: absolute error of the angles' steps from frame to frame, in units of beta.
        sureness: negative log likelihood of all errors.
    """

    joints: float = 1.0
    markers: float = 2.0
    angles: float = 1.0
    pelvis: float = 0.3
    place: float = 0.5
    scales: float = 0.05
    velocity: float = 0.5
    sureness: float = 0.05


@dataclass(frozen=True, eq=False)
class OutputErrors:
    """Of N windows of T frames; C limited coordinates.

    Attributes:
        angles: (N, T, C) radians, a joint's three angles written as near to the truth as they can be.
        turn: (N, T, 3) of the pelvis, about its own axes, radians.
        place: (N, T, 3) of the pelvis, metres.
        joints: (N, T, J, 3) of joint centres about the pelvis, metres.
        markers: (N, T, M, 3) of markers on the answered skeleton, likewise.
        scales: (N, B, 3) of all factors, ground's being 0.
    """

    angles: Tensor
    turn: Tensor
    place: Tensor
    joints: Tensor
    markers: Tensor
    scales: Tensor


class Judge:
    """Compares answers with the truth.

    Args:
        decoder: of the answers, on the device where they are.
    """

    def __init__(self, decoder: OutputDecoder) -> None:
        self.decoder, skeleton = decoder, decoder.kinematics.skeleton
        limited = decoder.limited
        self.names = [skeleton.coordinate_names[c] for c in limited]
        triples = [triple for triple in orthogonal_triples(skeleton) if set(triple) <= set(limited)]
        self.triples = torch.tensor([[limited.index(c) for c in triple] for triple in triples])
        self.owner = marker_owners(skeleton)
        self.pelvis = skeleton.body_names.index("pelvis")

    def errors(self, answer: NeurikOutput, truth: MarkerBatch) -> OutputErrors:
        """Of an answer."""
        with torch.no_grad():
            true = self._pose(truth.q, truth.body_scales)
        said = self._pose(answer.q, answer.body_scales)
        grown = (answer.body_scales / truth.body_scales)[:, None, self.owner]
        place = said.p_ground_body[..., self.pelvis, :] - true.p_ground_body[..., self.pelvis, :]
        R_true = true.R_ground_body[..., self.pelvis, :, :]
        joints = said.joint_centers - true.joint_centers
        said_m, true_m = (
            marker_positions(pose.R_ground_body, pose.p_ground_body, self.owner, locations_m)
            for pose, locations_m in ((said, truth.locations_m[:, None] * grown), (true, truth.locations_m[:, None]))
        )
        return OutputErrors(
            angles=self._nearest(answer.q[..., self.decoder.limited], truth.q[..., self.decoder.limited]),
            turn=rotation_vector(R_true.mT @ said.R_ground_body[..., self.pelvis, :, :]),
            place=place,
            joints=joints - place[..., None, :],
            markers=said_m - true_m - place[..., None, :],
            scales=answer.body_scales - truth.body_scales,
        )

    def beyond(self, q: Tensor) -> Tensor:
        """(..., C) which of the limited coordinates are beyond their ranges."""
        decoder = self.decoder
        return (q[..., decoder.limited] - decoder.middle).abs() > decoder.half + AT_THE_END_RAD

    def _pose(self, q: Tensor, body_scales: Tensor) -> Pose:
        return self.decoder.kinematics.with_scales(body_scales[:, None]).with_coordinates(q)

    def _nearest(self, angles: Tensor, truth: Tensor) -> Tensor:
        """(..., C) differences, those of three angles about orthogonal axes of the nearer way to write them."""
        said, true = angles[..., self.triples], truth[..., self.triples]
        same, other = wrap(said - true), wrap(other_angles(said) - true)
        nearer = other.abs().sum(-1, keepdim=True) < same.abs().sum(-1, keepdim=True)
        found = torch.where(nearer, other, same).flatten(-2)
        return (angles - truth).index_copy(-1, self.triples.flatten().to(angles.device), found)


def neurik_loss(network: Neurik, batch: MarkerBatch, judge: Judge, *, weights: LossWeights | None = None) -> Tensor:
    """The weighted sum of all terms on a batch."""
    w = weights or LossWeights()
    with torch.autocast(batch.q.device.type, dtype=torch.bfloat16):  # twice as fast, on processors too
        raw = network(batch.windows)
    error = judge.errors(judge.decoder(raw), batch)
    bony = torch.ones(len(MARKERS)).index_fill(0, torch.tensor(BONY), BONY_WEIGHT).to(batch.q)
    angles = torch.nn.functional.smooth_l1_loss(error.angles / BETA_RAD, torch.zeros_like(error.angles))
    velocity = error.angles.diff(dim=1).abs().sum() / max(error.angles[:, 1:].numel(), 1) / BETA_RAD
    return (
        w.joints * 10 * length(error.joints).mean()
        + w.markers * 10 * (length(error.markers) * bony).mean() / bony.mean()
        + w.angles * angles
        + w.pelvis * error.turn.abs().mean() / BETA_RAD
        + w.place * 10 * length(error.place).mean()
        + w.scales * 100 * error.scales.abs().mean()
        + w.velocity * velocity
        + w.sureness * gaussian_nll_of(raw.log_sd, error)
    )


def length(vectors: Tensor) -> Tensor:
    """(..., 3) to (...), its slope finite at nothing."""
    return (vectors.square().sum(-1) + 1e-8).sqrt()


def gaussian_nll_of(log_sd: Tensor, error: OutputErrors) -> Tensor:
    """Negative log likelihood of normal errors, less a constant; the errors themselves are not taught by it."""
    ratio = (squares(error).clamp(min=1e-10).log() / 2 - log_sd).exp()
    return (0.5 * ratio.square() + log_sd).mean()


def squares(error: OutputErrors) -> Tensor:
    """(N, T, C + 2) squared errors of what standard deviations are claimed for, as `RawOutput.log_sd` has them."""
    root = [part.square().mean(-1, keepdim=True) for part in (error.turn, error.place)]
    return torch.cat([error.angles.square(), *root], dim=-1).detach()


@torch.no_grad()
def neurik_figures(answering: Answering, batches: list[MarkerBatch], judge: Judge) -> dict[str, float]:
    """Figures of a way from markers to coordinates.

    Returns:
        mae_deg over the limited coordinates and mae_deg_lower, _upper, _trunk; pelvis_deg, its turn; mpblpe_mm over the
        bony landmarks, and mpjpe_mm, about the pelvis; mae_body; jitter_deg, the mean absolute second difference of the
        angles' errors; beyond_range, the share of angles that are beyond their ranges; coverage95 and sureness_rank,
        Spearman's correlation of error and standard deviation, where the answers have standard deviations.
    """
    found: dict[str, list[Tensor]] = {}
    for batch in batches:
        answer = answering(batch)
        error = judge.errors(answer, batch)
        parts = {
            "angles": error.angles.rad2deg().abs().flatten(0, 1),
            "sd": answer.sd[..., judge.decoder.limited].rad2deg().flatten(0, 1),
            "pelvis_deg": error.turn.norm(dim=-1).rad2deg().flatten(),
            "mpblpe_mm": 1e3 * error.markers[..., BONY, :].norm(dim=-1).flatten(),
            "mpjpe_mm": 1e3 * error.joints.norm(dim=-1).flatten(),
            "mae_body": error.scales[:, 1:].abs().flatten(),
            "beyond_range": judge.beyond(answer.q).float().flatten(),
            "jitter_deg": error.angles.rad2deg().diff(n=2, dim=1).abs().flatten(),
        }
        for name, value in parts.items():
            found.setdefault(name, []).append(value.cpu())
    whole = {name: torch.cat(values) for name, values in found.items()}
    angles, sd = whole.pop("angles"), whole.pop("sd")
    figures = angle_figures(angles, judge.names) | {name: float(value.mean()) for name, value in whole.items()}
    return figures | (calibration_metrics(angles, sd) if sd.any() else {})


def calibration_metrics(error: Tensor, sd: Tensor) -> dict[str, float]:
    """How well standard deviations (F, C) tell absolute errors (F, C)."""
    rank = spearmanr(error.flatten().numpy(), sd.flatten().numpy()).statistic
    return {"coverage95": float((error < SDS * sd).float().mean()), "sureness_rank": float(np.asarray(rank))}


def angle_figures(error_deg: Tensor, names: list[str]) -> dict[str, float]:
    """Mean absolute errors (F, C) in degrees, overall and by limb."""
    figures = {"mae_deg": float(error_deg.mean())}
    for limb, prefixes in LIMBS.items():
        columns = [i for i, name in enumerate(names) if name.startswith(prefixes)]
        figures[f"mae_deg_{limb}"] = float(error_deg[:, columns].mean())
    return figures


@torch.no_grad()
def calibrate_neurik(network: Neurik, batches: list[MarkerBatch], judge: Judge) -> None:
    """Stretch the network's standard deviations so that 1.96 of them hold 95 % of the errors.

    Args:
        network: trained; its bias is changed in place.
        batches: of people and motions that it was not trained on.
        judge: of its answers.
    """
    ratios = []
    for batch in batches:
        raw = network(batch.windows)
        error = judge.errors(judge.decoder(raw), batch)
        ratios.append((squares(error).sqrt() / raw.log_sd.exp()).flatten(0, 1))
    factors = torch.quantile(torch.cat(ratios).double(), SHARE, dim=0) / SDS
    network.log_sd_bias.add_(factors.clamp(*FACTORS).log().to(network.log_sd_bias))


def answered_by(network: Neurik, decoder: OutputDecoder) -> Answering:
    """NeurIK's way from a batch to coordinates."""
    return lambda batch: decoder(network(batch.windows))
