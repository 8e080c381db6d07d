"""Keypoints of real people: both backends, laws of geometry, boxes with nothing in them, and heads on the maps."""

from functools import cache

import numpy as np
import pytest
import torch

from biopose.body.keypoint_names import KEYPOINTS, MIRRORED
from biopose.hmr.feature_head import MqhmrHead
from biopose.perception.backends import Backend
from biopose.perception.detector import PersonDetector
from biopose.perception.keypoint_network import KeypointNetwork, Keypoints
from biopose.perception.pose_backends import TorchPose
from tests.perception.real_people import frames_of_two_people, needs_networks

pytestmark = needs_networks


@pytest.fixture(scope="module")
def network() -> KeypointNetwork:
    return KeypointNetwork.load(threads=1)


@pytest.fixture(scope="module")
def in_torch() -> KeypointNetwork:
    return KeypointNetwork.load(backend="torch", batch_size=4)  # it passes over whole batches


@cache
def boxes() -> tuple[np.ndarray, ...]:
    """Of the two people in each frame."""
    found = PersonDetector.load(threads=1).detect(frames_of_two_people())
    return tuple(each.boxes_px[each.scores > 0.5] for each in found)


def scatter(a: Keypoints, b: Keypoints, *, confident: float = 0.6) -> float:
    """Median distance in pixels of keypoints that both are confident of."""
    observed = np.minimum(a.confidence, b.confidence) > confident
    assert observed.mean() > 0.4
    return float(np.median(np.linalg.norm(a.positions_px - b.positions_px, axis=-1)[observed]))


def test_people_stand_upright_inside_their_boxes(network: KeypointNetwork) -> None:
    for found, box in zip(network.locate(frames_of_two_people(), boxes()), boxes(), strict=True):
        assert found.positions_px.shape == (2, 26, 2)
        margin = 0.1 * (box[:, 3] - box[:, 1])[:, None, None]
        assert (found.positions_px > box[:, None, :2] - margin).all()
        assert (found.positions_px < box[:, None, 2:] + margin).all()
        head, hips, heel = (found.positions_px[:, KEYPOINTS.index(n), 1] for n in ("head_top", "mid_hip", "left_heel"))
        assert (head < hips).all()
        assert (hips < heel).all()
        assert ((found.confidence >= 0) & (found.confidence <= 1)).all()
        assert found.confidence.mean() > 0.5


def test_both_backends_find_the_same(network: KeypointNetwork, in_torch: KeypointNetwork) -> None:
    for a, b in zip(*(n.locate(frames_of_two_people(), boxes()) for n in (network, in_torch)), strict=True):
        assert np.allclose(a.positions_px, b.positions_px, rtol=0, atol=0.05)  # pixels, of 450
        assert np.allclose(a.confidence, b.confidence, rtol=0, atol=1e-4)


def test_a_batch_over_frames_finds_what_single_people_do(network: KeypointNetwork) -> None:
    for together, image, own in zip(
        network.locate(frames_of_two_people(), boxes()), frames_of_two_people(), boxes(), strict=True
    ):
        for person in range(2):
            (alone,) = network.locate([image], [own[person : person + 1]])
            assert np.allclose(together.positions_px[person], alone.positions_px[0], rtol=0, atol=0.01)


def test_a_shifted_image_has_shifted_keypoints(network: KeypointNetwork) -> None:
    frame, own = frames_of_two_people()[0], boxes()[0]
    shift = np.array([37, 11])
    cut = frame[shift[1] :, shift[0] :]
    (plain,), (moved,) = (network.locate([f], [b]) for f, b in ((frame, own), (cut, own - np.tile(shift, 2))))
    inside = own[:, 1] > 100  # the other's crop reaches over the cut edge
    back = moved.positions_px[inside] + shift
    assert np.allclose(plain.positions_px[inside], back, rtol=0, atol=1e-6)


def test_a_box_a_little_off_changes_little(network: KeypointNetwork) -> None:
    frame, own = frames_of_two_people()[0], boxes()[0]
    (plain,), (moved,) = (network.locate([frame], [b]) for b in (own, own + np.array([7.3, -4.1, 6.2, 5.7])))
    assert scatter(plain, moved) < 0.008 * 450


