"""Layers that both networks are built of: cross-stage partial ones (Wang et al. 2020), as OpenMMLab has them.

Batch normalisation is already folded into the convolutions of the published files, so there is none here. Modules are
declared in the order in which the published graphs use their weights: `onnx_weights` fills them by that order.
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.nn.functional import hardsigmoid, max_pool2d

POOLING_WINDOW, POOLINGS = 5, 3
Module = TypeVar("Module", bound=nn.Module)


def on_device(network: Module, device: str | torch.device) -> Module:
    """A network, moved to a device.

    Convolutions of this process on a GPU then have all 24 bits: the default keeps 11, too few to agree with onnxruntime
    to 1e-3. This is set for good, since networks run in several threads.
    """
    if torch.device(device).type == "cuda":
        torch.backends.cudnn.allow_tf32 = False
    return network.to(device=device)


def in_bfloat16(network: Module, *, exact: Sequence[str]) -> Module:
    """A network with its weights in bfloat16, but for some of its modules, by name."""
    kept = {name: copy.deepcopy(network.get_submodule(name)) for name in exact}
    network.to(torch.bfloat16)
    for name, module in kept.items():
        network.set_submodule(name, module)
    return network


def with_packed_convolutions(network: Module) -> Module:
    """A network in bfloat16, for the CPU alone, whose convolutions have their weights in oneDNN's own order.

    Otherwise torch brings them into that order in every pass, which takes an eighth of one over a single crop. With
    AVX-512 the results are the same, bit for bit. Torch without oneDNN leaves the network as it is.
    """
    if torch.backends.mkldnn.is_available():
        for module in list(network.modules()):
            for name, child in module.named_children():
                if isinstance(child, nn.Conv2d):
                    setattr(module, name, torch.jit.script(_PackedConvolution(child)))  # no list of scalars is traced
    return network


class _PackedConvolution(nn.Module):
    """A convolution by the operators of torch's compiled inference."""

    def __init__(self, convolution: nn.Conv2d) -> None:
        super().__init__()
        assert not isinstance(convolution.padding, str)
        self.padding, self.stride = list(convolution.padding), list(convolution.stride)
        self.dilation, self.groups = list(convolution.dilation), convolution.groups
        assert convolution.bias is not None
        steps = (self.padding, self.stride, self.dilation, self.groups)
        packed = torch.ops.mkldnn._reorder_convolution_weight(convolution.weight.detach(), *steps, [])
        self.weight, self.bias = nn.Buffer(packed), nn.Buffer(convolution.bias.detach())

    def forward(self, x: Tensor) -> Tensor:
        """(N, inputs, H, W) -> (N, outputs, H, W)."""
        y: Tensor = torch.ops.mkldnn._convolution_pointwise(
            x, self.weight, self.bias, self.padding, self.stride, self.dilation, self.groups, "none", [], ""
        )
        return y


@torch.no_grad()
def in_one_call(network: Callable[[Tensor], Any], example: Tensor) -> Callable[[Tensor], Any]:
    """A network, without gradients, whose pass is one call of torch's: the same to the bit.

    Layer by layer, each of some 200 calls in a pass waits for Python's lock: beside one thread that computes in Python
    a pass took 16 to 28 times as long, in one call 1.4 times (findings/torch-pass-beside-python.sh); two passes beside
    each other kept two cores 83 % busy, in one call 94 %. Without Python between layers a pass takes 3 % (keypoints) to
    10 % (detector) less processor time, too. Torch calls this interface deprecated; of those that it names instead, one
    needs a compiler where it runs, and the other goes layer by layer.

    Args:
        network: from one tensor to tensors; its shape may decide about no branch. A function is traced in a quarter of
            a module's time, but packed convolutions need a module.
        example: of its input, of which other numbers may be given.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", torch.jit.TracerWarning)  # type: ignore[attr-defined]  # of checks of the shape
        traced: Callable[[Tensor], Any] = torch.jit.trace(network, example, check_trace=False)
    return traced


class InSinglePrecision(nn.Module):
    """A module that computes in single precision, whatever it is given."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, x: Tensor) -> Tensor:
        """As the module, in the given precision."""
        y: Tensor = self.module(x.float())
        return y.to(x.dtype)


class ConvSilu(nn.Module):
    """A convolution that keeps the size (or divides it by its stride), then x * sigmoid(x)."""

    def __init__(self, inputs: int, outputs: int, kernel: int, *, stride: int = 1, groups: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride=stride, padding=kernel // 2, groups=groups)

    def forward(self, x: Tensor) -> Tensor:
        """(N, inputs, H, W) -> (N, outputs, H / stride, W / stride)."""
        return nn.functional.silu(self.conv(x), inplace=True)


class ChannelAttention(nn.Module):
    """Each channel weighted by a function of the channels' means over the image."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.fc = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(N, channels, H, W) -> the same."""
        return x * hardsigmoid(self.fc(x.mean(dim=(2, 3), keepdim=True)))


class CspLayer(nn.Module):
    """Half of the channels go through blocks, half past them.

    Args:
        inputs: channels.
        outputs: channels.
        block: makes one block of a number of channels.
        block_count: how many follow one another.
        attention: whether channels are weighted before the last convolution.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        *,
        block: Callable[[int], nn.Module],
        block_count: int,
        attention: bool = False,
    ) -> None:
        super().__init__()
        half = outputs // 2
        self.past = ConvSilu(inputs, half, 1)
        self.through = ConvSilu(inputs, half, 1)
        self.blocks = nn.Sequential(*(block(half) for _ in range(block_count)))
        self.attention = ChannelAttention(outputs) if attention else nn.Identity()
        self.last = ConvSilu(outputs, outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(N, inputs, H, W) -> (N, outputs, H, W)."""
        past = self.past(x)
        return self.last(self.attention(torch.cat([self.blocks(self.through(x)), past], dim=1)))


class SpatialPyramid(nn.Module):
    """Maxima over windows of 5, 9 and 13, concatenated: each is the one before over windows of 5."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        half = channels // 2
        self.first = ConvSilu(channels, half, 1)
        self.last = ConvSilu(half * (1 + POOLINGS), channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(N, channels, H, W) -> the same."""
        pooled = [self.first(x)]
        for _ in range(POOLINGS):
            pooled.append(max_pool2d(pooled[-1], POOLING_WINDOW, stride=1, padding=POOLING_WINDOW // 2))
        return self.last(torch.cat(pooled, dim=1))
