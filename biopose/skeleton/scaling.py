"""Scale a skeleton to a person from markers in one posture, and register the markers to them.

The static pose and all scale factors are estimated together, as the most probable ones given the observed markers
(`most_probable_scaling`): a marker on a landmark is uncertain by about a centimetre, and people differ from the model
by `scaling_prior`. Unlike a list of distances between marker pairs this needs no set-up file, uses every marker, and
leaves a segment that no marker observes in proportion to the rest.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from biopose.errors import ModelError
from biopose.io.trajectories import MarkerTrajectories
from biopose.io.units import IS_IT_RIGHT
from biopose.skeleton.ik.initial_pose import align_root
from biopose.skeleton.ik.inverse_kinematics import PLAUSIBLE_SIZE_RATIO, inverse_kinematics
from biopose.skeleton.ik.recording_solver import MIN_MARKERS
from biopose.skeleton.kinematics import Kinematics
from biopose.skeleton.landmarks import marker_sd_m, registered_markers
from biopose.skeleton.marker_names import other_case, some
from biopose.skeleton.model import GROUND, Joint, JointAxis, Marker, Skeleton
from biopose.skeleton.most_probable_scaling import ScalingProblem
from biopose.skeleton.pelvis_shape import turned, with_inclination
from biopose.skeleton.posture_prior import hips_are_straight
from biopose.skeleton.standing import Standing, standing_still
from biopose.skeleton.threads import one_torch_thread


@dataclass(frozen=True, eq=False)
class Scaling:
    """A person's scale factors.

    Attributes:
        body_scales: (B, 3) factors in the skeleton's order of bodies, ground's being 1.
        static_pose: (Q,) coordinates of the scaled skeleton in the static posture.
        residual_m: (M,) distance from each observed marker to that of the scaled model, before registration.
        marker_names: the M markers.
        skeleton: scaled, with the loose markers registered; masses are those of the unscaled model.
        moved_markers: those that were registered, moved to their recorded positions.
        pelvis_inclination_rad: by which all markers on the pelvis were turned in it (`pelvis_shape`).
    """

    body_scales: NDArray[np.float64]
    static_pose: NDArray[np.float64]
    residual_m: NDArray[np.float64]
    marker_names: tuple[str, ...]
    skeleton: Skeleton
    moved_markers: tuple[str, ...] = ()
    pelvis_inclination_rad: float = 0.0


@dataclass(frozen=True, eq=False)
class ScaledPosture:
    """A posture of a scaled skeleton: its coordinates (Q,) and the bodies' scale factors (B, 3)."""

    pose: NDArray[np.float64]
    body_scales: NDArray[np.float64]


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
        static: a person standing still; `standing_still` chooses the second of it that is used.
        height_m: the person's height, if known.
        model_height_m: the generic model's height; needed with height_m.

    Raises:
        ValueError: if one height is given without the other, or one is not positive.
        ModelError: if the recording and the skeleton have fewer than three markers in common, or the recording is of
            a body of another size; or nobody stands still.
    """
    ratio = _height_ratio(height_m, model_height_m)
    still = standing_in(skeleton, static).part
    there = np.asarray(~np.isnan(still.positions_m).any(axis=-1).all(axis=0))
    names = [name for name, observed in zip(still.names, there, strict=True) if observed]
    mean = dict(zip(names, np.nanmean(still.positions_m[:, there], axis=0), strict=True))
    return scale_to_markers(skeleton, mean, height_ratio=ratio, standing=True)


def standing_in(skeleton: Skeleton, static: MarkerTrajectories) -> Standing:
    """Where the skeleton's markers are still in a recording, those of somebody standing upright.

    Raises:
        ModelError: as `scale_to_static`.
    """
    names = [name for name in static.names if name in skeleton.marker_names]
    if len(names) < MIN_MARKERS:
        raise _too_few(skeleton, names, static.names)
    chosen = static.select(names)
    there = np.asarray(~np.isnan(chosen.positions_m).any(axis=-1))
    fullest = int(np.argmax(there.sum(axis=1)))
    seen = [name for name, observed in zip(names, there[fullest], strict=True) if observed]
    if len(seen) < MIN_MARKERS:
        raise _too_few(skeleton, seen, seen)
    _size_ratio(skeleton.select_markers(seen), chosen.select(seen).positions_m[fullest])  # else it looks like movement
    return standing_still(chosen)


def _too_few(skeleton: Skeleton, names: Sequence[str], observed: Iterable[str]) -> ModelError:
    observed = tuple(observed)
    return ModelError(
        f"{len(names)} of the skeleton {skeleton.name}'s markers were observed; at least {MIN_MARKERS} are "
        f"needed. Observed: {some(observed)}. The skeleton has: {some(skeleton.marker_names)}. "
        + (
            other_case(observed, skeleton.marker_names)
            or "Give the model whose markers these are: --model, or an athlete's model in session.toml"
        )
    )


def _height_ratio(height_m: float | None, model_height_m: float | None) -> float | None:
    if height_m is None and model_height_m is None:
        return None
    if height_m is None or model_height_m is None or height_m <= 0 or model_height_m <= 0:
        raise ValueError(f"heights {height_m} m of the person and {model_height_m} m of the model; expected both > 0")
    return height_m / model_height_m


def scale_to_markers(
    skeleton: Skeleton,
    positions_m: dict[str, NDArray[np.float64]],
    *,
    height_ratio: float | None = None,
    all_anatomical: bool = False,
    register_all: bool = False,
    near: ScaledPosture | None = None,
    standing: bool = False,
) -> Scaling:
    """Scale to one set of marker positions.

    Args:
        skeleton: the generic model.
        positions_m: (3,) positions in ground by marker name.
        height_ratio: the person's height over the model's, if known.
        all_anatomical: whether every marker counts as a landmark; otherwise `landmarks` judges them.
        register_all: whether all markers move to their observed positions, fixed ones and distant landmarks, too.
        near: where to start, up to the place and the heading of the whole; None finds a start by inverse kinematics.
        standing: whether it is a static trial: arms in any posture (`posture_prior`), a pelvis of any shape.

    Raises:
        ModelError: if fewer than three markers are common to both, or the markers are of a body of another size.
    """
    names = [n for n in skeleton.marker_names if n in positions_m]
    if len(names) < MIN_MARKERS:
        raise _too_few(skeleton, names, positions_m)
    observed = np.array([positions_m[n] for n in names])
    chosen = skeleton.select_markers(names)
    with one_torch_thread():
        if near is None:
            near = _uniform_start(
                chosen, observed, height_ratio or _size_ratio(chosen, observed), all_anatomical=all_anatomical
            )
        else:
            near = replace(near, pose=_moved_to(observed, chosen, near))
        inclined = with_inclination(chosen) if standing and hips_are_straight(chosen, near.pose) else None
        problem = ScalingProblem(
            inclined or chosen, observed, height_ratio=height_ratio, all_anatomical=all_anatomical, standing=standing
        )
        body_scales, pose, inclination_rad = _solved(problem, near, inclined=inclined is not None)
    scaled = scaled_geometry(skeleton, body_scales)
    if inclined is not None:
        scaled = turned(scaled, names, inclination_rad)
    in_bodies, residual = _in_bodies(scaled.select_markers(names), pose, observed)
    moved = names if register_all else registered_markers(chosen, residual)
    location_m = {n: p for n, p in zip(names, in_bodies, strict=True) if n in set(moved)}
    markers = tuple(replace(m, location_m=location_m.get(m.name, m.location_m)) for m in scaled.markers)
    return Scaling(
        body_scales, pose, residual, tuple(names), scaled.with_markers(markers), tuple(moved), inclination_rad
    )


def _solved(
    problem: ScalingProblem, near: ScaledPosture, *, inclined: bool
) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    """Body scales (B, 3), coordinates (Q,), and the inclination of the pelvis's landmarks if the problem has it."""
    if not inclined:
        return *problem.solve(near.pose, near.body_scales), 0.0
    body_scales, pose = problem.solve(np.append(near.pose, 0.0), np.vstack([near.body_scales, np.ones(3)]))
    return body_scales[:-1], pose[:-1], float(pose[-1])


