"""Differences of metrics from a reference's, by hand."""

import pytest

from biopose.analysis.definitions import metric, unknown_metric
from biopose.evaluation.metric_errors import MetricErrors, activity_of_metrics, metric_lines


def test_metrics_are_compared_side_by_side_and_what_one_of_both_lacks_is_counted() -> None:
    errors = MetricErrors()
    errors.add(
        [
            metric("stride_time", 1.10, side="left", sd=0.02),
            metric("stride_time", 1.00, side="right", sd=0.02),
            metric("knee_flexion_peak", 60.0, side="left"),
            unknown_metric("step_count", reason="At least 3."),
            metric("cadence", 100.0),
            unknown_metric("mean_speed", reason="On a treadmill."),
        ],
        [
            metric("stride_time", 1.13, side="left"),
            metric("stride_time", 1.05, side="right"),
            metric("knee_flexion_peak", 57.0, side="left"),
            metric("step_count", 4),
            unknown_metric("mean_speed", reason="On a treadmill."),
        ],
    )
    found = errors.as_dict()
    assert found["stride_time"] == {
        "unit": "s",
        "n": 2,
        "not_compared": 0,
        "unknown": 0,
        "mae": pytest.approx(0.04),
        "bias": pytest.approx(-0.04),
        "max": pytest.approx(0.05),
        "coverage95": 0.5,  # 0.03 is within 0.039, 0.05 is not
    }
    off = {"mae": 3.0, "bias": 3.0, "max": 3.0}
    assert found["knee_flexion_peak"] == {"unit": "deg", "n": 1, "not_compared": 0, "unknown": 0} | off
    assert found["step_count"] == {"unit": "1", "n": 0, "not_compared": 1, "unknown": 0}
    assert found["cadence"] == {"unit": "steps/min", "n": 0, "not_compared": 1, "unknown": 0}
    assert found["mean_speed"] == {"unit": "m/s", "n": 0, "not_compared": 0, "unknown": 1}
    lines = metric_lines({"markers": found})
    assert lines[1] == "Metrics against the expert's angles, markers"
    (of_stride,) = [line.split() for line in lines if line.startswith("stride_time")]
    assert of_stride == ["stride_time", "s", "0.040", "-0.040", "0.050", "50%", "2", "0", "0"]


def test_a_laboratorys_trials_have_the_metrics_of_their_activity() -> None:
    names = ("DJAsym1", "walkingTS1", "squats1", "STS1")
    assert [activity_of_metrics(name) for name in names] == ["drop_jump", "walk", "squat", "other"]
