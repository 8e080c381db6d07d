"""MQ-HMR as a head on the keypoint network: tokens survive the packing, and positions are in x / z."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from biopose.body.keypoint_names import MIRRORED
from biopose.body.mirror import mirrored_local_rotations
from biopose.camera.intrinsics import intrinsics
from biopose.errors import ModelError
from biopose.hmr.feature_head import MqhmrHead, unpacked
from biopose.hmr.mqhmr import CropInput, Mqhmr, MqhmrOutput, load_mqhmr, new_mqhmr, save_mqhmr
from biopose.hmr.mqhmr_shape import MqhmrShape
from biopose.perception.cspnext import MAP_CHANNELS
from biopose.perception.detector import PersonDetector
from biopose.perception.keypoint_network import KeypointNetwork
from biopose.perception.person_features import PersonFeatures
from biopose.perception.simcc import mirrored_points
from biopose.skeleton.threads import torch_threads
from tests.perception.real_people import frames_of_two_people, needs_networks

MAP_SIZES = ((64, 48), (32, 24), (16, 12), (8, 6))
SMALL = MqhmrShape(width=48, layers=2, heads=3, hidden=64)
FULL_HD = (1920, 1080)


class Recorded(MqhmrHead):
    """Keeps what the network was given and what it predicted, of the people alone: behind them are blanks.

    Of one batch at most.
    """

    def __init__(self, network: Mqhmr) -> None:
        super().__init__(network)
        self._network.register_forward_hook(self._keep)

    def _keep(self, network: Mqhmr, given: tuple[CropInput], predicted: MqhmrOutput) -> None:
        (self.given,), self.predicted = given, predicted

    def __call__(self, people):
        rows = super().__call__(people)
        n, given, predicted = len(rows), self.given, self.predicted
        maps = tuple(level[:n] for level in given.maps)
        self.given = CropInput(maps, given.keypoints[:n], given.confidence[:n], given.position[:n])
        self.predicted = replace(predicted, tokens=predicted.tokens[:n], shape=predicted.shape[:n])
        return rows


def network(shape: MqhmrShape = SMALL, *, seed: int = 0) -> Mqhmr:
    torch.manual_seed(seed)
    drawn = new_mqhmr(shape)
    torch.nn.init.normal_(drawn.body.weight, std=0.05)  # or shape and camera would be everybody's
    return drawn


def maps(people: int, *, seed: int = 1) -> tuple[Tensor, ...]:
    generator = torch.Generator().manual_seed(seed)
    sizes = list(zip(MAP_CHANNELS, MAP_SIZES, strict=True))
    return tuple(torch.randn(people, channels, *size, generator=generator) for channels, size in sizes)


def keypoints(people: int, *, seed: int = 2) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    points = torch.rand(people, 26, 2, generator=generator) * torch.tensor([191.0, 255.0])
    return points, torch.rand(people, 26, generator=generator)


def people_at(
    regions_px: list[list[float]], size_px: tuple[int, int] = FULL_HD, *, mirrored: tuple[bool, ...] = ()
) -> list[PersonFeatures]:
    n = len(regions_px)
    points, confidence = keypoints(n)
    given = [tuple(level[i] for level in maps(n)[2:]) for i in range(n)]
    regions, size = np.array(regions_px, dtype=np.float64).reshape(-1, 4), np.array(size_px)
    flags = mirrored or (False,) * n
    return [PersonFeatures(given[i], points[i], confidence[i], flags[i], regions[i], size) for i in range(n)]


def rows_of(head: MqhmrHead, regions_px: list[list[float]], size_px: tuple[int, int] = FULL_HD) -> np.ndarray:
    return head(people_at(regions_px, size_px))


REGIONS = [[99.5, 49.5, 399.5, 449.5], [-30.5, 199.5, 569.5, 999.5], [1799.5, 9.5, 1889.5, 129.5]]


@pytest.mark.parametrize("queries", [20, 5, 1])
def test_the_output_survives_the_packing(queries: int) -> None:
    shape = MqhmrShape(width=48, layers=1, heads=3, hidden=64, queries=queries, token_width=7)
    head = Recorded(network(shape))
    rows = rows_of(head, REGIONS)
    assert rows.dtype == np.float16
    assert rows.shape == (3, head.width)
    mesh = unpacked(rows, shape)
    torch.testing.assert_close(mesh.tokens, head.predicted.tokens, rtol=5e-4, atol=1e-6)
    torch.testing.assert_close(mesh.shape, head.predicted.shape, rtol=5e-4, atol=1e-6)


def test_half_precision_rotates_no_segment_by_a_twentieth_of_a_degree() -> None:
    head = Recorded(drawn := network())
    R, _ = drawn.head(unpacked(rows_of(head, REGIONS), SMALL).tokens)
    chord = torch.linalg.matrix_norm(R - drawn.head(head.predicted.tokens)[0]) / 8**0.5
    assert torch.rad2deg(2 * torch.arcsin(chord)).max() < 0.05


def test_the_middle_of_the_crop_comes_back_to_half_a_pixel() -> None:
    middle = unpacked(rows_of(MqhmrHead(network()), REGIONS), SMALL).middle.numpy() * FULL_HD - 0.5
    np.testing.assert_allclose(middle, [[249.5, 249.5], [269.5, 599.5], [1844.5, 69.5]], atol=0.5)


def test_people_left_and_right_of_the_middle_have_mirrored_positions() -> None:
    head = Recorded(network())
    rows_of(head, [[99.5, 49.5, 399.5, 449.5], [1919 - 399.5, 49.5, 1919 - 99.5, 449.5]])
    left, right = head.given.position
    torch.testing.assert_close(left * torch.tensor([-1.0, 1.0, 1.0]), right)
    assert left[0] < 0 < right[0]
    assert left[1] < 0


def test_positions_are_those_of_a_camera_of_default_focal_length() -> None:
    head = Recorded(network())
    for size_px in (FULL_HD, (1080, 1920), (640, 480)):
        rows_of(head, REGIONS, size_px)
        camera = intrinsics(width_px=size_px[0], height_px=size_px[1])
        pixels = torch.tensor([[249.5, 249.5], [269.5, 599.5], [1844.5, 69.5]], dtype=torch.float64)
        rays = camera.rays(pixels)[..., :2]
        torch.testing.assert_close(head.given.position[:, :2], rays.float(), atol=1e-5, rtol=0)
        heights = torch.tensor([400.0, 800.0, 120.0]) / camera.focal_px[1]
        torch.testing.assert_close(head.given.position[:, 2], heights.log())


def test_a_crop_as_large_as_the_image_lies_on_the_optical_axis() -> None:
    head = Recorded(network())
    rows_of(head, [[-0.5, -0.5, 1919.5, 1079.5]])
    assert (head.given.position[0, :2] == 0).all()


def test_keypoints_are_shares_of_the_crop_from_edge_to_edge() -> None:
    head = Recorded(network())
    points = torch.tensor([[-0.5, -0.5], [191.5, 255.5], [95.5, 127.5]]).repeat(9, 1)[:26]
    confidence = torch.linspace(0, 1, 26)
    (person,) = people_at(REGIONS[:1])
    head([replace(person, points=points, confidence=confidence)])
    torch.testing.assert_close(head.given.keypoints[0, :3], torch.tensor([[0.0, 0.0], [1.0, 1.0], [0.5, 0.5]]))
    assert torch.equal(head.given.confidence[0], confidence)


@pytest.mark.parametrize("bfloat16", [False, True])
def test_a_persons_output_does_not_depend_on_the_others_nor_on_the_place_in_the_batch(bfloat16: bool) -> None:
    head = MqhmrHead.load(bfloat16=bfloat16)
    people = people_at(REGIONS * 13)  # three batches, the last with blanks
    together = head(people)
    for first in (0, 1, 7, 15, 16, 30, 38):
        np.testing.assert_array_equal(head(people[first : first + 1])[0], together[first])
        np.testing.assert_array_equal(head(people[first : first + 20]), together[first : first + 20])


def test_a_crop_whose_mirror_image_the_network_was_given_has_the_mirrored_output() -> None:
    drawn = network()
    head, regions = MqhmrHead(drawn), np.array(REGIONS)
    left, right = 1919 - regions[:, 2], 1919 - regions[:, 0]
    mirrored_regions = np.stack([left, regions[:, 1], right, regions[:, 3]], axis=1)
    mesh = unpacked(head(people_at(REGIONS)), SMALL)
    mirrored = np.array([True, False, True])  # each on its own
    both = np.where(mirrored[:, None], mirrored_regions, regions).tolist()
    image = unpacked(head(people_at(both, mirrored=tuple(mirrored.tolist()))), SMALL)
    torch.testing.assert_close(image.tokens[1], mesh.tokens[1])
    (R, sd), (image_R, image_sd) = drawn.head(mesh.tokens[::2]), drawn.head(image.tokens[::2])
    torch.testing.assert_close(mirrored_local_rotations(image_R), R, atol=5e-3, rtol=0)
    torch.testing.assert_close(image_sd[:, list(MIRRORED)], sd, rtol=1e-2, atol=0)
    torch.testing.assert_close(image.shape, mesh.shape)


def test_products_of_bfloat16_turn_segments_by_under_half_a_degree_in_the_median_even_of_noise() -> None:
    people, decoder = people_at(REGIONS * 5), load_mqhmr()
    exact, near = (
        decoder.head(unpacked(MqhmrHead(decoder, bfloat16=flag)(people), decoder.shape).tokens)[0]
        for flag in (False, True)
    )
    chord = torch.linalg.matrix_norm(exact - near) / 8**0.5
    assert torch.rad2deg(2 * torch.arcsin(chord)).median() < 0.5


def test_of_a_turned_crop_the_pelvis_is_turned_back_and_the_pose_is_the_same() -> None:
    drawn, turn_rad = network(), 2.0
    head = Recorded(drawn)
    on_axis, beside = people_at([[859.5, 389.5, 1059.5, 689.5], [1399.5, 389.5, 1599.5, 689.5]])
    upright = drawn.head(unpacked(head([on_axis]), SMALL).tokens)[0]
    turned = drawn.head(unpacked(head([replace(on_axis, turn_rad=turn_rad), beside]), SMALL).tokens)[0]
    cos, sin = np.cos(turn_rad), np.sin(turn_rad)
    roll = torch.tensor([[cos, -sin, 0.0], [sin, cos, 0.0], [0.0, 0.0, 1.0]], dtype=torch.float32)
    torch.testing.assert_close(turned[0, 0], roll @ upright[0, 0], atol=5e-3, rtol=0)
    torch.testing.assert_close(turned[0, 1:], upright[0, 1:], atol=5e-3, rtol=0)
    straight = drawn.head(unpacked(head([on_axis, beside]), SMALL).tokens)[0]
    assert torch.equal(turned[1], straight[1])


def test_a_turned_crop_lies_where_a_rolled_camera_sees_it() -> None:
    head = Recorded(network())
    (person,) = people_at(REGIONS[:1])
    head([person])
    x, y, height = head.given.position[0].tolist()
    head([replace(person, turn_rad=np.pi / 2)])
    torch.testing.assert_close(head.given.position[0], torch.tensor([y, -x, height]))


def test_nobody_is_no_rows() -> None:
    head = MqhmrHead(network())
    rows = rows_of(head, [])
    assert (rows.shape, rows.dtype) == ((0, head.width), np.float16)
    assert unpacked(rows, SMALL).tokens.shape == (0, 20, 24)


def test_frames_without_the_person_stay_unknown() -> None:
    rows = rows_of(MqhmrHead(network()), REGIONS)
    rows[1] = np.nan
    mesh = unpacked(rows, SMALL)
    for part in (mesh.tokens, mesh.shape, mesh.middle):
        known = part.isfinite().flatten(1)
        assert known[[0, 2]].all()
        assert not known[1].any()


def test_somebody_tiny_in_a_huge_image_has_a_finite_output() -> None:
    assert np.isfinite(rows_of(MqhmrHead(network()), [[10.5, 10.5, 11.5, 11.5]], (60_000, 40_000))).all()


def test_a_network_in_training_mode_gives_the_same_twice_and_leaves_torch_its_threads() -> None:
    head = MqhmrHead(network().train())
    threads = torch.get_num_threads()
    np.testing.assert_array_equal(rows_of(head, REGIONS), rows_of(head, REGIONS))
    assert torch.get_num_threads() == threads


@pytest.mark.parametrize("mirrored", [False, True])
def test_the_output_does_not_depend_on_the_number_of_torchs_threads(mirrored: bool) -> None:
    rows = []
    for threads in (1, 2):
        with torch_threads(threads):
            rows.append(MqhmrHead.load()(people_at(REGIONS, mirrored=(mirrored,) * 3)))
    np.testing.assert_array_equal(*rows)


def test_rows_of_another_network_are_refused() -> None:
    with pytest.raises(ValueError, match=r"makes \(T, 492\)"):
        unpacked(np.zeros((3, 491), np.float16), SMALL)
    with pytest.raises(ValueError, match=r"shape \(492,\)"):
        unpacked(np.zeros(492, np.float16), SMALL)


def test_a_network_is_loaded_from_its_file(tmp_path) -> None:
    save_mqhmr(tmp_path / "mqhmr.safetensors", network())
    loaded = MqhmrHead.load(tmp_path / "mqhmr.safetensors")
    halves = network()
    for parameter in halves.parameters():
        parameter.data = parameter.data.half().float()  # as it is kept
    np.testing.assert_array_equal(rows_of(loaded, REGIONS), rows_of(MqhmrHead(halves), REGIONS))
    with pytest.raises(ModelError, match="absent"):
        MqhmrHead.load(tmp_path / "absent.safetensors")


@needs_networks
def test_the_head_is_given_the_maps_of_real_people_or_of_their_mirror_images() -> None:
    frames = frames_of_two_people()[:1]
    boxes = [each.boxes_px[each.scores > 0.5] for each in PersonDetector.load(threads=1).detect(frames)]
    keypoints = KeypointNetwork.load(head=MqhmrHead(network()))
    plain, image = (keypoints.locate(frames, boxes, mirrored=[mirrored])[0].features for mirrored in (False, True))
    assert np.isfinite(keypoints.tokens([*plain, *image])).all()
    for person, in_mirror in zip(plain, image, strict=True):
        assert (person.mirrored, in_mirror.mirrored) == (False, True)
        assert (person.points - in_mirror.points).norm(dim=-1).median() > 3  # of another image
        assert [map_.shape for map_ in person.maps] == [(256, 16, 12), (512, 8, 6)]
        both_confident = torch.minimum(person.confidence, in_mirror.confidence[list(MIRRORED)]) > 0.6
        assert both_confident.any()
        off = person.points - mirrored_points(in_mirror.points[None])[0]
        assert off.norm(dim=-1)[both_confident].median() < 2.0
