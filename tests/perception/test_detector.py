"""People in pictures: both backends, the pixels' convention, and pictures that hold nobody."""

from pathlib import Path

import numpy as np
import pytest

from biopose.errors import ModelError
from biopose.perception.backends import Backend
from biopose.perception.detector import PersonBoxes, PersonDetector, letterboxed
from tests.perception.real_people import frames_of_two_people, needs_networks


@pytest.fixture(scope="module", params=["onnxruntime", "torch", "bfloat16"])
def detector(request: pytest.FixtureRequest) -> PersonDetector:
    return PersonDetector.load(backend=request.param, threads=1)


def confident(found: PersonBoxes) -> np.ndarray:
    return found.boxes_px[found.scores > 0.5]


@needs_networks
def test_finds_the_two_people_of_each_frame(detector: PersonDetector) -> None:
    for found in detector.detect(frames_of_two_people()):
        boxes = confident(found)
        assert len(boxes) == 2
        assert (boxes[:, 3] - boxes[:, 1] > 380).all()  # they are about 450 pixels tall
        assert (np.diff(found.scores) <= 0).all()


@needs_networks
def test_both_backends_find_the_same() -> None:
    both = [PersonDetector.load(backend=b, threads=1).detect(frames_of_two_people()) for b in ("onnxruntime", "torch")]
    for ours, theirs in zip(*both, strict=True):
        assert np.allclose(ours.boxes_px, theirs.boxes_px, rtol=0, atol=1e-3)
        assert np.allclose(ours.scores, theirs.scores, rtol=0, atol=1e-5)


@needs_networks
def test_bfloat16_moves_the_edges_of_confident_boxes_by_less_than_a_hundredth_of_their_size() -> None:
    both = [PersonDetector.load(backend=b).detect(frames_of_two_people()) for b in ("onnxruntime", "bfloat16")]
    for exact, near in zip(*both, strict=True):
        height = np.diff(confident(exact)[:, 1::2]).max()
        assert np.abs(confident(exact) - confident(near)).max() < 0.01 * height
        assert np.allclose(exact.scores[:2], near.scores[:2], rtol=0, atol=0.01)


@needs_networks
def test_a_batch_finds_what_single_images_do(detector: PersonDetector) -> None:
    first, second, _ = frames_of_two_people()
    pictures = [first, second[100:, 300:1500], first[::2, ::2]]  # of three sizes, two of them views into others
    for together, image in zip(detector.detect(pictures), pictures, strict=True):
        (alone,) = detector.detect([image])
        assert np.allclose(together.boxes_px, alone.boxes_px, rtol=0, atol=1e-3)


@needs_networks
def test_boxes_do_not_depend_on_the_number_of_threads() -> None:
    frames = [*frames_of_two_people(), frames_of_two_people()[0][:, :700]]
    one, three = (PersonDetector.load(threads=n).detect(frames) for n in (1, 3))
    for a, b in zip(one, three, strict=True):
        assert np.array_equal(a.boxes_px, b.boxes_px)
        assert np.array_equal(a.scores, b.scores)


@needs_networks
def test_people_in_a_mirrored_image_have_mirrored_boxes(detector: PersonDetector) -> None:
    frame = frames_of_two_people()[0]
    plain, mirrored = (confident(found) for found in detector.detect([frame, frame[:, ::-1]]))
    back = np.stack([1767 - mirrored[:, 2], mirrored[:, 1], 1767 - mirrored[:, 0], mirrored[:, 3]], axis=1)
    assert np.abs(np.sort(plain, axis=0) - np.sort(back, axis=0)).max() < 25  # of 450: the network's own asymmetry


@needs_networks
def test_boxes_stay_inside_the_image(detector: PersonDetector) -> None:
    (found,) = detector.detect([frames_of_two_people()[0][:, 1450:]])  # the walker is cut in two
    assert len(found)
    assert (found.boxes_px >= -0.5).all()
    assert (found.boxes_px <= np.array([318, 994, 318, 994]) - 0.5).all()


@needs_networks
@pytest.mark.parametrize("size", [(480, 640), (1, 1), (3, 1001), (719, 405)])
def test_nobody_is_found_where_nobody_is(detector: PersonDetector, size: tuple[int, int]) -> None:
    (found,) = detector.detect([np.full((*size, 3), 90, np.uint8)])
    assert found.boxes_px.shape == (0, 4)
    assert found.scores.shape == (0,)


@needs_networks
def test_no_images_no_detections(detector: PersonDetector) -> None:
    assert detector.detect([]) == []


@needs_networks
@pytest.mark.parametrize(
    "image", [np.zeros((10, 10), np.uint8), np.zeros((10, 10, 3), np.float32), np.zeros((0, 10, 3), np.uint8)]
)
def test_what_is_no_image_is_refused(detector: PersonDetector, image: np.ndarray) -> None:
    with pytest.raises(ValueError, match="expected uint8"):
        detector.detect([image])


def test_a_letterbox_keeps_the_corner_and_pads_with_grey() -> None:
    image = np.zeros((200, 100, 3), np.uint8)
    image[..., 0] = 200  # red
    box = letterboxed(image)
    assert box.shape == (3, 416, 224)
    assert box[:, :, :208].amax(dim=(1, 2)).tolist() == [0, 0, 200]  # blue, green, red
    assert (box[:, :, 208:] == 114).all()


@needs_networks
@pytest.mark.parametrize("content", [b"not a graph", b""])
def test_weights_of_another_network_are_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "other.onnx"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=r"other\.onnx.*biopose assets pull"):
        PersonDetector.load(weights=path)


def test_the_error_for_missing_weights_names_the_command(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    monkeypatch.setenv("BIOPOSE_ASSETS", str(tmp_path))
    with pytest.raises(ModelError, match="biopose assets pull"):
        PersonDetector.load()


@pytest.mark.parametrize("backend", ["onnxruntime", "bfloat16"])
def test_backends_of_the_cpu_are_refused_a_gpu(backend: Backend) -> None:
    with pytest.raises(ValueError, match="choose the backend torch"):
        PersonDetector.load(backend=backend, device="cuda")


def test_an_unknown_backend_is_refused() -> None:
    with pytest.raises(ValueError, match="'tensorflow'; there are onnxruntime, torch, bfloat16"):
        PersonDetector.load(backend="tensorflow")  # type: ignore[arg-type]
