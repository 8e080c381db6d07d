"""Forearm rotation and wrists, which no keypoint shows, are those of recorded motion, left and right alike."""

import numpy as np
import pytest
import torch

from biopose.hmr.pose_prior import PosePrior
from biopose.reconstruction.motion_gauss_newton import refine_motion
from biopose.reconstruction.unseen_coordinates import (
    MEAN_DEG,
    SD_DEG,
    held_note,
    unseen_columns,
    with_unseen_at_their_means,
    with_unseen_sd,
)
from biopose.training.data.poses import SPREAD_FACTOR, WIDENING_RAD, mirror
from tests.reconstruction.test_motion_problem import disturbed, fit_of
from tests.swinging_person import frame_times, full_body, swinging

NAMES = full_body().coordinate_names


def test_means_and_deviations_are_those_of_the_recorded_postures() -> None:
    """Of which the pose prior has a component with their mean, and so many times their spread, widened."""
    prior = PosePrior.load()
    covariance = torch.linalg.inv(prior.whitening[-2] @ prior.whitening[-2].mT)
    sd_deg = torch.rad2deg((covariance.diagonal() - WIDENING_RAD**2).clamp(min=0).sqrt() / SPREAD_FACTOR)
    for name, mean_deg in MEAN_DEG.items():
        for side in "rl":
            row = prior.names.index(f"{name}_{side}")
            assert np.degrees(float(prior.means[-2, row])) == pytest.approx(mean_deg, abs=0.5)
            assert float(sd_deg[row]) == pytest.approx(SD_DEG[name], abs=0.5)


def test_they_are_the_same_in_a_mirror_and_all_else_stays() -> None:
    q = swinging(frame_times(3))
    held, seen = with_unseen_at_their_means(q, NAMES), np.setdiff1d(np.arange(len(NAMES)), unseen_columns(NAMES))
    mirrored = with_unseen_at_their_means(mirror(q, NAMES), NAMES)
    np.testing.assert_allclose(mirror(held, NAMES), mirrored, atol=1e-12)
    np.testing.assert_array_equal(held[:, seen], q[:, seen])
    sd = with_unseen_sd(np.zeros_like(q), NAMES)
    assert (sd[:, unseen_columns(NAMES)] > np.radians(9)).all()
    assert not sd[:, seen].any()


def test_they_are_named() -> None:
    assert held_note(NAMES).endswith(": pro_sup_r, wrist_flex_r, wrist_dev_r, pro_sup_l, wrist_flex_l, wrist_dev_l")
    assert held_note(["knee_angle_r"]) == ""


def test_a_fit_does_not_move_them() -> None:
    time_s = frame_times(4)
    q = swinging(time_s)
    fit = fit_of(q, time_s, mesh_q=q)
    found = refine_motion(fit, fit.start(disturbed(q)[None]), steps=3).q[0].double().numpy()
    np.testing.assert_allclose(found, with_unseen_at_their_means(found, NAMES), atol=1e-6)
