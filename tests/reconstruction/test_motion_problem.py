"""The energy of a motion and its minimum: the truth is found from exact keypoints, inside the joints' ranges."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from biopose.hmr.pose_prior import PosePrior
from biopose.reconstruction.fit_options import SolverOptions
from biopose.reconstruction.motion_gauss_newton import refine_motion
from biopose.reconstruction.motion_problem import MotionProblem, MotionVariables, PersonModel
from biopose.reconstruction.motion_solver import solve
from biopose.reconstruction.observations import MID_HIP
from tests.swinging_person import (
    CAMERA,
    frame_times,
    full_body,
    keypoints_m,
    level,
    observations_of,
    swinging,
    unscaled,
    with_keypoints,
)

FRAMES = 8


def model(*, focal_sd: float = 0.0, pose_prior: PosePrior | None = None) -> PersonModel:
    return PersonModel(with_keypoints(), unscaled(), pose_prior, focal_sd=focal_sd)


def fit_of(
    q: NDArray[np.float64],
    time_s: NDArray[np.float64],
    *,
    known: bool = False,
    mesh_q: NDArray[np.float64] | None = None,
    **options: object,
) -> MotionProblem:
    return MotionProblem(model(**options), observations_of(q, time_s), level(), shape_is_known=known, mesh_q=mesh_q)


def disturbed(q: NDArray[np.float64], *, radians: float = 0.1, metres: float = 0.1, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    turning = np.array([n in full_body().rotational_names for n in full_body().coordinate_names])
    return q + np.where(turning, radians, 0.0) * rng.normal(size=q.shape) + _root_shift(metres, rng)


def _root_shift(metres: float, rng: np.random.Generator) -> np.ndarray:
    shift = np.zeros(len(full_body().coordinates))
    shift[[full_body().coordinate_names.index(f"pelvis_t{a}") for a in "xyz"]] = metres * rng.normal(size=3)
    return shift


def error_m(fit: MotionProblem, found: MotionVariables, q: NDArray[np.float64]) -> Tensor:
    return (fit.keypoints_m(found)[0] - keypoints_m(q)).norm(dim=-1)


def test_exact_keypoints_give_the_motion_back() -> None:
    time_s = frame_times(FRAMES)
    q = swinging(time_s)
    fit = fit_of(q, time_s)
    start = fit.start(disturbed(q)[None])
    assert error_m(fit, start, q).mean() > 0.05
    found, _ = solve(fit, start, SolverOptions())
    camera, truth = (at @ level().T for at in (fit.keypoints_m(found)[0].double(), keypoints_m(q)))
    pixels, observed = CAMERA.project(camera), CAMERA.project(truth)
    assert (pixels - observed).norm(dim=-1).mean() < 2.0
    relative_to_hips = (camera - camera[:, MID_HIP, None]) - (truth - truth[:, MID_HIP, None])
    assert relative_to_hips.norm(dim=-1).mean() < 0.01
    assert (camera[:, MID_HIP, 2] / truth[:, MID_HIP, 2] - 1).abs().max() < 0.02  # as well as a height tells distance


def test_what_keypoints_hardly_show_stays_where_the_mesh_has_it() -> None:
    """The upper arm's rotation, the elbow being nearly straight."""
    time_s, names = frame_times(FRAMES), full_body().coordinate_names
    q = swinging(time_s)
    q[:, [names.index(f"elbow_flex_{side}") for side in "rl"]] = 0.05
    turned = [names.index(f"arm_rot_{side}") for side in "rl"]
    off_rad = []
    for fit in (fit_of(q, time_s), fit_of(q, time_s, mesh_q=q)):
        found = refine_motion(fit, fit.start(disturbed(q, radians=0.3)[None]), steps=20)
        off_rad.append(np.abs(found.q[0].double().numpy() - q)[:, turned].mean())
    assert off_rad[1] < 0.5 * off_rad[0]


def test_the_mesh_does_not_tell_the_pelvis_tilt() -> None:
    time_s, names = frame_times(FRAMES), full_body().coordinate_names
    q = swinging(time_s)
    fit = fit_of(q, time_s, mesh_q=disturbed(q))
    tilted, bent = q.copy(), q.copy()
    tilted[:, [names.index(n) for n in ("pelvis_tilt", "hip_flexion_r", "hip_flexion_l", "lumbar_extension")]] += 0.2
    bent[:, names.index("knee_angle_r")] += 0.2
    upright, tilted_, bent_ = (float(fit.energies(fit.start(one[None]))["mesh"]) for one in (q, tilted, bent))
    assert tilted_ == pytest.approx(upright)
    assert bent_ != pytest.approx(upright)


