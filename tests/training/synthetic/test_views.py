"""The camera holds its person, crops follow them without a jump, and what is behind stays where it is."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from biopose.camera.pinhole import Camera
from biopose.perception.crops import HEIGHT_PX, WIDTH_PX
from biopose.training.synthetic import views
from biopose.training.synthetic.crops import SAMPLES
from biopose.training.synthetic.views import ClipBackdrop, draw_camera, tracked_crops

FRAMES, INTERVAL_S = 40, 1 / 30
CAMERA = Camera(1920, 1080, (1500.0, 1500.0), (959.5, 539.5))


def walking_boxes(*, across: float = 0.4) -> NDArray[np.float64]:
    """(FRAMES, 4) of someone who goes through the view."""
    x = np.linspace(-across, across, FRAMES) / 2
    return np.stack([x - 0.06, np.full(FRAMES, -0.15), x + 0.06, np.full(FRAMES, 0.2)], axis=1)


def draws(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def edges(camera: Camera) -> NDArray[np.float64]:
    half = np.array([camera.width_px, camera.height_px]) / 2 / camera.focal_px
    return np.concatenate([-half, half])


def test_a_camera_shows_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(views, "CUT_SHARE", 0.0)
    boxes = walking_boxes()
    for seed in range(30):
        left, top, right, bottom = edges(draw_camera(np.random.default_rng(seed), boxes))
        assert (boxes[:, 0] > left).all()
        assert (boxes[:, 1] > top).all()
        assert (boxes[:, 2] < right).all()
        assert (boxes[:, 3] < bottom).all()


def test_some_cameras_cut_something_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(views, "CUT_SHARE", 1.0)
    boxes = walking_boxes(across=0.8)
    shown = [edges(draw_camera(np.random.default_rng(seed), boxes)) for seed in range(10)]
    assert all((boxes[0, 0] < s[0]) or (boxes[:, 3] > s[3]).any() for s in shown)


def test_who_stands_is_filmed_upright_and_who_runs_along_is_not() -> None:
    standing = np.array([[-0.1, -0.3, 0.1, 0.3]])
    for seed in range(5):
        upright, level = (draw_camera(np.random.default_rng(seed), b) for b in (standing, walking_boxes(across=1.0)))
        assert upright.height_px > upright.width_px
        assert level.height_px < level.width_px


def test_crops_follow_without_a_jump_and_yet_err() -> None:
    boxes = walking_boxes()
    tracked = tracked_crops(draws(), boxes, CAMERA, interval_s=INTERVAL_S)
    regions = tracked.regions_px(CAMERA)
    height = (regions[:, 3] - regions[:, 1])[:, None]
    assert tracked.in_view.all()
    assert (np.abs(np.diff(regions, axis=0)) / height[1:]).max() < 0.12
    middle = (boxes[:, :2] + boxes[:, 2:]) / 2 * CAMERA.focal_px + CAMERA.centre_px
    off = ((regions[:, :2] + regions[:, 2:]) / 2 - middle) / height
    assert 0.005 < np.abs(off).mean() < 0.1


def test_who_leaves_the_picture_is_lost_and_a_crop_ends_at_its_edge() -> None:
    boxes = walking_boxes(across=1.6)
    tracked = tracked_crops(draws(), boxes, CAMERA, interval_s=INTERVAL_S)
    inside = np.abs(boxes[:, [0, 2]]).max(1) < 960 / 1500
    assert tracked.in_view[inside].all()
    assert not tracked.in_view[[0, -1]].any()
    assert tracked.crops[FRAMES // 2].edges == pytest.approx(edges(CAMERA))
    assert tracked.crops[0].is_outside().mean() > 0.3


def test_regions_and_crops_say_the_same() -> None:
    tracked = tracked_crops(draws(), walking_boxes(), CAMERA, interval_s=INTERVAL_S)
    point = np.array([[0.3, -0.2, 2.0]])
    pixel = CAMERA.project(torch.from_numpy(point)).numpy()[0]
    for crop, region in zip(tracked.crops, tracked.regions_px(CAMERA), strict=True):
        share = (pixel - region[:2]) / (region[2:] - region[:2])
        samples = crop.points(point)[0, :2]
        np.testing.assert_allclose((samples + 0.5) / SAMPLES, share * (WIDTH_PX, HEIGHT_PX), atol=0.02)
        np.testing.assert_allclose(crop.rays_of(samples), point[0, :2] / point[0, 2], atol=1e-5)
        np.testing.assert_allclose(crop.samples_of(crop.rays_of(samples)), samples, atol=1e-3)


def test_what_is_behind_stays_in_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(views, "draw_backdrop", lambda _rng, rays, _R, **_: rays)  # each place has its own colour
    crops = tracked_crops(draws(), walking_boxes(), CAMERA, interval_s=INTERVAL_S).crops
    backdrop = ClipBackdrop(np.random.default_rng(0), crops, np.eye(3), camera_height_m=1.0)
    for crop in crops[::8]:
        np.testing.assert_allclose(backdrop.in_crop(crop)[2:-2, 2:-2], crop.rays()[2:-2, 2:-2], atol=2e-3)


def test_a_backdrop_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[tuple[int, ...]] = []

    def drawn(_rng: object, rays: NDArray[np.float32], _R: object, **_: float) -> NDArray[np.float32]:
        sizes.append(rays.shape)
        return rays

    monkeypatch.setattr(views, "draw_backdrop", drawn)
    crops = tracked_crops(draws(), walking_boxes(across=1.2), CAMERA, interval_s=INTERVAL_S).crops
    tiny = [type(crop)(crop.corner, crop.ray_per_px / 4, crop.edges) for crop in crops]
    ClipBackdrop(np.random.default_rng(0), tiny, np.eye(3), camera_height_m=1.0)
    assert max(sizes[0]) <= views.LARGEST_BACKDROP_PX
