"""A whole track: windows that cover it, a motion without jumps or NaN, whatever was not observed."""

from dataclasses import replace
from functools import cache
from itertools import pairwise

import numpy as np
import pytest
import torch

from biopose.body.keypoint_names import KEYPOINTS
from biopose.hmr.lifter import Lifter, load_lifter
from biopose.hmr.pose_prior import PosePrior
from biopose.reconstruction import windows as windows_module
from biopose.reconstruction.fit_options import SolverOptions
from biopose.reconstruction.lifting import LiftedTrack
from biopose.reconstruction.motion_problem import PersonModel
from biopose.reconstruction.observations import MID_HIP
from biopose.reconstruction.observed_track import ObservedTrack, observe
from biopose.reconstruction.track_fit import FittedMotion, fit_track
from biopose.reconstruction.windows import OVERLAP_FRAMES, WINDOW_FRAMES, cross_faded, windows_of, without_overlap
from biopose.tracking.tracks import PersonTrack
from tests.swinging_person import (
    CAMERA,
    frame_times,
    full_body,
    keypoints_m,
    level,
    not_found,
    observations_of,
    swinging,
    track_of,
    unscaled,
    with_keypoints,
)

QUICK = SolverOptions(2, 3)


@cache
def lifter() -> Lifter:
    return load_lifter()


def model(*, focal_sd: float = 0.1) -> PersonModel:
    return PersonModel(with_keypoints(), unscaled(), PosePrior.load(), focal_sd=focal_sd)


def fitted(track: PersonTrack, *, options: SolverOptions = QUICK) -> FittedMotion:
    return fit_track(observe(track, CAMERA, lifter(), height_m=1.75), model(), track.time_s, options=options)


def track(frames: int, *, rate_hz: float = 30.0) -> PersonTrack:
    time_s = frame_times(frames, rate_hz=rate_hz)
    return track_of(swinging(time_s), time_s)


def assert_sound(motion: FittedMotion, frames: int) -> None:
    assert motion.q.shape == (frames, len(full_body().coordinates))
    assert np.isfinite(motion.q).all()
    assert np.isfinite(motion.body_scales).all()
    assert 0.5 < motion.focal_factor < 2
    for c, column in zip(full_body().coordinates, motion.q.T, strict=True):
        if c.clamped:
            assert c.range_min - 1e-6 <= column.min()
            assert column.max() <= c.range_max + 1e-6
    np.testing.assert_allclose(motion.R_camera_world.T @ motion.R_camera_world, np.eye(3), atol=1e-6)


@pytest.mark.parametrize(
    "frames", [1, 2, 47, 48, 49, WINDOW_FRAMES, WINDOW_FRAMES + 1, 2 * WINDOW_FRAMES, 5000, 108_000]
)
def test_windows_cover_every_frame_and_overlap(frames: int) -> None:
    windows = windows_of(frames)
    assert windows[0].start == 0
    assert windows[-1].stop == frames
    assert max(w.stop - w.start for w in windows) <= WINDOW_FRAMES
    for before, after in pairwise(windows):
        assert before.stop - after.start == OVERLAP_FRAMES
        assert after.start > before.start
    lengths = [w.stop - w.start for w in windows]
    assert max(lengths) - min(lengths) <= 1


def test_frames_without_overlap_are_every_frame_once() -> None:
    windows = windows_of(2000)
    frames = np.arange(2000)
    own = [frames[window][part] for window, part in zip(windows, without_overlap(windows), strict=True)]
    np.testing.assert_array_equal(np.concatenate(own), frames)


def test_windows_that_agree_are_cross_faded_exactly() -> None:
    truth = np.cumsum(np.random.default_rng(0).normal(size=(100, 3)), axis=0)
    windows = [slice(0, 40), slice(30, 70), slice(60, 100)]
    values = [truth[window].copy() for window in windows]
    np.testing.assert_allclose(cross_faded(windows, values, np.zeros(3, dtype=bool)), truth, atol=1e-12)


def test_windows_that_differ_are_faded_into_each_other() -> None:
    ones, twos = np.ones((40, 1)), 2 * np.ones((40, 1))
    q = cross_faded([slice(0, 40), slice(30, 70)], [ones, twos], np.zeros(1, dtype=bool))[:, 0]
    assert (q[:30] == 1).all()
    assert (q[40:] == 2).all()
    assert (np.diff(q[29:41]) > 0).all()
    assert np.diff(q).max() < 0.1


def test_angles_a_whole_turn_apart_are_cross_faded_as_the_same() -> None:
    turn = np.linspace(2.6, 3.6, 70)[:, None]
    values = [turn[:40], turn[30:] - 2 * np.pi]
    q = cross_faded([slice(0, 40), slice(30, 70)], values, np.ones(1, dtype=bool))
    np.testing.assert_allclose(np.exp(1j * q), np.exp(1j * turn), atol=1e-9)


