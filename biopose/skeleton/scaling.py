"""Scale a skeleton to a person from markers in one posture, and register the markers to them.

The static pose and all scale factors are estimated together, as the most probable ones given where the markers were
seen (`scale_to_markers`): a marker on a landmark is uncertain by about a centimetre, and people differ from the model
as `scaling_prior` says. Unlike a list of distances between marker pairs this needs no set-up file, uses every marker,
and leaves a segment that no marker observes in proportion to the rest.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from biopose.errors import ModelError
from biopose.io.trajectories import MarkerTrajectories
from biopose.skeleton.ik.inverse_kinematics import PLAUSIBLE_SIZE_RATIO, inverse_kinematics
from biopose.skeleton.ik.least_squares import root_coordinates
from biopose.skeleton.ik.recording_solver import MIN_MARKERS
from biopose.skeleton.kinematics import Kinematics
from biopose.skeleton.model import Joint, JointAxis, Marker, Skeleton
from biopose.skeleton.scaling_prior import scale_prior
from biopose.skeleton.threads import one_torch_thread

# Palpated landmarks are found to within 6 to 21 mm between examiners (Della Croce et al. 2005, Gait & Posture 21:226).
LANDMARK_SD_M = 0.012
# A marker that is not on a landmark tells on which segment it is and little more.
LOOSE_MARKER_SD_M = 0.05
# Standing for a static trial, a joint is rarely further than this from the model's default; it may well be, though, so
# this too has Student's wide flanks.
POSTURE_SD_RAD = 0.35
# Student's t: errors beyond this many standard deviations count ever less, so a misplaced marker bends nothing.
DEGREES_OF_FREEDOM = 4.0
MAX_ITERATIONS = 40


@dataclass(frozen=True, eq=False)
class Scaling:
    """A person's scale factors.

    Attributes:
        body_scales: (B, 3) factors in the skeleton's order of bodies, ground's being 1.
        static_pose: (Q,) coordinates of the scaled skeleton in the static posture.
        residual_m: (M,) distance from each marker seen to its place on the scaled model, before registration.
        marker_names: the M markers.
        skeleton: scaled, with the loose markers registered; masses are those of the unscaled model.
    """

    body_scales: NDArray[np.float64]
    static_pose: NDArray[np.float64]
    residual_m: NDArray[np.float64]
    marker_names: tuple[str, ...]
    skeleton: Skeleton


def scale_to_static(
    skeleton: Skeleton,
    static: MarkerTrajectories,
    *,
    height_m: float | None = None,
    model_height_m: float | None = None,
) -> Scaling:
    """Scale to a static trial.

    Args:
        skeleton: the generic model, with the recording's markers.
        static: a person standing still; the stillest second of it is used.
        height_m: the person's height, if known.
        model_height_m: the generic model's height; needed with height_m.

    Raises:
        ValueError: if one height is given without the other, or one is not positive.
        ModelError: if the recording and the skeleton have fewer than three markers in common, or the recording is of
            a body of another size.
    """
    seen = stillest_second(static)
    ratio = _height_ratio(height_m, model_height_m)
    there = np.asarray(~np.isnan(seen.positions_m).any(axis=-1).all(axis=0))
    names = [name for name, seen_at_all in zip(seen.names, there, strict=True) if seen_at_all]
    mean = dict(zip(names, np.nanmean(seen.positions_m[:, there], axis=0), strict=True))
    return scale_to_markers(skeleton, mean, height_ratio=ratio)


def _height_ratio(height_m: float | None, model_height_m: float | None) -> float | None:
    if height_m is None and model_height_m is None:
        return None
    if height_m is None or model_height_m is None or height_m <= 0 or model_height_m <= 0:
        raise ValueError(f"heights {height_m} m of the person and {model_height_m} m of the model; expected both > 0")
    return height_m / model_height_m


def stillest_second(static: MarkerTrajectories) -> MarkerTrajectories:
    """The second of a recording (all of a shorter one) in which the markers move least."""
    if len(static.time_s) == 1:
        return static
    window = min(len(static.time_s), max(2, round(static.rate_hz)))
    step = np.linalg.norm(np.diff(static.positions_m, axis=0), axis=-1)
    count = (~np.isnan(step)).sum(axis=1)
    speed = np.where(count > 0, np.nansum(step, axis=1) / np.maximum(count, 1), np.inf)
    total = np.convolve(speed, np.ones(window - 1), mode="valid")
    start = int(np.argmin(total))
    part = slice(start, start + window)
    return MarkerTrajectories(static.time_s[part], static.names, static.positions_m[part])


def scale_to_markers(
    skeleton: Skeleton,
    positions_m: dict[str, NDArray[np.float64]],
    *,
    height_ratio: float | None = None,
    all_anatomical: bool = False,
    register_all: bool = False,
) -> Scaling:
    """Scale to one set of marker positions.

    Args:
        skeleton: the generic model.
        positions_m: (3,) positions in ground by marker name.
        height_ratio: the person's height over the model's, if known.
        all_anatomical: whether every marker counts as a landmark; otherwise those that the model has as fixed do (all
            of them if it has none).
        register_all: whether fixed markers move to where they were seen, too.

    Raises:
        ModelError: if fewer than three markers are common to both, or the markers are of a body of another size.
    """
    names = [n for n in skeleton.marker_names if n in positions_m]
    if len(names) < MIN_MARKERS:
        raise ModelError(
            f"{len(names)} of the skeleton {skeleton.name}'s markers were seen; at least {MIN_MARKERS} are needed. "
            f"Seen: {', '.join(positions_m) or 'none'}. The skeleton has: {', '.join(skeleton.marker_names) or 'none'}."
        )
    observed = np.array([positions_m[n] for n in names])
    chosen = skeleton.select_markers(names)
    uniform = np.full((len(skeleton.bodies), 3), height_ratio or _size_ratio(chosen, observed))
    start = inverse_kinematics(
        scaled_geometry(chosen, uniform), MarkerTrajectories(np.zeros(1), tuple(names), observed[None])
    ).coordinates.values[0]
    fit = _MostProbableScaling(chosen, observed, height_ratio=height_ratio, all_anatomical=all_anatomical)
    with one_torch_thread():
        body_scales, pose = fit.solve(np.where(np.isnan(start), skeleton.default_pose, start), uniform)
    scaled = scaled_geometry(skeleton, body_scales)
    seen_in_body, residual = _in_bodies(scaled.select_markers(names), pose, observed)
    place = {n: p for n, p, m in zip(names, seen_in_body, chosen.markers, strict=True) if register_all or not m.fixed}
    markers = tuple(replace(m, location_m=place.get(m.name, m.location_m)) for m in scaled.markers)
    return Scaling(body_scales, pose, residual, tuple(names), scaled.with_markers(markers))


def _size_ratio(skeleton: Skeleton, observed: NDArray[np.float64]) -> float:
    model = Kinematics(skeleton).with_coordinates(torch.from_numpy(skeleton.default_pose)).markers.numpy()
    spread = [np.linalg.norm(p - p.mean(axis=0), axis=-1).mean() for p in (observed, model)]
    ratio = float(spread[0] / spread[1])
    if not PLAUSIBLE_SIZE_RATIO[0] <= ratio <= PLAUSIBLE_SIZE_RATIO[1]:
        raise ModelError(
            f"the markers are spread {ratio:.3g} times as far as the skeleton {skeleton.name}'s; "
            "is the unit in the marker file's header right?"
        )
    return ratio


def _in_bodies(
    skeleton: Skeleton, pose: NDArray[np.float64], observed: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Observed markers in their bodies' frames (M, 3), and their distance from the modelled ones (M,)."""
    posed = Kinematics(skeleton).with_coordinates(torch.from_numpy(pose))
    T = posed.T_ground_body[[marker.body for marker in skeleton.markers]].numpy()
    local = (np.linalg.inv(T) @ np.c_[observed, np.ones(len(observed))][..., None])[:, :3, 0]
    return local, np.linalg.norm(posed.markers.numpy() - observed, axis=-1)


