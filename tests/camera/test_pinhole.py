"""The camera's two directions are each other's inverse, differentiable, and refuse what they cannot do."""

import math

import pytest
import torch

from biopose.camera.pinhole import Camera

PHONE = (0.12, -0.25, 0.001, -0.002, 0.1)
BARREL = (-0.28, 0.09, 0.0005, -0.0004, -0.012)  # an action camera's wide view


def camera(distortion: tuple[float, ...] = (0.0,) * 5, focal_px: float = 1500.0) -> Camera:
    return Camera(
        width_px=1920,
        height_px=1080,
        focal_px=(focal_px, 1.01 * focal_px),
        centre_px=(970.0, 530.0),
        distortion=distortion,  # type: ignore[arg-type]
    )


def pixels_everywhere() -> torch.Tensor:
    y, x = torch.meshgrid(torch.linspace(0, 1079, 9), torch.linspace(0, 1919, 13), indexing="ij")
    return torch.stack([x, y], -1).to(torch.float64)


@pytest.mark.parametrize("distortion", [(0.0,) * 5, PHONE, BARREL])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_projecting_along_a_pixels_ray_gives_the_pixel_back(distortion: tuple[float, ...], dtype: torch.dtype) -> None:
    lens, pixels = camera(distortion), pixels_everywhere().to(dtype)
    xy = lens.rays(pixels)
    points = torch.cat([xy, torch.ones_like(xy[..., :1])], -1) * 7.5
    assert xy.shape == pixels.shape
    torch.testing.assert_close(lens.project(points), pixels, rtol=0, atol=2e-3 if dtype == torch.float32 else 1e-8)


def test_distortion_is_browns() -> None:
    k1, k2, p1, p2, k3 = PHONE
    x, y = 0.3, -0.2
    r2 = x * x + y * y
    radial = 1 + k1 * r2 + k2 * r2**2 + k3 * r2**3
    expected = (
        970 + 1500 * (x * radial + 2 * p1 * x * y + p2 * (r2 + 2 * x * x)),
        530 + 1515 * (y * radial + p1 * (r2 + 2 * y * y) + 2 * p2 * x * y),
    )
    found = camera(PHONE).project(torch.tensor([x * 4, y * 4, 4.0], dtype=torch.float64))
    assert found.tolist() == pytest.approx(expected)


@pytest.mark.parametrize("distortion", [(0.0,) * 5, PHONE, BARREL])
def test_gradients_agree_with_differences(distortion: tuple[float, ...]) -> None:
    lens = camera(distortion)
    points = torch.tensor([[0.5, -0.3, 3.0], [-1.2, 0.4, 2.5]], dtype=torch.float64, requires_grad=True)
    pixels = torch.tensor([[100.0, 900.0], [1500.0, 400.0]], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lens.project, points)
    assert torch.autograd.gradcheck(lens.rays, pixels, eps=1e-3)


def test_gradients_on_the_axis_are_finite() -> None:
    point = torch.tensor([0.0, 0.0, 2.0], requires_grad=True)
    camera(BARREL).project(point).sum().backward()
    assert point.grad is not None
    assert point.grad.isfinite().all()


def test_any_batch_axes_and_none_and_unobserved_keypoints() -> None:
    lens = camera(PHONE)
    assert lens.project(torch.ones(2, 3, 5, 3)).shape == (2, 3, 5, 2)
    assert lens.rays(torch.full((2,), 500.0)).shape == (2,)
    assert lens.rays(torch.zeros(0, 2)).shape == (0, 2)
    rays = lens.rays(torch.tensor([[math.nan, math.nan], [100.0, 100.0]]))
    assert rays[0].isnan().all()
    assert rays[1].isfinite().all()


def test_points_behind_the_camera_stay_finite() -> None:
    assert camera(PHONE).project(torch.tensor([0.1, 0.1, -2.0])).isfinite().all()


def test_a_point_beyond_the_fold_is_not_thrown_back_into_the_image() -> None:
    folding = camera((-0.2, 0.0, 0.0, 0.0, 0.0), focal_px=1500.0)  # folds at x / z = 1.29
    far_right = folding.project(torch.tensor([[2.2, 0.0, 1.0], [5.0, 0.0, 1.0]]))
    assert (far_right[:, 0] > 1920).all()


def test_a_pixel_that_no_direction_reaches_gets_the_last_direction_towards_it() -> None:
    folding = camera((-0.2, 0.0, 0.0, 0.0, 0.0), focal_px=1500.0)
    pixels = torch.tensor([[4000.0, 530.0], [1900.0, 530.0]], requires_grad=True)
    rays = folding.rays(pixels)
    assert rays[0].tolist() == pytest.approx([math.sqrt(1 / 0.6), 0.0], abs=1e-4)
    rays.sum().backward()
    assert pixels.grad is not None
    assert pixels.grad.isfinite().all()


def test_a_distortion_that_folds_within_the_image_is_refused() -> None:
    with pytest.raises(ValueError, match="lens distortion"):
        camera((-0.5, 0.0, 0.0, 0.0, 0.0), focal_px=900.0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"width_px": 0}, "positive"),
        ({"height_px": -4}, "positive"),
        ({"focal_px": (0.0, 10.0)}, "focal length"),
        ({"focal_px": (10.0, math.nan)}, "focal length"),
        ({"centre_px": (math.inf, 0.0)}, "principal point"),
        ({"distortion": (0.0, 0.0, 0.0, 0.0)}, "distortion"),
        ({"focal_sd": -0.1}, "focal_sd"),
    ],
)
def test_impossible_intrinsics_are_refused(change: dict[str, object], message: str) -> None:
    right: dict[str, object] = {
        "width_px": 640,
        "height_px": 480,
        "focal_px": (500.0, 500.0),
        "centre_px": (320.0, 240.0),
    }
    with pytest.raises(ValueError, match=message):
        Camera(**(right | change))  # type: ignore[arg-type]


def test_another_focal_length_keeps_the_shape_of_pixels_and_everything_else() -> None:
    other = camera(PHONE).with_focal(2000.0)
    assert other.focal_px == pytest.approx((2000.0, 2020.0))
    assert (other.centre_px, other.distortion, other.source) == ((970.0, 530.0), PHONE, "given")


def test_field_of_view_spans_the_image_from_edge_to_edge() -> None:
    square = Camera(width_px=1000, height_px=500, focal_px=(500.0, 500.0), centre_px=(499.5, 249.5))
    assert square.field_of_view_deg == pytest.approx((90.0, 2 * math.degrees(math.atan(0.5))))
    # Barrel distortion shows more than the focal length alone would.
    assert camera(BARREL).field_of_view_deg[0] > camera().field_of_view_deg[0]
