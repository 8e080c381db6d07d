"""What a confidence is claimed to mean, and whether it does."""

import numpy as np
import pytest

from biopose.perception.keypoint_confidence import CONFIDENCES, SD_OF_SCALE, box_scale_px, pixel_sd
from biopose.perception.keypoint_network import KeypointNetwork
from tests.body.bodies import needs_body_asset
from tests.perception.real_people import needs_networks


def test_a_keypoint_of_more_confidence_never_has_a_larger_error() -> None:
    sd = pixel_sd(np.linspace(0, 1, 101), np.array([0.0, 0, 100, 400]))
    assert (np.diff(sd) <= 0).all()
    assert sd[0] / sd[-1] > 15


def test_an_error_grows_with_the_person() -> None:
    boxes = np.array([[0.0, 0, 50, 200], [10, 10, 110, 410]])
    near, far = pixel_sd(np.full((2, 26), 0.75), boxes)
    assert near.shape == (26,)
    assert np.allclose(far, 2 * near)


def test_the_scale_of_a_box_is_that_of_its_crop() -> None:
    assert box_scale_px(np.array([[0.0, 0, 10, 200], [0, 0, 300, 200]])).tolist() == [200, 400]


def test_the_measured_values_are_given_back() -> None:
    assert np.allclose(pixel_sd(CONFIDENCES, np.array([0.0, 0, 1, 100])), 100 * np.array(SD_OF_SCALE))


def test_a_person_who_was_not_found_has_no_error() -> None:
    assert np.isnan(pixel_sd(np.zeros(26), np.full(4, np.nan))).all()


@needs_networks
@needs_body_asset
@pytest.mark.slow
def test_errors_on_rendered_bodies_agree_with_their_standard_deviations_and_fall_with_confidence() -> None:
    from tests.perception.rendered_people import rendered_people  # needs a renderer

    # Neither the shape, nor the postures, nor the clothes of the measurement, and easier than its images.
    people = rendered_people(count=16, seed=11)
    found = KeypointNetwork.load(threads=1).locate([p.image for p in people], [p.box_px[None] for p in people])
    confidence = np.stack([each.confidence[0] for each in found])
    error = np.stack([f.positions_px[0] - p.keypoints_px for f, p in zip(found, people, strict=True)])
    common = np.stack([np.median(error[sure, k], axis=0) for k, sure in enumerate((confidence > 0.6).T)])
    distance = np.linalg.norm(error - common, axis=-1)
    claimed = pixel_sd(confidence, np.stack([p.box_px for p in people]))
    bands = [(confidence > low) & (confidence <= high) for low, high in ((0.3, 0.65), (0.65, 0.78), (0.78, 1.0))]
    for chosen in bands:
        assert chosen.sum() > 25
        assert (distance[chosen] < 1.515 * claimed[chosen]).mean() > 0.6  # 1.515 sd around a point hold 68 %
        assert np.median(distance[chosen]) > 0.3 * np.median(claimed[chosen])  # and the sd says something
    medians = [np.median(distance[chosen]) for chosen in bands]
    assert medians == sorted(medians, reverse=True)