def seen_exactly(q: np.ndarray, time_s: np.ndarray) -> ObservedTrack:
    observations = observations_of(q, time_s)
    frames = len(q)
    up = torch.tensor([0.0, -1.0, 0.0]).expand(frames, 3)
    lifted = LiftedTrack(observations.lifted_m / 1.75, observations.R_camera_view, observations.lifted_sd_m / 1.75, up)
    return ObservedTrack(observations, lifted, torch.ones(frames, 26))


def test_exact_keypoints_give_the_motion_back() -> None:
    time_s = frame_times(10)
    q = swinging(time_s)
    person = seen_exactly(q, time_s)
    exact = replace(model(focal_sd=0.0), pose_prior=None)
    motion = fit_track(person, exact, time_s, options=SolverOptions())
    assert_sound(motion, 10)
    assert motion.starts == ("lifted",)
    np.testing.assert_allclose(motion.R_camera_world, level().numpy(), atol=1e-6)
    off = keypoints_m(motion.q) - keypoints_m(q)  # of the unscaled skeleton: the factors are nearly 1
    assert (off - off[:, MID_HIP, None]).norm(dim=-1).mean() < 0.015
    np.testing.assert_allclose(motion.body_scales, 1.0, atol=0.05)


@pytest.mark.parametrize("frames", [1, 2, 3])
def test_tracks_of_few_frames(frames: int) -> None:
    assert_sound(fitted(track(frames)), frames)


def test_a_track_with_gaps() -> None:
    assert_sound(fitted(not_found(track(14), slice(5, 9))), 14)


def test_a_limb_that_is_never_observed() -> None:
    one = track(8)
    hidden = [i for i, name in enumerate(KEYPOINTS) if name in ("left_elbow", "left_wrist") or name.startswith("right")]
    one.confidence[:, hidden] = 0.0
    one.keypoints_px[:, hidden] = -500.0
    assert_sound(fitted(one), 8)


def test_a_person_of_whom_nothing_is_sure() -> None:
    one = track(5)
    one.confidence[:] = 0.05
    assert_sound(fitted(one), 5)


def test_frames_at_uneven_times() -> None:
    time_s = np.cumsum(np.random.default_rng(0).choice([1 / 60, 1 / 30, 1 / 10], 10))
    assert_sound(fitted(track_of(swinging(time_s), time_s)), 10)


def test_keypoints_all_at_one_place() -> None:
    one = track(4)
    one.keypoints_px[:] = 300.0
    assert_sound(fitted(one), 4)


def test_windows_share_one_shape(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first fitted, the one that sees most, tells it; a frame in no overlap is exactly its own window's."""
    monkeypatch.setattr(windows_module, "WINDOW_FRAMES", 10)
    monkeypatch.setattr(windows_module, "OVERLAP_FRAMES", 3)
    one = track(21)
    one.confidence[:6] = 0.3
    done: list[int] = []
    person = observe(one, CAMERA, lifter(), height_m=1.75)
    motion = fit_track(person, model(), one.time_s, options=QUICK, progress=done.append)
    assert_sound(motion, 21)
    windows = windows_of(21)
    assert len(motion.starts) == len(windows) == 3
    assert done == [w.stop - w.start for w in sorted(windows, key=lambda w: w != best(person, windows))]
    assert best(person, windows) != windows[0]
    steps_m = (keypoints_m(motion.q)[1:] - keypoints_m(motion.q)[:-1]).norm(dim=-1)
    assert steps_m.max() < 0.5


def best(person: ObservedTrack, windows: list[slice]) -> slice:
    return max(windows, key=lambda w: float(person.weight[w].sum()))


def test_the_seam_of_two_windows_is_not_visible(monkeypatch: pytest.MonkeyPatch) -> None:
    """Against one window: the angles' difference is small, and it steps nowhere from one frame to the next."""
    one = track(60)
    person = observe(one, CAMERA, lifter(), height_m=1.75)
    options = SolverOptions()
    whole = fit_track(person, model(focal_sd=0.0), one.time_s, options=options)
    monkeypatch.setattr(windows_module, "WINDOW_FRAMES", 40)
    monkeypatch.setattr(windows_module, "OVERLAP_FRAMES", 20)
    joined = fit_track(person, model(focal_sd=0.0), one.time_s, options=options, threads=2)
    assert len(joined.starts) == 2
    away = np.degrees(joined.q - whole.q)[:, full_body().is_rotational]
    assert np.abs(away).mean() < 0.3
    assert np.abs(np.diff(away, axis=0)).max() < 0.5


def test_windows_side_by_side_are_fitted_as_one_after_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(windows_module, "WINDOW_FRAMES", 10)
    monkeypatch.setattr(windows_module, "OVERLAP_FRAMES", 3)
    one = track(18)
    person = observe(one, CAMERA, lifter(), height_m=1.75)
    short = SolverOptions(1, 1)
    fits = [fit_track(person, model(), one.time_s, options=short, threads=threads) for threads in (1, 3)]
    assert [len(fit.starts) for fit in fits] == [3, 3]
    np.testing.assert_array_equal(fits[0].q, fits[1].q)
