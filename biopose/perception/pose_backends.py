"""RTMPose-s as onnxruntime and as torch run it: from normalised crops to scores."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from biopose.body.keypoint_names import KEYPOINTS
from biopose.errors import ModelError
from biopose.perception.backends import is_cpu
from biopose.perception.crops import HEIGHT_PX, WIDTH_PX
from biopose.perception.csp_layers import in_one_call, on_device, with_packed_convolutions
from biopose.perception.cspnext import MAP_CHANNELS, MAP_STRIDES, RtmPose
from biopose.perception.onnx_session import OnnxSession, weights_path
from biopose.perception.published_networks import KEYPOINT_WEIGHTS
from biopose.perception.simcc import X_BINS, Y_BINS, PoseOutput
from biopose.skeleton.threads import torch_threads

MAP_TENSORS = ("300", "347", "394", "439")  # of the published graph: what each of the backbone's four stages ends in


class OnnxPose:
    """The published graph on the CPU.

    Args:
        weights: an .onnx file; None takes the asset.
        levels: of the backbone's four feature maps, those to give, too.

    Raises:
        ModelError: the weights are missing, onnxruntime cannot read them, or they are of another graph.
    """

    def __init__(self, weights: Path | None = None, *, levels: Sequence[int] = ()) -> None:
        self._levels = tuple(levels)
        also = [MAP_TENSORS[level] for level in levels]
        self._session = OnnxSession(weights or weights_path(KEYPOINT_WEIGHTS), also=also)

    def __call__(self, crops: Tensor) -> PoseOutput:
        """Normalised crops (N, 3, 256, 192) -> scores, and the maps of the levels; the others' are empty.

        Raises:
            ModelError: the graph's tensors of these names are no such maps.
        """
        if not len(crops):  # the published graph cannot do this
            x_scores, y_scores = (crops.new_zeros(0, len(KEYPOINTS), bins) for bins in (X_BINS, Y_BINS))
            return PoseOutput(x_scores, y_scores, tuple(_empty(crops, level) for level in range(len(MAP_TENSORS))))
        x_scores, y_scores, *given = map(torch.from_numpy, self._session(crops.numpy()))
        of_level = dict(zip(self._levels, given, strict=True))
        for level, map_ in of_level.items():
            expected = _empty(crops[:0], level).shape[1:]
            if map_.shape[1:] != expected:
                raise ModelError(
                    f"tensor {MAP_TENSORS[level]} of the keypoint network's graph is {tuple(map_.shape[1:])}; expected "
                    f"{tuple(expected)}, the feature map of stage {level + 1}: these weights are of another export"
                )
        maps = tuple(of_level.get(level, _empty(crops[:0], level)) for level in range(len(MAP_TENSORS)))
        return PoseOutput(x_scores, y_scores, maps)


def _empty(nobody: Tensor, level: int) -> Tensor:
    """The map of no crops at one of the backbone's levels."""
    rows, columns = (size // MAP_STRIDES[level] for size in nobody.shape[-2:])
    return nobody.new_zeros(0, MAP_CHANNELS[level], rows, columns)


class TorchPose:
    """The same network in torch, with feature maps.

    Args:
        weights: an .onnx file; None takes the asset.
        device: of torch.
        threads: that share one pass on the CPU; None leaves torch its own number.
        bfloat16: whether the backbone computes in bfloat16.

    Raises:
        ModelError: the weights are missing or not the ones expected.
    """

    def __init__(
        self,
        weights: Path | None = None,
        *,
        device: str | torch.device = "cpu",
        threads: int | None = None,
        bfloat16: bool = False,
    ) -> None:
        self._network = on_device(RtmPose.load(weights or weights_path(KEYPOINT_WEIGHTS)), device)
        if bfloat16:
            self._network.in_bfloat16()
        self._network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._device, self._threads = device, threads
        self._pass: Callable[[Tensor], PoseOutput] = self._network
        if bfloat16 and is_cpu(device):
            with_packed_convolutions(self._network)
            one_crop = torch.zeros(1, 3, HEIGHT_PX, WIDTH_PX).to(memory_format=torch.channels_last)
            with torch_threads(threads):
                in_tensors = in_one_call(_InTensors(self._network), one_crop)
            self._pass = lambda crops: _pose_output(*in_tensors(crops))

    @torch.no_grad()  # not inference_mode: layers that learn may follow the features
    def __call__(self, crops: Tensor) -> PoseOutput:
        """Normalised crops (N, 3, 256, 192) -> scores and feature maps, on the device."""
        with torch_threads(self._threads):
            return self._pass(crops.to(device=self._device, memory_format=torch.channels_last))


class _InTensors(nn.Module):
    """The network with its output as tensors alone."""

    def __init__(self, network: RtmPose) -> None:
        super().__init__()
        self.network = network

    def forward(self, crops: Tensor) -> tuple[Tensor, ...]:
        """Normalised crops (N, 3, 256, 192) -> scores along x and y, maps."""
        output: PoseOutput = self.network(crops)
        return (output.x_scores, output.y_scores, *output.maps)


def _pose_output(x_scores: Tensor, y_scores: Tensor, *maps: Tensor) -> PoseOutput:
    return PoseOutput(x_scores, y_scores, maps)
