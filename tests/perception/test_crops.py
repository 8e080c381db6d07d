"""People cut out of images: where a crop's pixels are in the image."""

import numpy as np
import pytest
import torch

from biopose.perception.crops import HEIGHT_PX, WIDTH_PX, cut_people, cut_regions, cut_turned, is_croppable


def spot(*, x: float, y: float, width: int = 640, height: int = 480) -> np.ndarray:
    """A black image with a soft white spot whose centre is (x, y)."""
    columns, rows = np.arange(width), np.arange(height)[:, None]
    bright = np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * 6.0**2))
    return np.repeat((255 * bright).round().astype(np.uint8)[..., None], 3, axis=2)


def centre_of_brightness(crop: torch.Tensor) -> np.ndarray:
    bright = crop[0].double().numpy()
    x = (bright.sum(axis=0) @ np.arange(WIDTH_PX)) / bright.sum()
    y = (bright.sum(axis=1) @ np.arange(HEIGHT_PX)) / bright.sum()
    return np.array([x, y])


@pytest.mark.parametrize(
    "box", [[200, 100, 300, 260], [150.4, 60.2, 390.7, 401.3], [240, 150, 270, 190], [-40, 20, 320, 460]]
)
def test_a_point_of_the_crop_is_where_it_was_in_the_image(box: list[float]) -> None:
    place = np.array([252.3, 170.6])
    crops = cut_people([spot(x=place[0], y=place[1])], [np.array([box])])
    assert crops.pixels.shape == (1, 3, HEIGHT_PX, WIDTH_PX)
    point = centre_of_brightness(crops.pixels[0])
    found = crops.to_image(point[None, None])[0, 0]
    assert np.linalg.norm(found - place) < 0.15


@pytest.mark.parametrize("turn_deg", [45.0, 90.0, 180.0, 250.0])
@pytest.mark.parametrize("box", [[200, 100, 300, 260], [-40, 20, 320, 460]])
def test_a_point_of_a_turned_crop_is_where_it_was_in_the_image(box: list[float], turn_deg: float) -> None:
    place = np.array([252.3, 170.6])
    crops = cut_turned(spot(x=place[0], y=place[1]), np.array([box], dtype=float), np.deg2rad([turn_deg]))
    point = centre_of_brightness(crops.pixels[0])
    assert np.linalg.norm(crops.to_image(point[None, None])[0, 0] - place) < 0.15


def test_a_crop_turned_by_a_quarter_is_the_crop_of_the_turned_image() -> None:
    image = np.random.default_rng(0).integers(0, 256, (40, 40, 3)).astype(np.uint8).repeat(8, 0).repeat(8, 1)
    lying, upright = np.array([[100.0, 120.0, 260.0, 200.0]]), np.array([[120.0, 59.0, 200.0, 219.0]])
    turned = cut_turned(image, lying, np.deg2rad([90.0])).pixels  # the crop's up is the image's right
    quarter = cut_people([np.rot90(image).copy()], [upright]).pixels
    assert (turned.float() - quarter.float()).abs().mean() < 3.0


def test_crops_show_the_whole_box_and_a_margin() -> None:
    boxes = np.array([[200.0, 100, 300, 260], [10, 10, 500, 60]])
    regions = cut_people([spot(x=1, y=1)], [boxes]).regions_px
    assert (regions[:, :2] < boxes[:, :2]).all()
    assert (regions[:, 2:] > boxes[:, 2:]).all()
    width, height = (regions[:, 2:] - regions[:, :2]).T
    assert np.allclose(width / height, 0.75, atol=0.02)  # whole pixels
    assert np.allclose(height, [1.25 * 160, 1.25 * 490 / 0.75], atol=2.5)


def test_what_is_outside_the_image_is_black() -> None:
    crops = cut_people([np.full((100, 80, 3), 200, np.uint8)], [np.array([[0, 0, 79, 99]])])
    assert (crops.pixels[0, :, 0] == 0).all()
    assert (crops.pixels[0, :, HEIGHT_PX // 2, WIDTH_PX // 2] == 200).all()


@pytest.mark.parametrize("width", [160, 161])
@pytest.mark.parametrize("box", [[30.0, 10, 70, 90], [30.4, 10.2, 71.7, 95.9], [-9.5, 20.3, 40.1, 130.0]])
def test_the_crop_of_a_mirror_image_is_the_mirrored_crop(width: int, box: list[float]) -> None:
    image = np.random.default_rng(0).integers(0, 256, (120, width, 3)).astype(np.uint8)
    left, top, right, bottom = box
    mirrored_box = [width - 1 - right, top, width - 1 - left, bottom]
    crops = cut_people([image], [np.array([box])])
    mirrored = cut_people([image[:, ::-1]], [np.array([mirrored_box])])
    assert (crops.pixels.flip(-1).int() - mirrored.pixels.int()).abs().max() <= 1  # rounding to bytes
    (first, _, last, _), (mirrored_first, _, mirrored_last, _) = crops.regions_px[0], mirrored.regions_px[0]
    assert [mirrored_first, mirrored_last] == [width - 1 - last, width - 1 - first]


def test_people_of_several_images_keep_their_order() -> None:
    grey = [np.full((60 + 10 * level, 50, 3), level, np.uint8) for level in range(3)]
    box = np.array([[5.0, 5, 40, 50]])
    crops = cut_people(grey, [np.repeat(box, 2, axis=0), box[:0], box])
    assert crops.pixels[:, 0, 128, 96].tolist() == [0, 0, 2]


def test_a_non_contiguous_image_gives_the_same_crop() -> None:
    image = np.random.default_rng(0).integers(0, 256, (120, 100, 3)).astype(np.uint8)
    view = image[::-1, ::-1]
    box = np.array([[10.0, 10, 80, 100]])
    assert torch.equal(cut_people([view], [box]).pixels, cut_people([view.copy()], [box]).pixels)


def test_boxes_with_nothing_in_them_are_not_croppable() -> None:
    boxes = np.array([[0, 0, 5, 5], [4, 4, 4, 4], [-9, -9, -1, -1], [90, 2, 200, 30], [np.nan, 0, 5, 5]])
    assert is_croppable(np.zeros((50, 100, 3), np.uint8), boxes).tolist() == [True, False, False, True, False]


def test_who_was_cropped_is_cropped_again_the_same_to_the_bit() -> None:
    image = np.random.default_rng(0).integers(0, 256, (150, 200, 3), dtype=np.uint8)
    boxes = np.array([[20.3, 30.1, 80.7, 140.2], [-30.0, 60.0, 40.0, 170.0]])  # one of them leaves the image
    turned = cut_turned(image, boxes, np.array([np.pi / 4, -np.pi / 2]))
    for crops, turns_rad in ((cut_people([image], [boxes]), np.zeros(2)), (turned, turned.turns_rad)):
        again = cut_regions([image] * 2, crops.regions_px, turns_rad)
        assert torch.equal(again.pixels, crops.pixels)
        assert np.array_equal(again.regions_px, crops.regions_px)
    assert len(cut_regions([], np.empty((0, 4)), np.empty(0)).pixels) == 0
