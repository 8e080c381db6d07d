"""Synthetic motions whose events and metrics are known: a body whose forces are given, and a walker whose feet are."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from biopose.analysis.body_points import SIDES, Side
from biopose.analysis.kinematics import coordinate_units
from biopose.analysis.motion import FRAME_QUALITY, Motion

RATE_HZ = 100.0
GRAVITY_M_S2 = 9.81
PUSH_S, ABSORB_S = 0.3, 0.2  # of the forces before take-off and after landing
STANDING_M = 0.95  # of the centre of mass
# x and y of heel, fifth metatarsal head and toe from the heel; the markers lie above the sole.
FOOT_M = np.array([[0.0, 0.03, 0.0], [0.17, 0.02, 0.0], [0.24, 0.025, 0.0]])
FOOT_Z_M: dict[Side, float] = {"left": -0.1, "right": 0.1}


def motion(
    *,
    frames: int | None = None,
    feet_m: dict[Side, np.ndarray] | None = None,
    observed: dict[Side, np.ndarray] | None = None,
    center_of_mass_m: np.ndarray | None = None,
    coordinates: dict[str, np.ndarray] | None = None,
    coordinate_sd: dict[str, np.ndarray] | None = None,
    quality: np.ndarray | None = None,
    first_frame: int = 0,
    rate_hz: float = RATE_HZ,
    world_unknown: str | None = None,
) -> Motion:
    """A trial; what is not given is still, observed and trusted, of no known standard deviation.

    Args:
        frames: needed where no array is given.
        feet_m: by side, how far the foot has moved: (T, 3) of all its points, or (T, 3, 3) of each.
        observed: by side, (T,).
        center_of_mass_m: (T,) its height.
        coordinates: (T,) each.
        coordinate_sd: (T,) each.
        quality: (T,).
        first_frame: of the video.
        rate_hz: frames a second.
        world_unknown: why positions are not known.
    """
    given = [*(feet_m or {}).values(), *(coordinates or {}).values(), center_of_mass_m, quality]
    n = frames or next(len(values) for values in given if values is not None)
    frame_index = np.arange(first_frame, first_frame + n)
    figures = {name: np.ones(n) for name in FRAME_QUALITY}
    if quality is not None:
        figures["quality"] = quality
    still = {name: np.zeros(n) for name, _ in coordinate_units()}
    height_m = np.full(n, STANDING_M) if center_of_mass_m is None else center_of_mass_m
    return Motion(
        frame_index=frame_index,
        time_s=frame_index / rate_hz,
        coordinates=still | (coordinates or {}),
        coordinate_sd={name: np.full(n, np.nan) for name in still} | (coordinate_sd or {}),
        foot_points_m={side: _foot(side, (feet_m or {}).get(side, np.zeros((n, 3)))) for side in SIDES},
        foot_observed={side: (observed or {}).get(side, np.ones(n, dtype=np.bool_)) for side in SIDES},
        center_of_mass_m=np.stack([np.zeros(n), height_m, np.zeros(n)], axis=1),
        frame_quality=figures,
        world_unknown=world_unknown,
    )


def _foot(side: Side, moved_m: np.ndarray) -> np.ndarray:
    return (moved_m if moved_m.ndim == 3 else moved_m[:, None]) + FOOT_M + [0.0, 0.0, FOOT_Z_M[side]]


def walking(
    *,
    stride_s: float = 1.1,
    stance_s: float = 0.7,
    speed_m_s: float = 1.3,
    duration_s: float = 6.0,
    rate_hz: float = RATE_HZ,
    lift_m: float = 0.0,
    **also: object,
) -> Motion:
    """A walker whose left foot comes to rest at 0.3 s and on, the right one half a stride later.

    The foot moves forward by L (u - sin(2 pi u) / (2 pi)), u from 0 at its leaving rest to 1 at its coming to rest. The
    heel rises fastest HEEL_RISES_S before the foot leaves rest, and sinks fastest when it comes to rest. Between the
    whole foot is lifted at once, by lift_m.
    """
    time_s = np.arange(round(duration_s * rate_hz)) / rate_hz
    feet_m: dict[Side, np.ndarray] = {}
    for side, rests_s in zip(SIDES, (0.3, 0.3 + stride_s / 2), strict=True):
        feet_m[side] = _swinging_foot(time_s - rests_s, stride_s, stance_s, speed_m_s * stride_s, lift_m)
    way = {"pelvis_tx": 0.6 * speed_m_s * time_s, "pelvis_tz": 0.8 * speed_m_s * time_s}
    return motion(feet_m=feet_m, coordinates=way, rate_hz=rate_hz, **also)  # type: ignore[arg-type]


def on_belts(one: Motion, belts_m_s: Mapping[Side, np.ndarray | float]) -> Motion:
    """The same over a treadmill's belts of these speeds: (T,), or one."""
    speeds_m_s = {side: np.broadcast_to(speed, len(one)) for side, speed in belts_m_s.items()}
    way_m = {side: np.cumsum(speed / RATE_HZ)[:, None, None] * [1.0, 0, 0] for side, speed in speeds_m_s.items()}
    return replace(one, foot_points_m={side: points - way_m[side] for side, points in one.foot_points_m.items()})


