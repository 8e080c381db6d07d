"""Fit a whole track window by window, so that memory does not grow with its length.

The window with the best observations is fitted first; its proportions, focal length and ground hold for the others.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from biopose.reconstruction.initialisation import root_position_m, starting_coordinates
from biopose.reconstruction.motion_problem import MotionProblem, MotionVariables, PersonModel
from biopose.reconstruction.motion_solver import SolverOptions, solve
from biopose.reconstruction.observed_track import ObservedTrack, R_camera_world_of
from biopose.reconstruction.refinement import RefinementGain
from biopose.skeleton.angles import wrap
from biopose.skeleton.scaling import scaled_geometry
from biopose.skeleton.threads import one_torch_thread

WINDOW_FRAMES, OVERLAP_FRAMES = 480, 48


@dataclass(frozen=True, eq=False)
class FittedMotion:
    """One person's fitted motion.

    Attributes:
        q: (T, Q) coordinates of the default skeleton in a world whose y is up and whose origin is the camera.
        body_scales: (B, 3).
        R_camera_world: (3, 3) of that world.
        focal_factor: the focal length over the one assumed.
        starts: name of the best start of each window.
        refinement: the gain of refining MQ-HMR's output; None where nothing was refined.
    """

    q: NDArray[np.float64]
    body_scales: NDArray[np.float64]
    R_camera_world: NDArray[np.float64]
    focal_factor: float
    starts: tuple[str, ...]
    refinement: RefinementGain | None = None


def fit_track(
    person: ObservedTrack,
    model: PersonModel,
    time_s: NDArray[np.float64],
    *,
    options: SolverOptions | None = None,
    start: NDArray[np.float64] | None = None,
    progress: Callable[[int], None] | None = None,
) -> FittedMotion:
    """Fit one person's whole track.

    Args:
        person: the observed track.
        model: the person before the fit.
        time_s: (T,) of the frames.
        options: of the solver.
        start: (T, Q) to begin at; None puts the skeleton onto the lifted keypoints, as they are and with their depth
            reversed.
        progress: called with the number of frames finished since the last call.
    """
    options = options or SolverOptions()
    R_camera_world = R_camera_world_of(person.up_camera)
    windows = _windows(len(time_s))
    best_observed = max(windows, key=lambda w: float(person.weight[w].sum()))
    fits: dict[int, MotionVariables] = {}
    names: dict[int, str] = {}
    known: MotionVariables | None = None
    with one_torch_thread():
        for window in sorted(windows, key=lambda w: w is not best_observed):
            if start is None:
                starts = _starts(person, model, R_camera_world, time_s, window)
            else:
                starts = [("given", start[window])]
            problem = MotionProblem(
                model, person.observations.window(window), R_camera_world, shape_is_known=known is not None
            )
            at = problem.start(np.stack([q for _, q in starts]))
            if known is not None:
                at = _with_shape(at, known)
            found, which = solve(problem, at, options)
            fits[window.start], names[window.start] = found, starts[which][0]
            known = known or found
            if progress:
                progress(window.stop - window.start)
        assert known is not None
        scales = problem.body_scales(known.proportions)[0].double().numpy()
    pieces = [(w, fits[w.start].q[0].double().numpy()) for w in windows]
    rotational = np.array([n in model.skeleton.rotational_names for n in model.skeleton.coordinate_names])
    return FittedMotion(
        q=_cross_faded(pieces, rotational),
        body_scales=scales,
        R_camera_world=R_camera_world.double().numpy(),
        focal_factor=float(known.log_focal.exp()),
        starts=tuple(names[w.start] for w in windows),
    )


def _starts(
    person: ObservedTrack, model: PersonModel, R_camera_world: Tensor, time_s: NDArray[np.float64], window: slice
) -> list[tuple[str, NDArray[np.float64]]]:
    """Starting coordinates by name: on the lifted keypoints, and on those with their depth reversed."""
    observed = person.observations
    sized = scaled_geometry(model.skeleton, model.body_scales)
    depth = torch.tensor([1.0, 1.0, -1.0])
    R_view = observed.R_camera_view[window]
    as_lifted = observed.lifted_m[window]
    unobserved = ~(observed.weight[window] > 0).any(-1)
    reversed_m = (as_lifted @ R_view * depth) @ R_view.mT
    starts = []
    for name, keypoints in (("lifted", as_lifted), ("depth reversed", reversed_m)):
        root = root_position_m(keypoints, observed.rays[window], person.weight[window], time_s[window])
        world = (keypoints.double() + root[:, None]) @ R_camera_world.double()
        if not unobserved.all():
            world[unobserved] = torch.nan  # the lifter's output without any keypoint is no start
        starts.append((name, starting_coordinates(sized, world, time_s[window])))
    return starts


def _windows(frames: int) -> list[slice]:
    """Overlapping stretches of nearly equal length."""
    count = max(1, -(-(frames - OVERLAP_FRAMES) // (WINDOW_FRAMES - OVERLAP_FRAMES)))
    edges = np.linspace(0, frames - OVERLAP_FRAMES, count + 1).round().astype(int) if count > 1 else [0, frames]
    extra = OVERLAP_FRAMES if count > 1 else 0
    return [slice(int(a), int(b) + extra) for a, b in pairwise(edges)]


def _with_shape(at: MotionVariables, known: MotionVariables) -> MotionVariables:
    n = len(at.q)
    return replace(
        at,
        proportions=known.proportions.expand(n, -1),
        log_focal=known.log_focal.expand(n),
        ground=known.ground.expand(n, -1),
    )


def _cross_faded(pieces: list[tuple[slice, NDArray[np.float64]]], rotational: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Windows faded into each other where they overlap; angles by the nearer way round."""
    q = np.zeros((pieces[-1][0].stop, pieces[0][1].shape[1]))
    done = 0
    for window, values in pieces:
        overlap = max(done - window.start, 0)
        before = q[window.start : window.start + overlap]
        step = values[:overlap] - before
        step[:, rotational] = wrap(step[:, rotational])
        share = (np.arange(overlap) + 1)[:, None] / (overlap + 1)
        q[window.start : window.start + overlap] = before + share * step
        q[done : window.stop] = values[overlap:]
        done = window.stop
    return q
