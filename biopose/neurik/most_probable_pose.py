"""The pose that is most probable given NeurIK's answer and the markers themselves.

On a skeleton on which it is known where the markers sit, two things are known of a frame: the coordinates that the
network tells, each with its standard deviation, and the places of the markers, which bind all segments by their joints.
The first is robust where markers are wrong or missing, the second exact where they are right. The maximum of both (a
posteriori) is a few steps of reweighted least squares from the network's answer; markers' errors have Student's t
distribution (Lange et al. 1989), so that one in the wrong place pulls little.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from biopose.body.markers import MARKERS
from biopose.neurik.input import MarkerWindows, SubjectCalibration
from biopose.neurik.joint_angles import limited_coordinates
from biopose.neurik.marker_segments import marker_owners
from biopose.neurik.output import NeurikOutput
from biopose.skeleton.ik.least_squares import LeastSquaresProblem, NormalEquations, bounded_step
from biopose.skeleton.model import Marker, Skeleton
from biopose.skeleton.scaling import scaled_geometry
from biopose.skeleton.threads import side_by_side

# Chosen on made-up trials of validation people, clean and faulty.
DEGREES_OF_FREEDOM = 4.0  # of the markers' errors
STEPS = 2
LEAST_SD = 0.02  # rad, m: of what the network tells
ROOT_SD_FACTOR = 3.0  # the pelvis is told by its own markers alone
BATCH_FRAMES = 512  # what stays in a core's cache


def most_probable(
    answer: NeurikOutput, trial: MarkerWindows, own: SubjectCalibration, *, marker_sd_m: float, skeleton: Skeleton
) -> NeurikOutput:
    """An answer moved to where the markers are; its standard deviations stay.

    Args:
        answer: NeurIK's, (T, ...) without batch axis.
        trial: what it answered (N = 1).
        own: the person's skeleton, and where the markers sit on it: as a standing trial tells, or as it is answered.
        marker_sd_m: of the markers from there.
        skeleton: the default one, unscaled.
    """
    own_scales = own.body_scales[0].to(answer.q)
    if not (trial.weight > 0).any():
        return replace(answer, body_scales=own_scales)
    evidence = _MarkerEvidence(trial, own, marker_sd_m=marker_sd_m, skeleton=skeleton)
    parts = [slice(first, first + BATCH_FRAMES) for first in range(0, len(answer.q), BATCH_FRAMES)]
    q = torch.cat(side_by_side(lambda part: evidence.solved(answer, part), parts))
    return replace(answer, q=q.to(answer.q), body_scales=own_scales)


class _MarkerEvidence:
    """What a trial's markers say of coordinates: those that are ever seen; on the CPU, in single precision.

    Frames are solved about where each was told to be: a hundred metres from the origin centimetres would be rounded.
    """

    def __init__(
        self, trial: MarkerWindows, own: SubjectCalibration, *, marker_sd_m: float, skeleton: Skeleton
    ) -> None:
        limits = {c: skeleton.coordinates[c] for c in limited_coordinates(skeleton)}
        bounds = {c: (limit.range_min, limit.range_max) for c, limit in limits.items()}
        weight = trial.weight[0].cpu()
        used = (weight > 0).any(0).nonzero()[:, 0]
        marked = _marked(skeleton, own, used.tolist())
        self.problem = LeastSquaresProblem(marked, bounds=bounds, held=frozenset(), dtype=torch.float32)
        self.variables = torch.tensor(self.problem.variables)
        self.place = torch.tensor([axis.coordinate for axis in skeleton.joints[0].axes[3:]])
        weight = weight[:, used]
        self.observed = torch.where(weight[..., None] > 0, trial.markers_m[0].cpu()[:, used], 0.0)
        self.weight, self.variance = weight / marker_sd_m**2, marker_sd_m**2

    def solved(self, answer: NeurikOutput, part: slice) -> Tensor:
        """Coordinates (F, Q) of some frames."""
        problem, variables = self.problem, self.variables
        q = answer.q[part].cpu()
        there_m = torch.zeros_like(q)
        there_m[:, self.place] = q[:, self.place]
        q, observed = q - there_m, self.observed[part] - there_m[:, None, self.place]
        told, precision = q[:, variables], self._precision(answer.sd[part].cpu())
        for _ in range(STEPS):
            pose = problem.kinematics.with_coordinates(q)
            away = (observed - pose.markers).square().sum(-1) / self.variance
            robust = self.weight[part] * (DEGREES_OF_FREEDOM + 3) / (DEGREES_OF_FREEDOM + away)
            x = q[:, variables]
            posterior = _with_prior(problem.equations_at(pose, problem.sums(observed, robust)), told - x, precision)
            step_to = bounded_step(x, posterior, torch.zeros_like(x[:, 0]), problem.lower, problem.upper)
            q = q.index_copy(-1, variables, step_to)
        return problem.kinematics.satisfy_couplings(q)[0] + there_m

    def _precision(self, sd: Tensor) -> Tensor:
        """(F, n) of what the network tells, by its standard deviations (F, Q)."""
        widened = torch.where(self.problem.lower.isinf(), ROOT_SD_FACTOR, 1.0) * sd[:, self.variables]
        return widened.clamp(min=LEAST_SD).square().reciprocal()


def _marked(skeleton: Skeleton, own: SubjectCalibration, used: list[int]) -> Skeleton:
    """The person's own skeleton, some of MARKERS where they sit on it."""
    scales, locations_m = (values[0].double().cpu().numpy() for values in (own.body_scales, own.locations_m))
    names, owners = list(MARKERS), marker_owners(skeleton)
    markers = tuple(Marker(names[index], owners[index], locations_m[index]) for index in used)
    return scaled_geometry(skeleton, scales).with_markers(markers)


def _with_prior(equations: NormalEquations, towards: Tensor, precision: Tensor) -> NormalEquations:
    """The equations where coordinates are also drawn `towards` (F, n) what was told of them."""
    return NormalEquations(
        cost=equations.cost + (precision * towards.square()).sum(-1),
        gradient=equations.gradient + precision * towards,
        matrix=equations.matrix + torch.diag_embed(precision),
        scale=equations.scale + precision,
    )
