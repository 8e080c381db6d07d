"""Ground planes from contact points, and the world's frame on them."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from biopose.camera.ground import Contacts, Ground, T_camera_world, ground_from_contacts

CAMERA_UP = np.array([0.0, -1.0, 0.0])


def angle_deg(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.rad2deg(np.arccos(np.clip(a @ b / np.linalg.norm(a) / np.linalg.norm(b), -1, 1))))


def tilted(pitch_deg: float, roll_deg: float) -> np.ndarray:
    pitch, roll = np.deg2rad([pitch_deg, roll_deg])
    up = np.array([np.tan(roll), -1.0, -np.tan(pitch)])
    return up / np.linalg.norm(up)


def on_plane(up: np.ndarray, height_m: float, xz: np.ndarray) -> np.ndarray:
    """Points (N, 3) with these x and z on up @ p = height."""
    y = (height_m - xz @ up[[0, 2]]) / up[1]
    return np.stack([xz[:, 0], y, xz[:, 1]], -1)


def area(n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform([-2, 4], [2, 9], (n, 2))


def one_by_one(points: np.ndarray) -> Contacts:
    """Points (N, 3) that rest one after another, a frame each at 30 Hz."""
    return Contacts(points[:, None], np.ones((len(points), 1)), np.arange(len(points)) / 30)


def test_contacts_all_over_the_floor_give_its_plane_in_spite_of_a_wrong_prior() -> None:
    up = tilted(8, -5)
    points = on_plane(up, -1.4, area(300)) + np.random.default_rng(1).normal(0, 0.01, (300, 3))
    ground = ground_from_contacts([one_by_one(points)], up_camera=3 * CAMERA_UP, pitch_sd_deg=8, roll_sd_deg=8)
    assert angle_deg(ground.up_camera, up) < 0.7
    assert ground.height_m == pytest.approx(-1.4, abs=0.03)


def test_a_walk_along_a_line_tells_the_slope_along_it_and_leaves_the_other_to_the_prior() -> None:
    up = tilted(0, 6)
    line = np.stack([np.linspace(-3, 3, 200), np.full(200, 6.0)], -1)
    ground = ground_from_contacts(
        [one_by_one(on_plane(up, -1.2, line))], up_camera=CAMERA_UP, pitch_sd_deg=5, roll_sd_deg=5
    )
    assert ground.up_camera[0] / -ground.up_camera[1] == pytest.approx(np.tan(np.deg2rad(6)), abs=0.01)
    assert ground.up_camera[2] == pytest.approx(0, abs=1e-3)


def test_one_standing_place_leaves_up_to_the_prior_and_gives_the_height() -> None:
    points = np.array([0.3, 1.1, 5.0]) + np.random.default_rng(0).normal(0, 0.005, (500, 3))
    ground = ground_from_contacts([one_by_one(points)], up_camera=CAMERA_UP, pitch_sd_deg=4, roll_sd_deg=4)
    assert angle_deg(ground.up_camera, CAMERA_UP) < 0.5
    assert ground.height_m == pytest.approx(-1.1, abs=0.02)


@pytest.mark.parametrize("on_box", [60, 140, 175])
def test_of_a_box_and_the_floor_the_floor_is_the_ground_even_with_fewer_contacts(on_box: int) -> None:
    up, rng = tilted(4, 2), np.random.default_rng(3)
    floor, box = rng.uniform([-1, 5], [1, 7], (200 - on_box, 2)), rng.uniform([-1, 5], [1, 7], (on_box, 2))
    points = np.concatenate([on_plane(up, -1.3, floor), on_plane(up, -0.9, box)]) + rng.normal(0, 0.01, (200, 3))
    ground = ground_from_contacts([one_by_one(points)], up_camera=CAMERA_UP, pitch_sd_deg=5, roll_sd_deg=5)
    assert ground.height_m == pytest.approx(-1.3, abs=0.04)
    assert angle_deg(ground.up_camera, up) < 1.5


@pytest.mark.parametrize("prior_off_deg", [-5.0, 0.0, 5.0])
def test_who_steps_off_a_box_towards_the_camera_makes_no_ramp_of_box_and_floor(prior_off_deg: float) -> None:
    rng = np.random.default_rng(0)
    on_box, on_floor = rng.uniform([-0.3, 4.7], [0.3, 5.3], (60, 2)), rng.uniform([-0.3, 3.7], [0.3, 4.3], (40, 2))
    points = np.concatenate([on_plane(CAMERA_UP, -0.9, on_box), on_plane(CAMERA_UP, -1.2, on_floor)])
    prior = tilted(prior_off_deg, 0)  # the places are small and leave up to it
    ground = ground_from_contacts([one_by_one(points)], up_camera=prior, pitch_sd_deg=4, roll_sd_deg=4)
    assert angle_deg(ground.up_camera, CAMERA_UP) < abs(prior_off_deg) + 1.0
    assert np.abs(points[60:] @ ground.up_camera - ground.height_m).max() < 0.05
    assert (points[:60] @ ground.up_camera - ground.height_m).mean() == pytest.approx(0.3, abs=0.1)


@pytest.mark.parametrize("kerb_m", [0.13, 0.15, 0.2])
def test_a_kerb_across_the_view_is_no_slope_since_the_image_shows_that_the_camera_is_level(kerb_m: float) -> None:
    """A walk of four metres across the view, whose second half is on a kerb."""
    feet = np.array([[0.5 * step + part - 2, 6.0] for step in range(8) for part in (0.0, 0.2)])
    each = on_plane(CAMERA_UP, -1.3, feet)
    each[8:, 1] -= kerb_m
    person = one_by_one(np.repeat(each, 10, axis=0))
    ground = ground_from_contacts([person], up_camera=CAMERA_UP, pitch_sd_deg=4, roll_sd_deg=1)
    assert angle_deg(ground.up_camera, CAMERA_UP) < 0.5
    assert ground.height_m == pytest.approx(-1.3, abs=0.02)
    along = replace(person, points_m=person.points_m[..., [2, 1, 0]] + [0.0, 0.0, 4.0])
    ground = ground_from_contacts([along], up_camera=CAMERA_UP, pitch_sd_deg=1, roll_sd_deg=4)
    assert angle_deg(ground.up_camera, CAMERA_UP) < 0.5


def test_the_roll_of_a_camera_that_looks_straight_down_is_as_uncertain_as_its_pitch() -> None:
    up = np.array([0.0, 0.0, -1.0])
    square = np.array([[x, y, 3.0 + 0.1 * x + 0.1 * y] for x in (-1, 0, 1) for y in (-1, 0, 1)])
    ground = ground_from_contacts([one_by_one(square)], up_camera=up, pitch_sd_deg=4, roll_sd_deg=0.1)
    assert ground.up_camera[0] == pytest.approx(ground.up_camera[1], abs=1e-6)
    assert abs(ground.up_camera[0]) > 0.05


def test_the_ground_of_stairs_is_their_lowest_step_with_enough_contacts() -> None:
    steps = [on_plane(CAMERA_UP, -1.5 + 0.2 * i, area(60, seed=i) * [0.2, 0.1] + [0.0, 0.4 * i]) for i in range(3)]
    ground = ground_from_contacts(
        [one_by_one(np.concatenate(steps))], up_camera=CAMERA_UP, pitch_sd_deg=3, roll_sd_deg=3
    )
    assert ground.height_m == pytest.approx(-1.5, abs=0.02)
    assert angle_deg(ground.up_camera, CAMERA_UP) < 1.0


@pytest.mark.parametrize("height_sd_m", [0.01, 0.02, 0.03])  # on film of floors 0.013, at most 0.035
def test_the_scatter_of_contacts_on_a_flat_floor_makes_no_second_level(height_sd_m: float) -> None:
    """A walk of eight steps towards the camera, heel and toe of each, by twenty seeds."""
    errors_m = []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        feet = np.array([[0.1 * (-1) ** step, 4 + 0.7 * step + part] for step in range(8) for part in (0.0, 0.2)])
        each = np.repeat(on_plane(CAMERA_UP, -1.2, feet), 10, axis=0)
        each[:, 1] -= np.repeat(rng.normal(0, height_sd_m, 16), 10)
        ground = ground_from_contacts([one_by_one(each)], up_camera=CAMERA_UP, pitch_sd_deg=4, roll_sd_deg=4)
        errors_m.append(np.mean(each @ ground.up_camera) - ground.height_m)
    assert np.abs(errors_m).max() < 0.5 * height_sd_m
    assert np.abs(np.mean(errors_m)) < 0.002


def test_a_height_is_the_less_known_the_farther_the_point_is_along_the_view_from_where_feet_rest() -> None:
    line = on_plane(CAMERA_UP, -1.2, np.stack([np.linspace(-3, 3, 200), np.full(200, 6.0)], -1))
    ground = ground_from_contacts([one_by_one(line)], up_camera=CAMERA_UP, pitch_sd_deg=4, roll_sd_deg=1)
    near, farther, aside = ground.height_sd_m(np.array([[0, 0, 6.0], [0, 0, 9.0], [3, 0, 6.0]]))
    assert near < aside < 0.02
    assert farther == pytest.approx(3 * np.tan(np.deg2rad(4)), rel=0.01)
    assert ground.levels_m == (ground.height_m,)
    assert ground.tilt_sds == pytest.approx(0, abs=1e-6)


def test_a_few_wild_contacts_change_nothing() -> None:
    rng = np.random.default_rng(5)
    points = on_plane(CAMERA_UP, -1.5, area(200))
    wild = rng.integers(0, 200, 25)
    points[wild, 1] += rng.uniform(-1.0, 1.0, 25)
    ground = ground_from_contacts([one_by_one(points)], up_camera=tilted(5, 5), pitch_sd_deg=6, roll_sd_deg=6)
    assert angle_deg(ground.up_camera, CAMERA_UP) < 0.5
    assert ground.height_m == pytest.approx(-1.5, abs=0.02)


def test_repeating_every_frame_moves_the_ground_no_nearer_to_the_contacts() -> None:
    points = on_plane(CAMERA_UP, -1.5, np.array([[-0.7, 4.3], [-0.7, 5.7], [0.7, 4.3], [0.7, 5.7]]))
    once = ground_from_contacts([one_by_one(points)], up_camera=tilted(1, 0), pitch_sd_deg=1, roll_sd_deg=1)
    often = ground_from_contacts(
        [one_by_one(np.tile(points, (30, 1)))], up_camera=tilted(1, 0), pitch_sd_deg=1, roll_sd_deg=1
    )
    assert 0.2 < angle_deg(once.up_camera, CAMERA_UP) < 0.8  # between both
    np.testing.assert_allclose(often.up_camera, once.up_camera, atol=1e-4)


def test_contacts_without_weight_do_not_count() -> None:
    points = np.concatenate([on_plane(CAMERA_UP, -1.5, area(50)), on_plane(CAMERA_UP, -2.5, area(50))])
    people = [replace(one_by_one(points), weights=np.repeat([1.0, 0.0], 50)[:, None])]
    assert ground_from_contacts(people, up_camera=CAMERA_UP, pitch_sd_deg=5, roll_sd_deg=5).height_m == pytest.approx(
        -1.5
    )


@pytest.mark.parametrize("rate_hz", [25, 30, 60, 240])
@pytest.mark.parametrize("landing_s", [0.15, 0.3])
def test_who_walks_about_on_a_box_and_lands_beside_it_briefly_has_the_floor_for_the_ground(
    rate_hz: int, landing_s: float
) -> None:
    on_box = on_plane(CAMERA_UP, -0.9, steps_about(12)[:, [0, 2]]).reshape(12, 4, 3)
    landing = on_plane(CAMERA_UP, -1.3, np.array([[1.2, 5], [1.4, 5], [1.2, 5.2], [1.4, 5.2]]))
    person = resting(on_box, [landing], rate_hz=rate_hz, last_s=landing_s)
    ground = ground_from_contacts([person], up_camera=CAMERA_UP, pitch_sd_deg=3, roll_sd_deg=3)
    assert ground.height_m == pytest.approx(-1.3, abs=0.03)
    up_again = resting([landing], on_box, rate_hz=rate_hz)
    ground = ground_from_contacts([up_again], up_camera=CAMERA_UP, pitch_sd_deg=3, roll_sd_deg=3)
    assert ground.height_m == pytest.approx(-1.3, abs=0.03)


@pytest.mark.parametrize("down", [1.0, -1.0], ids=["down", "up"])
def test_the_ground_of_stairs_is_the_step_on_which_somebody_stands_once(down: float) -> None:
    treads = np.array([[[0.35 * i, 5 + dz] for dz in (0.0, 0.1, 0.2, 0.3)] for i in range(4)])
    steps = np.stack([on_plane(CAMERA_UP, -0.9 - 0.18 * i, tread) for i, tread in enumerate(treads)])
    ground = ground_from_contacts(
        [resting(steps[:: int(down)], [])], up_camera=CAMERA_UP, pitch_sd_deg=3, roll_sd_deg=3
    )
    assert ground.height_m == pytest.approx(-0.9 - 3 * 0.18, abs=0.03)


@pytest.mark.parametrize(
    "heights_m",
    [[0, 0.01, 0.12, 0.13, 0.25, 0.24, 0.37, 0.36], [0, 0, 0.14, 0.14, 0.28, 0.28, 0.42]],
    ids=["low", "higher"],
)
def test_stairs_along_the_view_are_levels_and_no_slope_even_where_steps_seem_lower_than_one(
    heights_m: list[float],
) -> None:
    for seed in (0, 2):
        ground = ground_from_contacts(
            [away(heights_m, CAMERA_UP, seed=seed)], up_camera=CAMERA_UP, pitch_sd_deg=3, roll_sd_deg=1
        )
        assert len(ground.levels_m) == 4
        assert ground.height_m == pytest.approx(-1.5, abs=0.06)
        assert angle_deg(ground.up_camera, CAMERA_UP) < 1


def test_a_floor_along_the_view_is_no_stairs_even_where_up_is_three_deviations_off() -> None:
    up = tilted(-9, 0)
    for seed in range(6):
        ground = ground_from_contacts(
            [away([0.0] * 7, up, seed=seed)], up_camera=CAMERA_UP, pitch_sd_deg=3, roll_sd_deg=1
        )
        assert len(ground.levels_m) == 1
        assert angle_deg(ground.up_camera, up) < 1


def away(heights_m: list[float], up: np.ndarray, *, seed: int) -> Contacts:
    """Half a second on each step, half a metre farther away each, with errors of 2 cm of each point."""
    rng = np.random.default_rng(seed)
    places = []
    for step, height_m in enumerate(heights_m):
        feet = np.array([[dx, 4 + 0.5 * step + dz] for dx in (-0.1, 0.1) for dz in (0.0, 0.2)])
        places.append(on_plane(up, -1.5, feet) + (height_m + rng.normal(0, 0.02, (4, 1))) * up)
    return resting(places, [])


def test_an_error_of_depth_that_comes_slowly_makes_no_lower_ground() -> None:
    """A walk on a floor that is seen from above: the body is put too near, and so too low, by and by and back."""
    floor = on_plane(CAMERA_UP, -1.5, steps_about(14)[:, [0, 2]]).reshape(14, 4, 3)
    low_m = np.interp(np.arange(14), [3, 8, 10, 13], [0.0, 0.25, 0.25, 0.0])
    floor[..., 1] += low_m[:, None]
    ground = ground_from_contacts([resting(floor, [])], up_camera=CAMERA_UP, pitch_sd_deg=0.5, roll_sd_deg=0.5)
    assert -1.62 < ground.height_m < -1.45


def test_a_foot_below_the_one_that_stands_and_a_moment_below_all_are_no_ground() -> None:
    floor = on_plane(CAMERA_UP, -1.5, steps_about(8)[:, [0, 2]]).reshape(8, 4, 3)
    one_low = floor.copy()
    one_low[2:4, 3, 1] += 0.4  # the toes of one foot
    moment = floor[4] + [0.0, 0.5, 0.0]
    for person in (resting(one_low, []), resting(floor, [moment, floor[5]], last_s=0.08)):
        ground = ground_from_contacts([person], up_camera=CAMERA_UP, pitch_sd_deg=3, roll_sd_deg=3)
        assert ground.height_m == pytest.approx(-1.5, abs=0.03)


def test_who_is_always_on_a_lower_floor_than_another_has_it_for_the_ground() -> None:
    up_there = resting(on_plane(CAMERA_UP, -1.0, steps_about(12)[:, [0, 2]]).reshape(12, 4, 3), [])
    down_here = resting(on_plane(CAMERA_UP, -1.6, steps_about(1)[:, [0, 2]] + [2.0, 0.0]).reshape(1, 4, 3), [])
    ground = ground_from_contacts([up_there, down_here], up_camera=CAMERA_UP, pitch_sd_deg=3, roll_sd_deg=3)
    assert ground.height_m == pytest.approx(-1.6, abs=0.03)


def steps_about(n: int) -> np.ndarray:
    """(4 n, 3) points of n places of two feet, on a square of two metres."""
    places = np.random.default_rng(1).uniform([-1, 0, 4], [1, 0, 6], (n, 3))
    return (places[:, None] + [[0, 0, 0], [0.2, 0, 0], [0, 0, 0.15], [0.2, 0, 0.15]]).reshape(-1, 3)


def resting(
    places: Sequence[np.ndarray] | np.ndarray,
    then: Sequence[np.ndarray] | np.ndarray,
    *,
    rate_hz: int = 30,
    last_s: float = 0.5,
) -> Contacts:
    """Half a second at each place, (4, 3) points of two feet; then last_s at each of others; 0.2 s of air between."""
    stays = [(place, 0.5) for place in places] + [(place, last_s) for place in then]
    points, weights = [], []
    for place, stay_s in stays:
        on, off = round(stay_s * rate_hz), round(0.2 * rate_hz)
        points += [place] * (on + off)
        weights += [1.0] * on + [0.0] * off
    points_m = np.array(points) + np.random.default_rng(2).normal(0, 0.005, (len(points), 4, 3))
    return Contacts(points_m, np.repeat(np.array(weights)[:, None], 4, axis=1), np.arange(len(points)) / rate_hz)


@pytest.mark.parametrize(
    ("weights", "up", "sd", "message"),
    [
        (np.zeros(4), CAMERA_UP, 5, "no contact"),
        (np.ones(4), np.zeros(3), 5, "direction"),
        (np.ones(4), CAMERA_UP, 0, "degrees between 0 and 90"),
    ],
)
def test_impossible_arguments_are_refused(weights: np.ndarray, up: np.ndarray, sd: float, message: str) -> None:
    person = replace(one_by_one(np.zeros((4, 3))), weights=weights[:, None])
    with pytest.raises(ValueError, match=message):
        ground_from_contacts([person], up_camera=up, pitch_sd_deg=sd, roll_sd_deg=sd)


@pytest.mark.parametrize(
    ("points", "weights", "message"),
    [
        (np.zeros((4, 1, 2)), np.ones((4, 1)), "expected points"),
        (np.zeros((4, 1, 3)), np.ones((3, 1)), "expected points"),
        (np.full((4, 1, 3), np.nan), np.ones((4, 1)), "finite"),
        (np.zeros((4, 1, 3)), -np.ones((4, 1)), "negative"),
    ],
)
def test_impossible_contacts_are_refused(points: np.ndarray, weights: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Contacts(points, weights, np.arange(4.0))


def test_the_world_is_right_handed_with_x_forward_y_up_and_z_to_the_right() -> None:
    ground = Ground(
        up_camera=tilted(10, -3), height_m=-1.4, levels_m=(-1.4,), tilt_sds=0.0, height_covariance=np.zeros((4, 4))
    )
    origin, forward = np.array([0.5, 0.2, 6.0]), np.array([0.0, 0.1, 1.0])
    T = T_camera_world(ground, origin_m=origin, forward=forward)
    R = T[:3, :3]
    np.testing.assert_allclose(R.T @ R, np.eye(3), atol=1e-12)
    assert np.linalg.det(R) == pytest.approx(1)
    np.testing.assert_allclose(R[:, 1], ground.up_camera)
    assert R[:, 0] @ forward > 0.9
    assert R[0, 2] > 0.9  # away from the camera is forward, so the camera's right is the world's
    p_world = np.linalg.inv(T) @ np.append(origin, 1)
    np.testing.assert_allclose(p_world[[0, 2]], 0, atol=1e-12)
    floor = T @ np.array([2.0, 0.0, -1.0, 1.0])
    assert floor[:3] @ ground.up_camera == pytest.approx(ground.height_m)
    assert p_world[1] == pytest.approx(origin @ ground.up_camera - ground.height_m)


def test_a_forward_that_points_up_is_refused() -> None:
    ground = Ground(
        up_camera=CAMERA_UP, height_m=-1.0, levels_m=(-1.0,), tilt_sds=0.0, height_covariance=np.zeros((4, 4))
    )
    with pytest.raises(ValueError, match="horizontal"):
        T_camera_world(ground, origin_m=np.zeros(3), forward=np.array([0.0, 2.0, 0.0]))
