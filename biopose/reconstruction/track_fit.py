"""Fit a whole track window by window, so that memory does not grow with its length.

The window with the best observations is fitted first; its proportions, focal length and ground hold for the others.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from biopose.reconstruction.fit_options import SolverOptions
from biopose.reconstruction.initialisation import root_position_m, starting_coordinates
from biopose.reconstruction.motion_problem import MotionProblem, MotionVariables, PersonModel
from biopose.reconstruction.motion_solver import solve
from biopose.reconstruction.observed_track import ObservedTrack, R_camera_world_of
from biopose.reconstruction.refinement import RefinementGain
from biopose.reconstruction.windows import cross_faded, windows_of
from biopose.skeleton.scaling import scaled_geometry
from biopose.skeleton.threads import in_threads, one_torch_thread

LIFTED_STARTS = ("lifted", "depth reversed")


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

    @property
    def is_from_mesh(self) -> bool:
        """Whether it began at MQ-HMR's mesh; its keypoints then are the body's points, not where they are seen."""
        return not set(self.starts) & {*LIFTED_STARTS}


def fit_track(
    person: ObservedTrack,
    model: PersonModel,
    time_s: NDArray[np.float64],
    *,
    options: SolverOptions | None = None,
    start: NDArray[np.float64] | None = None,
    threads: int = 1,
    progress: Callable[[int], None] | None = None,
) -> FittedMotion:
    """Fit one person's whole track.

    Args:
        person: the observed track.
        model: the person before the fit.
        time_s: (T,) of the frames.
        options: of the solver.
        start: (T, Q) of the skeleton on a mesh, to begin at and stay near; None puts it onto the lifted keypoints, as
            they are and with their depth reversed.
        threads: how many windows are fitted at a time, after the best observed one.
        progress: called with the number of frames finished since the last call.
    """
    options = options or SolverOptions()
    R_camera_world = R_camera_world_of(person.up_camera)
    windows = windows_of(len(time_s))
    best_observed = max(windows, key=lambda w: float(person.weight[w].sum()))

    def fit(window: slice, known: MotionVariables | None = None) -> tuple[MotionVariables, Tensor, str]:
        """One window, with another's shape where that is known; the scale factors, and the name of its start."""
        given = None if start is None else [("given", start[window])]
        starts = given or _starts(person, model, R_camera_world, time_s, window)
        observed = person.observations.window(window)
        mesh_q = None if start is None else start[window]
        problem = MotionProblem(model, observed, R_camera_world, shape_is_known=known is not None, mesh_q=mesh_q)
        at = problem.start(np.stack([q for _, q in starts]))
        found, which = solve(problem, at if known is None else _with_shape(at, known), options)
        if progress:
            progress(window.stop - window.start)
        return found, problem.body_scales(found.proportions)[0], starts[which][0]

    with one_torch_thread():
        best = known, scales, _ = fit(best_observed)
        others = [window for window in windows if window is not best_observed]
        found = in_threads(partial(fit, known=known), others, threads=threads)
        found.insert(windows.index(best_observed), best)
    return FittedMotion(
        q=cross_faded(windows, [at.q[0].double().numpy() for at, *_ in found], model.skeleton.is_rotational),
        body_scales=scales.double().numpy(),
        R_camera_world=R_camera_world.double().numpy(),
        focal_factor=float(known.log_focal.exp()),
        starts=tuple(name for *_, name in found),
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
    for name, keypoints in zip(LIFTED_STARTS, (as_lifted, reversed_m), strict=True):
        root = root_position_m(keypoints, observed.rays[window], person.weight[window], time_s[window])
        world = (keypoints.double() + root[:, None]) @ R_camera_world.double()
        if not unobserved.all():
            world[unobserved] = torch.nan  # the lifter's output without any keypoint is no start
        starts.append((name, starting_coordinates(sized, world, time_s[window])))
    return starts


def _with_shape(at: MotionVariables, known: MotionVariables) -> MotionVariables:
    n = len(at.q)
    return replace(
        at,
        proportions=known.proportions.expand(n, -1),
        log_focal=known.log_focal.expand(n),
        ground=known.ground.expand(n, -1),
    )