def _uniform_start(
    skeleton: Skeleton, observed: NDArray[np.float64], ratio: float, *, all_anatomical: bool
) -> ScaledPosture:
    """The posture in which the skeleton, scaled as a whole, is nearest to the markers (M, 3)."""
    uniform = np.full((len(skeleton.bodies), 3), ratio)
    markers = MarkerTrajectories(np.zeros(1), skeleton.marker_names, observed[None])
    sd_m = marker_sd_m(skeleton, all_anatomical=all_anatomical)
    certainty = (sd_m.min() / sd_m) ** 4  # steeper than in the fit: least squares has no robust loss
    weights = dict(zip(skeleton.marker_names, certainty.tolist(), strict=True))
    pose = inverse_kinematics(scaled_geometry(skeleton, uniform), markers, weights=weights).coordinates.values[0]
    return ScaledPosture(np.where(np.isnan(pose), skeleton.default_pose, pose), uniform)


def _moved_to(observed: NDArray[np.float64], skeleton: Skeleton, near: ScaledPosture) -> NDArray[np.float64]:
    """The posture (Q,) moved and turned as a whole to where its markers are nearest to the observed ones (M, 3)."""
    scaled = Kinematics(skeleton).with_scales(torch.from_numpy(near.body_scales))
    markers, pose = torch.from_numpy(observed)[None], torch.from_numpy(near.pose)[None]
    return align_root(scaled, pose, markers, torch.ones(markers.shape[:2]).double())[0].numpy()


def _size_ratio(skeleton: Skeleton, observed: NDArray[np.float64]) -> float:
    model = Kinematics(skeleton).with_coordinates(torch.from_numpy(skeleton.default_pose)).markers.numpy()
    spread = [np.linalg.norm(p - p.mean(axis=0), axis=-1).mean() for p in (observed, model)]
    ratio = float(spread[0] / spread[1])
    if not PLAUSIBLE_SIZE_RATIO[0] <= ratio <= PLAUSIBLE_SIZE_RATIO[1]:
        raise ModelError(
            f"the markers are spread {ratio:.3g} times as far as the skeleton {skeleton.name}'s; {IS_IT_RIGHT}?"
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
        body_scales: (B, 3), the rows of ground and of links within joints ignored.
    """
    factors = body_scales[list(skeleton.scaled_like)]
    factors[GROUND] = 1.0

    def frame(T: NDArray[np.float64], body: int) -> NDArray[np.float64]:
        scaled = T.copy()
        scaled[:3, 3] *= factors[body]
        return scaled

    def axis(a: JointAxis, j: Joint) -> JointAxis:
        body = j.child if a.grows_with_child else j.parent
        if not a.gains.any() or body == GROUND:
            return a
        return replace(a, function=a.function.times(float(a.gains @ factors[body])))

    def joint(j: Joint) -> Joint:
        return replace(
            j,
            T_parent_joint=frame(j.T_parent_joint, j.parent),
            T_child_joint=frame(j.T_child_joint, j.child),
            axes=tuple(axis(a, j) for a in j.axes),
        )

    def marker(m: Marker) -> Marker:
        return replace(m, location_m=m.location_m * factors[m.body])

    return replace(
        skeleton,
        joints=tuple(joint(j) for j in skeleton.joints),
        markers=tuple(marker(m) for m in skeleton.markers),
    )
