"""Foot strikes and toe-offs of somebody who walks towards a camera, away or across, of a recorded walk's keypoints."""

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch

from biopose.analysis.along_view import HEEL, hides_contacts
from biopose.analysis.cycles import cycle_metrics
from biopose.analysis.gait_events import ALONG_VIEW_SD_S
from biopose.analysis.motion import FRAME_QUALITY, Motion, motion_of_coordinates
from biopose.analysis.tables import Event
from biopose.analysis.trial_analysis import analyse_motion
from biopose.body.anny import Body
from biopose.body.shape import draw_shapes
from biopose.body.subject import skeleton_of_body
from biopose.evaluation.lab_film import measured_motion
from biopose.evaluation.lab_rendering import LENS, ExpertMotion, camera_pose, motion_on_body
from biopose.io.trajectories import CoordinateTrajectories, MarkerTrajectories
from biopose.reconstruction.measurement import PersonMeasurement
from biopose.skeleton.full_body import full_body_skeleton
from biopose.skeleton.kinematics import Kinematics
from biopose.tracking.tracks import PersonTrack
from biopose.training.data.motion import cmu_motions
from tests.body.bodies import needs_body_asset
from tests.outputs.measured import keypoints_of
from tests.reference_data import SHARED_DATA, needs_shared_data

pytestmark = [needs_body_asset, needs_shared_data]
ERROR_PX = 2.0


@cache
def walk(rate_hz: int = 30) -> tuple[ExpertMotion, Motion]:
    """A recorded walk on a body, and the same as its joint kinematics give it."""
    (recorded,) = cmu_motions(SHARED_DATA / "mocap" / "cmu", subjects=("02_02",))
    body, skeleton = Body.load(dtype=torch.float64), full_body_skeleton()
    person = skeleton_of_body(body, body.with_shape(draw_shapes(body, 1, seed=0)[0].double()), skeleton)
    at_60_s = np.arange(len(recorded.values)) / 60
    time_s = np.arange(0, at_60_s[-1] + 1e-9, 1 / (2 * rate_hz))  # `motion_on_body` takes every second frame
    values = np.stack([np.interp(time_s, at_60_s, column) for column in recorded.values.T], axis=1)
    solved = CoordinateTrajectories(time_s, recorded.names, values)
    return motion_on_body("walk", solved, skeleton, person, rate_hz=rate_hz), motion_of_coordinates(skeleton, solved)


@cache
def seen(
    *, away: bool = False, low: bool = False, farther_m: float = 0.0, view: str = "front", rate_hz: int = 30
) -> Motion:
    """As if measured from a view or its opposite, with errors of ERROR_PX that change slowly, and of depth."""
    one, _ = walk(rate_hz)
    q, n, rng = one.q, len(one.q), np.random.default_rng(0)
    keypoints_m, time_s = keypoints_of(one.person, q), np.arange(n) / one.rate_hz
    T = camera_pose(one, view, keypoints_m)
    if away:
        T = T @ np.diag([-1.0, 1.0, -1.0, 1.0])
    T[2, 3] += farther_m
    if low:
        T[:3, 3] -= T[:3, :3] @ [0.0, -0.9, 0.0]
    pixels = LENS.project(torch.from_numpy(keypoints_m @ T[:3, :3].T + T[:3, 3])).numpy()
    phase = rng.uniform(0, 2 * np.pi, pixels.shape[1:])
    pixels = pixels + ERROR_PX * np.sin(2 * np.pi * time_s[:, None, None] + phase) + rng.normal(0, 1.0, pixels.shape)
    wrong_m = np.outer(0.08 * np.sin(2 * np.pi * time_s), T[2, :3])
    found = q.copy()
    found[:, [one.person.skeleton.coordinate_names.index(f"pelvis_t{axis}") for axis in "xyz"]] += wrong_m
    box = np.concatenate([pixels.min(axis=1), pixels.max(axis=1)], axis=1)
    markers_m = Kinematics(one.person.skeleton).with_coordinates(torch.from_numpy(found)).markers.numpy()
    return measured_motion(
        PersonMeasurement(
            track=PersonTrack(0, np.arange(n), time_s, box, pixels, np.full((n, 26), 0.8)),
            camera=LENS,
            T_camera_world=T,
            person=one.person,
            coordinates=CoordinateTrajectories(time_s, one.person.skeleton.coordinate_names, found),
            markers=MarkerTrajectories(time_s, one.person.skeleton.marker_names, markers_m),
            keypoints_m=keypoints_m + wrong_m[:, None],
            contact=np.zeros((n, 4)),
            quality={name: np.full(n, 0.9) for name in FRAME_QUALITY},
        )
    )