def test_an_image_of_half_the_size_has_keypoints_at_half_the_position(network: KeypointNetwork) -> None:
    frame, own = frames_of_two_people()[0], boxes()[0]
    half = np.ascontiguousarray(frame.reshape(497, 2, 884, 2, 3).mean(axis=(1, 3)).astype(np.uint8))
    (plain,), (small,) = (network.locate([f], [b]) for f, b in ((frame, own), (half, (own + 0.5) / 2 - 0.5)))
    doubled = Keypoints((small.positions_px + 0.5) * 2 - 0.5, small.confidence)
    assert scatter(plain, doubled) < 0.008 * 450


def test_a_mirrored_image_has_mirrored_keypoints_of_the_other_side(network: KeypointNetwork) -> None:
    frame, own = frames_of_two_people()[0], boxes()[0]
    mirrored_boxes = np.stack([1767 - own[:, 2], own[:, 1], 1767 - own[:, 0], own[:, 3]], axis=1)
    (plain,), (found,) = network.locate([frame], [own]), network.locate([frame[:, ::-1]], [mirrored_boxes])
    swapped = Keypoints(found.positions_px[:, MIRRORED] * [-1, 1] + [1767, 0], found.confidence[:, MIRRORED])
    assert scatter(plain, swapped) < 0.01 * 450
    observed = np.minimum(plain.confidence, swapped.confidence) > 0.6
    assert abs(np.median((plain.positions_px - swapped.positions_px)[..., 0][observed])) < 0.5  # no side is preferred


def test_boxes_with_nothing_in_them_give_no_keypoints(network: KeypointNetwork) -> None:
    nothing = [[100, 100, 100, 300], [np.nan] * 4, [-90, 10, -10, 90], [300, 100, 200, 50]]
    (found,) = network.locate([frames_of_two_people()[0]], [np.array([nothing[0], boxes()[0][0], *nothing[1:]])])
    assert np.isnan(found.positions_px[[0, 2, 3, 4]]).all()
    assert (found.confidence[[0, 2, 3, 4]] == 0).all()
    (alone,) = network.locate([frames_of_two_people()[0]], [boxes()[0][:1]])
    assert np.allclose(found.positions_px[1], alone.positions_px[0], rtol=0, atol=0.01)


@pytest.mark.parametrize("box", [[10, 10, 11.5, 12], [-300, -300, 3000, 3000], [1700, 900, 1900, 1300], [0, 0, 1, 993]])
def test_tiny_huge_and_half_visible_boxes_are_taken(network: KeypointNetwork, box: list[float]) -> None:
    (found,) = network.locate([frames_of_two_people()[0]], [np.array([box])])
    assert np.isfinite(found.positions_px).all()


@pytest.mark.parametrize("backend", ["onnxruntime", "torch"])
def test_images_of_nobody_give_empty_arrays(network: KeypointNetwork, in_torch: KeypointNetwork, backend: str) -> None:
    used = network if backend == "onnxruntime" else in_torch
    images = [np.zeros((5, 7, 3), np.uint8), np.zeros((9, 3, 3), np.uint8)]
    assert [len(found) for found in used.locate(images, [np.zeros((0, 4))] * 2)] == [0, 0]
    assert used.locate([], []) == []


def test_images_and_boxes_that_do_not_match_are_refused(network: KeypointNetwork) -> None:
    with pytest.raises(ValueError, match="1 images, but boxes for 2 and mirroring for 1"):
        network.locate([frames_of_two_people()[0]], [np.zeros((0, 4))] * 2)


class Head:
    """Tokens are the middle of the crop, as it would be in an image 1,000 pixels wide."""

    width = 2
    levels = (0, 1, 2, 3)
    batch_size = 2

    def __call__(self, people):
        rows = [(p.region_px[:2] + p.region_px[2:]) / 2 / p.size_px[0] * 1000 for p in people]
        return np.array(rows, dtype=np.float16).reshape(-1, 2)


def middles(boxes_px: np.ndarray, *, width_px: int = 1768) -> np.ndarray:
    return (boxes_px[:, :2] + boxes_px[:, 2:]) / 2 / width_px * 1000


