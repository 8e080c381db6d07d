"""Made-up motions whose events and metrics are known."""

import numpy as np

from biopose.analysis.kinematics import coordinate_units
from biopose.analysis.motion import FRAME_QUALITY, SIDES, Motion

RATE_HZ = 60.0
GRAVITY_M_S2 = 9.81


def motion(
    *,
    contact: dict[str, np.ndarray],
    coordinates: dict[str, np.ndarray] | None = None,
    coordinate_sd: dict[str, np.ndarray] | None = None,
    foot_height_m: np.ndarray | None = None,
    quality: np.ndarray | None = None,
    first_frame: int = 0,
) -> Motion:
    """A trial at 60 Hz; what is not given is still and trusted, of no known standard deviation."""
    n = len(contact["left"])
    frame_index = np.arange(first_frame, first_frame + n)
    figures = {name: np.ones(n) for name in FRAME_QUALITY}
    if quality is not None:
        figures["quality"] = quality
    still = {name: np.zeros(n) for name, _ in coordinate_units()}
    height = np.zeros(n) if foot_height_m is None else foot_height_m
    return Motion(
        frame_index=frame_index,
        time_s=frame_index / RATE_HZ,
        coordinates=still | (coordinates or {}),
        coordinate_sd={name: np.full(n, np.nan) for name in still} | (coordinate_sd or {}),
        contact=contact,
        foot_height_m=dict.fromkeys(SIDES, height),
        frame_quality=figures,
    )


def walking(*, stride_s: float = 1.1, stance_s: float = 0.7, speed_m_s: float = 1.3, duration_s: float = 6.0) -> Motion:
    """Strides of the left at 0.3 s and on, of the right half a stride later."""
    time_s = np.arange(round(duration_s * RATE_HZ)) / RATE_HZ
    contact: dict[str, np.ndarray] = {}
    for side, offset_s in (("left", 0.3), ("right", 0.3 + stride_s / 2)):
        phase_s = (time_s - offset_s) % stride_s
        contact[side] = np.where(phase_s < stance_s, 0.95, 0.05)
    way = {"pelvis_tx": 0.6 * speed_m_s * time_s, "pelvis_tz": 0.8 * speed_m_s * time_s}
    return motion(contact=contact, coordinates=way | {"pelvis_ty": np.full(len(time_s), 0.9)})


def jump(
    *, flight_s: float = 0.5, take_off_s: float = 1.0, landing_drop_m: float = 0.0, duration_s: float = 3.0
) -> Motion:
    """A jump whose pelvis flies as gravity demands and whose knees bend 60 degrees before and 80 after."""
    time_s = np.arange(round(duration_s * RATE_HZ)) / RATE_HZ
    since_s = time_s - take_off_s
    in_air = (since_s > 0) & (since_s < flight_s)
    up_m_s = GRAVITY_M_S2 * flight_s / 2 - landing_drop_m / flight_s
    height_m = np.where(
        since_s <= 0, 0.0, np.where(in_air, up_m_s * since_s - GRAVITY_M_S2 * since_s**2 / 2, -landing_drop_m)
    )
    knee_deg = 60 * bump(time_s, take_off_s - 0.3) + 80 * bump(time_s, take_off_s + flight_s + 0.2)
    contact = np.where(in_air, 0.02, 0.97)
    return motion(
        contact={"left": contact, "right": contact},
        coordinates={
            "pelvis_ty": 0.9 + height_m,
            "knee_angle_l": knee_deg,
            "knee_angle_r": knee_deg + 5,
        },
        foot_height_m=np.where(since_s < flight_s, np.maximum(height_m, 0), -landing_drop_m),
    )


def bump(time_s: np.ndarray, centre_s: float, *, width_s: float = 0.08) -> np.ndarray:
    return np.exp(-(((time_s - centre_s) / width_s) ** 2) / 2)
