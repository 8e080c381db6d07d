"""A throw and a kick whose angles and speeds are given functions of time have the events and metrics of these."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from biopose.analysis.body_geometry import ankle_slopes, shoulder_external_rotation_deg, shoulder_rotation_slopes
from biopose.analysis.body_points import SIDES, Side, body_points_m
from biopose.analysis.definitions import DEFINITIONS
from biopose.analysis.motion import Motion
from biopose.analysis.sampled_extremes import SMOOTH_S
from biopose.analysis.tables import Event, Metric
from biopose.analysis.trial_analysis import analyse_motion
from biopose.skeleton.full_body import full_body_skeleton
from tests.analysis.motions import motion, standing_points

RATE_HZ = 240.0
CONTACT_S, PELVIS_S, TRUNK_S, ELBOW_S, TURN_S = 0.8, 0.86, 0.92, 0.99, 1.0
PELVIS_W, TRUNK_W, ELBOW_W, TURN_W = 0.06, 0.05, 0.03, 0.04  # half the times in which the angles mostly change
STRIDE_M, UPPER_M, FOREARM_M = 0.7, 0.3, 0.25


def step(time_s: np.ndarray, middle_s: float, width_s: float) -> np.ndarray:
    """From 0 to 1, at most by 1 / (2 width_s) a second."""
    return (1 + np.tanh((time_s - middle_s) / width_s)) / 2


OverTime = Callable[[np.ndarray], np.ndarray]


def throwing_points(
    time_s: np.ndarray, external: OverTime | None = None, forwards: OverTime = np.zeros_like
) -> dict[str, np.ndarray]:
    """Of a thrower with the right hand: pelvis and trunk turn left by 90 degrees, the forearm from 90 to 170 and to 10.

    The upper arm goes on along the line of the shoulders, or turns forwards by an angle; the elbow is bent by 90
    degrees. Angles in degrees over time; external rotation as `external_deg` unless it is given.
    """
    points = standing_points(len(time_s))
    pelvis, trunk = (np.radians(-90 + 90 * step(time_s, *at)) for at in ((PELVIS_S, PELVIS_W), (TRUNK_S, TRUNK_W)))
    for joint, turned, height_m in (("hip", pelvis, 0.9), ("shoulder", trunk, 1.4)):
        for side, sign in (("l", -1), ("r", 1)):
            across_m = 0.15 * sign * np.stack([np.sin(turned), 0 * turned, np.cos(turned)], axis=1)
            points[f"{joint}_{side}"] = across_m + np.array([0, height_m, 0])
    right = np.stack([np.sin(trunk), 0 * trunk, np.cos(trunk)], axis=1)
    ahead = np.stack([np.cos(trunk), 0 * trunk, -np.sin(trunk)], axis=1)
    turn, turned = (np.radians(of(time_s))[:, None] for of in (external or external_deg, forwards))
    right, ahead = np.cos(turned) * right + np.sin(turned) * ahead, np.cos(turned) * ahead - np.sin(turned) * right
    points["elbow_r"] = points["shoulder_r"] + UPPER_M * right
    points["wrist_r"] = points["elbow_r"] + FOREARM_M * (np.cos(turn) * ahead + np.sin(turn) * [0.0, 1.0, 0.0])
    return points


def external_deg(time_s: np.ndarray) -> np.ndarray:
    return 90 + 80 * step(time_s, 0.87, 0.04) - 160 * step(time_s, TURN_S, TURN_W)


def throw(
    *,
    hand: Side = "right",
    rate_hz: float = RATE_HZ,
    external: OverTime | None = None,
    forwards: OverTime = np.zeros_like,
) -> Motion:
    """With the left hand everything is mirrored."""
    time_s = np.arange(round(1.6 * rate_hz)) / rate_hz
    swing = np.clip((time_s - 0.3) / (CONTACT_S - 0.3), 0, 1)
    stride_m = np.zeros((len(time_s), 3))
    stride_m[:, 0] = STRIDE_M * (swing - np.sin(2 * np.pi * swing) / (2 * np.pi))
    stride_m[:, 1] = 0.3 * (step(time_s, 0.35, 0.03) - step(time_s, CONTACT_S, 0.03))
    points = throwing_points(time_s, external, forwards)
    points["ankle_l"] = points["ankle_l"] + stride_m
    lead, sds = ("left", 2.0) if hand == "right" else ("right", 2.0)
    letter = hand[0]
    one = motion(
        feet_m={lead: stride_m},
        coordinates={
            f"elbow_flex_{letter}": 90 - 70 * step(time_s, ELBOW_S, ELBOW_W),
            f"knee_angle_{lead[0]}": 50 - 20 * time_s,
        },
        rate_hz=rate_hz,
    )
    if hand == "left":
        names = {f"{name[:-1]}{'r' if name[-1] == 'l' else 'l'}" if name[-2] == "_" else name: name for name in points}
        points = {name: points[other] * [1, 1, -1] for name, other in names.items()}
    return replace(one, points_m=points, coordinate_sd=dict.fromkeys(one.coordinates, np.full(len(one), sds)))


def analysed(one: Motion, activity: str) -> tuple[dict[str, Event], dict[str, Metric]]:
    """Events and metrics of the activity by name; each is there once."""
    events, metrics = analyse_motion(one, activity=activity)
    assert all(metric.side in DEFINITIONS[metric.metric].sides for metric in metrics if metric.value is not None)
    return {event.event: event for event in events}, {metric.metric: metric for metric in metrics}


def fastest_s(points_m: np.ndarray, time_s: np.ndarray) -> tuple[float, float]:
    speed = np.linalg.norm(np.gradient(points_m, time_s, axis=0), axis=1)
    return float(time_s[speed.argmax()]), float(speed.max())


@pytest.mark.parametrize("hand", SIDES)
def test_a_throw_has_the_events_and_metrics_of_its_angles(hand: Side) -> None:
    events, metrics = analysed(throw(hand=hand), "throw")
    fine_s = np.arange(0.5, 1.3, 1e-4)
    release_s, speed_m_s = fastest_s(throwing_points(fine_s)["wrist_r"], fine_s)
    cocked = int(external_deg(fine_s).argmax())
    lead: Side = "left" if hand == "right" else "right"
    assert (events["stride_foot_contact"].side, events["release"].side) == (lead, hand)
    assert events["stride_foot_contact"].time_s == pytest.approx(CONTACT_S, abs=0.01)
    assert events["external_rotation_peak"].time_s == pytest.approx(fine_s[cocked], abs=0.003)
    assert events["release"].time_s == pytest.approx(release_s, abs=0.005)
    assert all(0.005 < (events[name].sd_s or 0) < 0.03 for name in ("stride_foot_contact", "release"))
    values = {name: metric.value for name, metric in metrics.items()}
    at_s = events["stride_foot_contact"].time_s
    apart = 90 * (step(fine_s, PELVIS_S, PELVIS_W) - step(fine_s, TRUNK_S, TRUNK_W))
    assert values["hip_shoulder_separation_at_contact"] == pytest.approx(np.interp(at_s, fine_s, apart), abs=0.2)
    assert values["hip_shoulder_separation_peak"] == pytest.approx(apart.max(), abs=0.3)
    assert 2.0 < (metrics["hip_shoulder_separation_peak"].sd or 0) < 3.0  # its greatest value, of several alike
    assert values["throw_stride_length"] == pytest.approx(np.hypot(STRIDE_M, 0.2), abs=0.01)
    assert values["lead_knee_flexion_at_contact"] == pytest.approx(50 - 20 * at_s, abs=0.1)
    assert values["lead_knee_flexion_at_release"] == pytest.approx(50 - 20 * events["release"].time_s, abs=0.1)
    assert values["shoulder_external_rotation_peak"] == pytest.approx(external_deg(fine_s)[cocked], abs=0.2)
    assert values["wrist_speed_peak"] == pytest.approx(speed_m_s, rel=0.05)
    assert (metrics["lead_knee_flexion_at_contact"].side, metrics["wrist_speed_peak"].side) == (lead, hand)


def test_a_throws_segments_turn_in_the_order_that_was_given() -> None:
    events, metrics = analysed(throw(), "throw")
    given = {
        "pelvis_rotation_velocity_peak": (90 / (2 * PELVIS_W), PELVIS_S, "pelvis_rotation_velocity_peak_time"),
        "trunk_rotation_velocity_peak": (90 / (2 * TRUNK_W), TRUNK_S, "trunk_rotation_velocity_peak_time"),
        "elbow_extension_velocity_peak": (70 / (2 * ELBOW_W), ELBOW_S, "elbow_extension_velocity_peak_time"),
        "shoulder_internal_rotation_velocity_peak": (
            160 / (2 * TURN_W),
            TURN_S,
            "shoulder_internal_rotation_velocity_peak_time",
        ),
    }
    for name, (rate_deg_s, peak_s, time_name) in given.items():
        assert metrics[name].value == pytest.approx(rate_deg_s, rel=0.06)
        least_sd = (np.sqrt(8) if name.startswith(("trunk", "shoulder")) else 2.0) / SMOOTH_S
        assert least_sd * 0.95 < (metrics[name].sd or 0) < least_sd * (3 if name.startswith("shoulder") else 1.05)
        since_s = peak_s - events["release"].time_s
        assert metrics[time_name].value == pytest.approx(since_s, abs=0.003)
        assert 0.008 < (metrics[time_name].sd or 0) < 0.03


INTERNAL = "shoulder_internal_rotation_velocity_peak"


def test_external_rotation_goes_on_where_the_forearm_points_backwards_and_down() -> None:
    """From -110 degrees up at the stride foot's contact; down to -110 in the follow-through."""
    fine_s = np.arange(0.8, 1.3, 1e-4)

    def rises(time_s: np.ndarray) -> np.ndarray:
        return np.interp(time_s, [0.81, 0.95], [-110, 150]) - 160 * step(time_s, TURN_S, TURN_W)

    def falls(time_s: np.ndarray) -> np.ndarray:
        return 90 + 80 * step(time_s, 0.87, 0.04) - 280 * step(time_s, TURN_S, TURN_W)

    for external in (rises, falls):
        metrics = analysed(throw(external=external), "throw")[1]
        turning = -np.gradient(external(fine_s), fine_s)
        assert metrics["shoulder_external_rotation_peak"].value == pytest.approx(external(fine_s).max(), abs=2)
        assert metrics[INTERNAL].value == pytest.approx(turning.max(), rel=0.06)


