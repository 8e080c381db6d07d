"""RTMPose in torch against the published file in onnxruntime, its features and gradients."""

import numpy as np
import pytest
import torch

from biopose.perception.crops import cut_people, normalised
from biopose.perception.csp_layers import SpatialPyramid, with_packed_convolutions
from biopose.perception.cspnext import MAP_CHANNELS, MAP_STRIDES, CspNeXt, RtmPose
from biopose.perception.onnx_session import OnnxSession, weights_path
from biopose.perception.pose_backends import TorchPose
from biopose.perception.published_networks import KEYPOINT_WEIGHTS
from biopose.skeleton.threads import one_torch_thread
from tests.perception.real_people import frames_of_two_people, needs_networks


@pytest.fixture(scope="module")
def network() -> RtmPose:
    return RtmPose.load(weights_path(KEYPOINT_WEIGHTS))


@pytest.fixture(scope="module")
def crops() -> torch.Tensor:
    people = [np.array([[590.0, 20, 700, 540], [1440, 500, 1590, 980]])] * 3
    return normalised(cut_people(frames_of_two_people(), people).pixels)


@needs_networks
def test_scores_are_those_of_onnxruntime(network: RtmPose, crops: torch.Tensor) -> None:
    x_scores, y_scores = OnnxSession(weights_path(KEYPOINT_WEIGHTS))(crops.numpy())
    with torch.inference_mode():
        output = network(crops)
    assert np.abs(output.x_scores.numpy() - x_scores).max() < 1e-4
    assert np.abs(output.y_scores.numpy() - y_scores).max() < 1e-4


@needs_networks
def test_a_batch_gives_what_single_crops_do(network: RtmPose, crops: torch.Tensor) -> None:
    with torch.inference_mode():
        together, alone = network(crops), network(crops[1:2])
    assert torch.allclose(together.x_scores[1:2], alone.x_scores, atol=1e-4)
    assert all(torch.allclose(a[1:2], b, atol=1e-3) for a, b in zip(together.maps, alone.maps, strict=True))


@needs_networks
def test_packed_weights_give_the_same_scores_and_maps(crops: torch.Tensor) -> None:
    plain, packed = (RtmPose.load(weights_path(KEYPOINT_WEIGHTS)).in_bfloat16() for _ in range(2))
    for network in (plain, packed):
        network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    with_packed_convolutions(packed)
    assert not any(isinstance(module, torch.nn.Conv2d) for module in packed.modules())
    with torch.no_grad():
        for count in (1, len(crops)):
            some = crops[:count].to(memory_format=torch.channels_last)
            ours, theirs = packed(some), plain(some)
            parts = zip(
                (ours.x_scores, ours.y_scores, *ours.maps),
                (theirs.x_scores, theirs.y_scores, *theirs.maps),
                strict=True,
            )
            assert all(torch.allclose(a, b, rtol=2**-7, atol=2**-7) for a, b in parts)  # digits of bfloat16


@needs_networks
def test_a_pass_in_one_call_gives_what_its_layers_do_to_the_bit(crops: torch.Tensor) -> None:
    network = RtmPose.load(weights_path(KEYPOINT_WEIGHTS)).in_bfloat16()
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    with_packed_convolutions(network)
    in_one = TorchPose(threads=1, bfloat16=True)
    for count in (len(crops), 1):
        ours = in_one(crops[:count])
        with torch.no_grad(), one_torch_thread():
            layers = network(crops[:count].to(memory_format=torch.channels_last))
        assert torch.equal(ours.x_scores, layers.x_scores)
        assert torch.equal(ours.y_scores, layers.y_scores)
        assert all(map(torch.equal, ours.maps, layers.maps))


@pytest.mark.parametrize("size", [(256, 192), (64, 96), (32, 32)])
def test_features_of_any_size_divisible_by_32(size: tuple[int, int]) -> None:
    maps = CspNeXt()(torch.zeros(2, 3, *size))
    expected = [(2, c, size[0] // s, size[1] // s) for c, s in zip(MAP_CHANNELS, MAP_STRIDES, strict=True)]
    assert [tuple(level.shape) for level in maps] == expected


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_pyramid_pools_over_windows_of_5_9_and_13(dtype: torch.dtype) -> None:
    pyramid = SpatialPyramid(4).to(dtype)
    image = torch.randn(2, 4, 16, 12, generator=torch.Generator().manual_seed(0)).to(dtype)
    first = pyramid.first(image)
    windows = [torch.nn.functional.max_pool2d(first, size, stride=1, padding=size // 2) for size in (5, 9, 13)]
    assert torch.equal(pyramid(image), pyramid.last(torch.cat([first, *windows], dim=1)))


def test_other_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match="divisible by 32"):
        CspNeXt()(torch.zeros(1, 3, 100, 96))


def test_keypoints_of_other_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match="256 by 192"):
        RtmPose()(torch.zeros(1, 3, 192, 256))


@needs_networks
def test_gradients_reach_the_image_and_every_weight(crops: torch.Tensor) -> None:
    network = RtmPose.load(weights_path(KEYPOINT_WEIGHTS))
    image = crops[:1].clone().requires_grad_()
    output = network(image)
    (output.x_scores.square().mean() + output.y_scores.square().mean()).backward()
    assert image.grad is not None
    assert image.grad.abs().max() > 0
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in network.parameters())
