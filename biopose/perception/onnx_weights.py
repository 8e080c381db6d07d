"""Weights of a published .onnx file for a network of ours.

The files name most of their tensors by running numbers only, but list operations in the order in which they run. Our
modules are declared in that same order, so the n-th tensor belongs to the n-th parameter; that all shapes agree is
checked.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import onnx
import torch
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from onnx import numpy_helper
from torch import Tensor, nn

from biopose.errors import ModelError


def load_onnx_weights(network: nn.Module, path: Path, *, operators: Collection[str]) -> None:
    """Fill all parameters of a network, in place.

    Args:
        network: whose parameters are declared in the order of the file's operations.
        path: of the .onnx file.
        operators: types of the operations whose tensors are weights, such as "Conv".

    Raises:
        ModelError: the file cannot be read, or its graph is not the network's.
    """
    tensors = onnx_weights(path, operators=operators)
    parameters = list(network.named_parameters())
    if len(tensors) != len(parameters):
        raise ModelError(f"{path} holds {len(tensors)} weights; expected {len(parameters)}. {_remedy(network)}")
    with torch.no_grad():
        for (source, tensor), (name, parameter) in zip(tensors, parameters, strict=True):
            if tensor.shape != parameter.shape:
                found = f"tensor {source} is {tuple(tensor.shape)}; expected {tuple(parameter.shape)} for {name}"
                raise ModelError(f"{path}: {found}. {_remedy(network)}")
            parameter.copy_(tensor)


def onnx_weights(path: Path, *, operators: Collection[str]) -> list[tuple[str, Tensor]]:
    """Names and values of the arrays of numbers that operations of some types use, each once, in order of use.

    Raises:
        ModelError: the file cannot be read.
    """
    try:
        graph = onnx.load(str(path)).graph
    except (OSError, DecodeError) as error:
        raise ModelError(f"{path}: not an .onnx file ({error}); run `biopose assets pull`") from error
    constants = {tensor.name: tensor for tensor in graph.initializer}
    used = [name for node in graph.node if node.op_type in operators for name in node.input]
    arrays = [
        constants[name]
        for name in dict.fromkeys(used)
        if name in constants and constants[name].dims and constants[name].data_type == onnx.TensorProto.FLOAT
    ]
    return [(tensor.name, torch.from_numpy(numpy_helper.to_array(tensor).copy())) for tensor in arrays]


def _remedy(network: nn.Module) -> str:
    return f"It is not the {type(network).__name__} that BioPose knows: run `biopose assets pull`"