@pytest.mark.parametrize(("away", "most_missed"), [(False, 0), (True, 2)], ids=["nearer", "away"])
def test_strikes_and_toe_offs_are_those_of_the_joint_kinematics(away: bool, most_missed: int) -> None:
    motion = seen(away=away)
    assert motion.along_view
    assert not hides_contacts(motion)
    off_s, missed = differences_s(motion)
    assert missed <= most_missed
    assert np.median(np.abs(off_s)) < 0.05  # the network, which sees the heel stop late, is not in these keypoints


@pytest.mark.parametrize("rate_hz", [30, 60])
@pytest.mark.parametrize("view", ["oblique", "side"])
def test_across_the_view_they_are_as_near_at_every_frame_rate(view: str, rate_hz: int) -> None:
    off_s, missed = differences_s(seen(view=view, rate_hz=rate_hz))
    assert not missed
    assert np.mean(np.abs(off_s)) < 0.02
    assert np.max(np.abs(off_s)) < 0.05


def test_a_toe_that_seems_to_move_on_while_the_heel_rests_makes_no_step() -> None:
    motion = seen(away=True)
    rests_s = max(e.time_s for e in of_feet(motion) if (e.event, e.side) == ("foot_strike", "left"))
    points_m = motion.foot_points_m["left"].copy()
    ahead_m = np.interp(motion.time_s - rests_s, [0.18, 0.38, 0.55, 1.0], [0.0, 0.5, 0.5, 0.0])
    points_m[:, 1:, 2] += ahead_m[:, None] * [0.8, 1.0]
    seems = replace(motion, foot_points_m=motion.foot_points_m | {"left": points_m})
    assert [(e.event, e.side) for e in of_feet(seems)] == [(e.event, e.side) for e in of_feet(motion)]


def of_feet(motion: Motion) -> list[Event]:
    return [one for one in analyse_motion(motion, activity="walk")[0] if one.side != "both"]


def differences_s(motion: Motion) -> tuple[list[float], int]:
    """Of each of the walk's own events the nearest one's, and of how many it is more than 0.1 s."""
    ours, _ = analyse_motion(motion, activity="walk")
    theirs, _ = analyse_motion(walk()[1], activity="walk")
    off_s, missed = list[float](), 0
    for event in theirs:
        if event.event not in ("foot_strike", "foot_off") or not 0.1 < event.time_s < motion.time_s[-1] - 0.1:
            continue
        alike = [one.time_s for one in ours if (one.event, one.side) == (event.event, event.side)]
        off_s.append(min((time_s - event.time_s for time_s in alike), key=abs))
        missed += abs(off_s[-1]) > 0.1
    return off_s, missed


def test_who_comes_nearer_has_contact_times() -> None:
    found = {(one.metric, one.side): one for one in analyse_motion(seen(away=False), activity="walk")[1]}
    true = {(one.metric, one.side): one for one in analyse_motion(walk()[1], activity="walk")[1]}
    for side in ("left", "right"):
        contact, expected = found["contact_time", side], true["contact_time", side]
        assert contact.value is not None
        assert expected.value is not None
        assert contact.value == pytest.approx(expected.value, abs=0.08)


@pytest.mark.parametrize("away", [False, True], ids=["nearer", "away"])
@pytest.mark.parametrize(
    "otherwise", [{"low": True}, {"farther_m": 4.5}], ids=["a camera near the ground", "somebody far away"]
)
def test_flat_rays_show_no_way_along_the_view(away: bool, otherwise: dict[str, Any]) -> None:
    motion = seen(away=away, **otherwise)
    assert motion.along_view
    assert hides_contacts(motion)
    events, metrics = analyse_motion(motion, activity="walk")
    of_feet = [one for one in events if one.event in ("foot_strike", "foot_off")]
    assert of_feet or "low" in otherwise
    assert all((one.sd_s or 0.0) >= ALONG_VIEW_SD_S for one in of_feet)
    found = {(one.metric, one.side): one for one in metrics}
    assert "along the camera's view" in (found["contact_time", "left"].reason or "")
    assert not {"contact_time", "swing_time"} & {
        one.metric for one in cycle_metrics(motion, events, (), activity="walk")
    }


def test_a_foot_of_which_one_point_alone_has_a_way_shows_none() -> None:
    motion = seen(away=False)
    feet = {side: points.copy() for side, points in motion.foot_points_m.items()}
    feet["left"][:, HEEL, 2] = 0.0
    assert hides_contacts(replace(motion, foot_points_m=feet))


def test_contacts_whose_events_were_not_found_are_not_timed() -> None:
    motion = seen(away=True)
    events, metrics = analyse_motion(motion, activity="walk")
    assert {one.side for one in events if one.event == "foot_strike" and (one.sd_s or 0.0) > ALONG_VIEW_SD_S} == {
        "right"
    }
    found = {(one.metric, one.side): one for one in metrics}
    assert found["contact_time", "left"].value == pytest.approx(0.64, abs=0.08)
    assert "along the camera's view" in (found["contact_time", "right"].reason or "")