def test_the_fit_stays_inside_the_ranges() -> None:
    time_s = frame_times(FRAMES)
    q = swinging(time_s)
    q[:, full_body().coordinate_names.index("knee_angle_r")] = 0.0  # at the limit
    fit = fit_of(q, time_s)
    found, _ = solve(fit, fit.start(disturbed(q, radians=0.3)[None]), SolverOptions(5, 5))
    for c, column in zip(full_body().coordinates, found.q[0].T, strict=True):
        if c.clamped:
            assert c.range_min - 1e-6 <= column.min()
            assert column.max() <= c.range_max + 1e-6


def test_the_better_of_two_starts_is_kept() -> None:
    time_s = frame_times(FRAMES)
    q = swinging(time_s)
    fit = fit_of(q, time_s)
    starts = np.stack([disturbed(q, radians=0.6, seed=1), disturbed(q, radians=0.05, seed=2)])
    found, best = solve(fit, fit.start(starts), SolverOptions(3, 5))
    assert best == 1
    assert len(found.q) == len(found.proportions) == len(found.log_focal) == len(found.ground) == 1


def test_steps_lower_the_energy() -> None:
    time_s = frame_times(FRAMES)
    q = swinging(time_s)
    fit = fit_of(q, time_s, focal_sd=0.1, pose_prior=PosePrior.load())
    start = fit.start(disturbed(q)[None])
    found = refine_motion(fit, start, steps=3)
    before, after = (sum(float(e) for e in fit.energies(at).values()) for at in (start, found))
    assert after < before / 2


def test_a_known_shape_stays() -> None:
    time_s = frame_times(FRAMES)
    q = swinging(time_s)
    fit = fit_of(q, time_s, known=True, focal_sd=0.1)
    start = fit.start(disturbed(q)[None])
    start = MotionVariables(start.q, start.proportions + 0.3, start.log_focal + 0.02, start.ground + 0.1)
    found = refine_motion(fit, start, steps=3)
    assert not torch.equal(found.q, start.q)
    for name in ("proportions", "log_focal", "ground"):
        torch.testing.assert_close(getattr(found, name), getattr(start, name), atol=0, rtol=0)


def test_a_given_focal_length_stays_and_an_uncertain_one_moves() -> None:
    time_s = frame_times(FRAMES)
    q = swinging(time_s)
    for focal_sd in (0.0, 0.2):
        fit = fit_of(q, time_s, focal_sd=focal_sd)
        found = refine_motion(fit, fit.start(disturbed(q)[None]), steps=3)
        assert bool(found.log_focal.abs().max() > 0) == (focal_sd > 0)
        assert ("focal" in fit.energies(found)) == (focal_sd > 0)


def test_the_ground_starts_under_the_lowest_feet() -> None:
    time_s = frame_times(FRAMES)
    q = swinging(time_s)
    fit = fit_of(q, time_s)
    ground = fit.start(np.stack([q, q + 0.0])).ground
    assert ground.shape == (2, 3)
    lowest = float(keypoints_m(q)[..., 1].min())
    assert lowest - 0.06 < float(ground[0, 0]) < lowest + 0.1
    assert not ground[:, 1:].any()


def test_no_deviation_from_the_default_proportions_gives_the_default_factors() -> None:
    time_s = frame_times(2)
    fit = fit_of(swinging(time_s), time_s)
    scales = fit.body_scales(torch.zeros(1, fit.scale_design.shape[1]))[0]
    torch.testing.assert_close(scales.double(), torch.from_numpy(unscaled()))


def test_a_motion_filmed_eight_times_as_fast_has_the_same_energies() -> None:
    """Each frame weighs by the time that it stands for."""
    energies = []
    for rate_hz, frames in ((30.0, 31), (240.0, 241)):
        time_s = frame_times(frames, rate_hz=rate_hz)
        truth = swinging(time_s)
        away = truth + 0.05 * np.sin(2 * np.pi * time_s)[:, None] * np.ones(truth.shape[1])
        fit = fit_of(truth, time_s, pose_prior=PosePrior.load())
        fit.observations.contact[:] = 0.9
        energies.append(fit.energies(fit.start(away[None])))
    slow, fast = energies
    kinds = {
        "reprojection",
        "lifted",
        "height",
        "proportions",
        "ground",
        "height over ground",
        "sliding",
        "smoothness",
        "pose",
    }
    assert set(slow) == kinds
    for name, energy in slow.items():
        assert float(fast[name]) == pytest.approx(float(energy), rel=0.08, abs=1e-3), name


@pytest.mark.parametrize("frames", [1, 2, 3])
def test_very_short_clips_have_finite_energies_and_steps(frames: int) -> None:
    time_s = frame_times(frames)
    q = swinging(time_s)
    fit = fit_of(q, time_s, focal_sd=0.2, pose_prior=PosePrior.load())
    found, _ = solve(fit, fit.start(np.stack([disturbed(q), q])), SolverOptions(2, 4))
    assert found.q.isfinite().all()
    assert all(energy.isfinite().all() for energy in fit.energies(found).values())