HEEL_HEIGHT_M, HEEL_RISES_S, HEEL_WIDTH_S = 0.2, 0.03, 0.04


def _swinging_foot(since_s: np.ndarray, stride_s: float, stance_s: float, length_m: float, lift_m: float) -> np.ndarray:
    number = np.floor(since_s / stride_s)
    u = np.clip((since_s - number * stride_s - stance_s) / (stride_s - stance_s), 0, 1)
    moved_m = np.zeros((len(since_s), 3, 3))
    moved_m[:, :, 0] = (length_m * (number + u - np.sin(2 * np.pi * u) / (2 * np.pi)))[:, None]
    moved_m[:, :, 1] += lift_m * np.clip(20 * u * (1 - u), 0, 1)[:, None]
    for stride in range(-2, int(number.max()) + 2):
        rises_s = stride * stride_s + stance_s - HEEL_RISES_S
        moved_m[:, 0, 1] += HEEL_HEIGHT_M * _step(since_s - rises_s)
        moved_m[:, 0, 1] -= HEEL_HEIGHT_M * _step(since_s - (stride + 1) * stride_s)
    return moved_m


def _step(since_s: np.ndarray) -> np.ndarray:
    """From 0 to 1, fastest at 0."""
    return (1 + np.tanh(since_s / HEEL_WIDTH_S)) / 2


def jump(
    *,
    flight_s: float = 0.5,
    take_off_s: float = 1.0,
    landing_drop_m: float = 0.0,
    duration_s: float = 3.0,
    rate_hz: float = RATE_HZ,
    noise_m: float = 0.0,
    seed: int = 0,
) -> Motion:
    """A jump whose centre of mass moves by given forces, and whose knees bend 60 degrees before and 80 after.

    Force over mass: gravity's while standing; before take-off g (1 - u) + P sin(pi u) for u from 0 to 1 within PUSH_S,
    P as the flight demands; after landing Q sin(pi u) within ABSORB_S, which stops the body. In flight the feet keep
    their distance to the centre of mass.
    """
    time_s = np.arange(round(duration_s * rate_hz)) / rate_hz
    up_m_s = GRAVITY_M_S2 * flight_s / 2 - landing_drop_m / flight_s
    down_m_s = GRAVITY_M_S2 * flight_s - up_m_s
    landing_s = take_off_s + flight_s
    fine_s = np.arange(0, duration_s + 1e-3, 1e-4)
    u, v = (fine_s - take_off_s + PUSH_S) / PUSH_S, (fine_s - landing_s) / ABSORB_S
    push = (up_m_s / PUSH_S + GRAVITY_M_S2 / 2) * np.pi / 2
    absorb = (down_m_s / ABSORB_S + GRAVITY_M_S2) * np.pi / 2
    force = np.select(
        [u < 0, u < 1, v < 0, v < 1],
        [GRAVITY_M_S2, GRAVITY_M_S2 * (1 - u) + push * np.sin(np.pi * u), 0.0, absorb * np.sin(np.pi * v)],
        GRAVITY_M_S2,
    )
    velocity_m_s = np.cumsum(force - GRAVITY_M_S2) * 1e-4
    height_m = np.interp(time_s, fine_s, STANDING_M + np.cumsum(velocity_m_s) * 1e-4)
    since_s = time_s - take_off_s
    in_air = (since_s > 0) & (since_s < flight_s)
    lifted_m = up_m_s * since_s - GRAVITY_M_S2 * since_s**2 / 2
    foot_m = np.where(since_s <= 0, 0.0, np.where(in_air, lifted_m, -landing_drop_m))
    feet_m = np.stack([np.zeros_like(foot_m), foot_m, np.zeros_like(foot_m)], axis=1)
    knee_deg = 60 * bump(time_s, take_off_s - 0.3) + 80 * bump(time_s, take_off_s + flight_s + 0.2)
    rng = np.random.default_rng(seed)
    return motion(
        feet_m={side: feet_m + rng.normal(0, noise_m, feet_m.shape) for side in SIDES},
        center_of_mass_m=height_m + rng.normal(0, noise_m, len(time_s)),
        coordinates={"knee_angle_l": knee_deg, "knee_angle_r": knee_deg + 5},
        rate_hz=rate_hz,
    )