@pytest.mark.parametrize("backend", ["onnxruntime", "torch"])
def test_features_are_the_maps_the_keypoints_and_the_place_of_each_crop(network: KeypointNetwork, backend: str) -> None:
    frames, own = frames_of_two_people()[:2], [boxes()[0], boxes()[1][:1]]
    without, used = network.locate(frames, own), KeypointNetwork.load(backend=backend, head=Head(), batch_size=4)
    for plain, found, rows in zip(without, used.locate(frames, own), own, strict=True):
        assert [person.maps for person in plain.features if person] == [()] * len(rows)  # no head reads them
        assert np.allclose(plain.positions_px, found.positions_px, rtol=0, atol=0.05)
        for i, person in enumerate(found.features):
            assert [tuple(level.shape) for level in person.maps] == [
                (64, 64, 48),
                (128, 32, 24),
                (256, 16, 12),
                (512, 8, 6),
            ]
            assert person.size_px.tolist() == [1768, 994]
            assert np.allclose(
                (person.region_px[:2] + person.region_px[2:]) / 2, middles(rows, width_px=1000)[i], atol=1
            )
            scale = (person.region_px[2:] - person.region_px[:2]) / [192, 256]
            in_image = person.region_px[:2] + (person.points.numpy() + 0.5) * scale
            assert np.allclose(in_image, found.positions_px[i], rtol=0, atol=1e-3)
            assert np.array_equal(person.confidence.numpy(), found.confidence[i])
        assert np.allclose(used.tokens(found.features), middles(rows), atol=2.0)


def test_bfloat16_moves_confident_keypoints_by_a_third_of_a_crops_pixel_in_the_median(network: KeypointNetwork) -> None:
    near = KeypointNetwork.load(backend="bfloat16")
    pixel = 450 * 1.25 / 256
    for a, b in zip(*(n.locate(frames_of_two_people(), boxes()) for n in (network, near)), strict=True):
        assert scatter(a, b) < pixel / 3
        assert np.abs(a.confidence - b.confidence).mean() < 0.02


def test_both_backends_give_the_same_maps() -> None:
    people = [
        KeypointNetwork.load(backend=backend, head=Head(), batch_size=4)
        .locate(frames_of_two_people()[:1], boxes()[:1])[0]
        .features
        for backend in ("onnxruntime", "torch")
    ]
    for ours, torchs in zip(*people, strict=True):
        for a, b in zip(ours.maps, torchs.maps, strict=True):
            assert torch.allclose(a, b, rtol=0, atol=1e-3)


@pytest.mark.parametrize("backend", ["onnxruntime", "torch"])
def test_maps_that_a_head_does_not_read_are_not_kept(backend: str) -> None:
    head = Head()
    head.levels = (3,)
    network = KeypointNetwork.load(backend=backend, head=head, batch_size=4)
    (found,) = network.locate(frames_of_two_people()[:1], boxes()[:1])
    assert [tuple(map_.shape for map_ in person.maps) for person in found.features] == [((512, 8, 6),)] * 2


@pytest.mark.parametrize("threads", [1, 2])
def test_torch_passes_over_the_crops_with_the_number_of_threads_that_it_is_given(threads: int) -> None:
    used = []

    network = TorchPose(threads=threads)
    network._network.register_forward_hook(lambda *_: used.append(torch.get_num_threads()))
    before = torch.get_num_threads()
    KeypointNetwork(network, head=Head(), batch_size=2).locate(frames_of_two_people()[:1], boxes()[:1])
    assert used == [threads]
    assert torch.get_num_threads() == before


def test_a_mirror_image_run_mirrored_has_the_mirrored_keypoints(network: KeypointNetwork) -> None:
    """A frame, and its mirror image of which the network is given the mirror image, are one image."""
    frame, own = frames_of_two_people()[0], boxes()[0]
    mirrored_boxes = np.stack([1767 - own[:, 2], own[:, 1], 1767 - own[:, 0], own[:, 3]], axis=1)
    (plain,) = network.locate([frame], [own])
    (found,) = network.locate([frame[:, ::-1]], [mirrored_boxes], mirrored=[True])
    assert np.allclose(found.positions_px[:, MIRRORED] * [-1, 1] + [1767, 0], plain.positions_px, rtol=0, atol=0.01)
    assert np.allclose(found.confidence[:, MIRRORED], plain.confidence, rtol=0, atol=1e-4)