def scaled_geometry(skeleton: Skeleton, body_scales: NDArray[np.float64]) -> Skeleton:
    """The skeleton with its lengths scaled as OpenSim's Model::scale does; masses and inertias stay as they are.

    Args:
        skeleton: to be scaled.
        body_scales: (B, 3), ground's row ignored.
    """

    def frame(T: NDArray[np.float64], body: int) -> NDArray[np.float64]:
        scaled = T.copy()
        scaled[:3, 3] *= body_scales[body] if body else 1.0
        return scaled

    def axis(a: JointAxis, parent: int) -> JointAxis:
        if not a.scales_with_parent or parent == 0:
            return a
        return replace(a, function=a.function.times(float(np.abs(a.direction) @ body_scales[parent])))

    def joint(j: Joint) -> Joint:
        return replace(
            j,
            T_parent_joint=frame(j.T_parent_joint, j.parent),
            T_child_joint=frame(j.T_child_joint, j.child),
            axes=tuple(axis(a, j.parent) for a in j.axes),
        )

    def marker(m: Marker) -> Marker:
        return replace(m, location_m=m.location_m * (body_scales[m.body] if m.body else 1.0))

    return replace(
        skeleton,
        joints=tuple(joint(j) for j in skeleton.joints),
        markers=tuple(marker(m) for m in skeleton.markers),
    )


