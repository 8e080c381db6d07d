"""What turns along the view has the larger deviations: flexion from the front, rotations from the side."""

import numpy as np
import pytest

from biopose.reconstruction.view_deviations import FACTORS, view_factors

NAMES = (
    "knee_angle_r",
    "elbow_flex_l",
    "neck_flexion",
    "hip_rotation_r",
    "hip_rotation_l",
    "pelvis_tx",
    "lumbar_bending",
)
# The pelvis's axes in those of a level camera (x right, y down, z forward), as columns: forward, up, to the right.
FACING = np.array([[0.0, 0.0, -1.0], [0.0, -1.0, 0.0], [-1.0, 0.0, 0.0]])
PROFILE = np.array([[1.0, 0.0, 0.0], [0.0, -1.0, 0.0], [0.0, 0.0, -1.0]])


def factors(R_camera_pelvis: np.ndarray, *, p: tuple[float, float, float] = (0.0, 0.0, 4.0)) -> dict[str, float]:
    found = view_factors(NAMES, R_camera_pelvis[None], np.array([p]))
    assert found.shape == (1, len(NAMES))
    return dict(zip(NAMES, found[0].tolist(), strict=True))


def turned(azimuth_deg: float) -> np.ndarray:
    c, s = np.cos(np.radians(azimuth_deg)), np.sin(np.radians(azimuth_deg))
    return FACING @ np.array([[c, 0.0, s], [0.0, 1.0, 0.0], [-s, 0.0, c]])


def test_either_view_has_its_factors() -> None:
    front, side = factors(FACING), factors(PROFILE)
    for name, of in (
        ("knee_angle_r", "knee_angle"),
        ("elbow_flex_l", "elbow_flex"),
        ("hip_rotation_r", "hip_rotation"),
    ):
        assert front[name] == pytest.approx(FACTORS[of].along)
        assert side[name] == pytest.approx(FACTORS[of].across)
    assert front["elbow_flex_l"] > side["elbow_flex_l"]
    assert front["hip_rotation_l"] < side["hip_rotation_l"]
    assert front["pelvis_tx"] == side["pelvis_tx"] == front["lumbar_bending"] == 1.0


def test_between_them_variances_are_mixed() -> None:
    knee = [factors(turned(degrees))["knee_angle_r"] for degrees in (0.0, 45.0, 90.0)]
    assert knee[0] > knee[1] > knee[2]
    assert knee[1] ** 2 == pytest.approx((knee[0] ** 2 + knee[2] ** 2) / 2)


def test_from_behind_is_as_from_the_front_and_left_as_right() -> None:
    for degrees in (0.0, 30.0, 70.0):
        assert factors(turned(degrees)) == pytest.approx(factors(turned(degrees + 180.0)))
        assert factors(turned(degrees)) == pytest.approx(factors(turned(-degrees)))


def test_a_rolled_camera_changes_nothing_and_the_ray_counts_not_the_axis() -> None:
    c, s = np.cos(0.4), np.sin(0.4)
    roll = np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])
    assert factors(roll @ turned(30.0)) == pytest.approx(factors(turned(30.0)))
    beside = factors(FACING, p=(4.0, 0.0, 4.0))
    assert beside == pytest.approx(factors(turned(45.0)))
