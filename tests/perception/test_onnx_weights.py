"""Weights out of .onnx files, and files that are not the ones expected."""

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from biopose.errors import ModelError
from biopose.perception.cspnext import RtmPose
from biopose.perception.onnx_session import OnnxSession, weights_path
from biopose.perception.onnx_weights import load_onnx_weights, onnx_weights
from tests.perception.real_people import needs_networks


@pytest.fixture
def small_file(tmp_path: Path) -> Path:
    """Two convolutions, listed in the file's constants in the other order, and a constant that is no weight."""
    rng = np.random.default_rng(0)
    shapes = {"w2": (4, 2, 1, 1), "w1": (2, 3, 3, 3), "b1": (2,), "scale": ()}
    constants = [numpy_helper.from_array(rng.normal(size=s).astype(np.float32), n) for n, s in shapes.items()]
    nodes = [
        helper.make_node("Conv", ["input", "w1", "b1"], ["a"]),
        helper.make_node("Mul", ["a", "scale"], ["b"]),
        helper.make_node("Conv", ["b", "w2"], ["output"]),
    ]
    ends = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [1, c, 8, 8]) for n, c in (("input", 3), ("output", 4))]
    graph = helper.make_graph(nodes, "small", ends[:1], ends[1:], constants)
    path = tmp_path / "small.onnx"
    onnx.save(helper.make_model(graph), str(path))
    return path


def test_weights_come_in_the_order_of_use(small_file: Path) -> None:
    assert [name for name, _ in onnx_weights(small_file, operators=("Conv", "Mul"))] == ["w1", "b1", "w2"]
    network = nn.Sequential(nn.Conv2d(3, 2, 3), nn.Conv2d(2, 4, 1, bias=False))
    load_onnx_weights(network, small_file, operators=("Conv",))
    assert torch.equal(list(network.parameters())[2], dict(onnx_weights(small_file, operators=("Conv",)))["w2"])


def test_a_graph_of_another_shape_is_named(small_file: Path) -> None:
    network = nn.Sequential(nn.Conv2d(3, 2, 5), nn.Conv2d(2, 4, 1, bias=False))
    with pytest.raises(ModelError, match=r"w1 is \(2, 3, 3, 3\); expected \(2, 3, 5, 5\) for 0.weight"):
        load_onnx_weights(network, small_file, operators=("Conv",))


def test_another_network_is_refused(small_file: Path) -> None:
    with pytest.raises(ModelError, match=r"holds 3 weights; expected 98.*assets pull"):
        RtmPose.load(small_file)


@pytest.mark.parametrize("content", [b"", b"no network at all", b"\x00" * 100])
def test_a_file_that_is_no_network_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "broken.onnx"
    path.write_bytes(content)
    with pytest.raises(ModelError, match="assets pull"):
        RtmPose.load(path)
    with pytest.raises(ModelError, match="assets pull"):
        OnnxSession(path)


@needs_networks
def test_a_truncated_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "half.onnx"
    path.write_bytes(weights_path("rtmpose-s-halpe26.onnx").read_bytes()[:1_000_000])
    with pytest.raises(ModelError, match="assets pull"):
        RtmPose.load(path)
