"""NeurIK is given a fitted person's own markers, each weighted by the uncertainty of the keypoints near it."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from biopose.body.anny import Body
from biopose.body.keypoint_names import KEYPOINTS
from biopose.body.markers import MARKERS
from biopose.neurik.network import NeurikShape, new_neurik
from biopose.neurik.trial import predict_trial
from biopose.reconstruction.fitted_person import person_of, virtual_markers
from biopose.reconstruction.neural_ik import HALF_WEIGHT_SD_M, KEYPOINT_SHARES, NeuralIK, marker_weight, marker_windows
from biopose.reconstruction.view_deviations import FACTORS
from biopose.skeleton.constant_errors import without_side
from biopose.skeleton.kinematics import Kinematics
from tests.body.bodies import needs_body_asset
from tests.reconstruction.test_motion_file import fitted_person
from tests.swinging_person import full_body, track_of
from tests.training.synthetic_markers import default_locations_m

SHAPE = NeurikShape(segment_width=6, width=20, layers=1, heads=2, hidden=24, waves=4)


def weight(sd_m: float, confidence: float) -> float:
    found = marker_weight(torch.full((1, 26, 2), sd_m), torch.full((1, 26), confidence))
    assert found.shape == (1, len(MARKERS))
    torch.testing.assert_close(found, found[:, :1].expand_as(found))
    return float(found[0, 0])


def test_every_marker_hangs_on_keypoints_of_its_own_side() -> None:
    torch.testing.assert_close(KEYPOINT_SHARES.sum(-1), torch.ones(len(MARKERS)))
    for row, marker in zip(KEYPOINT_SHARES, MARKERS.values(), strict=True):
        told = {KEYPOINTS[k].split("_")[0] for k in torch.nonzero(row)[:, 0].tolist()}
        side = {"r": {"right"}, "l": {"left"}}.get(marker.segment.rsplit("_", 1)[-1])
        assert side is None or told == side


def test_a_marker_is_the_less_sure_the_worse_its_keypoints_are_known() -> None:
    assert weight(0.0, 1.0) == pytest.approx(1.0)
    assert weight(HALF_WEIGHT_SD_M, 1.0) == pytest.approx(0.5)
    assert weight(0.05, 0.9) > weight(0.05, 0.3) > weight(0.2, 0.3) > 0.0
    assert weight(0.05, float("nan")) == weight(0.05, 0.0) > 0.0


@needs_body_asset
def test_the_markers_are_those_that_the_solver_has() -> None:
    body, fitted = Body.load(), replace(fitted_person(), keypoint_sd_m=np.full((8, 26, 2), 0.05))
    person = person_of(fitted, body=body, skeleton=full_body())
    observed, given = marker_windows(fitted, person), virtual_markers(person, fitted)
    assert observed.markers_m.shape == (1, 8, len(MARKERS), 3)
    np.testing.assert_allclose(
        observed.markers_m[0, :, 3], given.select((list(MARKERS)[3],)).positions_m[:, 0], atol=1e-5
    )
    assert observed.subject is not None
    np.testing.assert_allclose(observed.subject.body_scales[0], person.body_scales, atol=1e-6)
    interval_s = np.diff(fitted.track.time_s)[0]
    assert float(observed.interval_s) == pytest.approx(interval_s)
    assert bool((observed.weight[0, 2:4] < observed.weight[0, 5]).all())  # the frames in which nobody was found


@needs_body_asset
@pytest.mark.parametrize("frames", [1, 8])
def test_coordinates_come_with_a_deviation_each(frames: int) -> None:
    torch.manual_seed(0)
    told = NeuralIK.of(new_neurik(SHAPE, locations_m=default_locations_m()).eval())
    fitted = fitted_person()
    part = replace(
        fitted,
        track=track_of(fitted.motion.q[:frames], fitted.track.time_s[:frames]),
        motion=replace(fitted.motion, q=fitted.motion.q[:frames]),
        keypoint_sd_m=fitted.keypoint_sd_m[:frames],
    )
    skeleton = person_of(part, body=Body.load(), skeleton=full_body())
    q, sd = told.predict(part, skeleton)
    own = Kinematics(skeleton.skeleton).with_coordinates(torch.from_numpy(q)).markers.numpy()
    assert np.median(np.linalg.norm(own - virtual_markers(skeleton, part).positions_m, axis=-1)) < 0.015
    assert sd.shape == fitted.motion.q[:frames].shape
    is_place = np.array([coordinate.motion == "translational" for coordinate in full_body().coordinates])
    assert np.isnan(sd[:, is_place]).all()
    assert (sd[:, ~is_place] > 0).all()
    predicted = predict_trial(told.network, told.decoder, marker_windows(part, skeleton)).sd.double().numpy()
    for name in ("ankle_angle_r", "elbow_flex_l", "neck_flexion", "knee_angle_l", "lumbar_bending"):
        column = skeleton.skeleton.coordinate_names.index(name)
        low, high = sorted(FACTORS.get(without_side(name), (1.0, 1.0)))
        ratio = sd[:, column] / predicted[:, column]
        assert low - 1e-9 <= ratio.min() <= ratio.max() <= high + 1e-9, name