def test_internal_rotation_peaks_before_the_arm_comes_forwards() -> None:
    """Whose rotation is not defined then; where it is not before the peak either, the reason names it."""
    follows = analysed(throw(forwards=lambda t: 90 * step(t, 1.07, 0.04)), "throw")[1]
    assert follows[INTERNAL].value == pytest.approx(160 / (2 * TURN_W), rel=0.06)
    assert follows[f"{INTERNAL}_time"].value is not None
    ahead = analysed(throw(forwards=lambda t: 80 * step(t, 0.6, 0.04)), "throw")[1]
    for name in (INTERNAL, f"{INTERNAL}_time", "shoulder_external_rotation_peak"):
        assert ahead[name].value is None
        assert "the upper arm points within 30 degrees of forwards or backwards" in (ahead[name].reason or "")


def thrower() -> tuple[Motion, dict[str, dict[str, np.ndarray]]]:
    """Of the skeleton in the postures of a throw, one a frame; by coordinate, its points a degree farther."""
    skeleton = full_body_skeleton()
    names = skeleton.coordinate_names
    posture = {
        "pelvis_rotation": (0, 90, 60),
        "hip_flexion_l": (60, 40, 20),
        "hip_adduction_l": (-10, -35, -20),
        "knee_angle_l": (30, 45, 20),
        "hip_flexion_r": (-10, 10, 0),
        "hip_adduction_r": (-5, -30, -20),
        "hip_rotation_r": (10, 20, -10),
        "knee_angle_r": (40, 20, 50),
        **{f"arm_add_{letter}": (-90, -80, -100) for letter in "lr"},
        **{f"arm_flex_{letter}": (0, 20, -15) for letter in "lr"},
        **{f"arm_rot_{letter}": (0, -60, 40) for letter in "lr"},
        **{f"elbow_flex_{letter}": (90, 60, 30) for letter in "lr"},
    }
    q = np.repeat(skeleton.default_pose[None], 3, axis=0)
    for name, values in posture.items():
        q[:, names.index(name)] = np.radians(values)
    points = [
        body_points_m(skeleton, skeleton.satisfy_couplings(q + np.radians(1.0) * (np.array(names) == name)))
        for name in ("", *names)
    ]
    degrees = {name: np.degrees(q[:, i]) for i, name in enumerate(names)}
    sd = dict.fromkeys(degrees, np.full(3, 3.0))
    one = replace(motion(frames=3, coordinates=degrees, coordinate_sd=sd), points_m=points[0])
    return one, dict(zip(names, points[1:], strict=True))


