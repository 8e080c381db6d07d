"""YOLOX in torch against the published file in onnxruntime, and one box a person."""

import numpy as np
import torch

from biopose.perception.detector import letterboxed
from biopose.perception.onnx_session import OnnxSession, weights_path
from biopose.perception.published_networks import DETECTOR_WEIGHTS
from biopose.perception.yolox import YoloxDetector, YoloxTiny, one_a_person
from biopose.skeleton.threads import one_torch_thread
from tests.perception.real_people import frames_of_two_people, needs_networks


def square(letterbox: torch.Tensor) -> torch.Tensor:
    """As the published file takes it."""
    return torch.nn.functional.pad(letterbox, (0, 0, 0, 416 - letterbox.shape[1]), value=114.0)


@needs_networks
def test_boxes_are_those_of_onnxruntime_down_to_the_faintest() -> None:
    images = torch.stack([square(letterboxed(frame)) for frame in frames_of_two_people()])
    published = OnnxSession(weights_path(DETECTOR_WEIGHTS))
    for image, ours in zip(
        images, YoloxDetector.load(weights_path(DETECTOR_WEIGHTS), device="cpu")(images), strict=True
    ):
        boxes, labels = published(image[None].numpy())
        theirs = boxes[0][(labels[0] == 0) & (boxes[0][:, 4] > 0)]
        assert ours.shape == theirs.shape
        assert np.abs(ours - theirs).max() < 1e-3


@needs_networks
def test_the_rectangle_about_an_image_has_the_boxes_of_the_square() -> None:
    detector = YoloxDetector.load(weights_path(DETECTOR_WEIGHTS), device="cpu")
    for frame in frames_of_two_people():
        letterbox = letterboxed(frame)
        assert letterbox.shape == (3, 256, 416)
        (wide,), (whole,) = detector(letterbox[None]), detector(square(letterbox)[None])
        assert np.abs(wide[:2] - whole[:2]).max() < 5.0  # of 110 pixels


@needs_networks
def test_a_pass_in_one_call_gives_what_its_layers_do_to_the_bit_whatever_the_size() -> None:
    detector = YoloxDetector.load(weights_path(DETECTOR_WEIGHTS), device="cpu", threads=1, bfloat16=True)
    letterbox = letterboxed(frames_of_two_people()[0])
    for images in (letterbox[None], square(letterbox)[None]):
        with torch.inference_mode(), one_torch_thread():
            layers = detector.network(images.to(memory_format=torch.channels_last))[0].numpy()
        assert np.array_equal(detector(images)[0], one_a_person(layers))


def test_any_size_divisible_by_32_and_any_batch() -> None:
    boxes = YoloxTiny()(torch.zeros(2, 3, 64, 96))
    assert boxes.shape == (2, 8 * 12 + 4 * 6 + 2 * 3, 5)


def test_of_boxes_that_overlap_the_best_stays() -> None:
    boxes = np.array(
        [[0, 0, 10, 10, 0.5], [1, 0, 11, 10, 0.9], [0, 5, 10, 15, 0.4], [50, 50, 60, 60, 0.8], [0, 0, 1, 1, 0.001]],
        np.float32,
    )
    assert np.allclose(one_a_person(boxes)[:, 4], [0.9, 0.8, 0.4])
    assert one_a_person(boxes[:0]).shape == (0, 5)
