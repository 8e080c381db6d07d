"""Every metric has a test by a motion whose answer is known by hand."""

import inspect
from collections.abc import Callable

from biopose.analysis.definitions import DEFINITIONS
from tests.analysis import test_cycles as cycles
from tests.analysis import test_metrics as metrics

TESTS: dict[str, Callable[..., None]] = {
    "duration": metrics.test_angles_are_peaks_and_ranges_over_what_can_be_trusted,
    "hip_flexion_peak": metrics.test_a_joint_that_swings_as_a_pendulum_has_its_amplitude,
    "hip_flexion_range": metrics.test_a_joint_that_swings_as_a_pendulum_has_its_amplitude,
    "knee_flexion_peak": metrics.test_a_joint_that_swings_as_a_pendulum_has_its_amplitude,
    "knee_flexion_range": metrics.test_a_joint_that_swings_as_a_pendulum_has_its_amplitude,
    "ankle_dorsiflexion_peak": metrics.test_a_joint_that_swings_as_a_pendulum_has_its_amplitude,
    "ankle_dorsiflexion_range": metrics.test_a_joint_that_swings_as_a_pendulum_has_its_amplitude,
    "jump_count": metrics.test_a_jump_is_as_high_as_gravity_says,
    "flight_time": metrics.test_a_jump_is_as_high_as_gravity_says,
    "jump_height": metrics.test_a_jump_is_as_high_as_gravity_says,
    "jump_height_flight": metrics.test_a_jump_is_as_high_as_gravity_says,
    "jump_height_com": metrics.test_a_jump_is_as_high_as_gravity_says,
    "jump_height_difference": metrics.test_a_jump_is_as_high_as_gravity_says,
    "knee_flexion_landing_peak": metrics.test_the_knee_at_landing_is_not_that_before_the_jump,
    "contact_time": metrics.test_walking_is_recognised_by_its_strides,
    "reactive_strength_index": metrics.test_a_drop_from_a_box_is_no_jump_and_the_rebound_has_its_contact,
    "duty_factor": metrics.test_walking_is_recognised_by_its_strides,
    "squat_depth": metrics.test_squats_are_counted_and_have_a_depth,
    "repetition_count": metrics.test_squats_are_counted_and_have_a_depth,
    "step_count": metrics.test_walking_is_recognised_by_its_strides,
    "swing_time": cycles.test_a_walkers_stride_length_and_swing_time_are_what_was_made_up,
    "stride_length": cycles.test_a_walkers_stride_length_and_swing_time_are_what_was_made_up,
    "stride_time": metrics.test_walking_is_recognised_by_its_strides,
    "cadence": metrics.test_walking_is_recognised_by_its_strides,
    "mean_speed": metrics.test_walking_is_recognised_by_its_strides,
}


def test_every_metric_is_tested_by_a_motion_whose_answer_is_known() -> None:
    assert not DEFINITIONS.keys() - TESTS.keys(), "a metric without such a test: write one, and name it in TESTS"
    assert not TESTS.keys() - DEFINITIONS.keys()
    for name, test in TESTS.items():
        assert f'"{name}"' in inspect.getsource(test), f"{test.__name__} does not look at {name}"
