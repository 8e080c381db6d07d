"""RTMPose-s as onnxruntime and as torch run it: from normalised crops to scores."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from biopose.body.keypoint_names import KEYPOINTS
from biopose.perception.csp_layers import full_precision
from biopose.perception.cspnext import RtmPose
from biopose.perception.onnx_session import OnnxSession, weights_path
from biopose.perception.simcc import X_BINS, Y_BINS, PoseOutput
from biopose.skeleton.threads import torch_threads

WEIGHTS = "rtmpose-s-halpe26.onnx"


class OnnxPose:
    """The published graph on the CPU, without feature maps.

    Args:
        weights: an .onnx file; None takes the asset.
        threads: that share one pass.

    Raises:
        ModelError: the weights are missing or onnxruntime cannot read them.
    """

    def __init__(self, weights: Path | None = None, *, threads: int) -> None:
        self._session = OnnxSession(weights or weights_path(WEIGHTS), threads=threads)

    def __call__(self, crops: Tensor) -> PoseOutput:
        """Normalised crops (N, 3, 256, 192) -> scores."""
        if not len(crops):  # the published graph cannot do this
            return PoseOutput(crops.new_zeros(0, len(KEYPOINTS), X_BINS), crops.new_zeros(0, len(KEYPOINTS), Y_BINS))
        x_scores, y_scores = self._session(crops.numpy())
        return PoseOutput(torch.from_numpy(x_scores), torch.from_numpy(y_scores))


class TorchPose:
    """The same network in torch, with feature maps.

    Args:
        weights: an .onnx file; None takes the asset.
        device: of torch.
        threads: that share one pass on the CPU; None leaves torch its own number.

    Raises:
        ModelError: the weights are missing or not the ones expected.
    """

    def __init__(
        self, weights: Path | None = None, *, device: str | torch.device = "cpu", threads: int | None = None
    ) -> None:
        self._network = RtmPose.load(weights or weights_path(WEIGHTS)).to(device=device)
        self._network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._device, self._threads = device, threads

    @torch.no_grad()  # not inference_mode: layers that learn may follow the features
    def __call__(self, crops: Tensor) -> PoseOutput:
        """Normalised crops (N, 3, 256, 192) -> scores and feature maps, on the device."""
        with full_precision(), torch_threads(self._threads):
            output: PoseOutput = self._network(crops.to(device=self._device, memory_format=torch.channels_last))
        return output
