"""From what a decoder read of a person to their motion on the skeleton."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from biopose.errors import ModelError
from biopose.hmr.lifter import load_lifter
from biopose.reconstruction import windows
from biopose.reconstruction.fit_options import RefinementOptions
from biopose.reconstruction.mesh_recovery import PersonMesh, recover_mesh
from biopose.reconstruction.method_names import MeshStage
from biopose.reconstruction.observations import HIPS
from biopose.reconstruction.observed_track import observe
from biopose.reconstruction.track_fit import FittedMotion
from biopose.skeleton.scaling import ScaledPosture
from biopose.skeleton.stature import model_height_m
from biopose.tracking.tracks import PersonTrack
from tests.reconstruction.decoded_person import mesh_models, read_track
from tests.swinging_person import (
    CAMERA,
    frame_times,
    full_body,
    keypoints_m,
    level,
    swinging,
    unscaled,
    with_keypoints,
)

HEIGHT_M = model_height_m(full_body()) or 1.75
JOINTS = ("hip_flexion", "hip_adduction", "knee_angle", "arm_flex", "elbow_flex")


def person_mesh(*, focal_sd: float = 0.0) -> PersonMesh:
    at_rest = ScaledPosture(full_body().default_pose, unscaled())
    return PersonMesh(full_body(), with_keypoints(), at_rest, HEIGHT_M, focal_sd=focal_sd)


def fitted(track: PersonTrack, *, stage: MeshStage = "refined") -> FittedMotion:
    """The mesh, and the skeleton on it."""
    observed = observe(track, CAMERA, load_lifter(), height_m=HEIGHT_M)
    known = person_mesh()
    return recover_mesh(track, observed, known, CAMERA, models=mesh_models(stage=stage))[1]


def error_deg(motion: FittedMotion, q: NDArray[np.float64]) -> float:
    columns = [full_body().coordinate_names.index(f"{joint}_{side}") for joint in JOINTS for side in "rl"]
    return float(np.degrees(np.abs(motion.q[:, columns] - q[:, columns])).mean())


def test_a_decoder_that_is_right_gives_the_motion() -> None:
    time_s = frame_times(10)
    q = swinging(time_s)
    motion = fitted(read_track(q, time_s), stage="decoded")
    assert error_deg(motion, q) < 4.0
    assert motion.q.shape == q.shape
    assert np.isfinite(motion.q).all()


def test_keypoints_make_up_for_a_decoder_that_errs() -> None:
    time_s = frame_times(10)
    q = swinging(time_s)
    track = read_track(q, time_s, error=0.7)
    assert error_deg(fitted(track), q) < 0.75 * error_deg(fitted(track, stage="fused"), q)


@pytest.mark.parametrize("error", [0.0, 0.7])
def test_the_refinement_reports_its_gain_and_never_loses(error: float) -> None:
    time_s = frame_times(10)
    gain = fitted(read_track(swinging(time_s), time_s, error=error)).refinement
    assert gain is not None
    assert 0 < gain.iterations <= RefinementOptions().iterations
    assert 0 < gain.reprojection_after_px <= gain.reprojection_before_px
    assert gain.reprojection_before_px < 200
    assert gain.mirror_disagreement_deg is not None
    assert (gain.mirror_disagreement_deg > 10.0) == (error > 0.0)


def test_the_gain_of_a_refinement_is_in_pixels_of_the_fitted_focal_length() -> None:
    time_s = frame_times(10)
    track = read_track(swinging(time_s), time_s, error=0.7)
    wrong = CAMERA.with_focal(0.9 * CAMERA.focal_px[0])
    observed = observe(track, wrong, load_lifter(), height_m=HEIGHT_M)
    known = person_mesh(focal_sd=0.25)
    _, motion = recover_mesh(track, observed, known, wrong, models=mesh_models())
    assert motion.refinement is not None
    assert motion.refinement.reprojection_after_px < 0.5 * motion.refinement.reprojection_before_px


def test_the_lifter_makes_up_for_a_part_of_a_decoder_that_errs() -> None:
    time_s = frame_times(10)
    q = swinging(time_s)
    track = read_track(q, time_s, error=0.7)
    assert error_deg(fitted(track, stage="fused"), q) < 0.9 * error_deg(fitted(track, stage="decoded"), q)


@pytest.mark.parametrize("stage", ["decoded", "fused"])
def test_what_is_not_refined_has_gained_nothing(stage: MeshStage) -> None:
    time_s = frame_times(3)
    assert fitted(read_track(swinging(time_s), time_s), stage=stage).refinement is None


def test_without_an_observed_keypoint_no_refinement_gain_is_stated() -> None:
    time_s = frame_times(3)
    track = read_track(swinging(time_s), time_s)
    assert fitted(replace(track, confidence=np.full_like(track.confidence, 0.1))).refinement is None


def test_the_decoders_keypoints_are_fused_with_the_lifters() -> None:
    time_s = frame_times(5)
    track = read_track(swinging(time_s), time_s)
    observed = observe(track, CAMERA, load_lifter(), height_m=HEIGHT_M)
    given, _ = recover_mesh(track, observed, person_mesh(), CAMERA, models=mesh_models())
    truth = keypoints_m(swinging(time_s)) @ level().T
    truth = (truth - truth[:, HIPS].mean(1, keepdim=True)).float()
    torch.testing.assert_close(given.observations.rays, observed.observations.rays)
    assert (given.observations.lifted_m - truth).norm(dim=-1).mean() < 0.03
    assert (observed.observations.lifted_m - truth).norm(dim=-1).mean() > 0.03


def test_frames_without_tokens_are_interpolated() -> None:
    time_s = frame_times(10)
    q = swinging(time_s)
    track = read_track(q, time_s)
    assert track.tokens is not None
    lost = {"boxes_px": track.boxes_px, "keypoints_px": track.keypoints_px, "tokens": track.tokens}
    lost = {name: values.copy() for name, values in lost.items()}
    for values in lost.values():
        values[4:6] = np.nan
    confidence = track.confidence.copy()
    confidence[4:6] = 0.0
    motion = fitted(replace(track, **lost, confidence=confidence))
    assert np.isfinite(motion.q).all()
    assert error_deg(motion, q) < 8.0


def test_a_track_without_tokens_is_refused() -> None:
    time_s = frame_times(3)
    track = replace(read_track(swinging(time_s), time_s), tokens=None)
    with pytest.raises(ModelError, match="no MQ-HMR tokens"):
        fitted(track)


def test_windows_are_recovered_as_the_whole_track(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a gap in the tokens across the end of a window."""
    time_s = frame_times(30)
    q = swinging(time_s)
    track = read_track(q, time_s, error=0.2)
    assert track.tokens is not None
    track.tokens[10:14] = np.nan
    observed = observe(track, CAMERA, load_lifter(), height_m=HEIGHT_M)
    (whole, alone), (windowed, joined) = (
        recover_mesh(track, observed, person_mesh(), CAMERA, models=mesh_models(), threads=threads)
        for threads in _whole_then_in_windows(monkeypatch, frames=12, overlap=4)
    )
    for name in ("lifted_m", "lifted_sd_m", "R_camera_view"):
        found, expected = getattr(windowed.observations, name), getattr(whole.observations, name)
        torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)
    assert np.degrees(np.abs(joined.q - alone.q)[:, full_body().is_rotational]).mean() < 2.0


def _whole_then_in_windows(monkeypatch: pytest.MonkeyPatch, *, frames: int, overlap: int) -> Iterator[int]:
    """Numbers of threads: one for the whole track, two for windows of so many frames."""
    yield 1
    monkeypatch.setattr(windows, "WINDOW_FRAMES", frames)
    monkeypatch.setattr(windows, "OVERLAP_FRAMES", overlap)
    yield 2