def test_each_image_of_a_batch_is_mirrored_or_not(network: KeypointNetwork) -> None:
    frames, own = frames_of_two_people()[:2], boxes()[:2]
    mixed = network.locate(frames, own, mirrored=[True, False])
    (alone,), plain = network.locate(frames[:1], own[:1], mirrored=[True]), network.locate(frames, own)
    assert np.array_equal(mixed[0].positions_px, alone.positions_px)
    assert np.array_equal(mixed[1].positions_px, plain[1].positions_px)
    assert 0 < scatter(mixed[0], plain[0]) < 0.01 * 450


@pytest.mark.parametrize("batch_size", [1, 3, 16])
def test_features_belong_to_their_boxes_whatever_the_batches(batch_size: int) -> None:
    small = np.ascontiguousarray(frames_of_two_people()[1][::2, ::2])
    frames = [frames_of_two_people()[0], small, frames_of_two_people()[2], small]
    nothing = np.full((1, 4), np.nan)
    own = [np.vstack([nothing, boxes()[0], boxes()[0]]), boxes()[1] / 2, np.vstack([boxes()[2], nothing]), nothing]
    network = KeypointNetwork.load(head=Head(), batch_size=batch_size)
    for each, rows, width_px in zip(network.locate(frames, own), own, (1768, 884, 1768, 884), strict=True):
        usable = np.isfinite(rows).all(1)
        assert [person is not None for person in each.features] == usable.tolist()
        tokens = network.tokens([person for person in each.features if person is not None])
        assert np.allclose(tokens, middles(rows[usable], width_px=width_px), atol=2.0)


@pytest.mark.parametrize("backend", ["onnxruntime", "torch", "bfloat16"])
def test_a_persons_keypoints_and_tokens_do_not_depend_on_who_else_is_in_the_batch(backend) -> None:
    network = KeypointNetwork.load(backend=backend, head=MqhmrHead.load(), threads=1, batch_size=4)
    frames, own = frames_of_two_people(), boxes()
    together = network.locate([*frames, *frames], [*own, *own])
    for count in (1, 2, len(frames)):
        for few, all_ in zip(network.locate(frames[-count:], own[-count:]), together[-count:], strict=True):
            assert np.array_equal(few.positions_px, all_.positions_px)
            assert np.array_equal(few.confidence, all_.confidence)
            assert np.array_equal(network.tokens(few.features), network.tokens(all_.features))


@pytest.mark.parametrize("backend", ["onnxruntime", "bfloat16"])
def test_keypoints_and_tokens_do_not_depend_on_the_number_of_threads(backend: Backend) -> None:
    frames, own = frames_of_two_people() * 2, boxes() * 2
    head = MqhmrHead.load()
    one, three = (KeypointNetwork.load(backend=backend, head=head, threads=n, batch_size=2) for n in (1, 3))
    found, same = one.locate(frames, own), three.locate(frames, own)
    for a, b in zip(found, same, strict=True):
        assert np.array_equal(a.positions_px, b.positions_px)
        assert np.array_equal(a.confidence, b.confidence)
    everybody = ([person for each in some for person in each.features] * 3 for some in (found, same))
    a, b = (network.tokens(people) for network, people in zip((one, three), everybody, strict=True))
    assert len(a) == 36  # more than two batches
    assert np.array_equal(a, b)


def test_people_of_one_image_are_found_in_a_batch_of_their_own(in_torch: KeypointNetwork) -> None:
    frame, own = frames_of_two_people()[0], boxes()[0]
    (among_others,), alone = in_torch.locate([frame], [own]), in_torch.locate_in(frame, own)
    assert np.allclose(among_others.positions_px, alone.positions_px, rtol=0, atol=0.05)
    assert np.allclose(among_others.confidence, alone.confidence, rtol=0, atol=1e-4)


def test_images_without_people_have_no_features_and_nobody_no_tokens() -> None:
    network = KeypointNetwork.load(backend="torch", head=Head(), batch_size=4)
    nobody, nothing = network.locate([np.zeros((5, 7, 3), np.uint8)] * 2, [np.zeros((0, 4)), np.full((1, 4), np.nan)])
    assert nobody.features == ()
    assert nothing.features == (None,)
    assert network.tokens([]).shape == (0, 2)
    assert network.locate([], []) == []


def test_without_a_head_there_are_no_tokens(network: KeypointNetwork) -> None:
    with pytest.raises(ValueError, match="this network has none"):
        network.tokens([])
