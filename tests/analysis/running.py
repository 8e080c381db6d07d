"""A synthetic runner whose contacts are known: each foot rolls from flat over its ball to the toe's tip, and leaves."""

from dataclasses import replace

import numpy as np

from biopose.analysis.body_points import SIDES, Side
from biopose.analysis.motion import Motion
from tests.analysis.motions import FOOT_M, FOOT_Z_M, GRAVITY_M_S2, STANDING_M, motion, standing_points

BALL_M, TIP_M = 0.18, 0.26  # from the heel, of the foot's sole
FIRST_S = 0.3  # of the left foot's contact
HEEL_OFF, BALL_OFF = 0.45, 0.72  # shares of a contact at which they leave the ground
FOOT_DEG, TOES_DEG, TURNED_DEG = -72.0, -40.0, -107.0  # at the toe's leaving; of both in early swing
KNEE_DEG = (18.0, 40.0, 15.0, 100.0, 18.0)  # at contact, deepest, at the toe's leaving, in swing, at the next contact


def running(
    *, speed_m_s: float, stride_s: float, contact_s: float, rate_hz: float, duration_s: float = 4.0, later: float = 0.3
) -> Motion:
    """The left foot is on the ground from FIRST_S for contact_s, the right one half a stride later, and so on.

    On the ground the force over mass is a half sine whose mean over the step is gravity's. A knee is most extended when
    its toe leaves the ground.

    Args:
        speed_m_s: along x.
        stride_s: of each foot.
        contact_s: of each foot, less than half a stride.
        rate_hz: frames a second.
        duration_s: of the recording.
        later: share of a frame by which the first frame lies after 0.
    """
    time_s = (np.arange(round(duration_s * rate_hz)) + later) / rate_hz
    feet, knees = {}, {}
    for side, first_s in zip(SIDES, (FIRST_S, FIRST_S + stride_s / 2), strict=True):
        number, since_s = np.divmod(time_s - first_s, stride_s)
        feet[side] = _foot_m(side, since_s, stride_s, contact_s, speed_m_s)
        feet[side][..., 0] += (speed_m_s * (stride_s * number + first_s - FIRST_S))[:, None]
        at_s = [0.0, 0.4 * contact_s, contact_s, (contact_s + stride_s) / 2, stride_s]
        knees[f"knee_angle_{side[0]}"] = _through(since_s, at_s, list(KNEE_DEG))
    way_m = speed_m_s * (time_s - FIRST_S)
    height_m = STANDING_M + _height_m((time_s - FIRST_S) % (stride_s / 2), stride_s / 2, contact_s)
    body_m = np.stack([way_m, height_m, 0 * way_m], axis=1)
    one = motion(frames=len(time_s), rate_hz=rate_hz, coordinates=knees | {"pelvis_tx": way_m})
    points = standing_points(len(time_s))
    points |= {name: values + body_m - [0, STANDING_M, 0] for name, values in points.items()}
    for side, points_m in feet.items():
        points |= {f"heel_{side[0]}": points_m[:, 0], f"toes_{side[0]}": points_m[:, 2]}
    return replace(one, time_s=time_s, foot_points_m=feet, center_of_mass_m=body_m, points_m=points)


def contact_times_s(stride_s: float, contact_s: float, *, side: Side, duration_s: float = 4.0) -> np.ndarray:
    """(N, 2) first and last moment of each contact of a side."""
    starts_s = np.arange(FIRST_S - stride_s + (side == "right") * stride_s / 2, duration_s, stride_s)
    return np.stack([starts_s, starts_s + contact_s], axis=1)


def _foot_m(side: Side, since_s: np.ndarray, stride_s: float, contact_s: float, speed_m_s: float) -> np.ndarray:
    """(T, 3, 3) heel, ball and toe as motions.FOOT_M has them, since_s after contact."""
    swing_s, up_m = stride_s - contact_s, 0.06 + 0.03 * speed_m_s
    air_s = (since_s - contact_s).clip(min=0)
    highest_s = 0.45 * swing_s
    forward_m = _quintic(air_s, swing_s, (0, 0, 6 * speed_m_s), (speed_m_s * stride_s, 0.8, -10.0))
    rising_m = _quintic(air_s, highest_s, (0, 0, 6 + 3 * speed_m_s), (up_m, 0, -10 * up_m))
    falling_m = _quintic(air_s - highest_s, swing_s - highest_s, (up_m, 0, -10 * up_m), (0, -0.6, 0))
    tip_m = np.stack([TIP_M + forward_m, np.where(air_s < highest_s, rising_m, falling_m)], axis=1)
    flat_s = [contact_s + 0.12, contact_s + 0.7 * swing_s, stride_s - 0.03, stride_s]
    turned = [TURNED_DEG, -5.0, 0.0, 0.0]
    foot_deg = _through(since_s, [0, HEEL_OFF * contact_s, contact_s, *flat_s], [0, 0, FOOT_DEG, *turned])
    toes_deg = _through(since_s, [0, BALL_OFF * contact_s, contact_s, *flat_s], [0, 0, TOES_DEG, *turned])
    ball_m = tip_m - _turned(toes_deg, TIP_M - BALL_M, 0.0)
    heel_m = ball_m - _turned(foot_deg, BALL_M, 0.0)
    points_m = [
        heel_m + _turned(foot_deg, x, y) if x < BALL_M else ball_m + _turned(toes_deg, x - BALL_M, y)
        for x, y, _ in FOOT_M
    ]
    return np.concatenate([points_m, np.full((3, len(since_s), 1), FOOT_Z_M[side])], axis=2).transpose(1, 0, 2)


def _turned(angle_deg: np.ndarray, x: float, y: float) -> np.ndarray:
    angle = np.radians(angle_deg)
    return np.stack([x * np.cos(angle) - y * np.sin(angle), x * np.sin(angle) + y * np.cos(angle)], axis=1)


def _quintic(at_s: np.ndarray, length_s: float, start: tuple[float, ...], end: tuple[float, ...]) -> np.ndarray:
    """The polynomial with position, velocity and acceleration at either end."""
    powers = np.arange(6)
    rows = []
    for when_s in (0.0, length_s):
        rows += [when_s**powers, powers * when_s ** np.maximum(powers - 1, 0)]
        rows += [powers * (powers - 1) * when_s ** np.maximum(powers - 2, 0)]
    return np.asarray(at_s[:, None] ** powers @ np.linalg.solve(np.array(rows), np.array([*start, *end])))


def _through(at_s: np.ndarray, times_s: list[float], values: list[float]) -> np.ndarray:
    """Smooth and periodic, level at its extremes."""
    from scipy.interpolate import PchipInterpolator

    period_s = times_s[-1]
    times = np.concatenate([np.array(times_s[:-1]) + turn * period_s for turn in (-1, 0, 1)])
    return np.asarray(PchipInterpolator(times, np.tile(values[:-1], 3))(at_s))


def _height_m(since_s: np.ndarray, step_s: float, contact_s: float) -> np.ndarray:
    """Of the centre of mass above that at contact."""
    rate, down_m_s = np.pi / contact_s, GRAVITY_M_S2 * (step_s - contact_s) / 2
    peak, off_s = GRAVITY_M_S2 * step_s * rate / 2, since_s - contact_s
    sine = np.sin(rate * since_s.clip(max=contact_s))
    on_ground = (peak / rate - down_m_s) * since_s - GRAVITY_M_S2 * since_s**2 / 2 - peak / rate**2 * sine
    return np.where(since_s < contact_s, on_ground, down_m_s * off_s - GRAVITY_M_S2 * off_s**2 / 2)