class _MostProbableScaling:
    """Maximum a posteriori estimate of pose and scale terms: iteratively reweighted Levenberg-Marquardt."""

    def __init__(
        self, skeleton: Skeleton, observed: NDArray[np.float64], *, height_ratio: float | None, all_anatomical: bool
    ) -> None:
        self.skeleton = skeleton
        self.kinematics = Kinematics(skeleton)
        self.observed = torch.from_numpy(observed)
        prior = scale_prior(skeleton, height_ratio=height_ratio)
        self.design, self.mean = torch.from_numpy(prior.design), torch.from_numpy(prior.mean)
        self.terms_sd = torch.from_numpy(prior.sd)
        anatomical = [m.fixed for m in skeleton.markers]
        if all_anatomical or not any(anatomical):
            anatomical = [True] * len(anatomical)
        self.marker_sd = torch.tensor([LANDMARK_SD_M if a else LOOSE_MARKER_SD_M for a in anatomical]).double()
        self.free = list(skeleton.free_coordinates)
        root = root_coordinates(skeleton)
        self.posture_precision = torch.tensor([0.0 if c in root else POSTURE_SD_RAD**-2 for c in self.free]).double()
        self.default = torch.from_numpy(skeleton.default_pose)[self.free]
        limits = [(c.range_min, c.range_max) if c.clamped else (-np.inf, np.inf) for c in skeleton.coordinates]
        self.lower, self.upper = torch.tensor([limits[c] for c in self.free]).double().T

    def solve(
        self, pose: NDArray[np.float64], body_scales: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Body scales (B, 3) and coordinates (Q,)."""
        q, terms = torch.from_numpy(pose.copy()), self.mean.clone()
        terms[0] = float(np.log(body_scales[1, 0]))
        damping = 1e-3
        cost = self._cost(q, terms)
        for _ in range(MAX_ITERATIONS):
            step = self._step(q, terms, damping=damping)
            q_new, terms_new = q.clone(), terms + step[len(self.free) :]
            q_new[self.free] = (q[self.free] + step[: len(self.free)]).clamp(self.lower, self.upper)
            new = self._cost(q_new, terms_new)
            if new <= cost:
                settled = cost - new < 1e-9 * (1 + cost)
                q, terms, cost, damping = q_new, terms_new, new, damping * 0.1
                if settled:
                    break
            else:
                damping = min(damping * 10, 1e6)
        q, _ = self.kinematics.satisfy_couplings(q)
        return self._scales(terms).numpy(), q.numpy()

    def _scales(self, terms: Tensor) -> Tensor:
        return torch.exp(self.design @ terms).reshape(-1, 3)

    def _residuals(self, q: Tensor, terms: Tensor) -> Tensor:
        posed = self.kinematics.with_scales(self._scales(terms)).with_coordinates(q)
        return self.observed - posed.markers

    def _cost(self, q: Tensor, terms: Tensor) -> float:
        """Minus the log posterior, up to a constant."""
        square = (self._residuals(q, terms) / self.marker_sd[:, None]).square().sum(-1)
        nu = DEGREES_OF_FREEDOM
        markers = (nu + 3) / 2 * torch.log1p(square / nu)
        posture = (nu + 1) / 2 * torch.log1p(self.posture_precision * (q[self.free] - self.default).square() / nu)
        return float(markers.sum() + posture.sum() + ((terms - self.mean) / self.terms_sd).square().sum() / 2)

    def _step(self, q: Tensor, terms: Tensor, *, damping: float) -> Tensor:
        scales = self._scales(terms)
        posed = self.kinematics.with_scales(scales).with_coordinates(q)
        residual = self.observed - posed.markers
        square = (residual / self.marker_sd[:, None]).square().sum(-1)
        weight = (DEGREES_OF_FREEDOM + 3) / (DEGREES_OF_FREEDOM + square) / self.marker_sd.square()
        J = torch.cat([posed.marker_jacobian()[..., self.free], self._scale_jacobian(q, scales)], dim=-1)
        J, r = J.flatten(0, 1), residual.flatten()
        w = weight.repeat_interleave(3)
        away = self.default - q[self.free]
        nu = DEGREES_OF_FREEDOM
        posture = self.posture_precision * (nu + 1) / (nu + self.posture_precision * away.square())
        precision = torch.cat([posture, self.terms_sd**-2])
        offset = torch.cat([away, self.mean - terms])
        H = J.T @ (w[:, None] * J) + torch.diag(precision)
        gradient = J.T @ (w * r) + precision * offset
        x = torch.cat([q[self.free], terms])
        lower = torch.cat([self.lower, torch.full_like(terms, -torch.inf)])
        upper = torch.cat([self.upper, torch.full_like(terms, torch.inf)])
        fixed = ((x <= lower) & (gradient < 0)) | ((x >= upper) & (gradient > 0))
        H = H + damping * torch.diag(H.diagonal()) + 1e-9 * torch.eye(len(x)).double()
        H[fixed], H[:, fixed] = 0.0, 0.0
        H = H + torch.diag(fixed.double())
        return torch.linalg.solve(H, torch.where(fixed, 0.0, gradient))

    def _scale_jacobian(self, q: Tensor, scales: Tensor) -> Tensor:
        """(M, 3, T) derivative of the markers by the scale terms: in a given pose markers are linear in the factors."""
        n = scales.numel()
        unit = torch.eye(n, dtype=torch.float64).reshape(n, *scales.shape)
        probe = torch.cat([torch.zeros(1, *scales.shape, dtype=torch.float64), unit])
        markers = self.kinematics.with_scales(probe).with_coordinates(q.expand(n + 1, -1)).markers
        by_factor = (markers[1:] - markers[0]).permute(1, 2, 0)
        return (by_factor * scales.flatten()) @ self.design