def test_slopes_of_a_throws_angles_and_distances_are_those_of_finite_differences() -> None:
    one, farther = thrower()
    for side in SIDES:
        at_deg = shoulder_external_rotation_deg(one, side, near_s=0.0)
        for name, slope in shoulder_rotation_slopes(one, side).items():
            change = shoulder_external_rotation_deg(replace(one, points_m=farther[name]), side, near_s=0.0) - at_deg
            assert np.abs(change) == pytest.approx(np.abs(slope), abs=0.15), (side, name)
    along = [(points["ankle_l"] - points["ankle_r"]) * [1, 0, 1] for points in (one.points_m, *farther.values())]
    lengths_m = np.linalg.norm(along, axis=-1)
    left, right = (ankle_slopes(one, side, along[0] / lengths_m[0][:, None]) for side in SIDES)
    for name in {**left, **right}:
        both = left.get(name, 0.0) - right.get(name, 0.0)
        change_m = lengths_m[1 + list(farther).index(name)] - lengths_m[0]
        assert change_m == pytest.approx(both, abs=0.002), name


def test_the_arms_rotations_are_not_known_at_thirty_frames_a_second() -> None:
    events, metrics = analysed(throw(rate_hz=30.0), "throw")
    assert "external_rotation_peak" not in events
    for name in ("wrist_speed_peak", "shoulder_external_rotation_peak", "elbow_extension_velocity_peak"):
        assert metrics[name].value is None
        assert metrics[name].reason == (
            "The arm accelerates for about 0.05 s, which has fewer than 3 frames at 30 frames/s; record at 60 frames/s "
            "or more."
        )