def one_after_another(first: Motion, second: Motion) -> Motion:
    """Both joined: the second begins where the first ends."""
    change_m = first.center_of_mass_m[-1, 1] - second.center_of_mass_m[0, 1]
    still_m = _still_foot()
    return motion(
        feet_m={
            side: np.concatenate(
                [
                    first.foot_points_m[side],
                    second.foot_points_m[side] + first.foot_points_m[side][-1] - second.foot_points_m[side][0],
                ]
            )
            - still_m[side]
            for side in SIDES
        },
        center_of_mass_m=np.concatenate([first.center_of_mass_m[:, 1], second.center_of_mass_m[:, 1] + change_m]),
        coordinates={
            name: np.concatenate([values, second.coordinates[name]]) for name, values in first.coordinates.items()
        },
    )


def _still_foot() -> dict[Side, np.ndarray]:
    return {side: _foot(side, np.zeros((1, 3)))[0] for side in SIDES}


def bump(time_s: np.ndarray, centre_s: float, *, width_s: float = 0.08) -> np.ndarray:
    return np.exp(-(((time_s - centre_s) / width_s) ** 2) / 2)


def standing_points(frames: int) -> dict[str, np.ndarray]:
    """(T, 3) of the centre of mass and the joint centres of somebody who stands still, upright, facing along x."""
    heights_m = {
        "heel": 0.0,
        "toes": 0.0,
        "ankle": 0.06,
        "knee": 0.45,
        "hip": 0.9,
        "shoulder": 1.4,
        "elbow": 1.1,
        "wrist": 0.85,
    }
    points = {"center_of_mass": np.tile([0.0, STANDING_M, 0.0], (frames, 1))}
    for side in SIDES:
        for joint, height_m in heights_m.items():
            forward_m = 0.2 if joint == "toes" else 0.0
            points[f"{joint}_{side[0]}"] = np.tile([forward_m, height_m, FOOT_Z_M[side]], (frames, 1))
    return points


def walking_points(one: Motion, *, speed_m_s: float, ahead_m: float, shank_deg: float = 0.0) -> dict[str, np.ndarray]:
    """Of somebody who walks or runs along x: feet as the motion's; the shanks lean backwards by a constant angle.

    The centre of mass and, with it, hips and shoulders move on at a constant speed; at 0.3 s, when the left foot of
    `walking` comes to rest at x = 0, that foot's ankle is ahead of the centre of mass by ahead_m.
    """
    points = standing_points(len(one))
    way_m = np.stack([speed_m_s * (one.time_s - 0.3) - ahead_m, 0 * one.time_s, 0 * one.time_s], axis=1)
    points |= {
        name: values + way_m for name, values in points.items() if name[:3] in ("cen", "hip", "sho", "elb", "wri")
    }
    shank_m = 0.39 * np.array([-np.sin(np.radians(shank_deg)), np.cos(np.radians(shank_deg)), 0.0])
    for side in SIDES:
        letter, foot_m = side[0], one.foot_points_m[side]
        points[f"heel_{letter}"], points[f"toes_{letter}"] = foot_m[:, 0], foot_m[:, 2]
        points[f"ankle_{letter}"] = foot_m[:, 1] * [1, 0, 1] + [-FOOT_M[1, 0], 0.06, 0.0]
        points[f"knee_{letter}"] = points[f"ankle_{letter}"] + shank_m
    return points


def right_foot_ahead(one: Motion, by_m: float) -> Motion:
    """The same with the right foot's way ahead of the left one's."""
    feet = dict(one.foot_points_m)
    feet["right"] = feet["right"] + [by_m, 0.0, 0.0]
    return replace(one, foot_points_m=feet)
