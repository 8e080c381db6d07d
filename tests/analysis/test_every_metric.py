"""Every metric has a test by a motion whose answer is known by hand."""

import inspect
from collections.abc import Callable

from biopose.analysis.definitions import DEFINITIONS
from tests.analysis import test_cycles as cycles
from tests.analysis import test_jump_metrics as jumps
from tests.analysis import test_landing_metrics as landing
from tests.analysis import test_metrics as metrics
from tests.analysis import test_squat_posture as squat
from tests.analysis import test_step_metrics as steps
from tests.analysis import test_swings as swings

TESTS: dict[str, Callable[..., None]] = {
    "duration": metrics.test_angles_are_peaks_and_ranges_over_what_can_be_trusted,
    "hip_flexion_peak": metrics.test_a_joint_that_swings_as_a_pendulum_has_its_amplitude,
    "hip_flexion_range": metrics.test_a_joint_that_swings_as_a_pendulum_has_its_amplitude,
    "knee_flexion_peak": metrics.test_a_joint_that_swings_as_a_pendulum_has_its_amplitude,
    "knee_flexion_range": metrics.test_a_joint_that_swings_as_a_pendulum_has_its_amplitude,
    "ankle_dorsiflexion_peak": metrics.test_a_joint_that_swings_as_a_pendulum_has_its_amplitude,
    "ankle_dorsiflexion_range": metrics.test_a_joint_that_swings_as_a_pendulum_has_its_amplitude,
    "jump_count": jumps.test_a_jump_is_as_high_as_gravity_says,
    "flight_time": jumps.test_a_jump_is_as_high_as_gravity_says,
    "jump_height": jumps.test_a_jump_is_as_high_as_gravity_says,
    "jump_height_flight": jumps.test_a_jump_is_as_high_as_gravity_says,
    "jump_height_com": jumps.test_a_jump_is_as_high_as_gravity_says,
    "jump_height_difference": jumps.test_a_jump_is_as_high_as_gravity_says,
    "knee_flexion_landing_peak": jumps.test_the_knee_at_landing_is_not_that_before_the_jump,
    "contact_time": metrics.test_walking_is_recognised_by_its_strides,
    "reactive_strength_index": jumps.test_a_drop_from_a_box_is_no_jump_and_the_rebound_has_its_contact,
    "duty_factor": metrics.test_walking_is_recognised_by_its_strides,
    "squat_depth": metrics.test_squats_are_counted_and_have_a_depth,
    "repetition_count": metrics.test_squats_are_counted_and_have_a_depth,
    "step_count": metrics.test_walking_is_recognised_by_its_strides,
    "swing_time": metrics.test_walking_is_recognised_by_its_strides,
    "stride_length": cycles.test_a_walkers_stride_length_and_swing_time_are_what_was_made_up,
    "stride_time": metrics.test_walking_is_recognised_by_its_strides,
    "cadence": metrics.test_walking_is_recognised_by_its_strides,
    "mean_speed": metrics.test_walking_is_recognised_by_its_strides,
    "step_length": steps.test_a_walkers_steps_and_double_support_are_what_was_given,
    "double_support": steps.test_a_walkers_steps_and_double_support_are_what_was_given,
    "vertical_oscillation": steps.test_a_walkers_steps_and_double_support_are_what_was_given,
    "overstride": steps.test_a_runners_contact_is_what_was_given,
    "shank_angle_at_contact": steps.test_a_runners_contact_is_what_was_given,
    "touch_down_distance": steps.test_a_sprinters_touch_down_and_step_frequency_are_what_was_given,
    "step_frequency": steps.test_a_sprinters_touch_down_and_step_frequency_are_what_was_given,
    "leg_stiffness": steps.test_leg_stiffness_is_that_of_the_spring_mass_model,
    "countermovement_depth": jumps.test_a_countermovement_is_what_was_given,
    "countermovement_time": jumps.test_a_countermovement_is_what_was_given,
    "unweighting_time": jumps.test_a_countermovement_is_what_was_given,
    "braking_time": jumps.test_a_countermovement_is_what_was_given,
    "propulsion_time": jumps.test_a_countermovement_is_what_was_given,
    "time_to_take_off": jumps.test_a_countermovement_is_what_was_given,
    "reactive_strength_index_modified": jumps.test_a_countermovement_is_what_was_given,
    "trunk_lean_peak": squat.test_lean_shift_and_knee_are_what_was_given,
    "hip_shift_peak": squat.test_lean_shift_and_knee_are_what_was_given,
    "knee_frontal_angle_peak": squat.test_lean_shift_and_knee_are_what_was_given,
    "knee_flexion_at_contact": landing.test_angles_at_contact_and_at_the_deepest_are_what_was_given,
    "knee_flexion_drop_landing_peak": landing.test_angles_at_contact_and_at_the_deepest_are_what_was_given,
    "hip_adduction_at_contact": landing.test_angles_at_contact_and_at_the_deepest_are_what_was_given,
    "hip_adduction_at_peak_knee_flexion": landing.test_angles_at_contact_and_at_the_deepest_are_what_was_given,
    "knee_frontal_angle_at_contact": landing.test_angles_at_contact_and_at_the_deepest_are_what_was_given,
    "knee_frontal_angle_at_peak_knee_flexion": landing.test_angles_at_contact_and_at_the_deepest_are_what_was_given,
    "landing_error_knee_flexion_contact": landing.test_landing_errors_are_those_that_were_given,
    "landing_error_heel_first": landing.test_landing_errors_are_those_that_were_given,
    "landing_error_toe_in": landing.test_landing_errors_are_those_that_were_given,
    "landing_error_toe_out": landing.test_landing_errors_are_those_that_were_given,
    "landing_error_knee_flexion_displacement": landing.test_landing_errors_are_those_that_were_given,
    "landing_error_hip_flexion_displacement": landing.test_landing_errors_are_those_that_were_given,
    "landing_error_trunk_flexion_displacement": landing.test_landing_errors_are_those_that_were_given,
    "landing_error_score": landing.test_landing_errors_are_those_that_were_given,
    "wrist_speed_peak": swings.test_a_throw_has_the_events_and_metrics_of_its_angles,
    "hip_shoulder_separation_at_contact": swings.test_a_throw_has_the_events_and_metrics_of_its_angles,
    "hip_shoulder_separation_peak": swings.test_a_throw_has_the_events_and_metrics_of_its_angles,
    "throw_stride_length": swings.test_a_throw_has_the_events_and_metrics_of_its_angles,
    "lead_knee_flexion_at_contact": swings.test_a_throw_has_the_events_and_metrics_of_its_angles,
    "lead_knee_flexion_at_release": swings.test_a_throw_has_the_events_and_metrics_of_its_angles,
    "shoulder_external_rotation_peak": swings.test_a_throw_has_the_events_and_metrics_of_its_angles,
    "pelvis_rotation_velocity_peak": swings.test_a_throws_segments_turn_in_the_order_that_was_given,
    "pelvis_rotation_velocity_peak_time": swings.test_a_throws_segments_turn_in_the_order_that_was_given,
    "trunk_rotation_velocity_peak": swings.test_a_throws_segments_turn_in_the_order_that_was_given,
    "trunk_rotation_velocity_peak_time": swings.test_a_throws_segments_turn_in_the_order_that_was_given,
    "elbow_extension_velocity_peak": swings.test_a_throws_segments_turn_in_the_order_that_was_given,
    "elbow_extension_velocity_peak_time": swings.test_a_throws_segments_turn_in_the_order_that_was_given,
    "shoulder_internal_rotation_velocity_peak": swings.test_a_throws_segments_turn_in_the_order_that_was_given,
    "shoulder_internal_rotation_velocity_peak_time": swings.test_a_throws_segments_turn_in_the_order_that_was_given,
    "foot_speed_peak": swings.test_a_kick_strikes_the_ball_where_the_foot_is_fastest,
    "knee_extension_velocity_peak": swings.test_a_kick_strikes_the_ball_where_the_foot_is_fastest,
    "kick_hip_flexion_peak": swings.test_a_kick_strikes_the_ball_where_the_foot_is_fastest,
    "kick_hip_flexion_range": swings.test_a_kick_strikes_the_ball_where_the_foot_is_fastest,
}


def test_every_metric_is_tested_by_a_motion_whose_answer_is_known() -> None:
    assert not DEFINITIONS.keys() - TESTS.keys(), "a metric without such a test: write one, and name it in TESTS"
    assert not TESTS.keys() - DEFINITIONS.keys()
    for name, test in TESTS.items():
        assert f'"{name}"' in inspect.getsource(test), f"{test.__name__} does not look at {name}"