def test_somebody_who_stands_throws_and_kicks_nothing() -> None:
    one = replace(motion(frames=200), points_m=standing_points(200))
    events, metrics = analysed(one, "throw")
    assert "release" not in events
    assert metrics["wrist_speed_peak"].reason == "Neither wrist is as fast as 4 m/s: no swing was found."
    assert analysed(one, "kick")[1]["foot_speed_peak"].reason == (
        "Neither foot is as fast as 5 m/s: no swing was found."
    )


def test_arms_that_swing_alike_leave_open_which_throws() -> None:
    one = throw()
    both = dict(one.points_m)
    both["wrist_l"] = both["wrist_r"] * [1, 1, -1]
    metrics = analysed(replace(one, points_m=both), "throw")[1]
    assert (metrics["wrist_speed_peak"].reason or "").startswith("Which wrist swings is open: ")


KICK_S, KNEE_S, FOOT_W, KNEE_W = 1.0, 0.98, 0.06, 0.05


def kick() -> Motion:
    """The right foot passes at 15 m/s; its knee extends by 80 degrees, its hip flexes from -20 to 50 degrees."""
    time_s = np.arange(480) / RATE_HZ
    points = standing_points(len(time_s))
    points["toes_r"] = points["toes_r"] + np.stack(
        [15 * FOOT_W * np.tanh((time_s - KICK_S) / FOOT_W), 0 * time_s, 0 * time_s], axis=1
    )
    one = motion(
        frames=len(time_s),
        coordinates={
            "knee_angle_r": 100 - 80 * step(time_s, KNEE_S, KNEE_W),
            "hip_flexion_r": -20 + 140 * np.clip((time_s - 0.7) / 0.6, 0, 1),
        },
        coordinate_sd={"hip_flexion_r": np.full(480, 2.0), "knee_angle_r": np.full(480, 2.0)},
        rate_hz=RATE_HZ,
    )
    return replace(one, points_m=points)


def test_a_kick_strikes_the_ball_where_the_foot_is_fastest() -> None:
    events, metrics = analysed(kick(), "kick")
    assert (events["ball_strike"].side, events["ball_strike"].time_s) == ("right", pytest.approx(KICK_S, abs=0.002))
    assert 0.01 <= (events["ball_strike"].sd_s or 0) < 0.02
    assert metrics["foot_speed_peak"].value == pytest.approx(15.0, rel=0.03)
    assert (metrics["foot_speed_peak"].sd or 0) > 0.3  # two degrees of the hip, within 0.1 s, are 0.3 m/s of the foot
    assert metrics["knee_extension_velocity_peak"].value == pytest.approx(80 / (2 * KNEE_W), rel=0.05)
    assert metrics["kick_hip_flexion_range"].value == pytest.approx(70.0, abs=1.0)
    assert metrics["kick_hip_flexion_peak"].value == pytest.approx(50.0, abs=1.0)
    assert (
        np.sqrt(8) < (metrics["kick_hip_flexion_range"].sd or 0) < 1.6 * np.sqrt(8)
    )  # both ends are level for a while


def test_a_throw_whose_markers_are_missing_is_null_with_the_reason() -> None:
    one = throw()
    gap = (one.time_s > 0.95) & (one.time_s < 1.05)
    metrics = analysed(replace(one, undetermined={"arm_rot_r": gap}), "throw")[1]
    assert metrics["wrist_speed_peak"].reason == (
        "The wrist may be faster in frames 229 to 251, which are missing or cannot be trusted."
    )
    unknown = one.coordinates | {"arm_rot_r": np.full(len(one), np.nan)}
    armless = analysed(replace(one, coordinates=unknown), "throw")[1]
    assert armless["wrist_speed_peak"].reason == "No frame's markers determine arm_rot_r."
    nowhere = analysed(replace(one, world_unknown="The camera moves."), "throw")[1]
    assert nowhere["wrist_speed_peak"].reason == "The camera moves."
