"""The most probable pose (maximum a posteriori) given NeurIK's prediction and the markers.

With known marker locations on a skeleton, two things are known of a frame: the predicted coordinates, each with its
standard deviation, and the markers' positions, which constrain all segments through their joints. The first is robust
to wrong or missing markers, the second exact where the markers are right. The maximum of the posterior is found by a
few steps of reweighted least squares from the prediction; markers' errors have Student's t distribution (Lange et al.
1989), so that outliers weigh little.
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
from biopose.skeleton.ik.least_squares import LeastSquaresProblem
from biopose.skeleton.ik.normal_equations import NormalEquations, bounded_step
from biopose.skeleton.model import Marker, Skeleton
from biopose.skeleton.scaling import scaled_geometry
from biopose.skeleton.student_t import student_t_weight
from biopose.skeleton.threads import side_by_side

# Chosen on synthetic trials of validation people, clean and faulty.
DEGREES_OF_FREEDOM = 4.0  # of the markers' errors
STEPS = 2
LEAST_SD = 0.02  # rad, m: of the prediction
ROOT_SD_FACTOR = 3.0  # the pelvis is predicted from its own markers alone
BATCH_FRAMES = 512  # what stays in a core's cache


def most_probable(
    prediction: NeurikOutput, trial: MarkerWindows, own: SubjectCalibration, *, marker_sd_m: float, skeleton: Skeleton
) -> NeurikOutput:
    """A prediction moved to fit the markers; its standard deviations stay.

    Args:
        prediction: NeurIK's, (T, ...) without batch axis.
        trial: that it is of (N = 1).
        own: the subject's skeleton and marker locations: calibrated, or predicted.
        marker_sd_m: of the markers from their locations.
        skeleton: the default one, unscaled.
    """
    own_scales = own.body_scales[0].to(prediction.q)
    if not (trial.weight > 0).any():
        return replace(prediction, body_scales=own_scales)
    likelihood = _MarkerLikelihood(trial, own, marker_sd_m=marker_sd_m, skeleton=skeleton)
    parts = [slice(first, first + BATCH_FRAMES) for first in range(0, len(prediction.q), BATCH_FRAMES)]
    q = torch.cat(side_by_side(lambda part: likelihood.solved(prediction, part), parts))
    return replace(prediction, q=q.to(prediction.q), body_scales=own_scales)


class _MarkerLikelihood:
    """The likelihood of coordinates given a trial's markers, those that are ever there; on the CPU, single precision.

    Each frame is solved about its predicted position: a hundred metres from the origin centimetres would be rounded.
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
        self.position = torch.tensor([axis.coordinate for axis in skeleton.joints[0].axes[3:]])
        weight = weight[:, used]
        self.observed = torch.where(weight[..., None] > 0, trial.markers_m[0].cpu()[:, used], 0.0)
        self.weight, self.variance = weight / marker_sd_m**2, marker_sd_m**2

    def solved(self, prediction: NeurikOutput, part: slice) -> Tensor:
        """Coordinates (F, Q) of some frames."""
        problem, variables = self.problem, self.variables
        q = prediction.q[part].cpu()
        origin_m = torch.zeros_like(q)
        origin_m[:, self.position] = q[:, self.position]
        q, observed = q - origin_m, self.observed[part] - origin_m[:, None, self.position]
        predicted, precision = q[:, variables], self._precision(prediction.sd[part].cpu())
        for _ in range(STEPS):
            pose = problem.kinematics.with_coordinates(q)
            squared = (observed - pose.markers).square().sum(-1) / self.variance
            t_weight = student_t_weight(squared, degrees_of_freedom=DEGREES_OF_FREEDOM, dimension=3)
            robust = self.weight[part] * t_weight
            x = q[:, variables]
            posterior = _with_prior(
                problem.equations_at(pose, problem.sums(observed, robust)), predicted - x, precision
            )
            step_to = bounded_step(x, posterior, torch.zeros_like(x[:, 0]), problem.lower, problem.upper)
            q = q.index_copy(-1, variables, step_to)
        return problem.kinematics.satisfy_couplings(q)[0] + origin_m

    def _precision(self, sd: Tensor) -> Tensor:
        """(F, n) of the predicted coordinates, by their standard deviations (F, Q)."""
        widened = torch.where(self.problem.lower.isinf(), ROOT_SD_FACTOR, 1.0) * sd[:, self.variables]
        return widened.clamp(min=LEAST_SD).square().reciprocal()


def _marked(skeleton: Skeleton, own: SubjectCalibration, used: list[int]) -> Skeleton:
    """The subject's own skeleton with some of MARKERS."""
    scales, locations_m = (values[0].double().cpu().numpy() for values in (own.body_scales, own.locations_m))
    names, owners = list(MARKERS), marker_owners(skeleton)
    markers = tuple(Marker(names[index], owners[index], locations_m[index]) for index in used)
    return scaled_geometry(skeleton, scales).with_markers(markers)


def _with_prior(equations: NormalEquations, towards: Tensor, precision: Tensor) -> NormalEquations:
    """The equations with a Gaussian prior; `towards` (F, n) is its mean less the current coordinates."""
    return NormalEquations(
        cost=equations.cost + (precision * towards.square()).sum(-1),
        gradient=equations.gradient + precision * towards,
        matrix=equations.matrix + torch.diag_embed(precision),
        scale=equations.scale + precision,
    )
