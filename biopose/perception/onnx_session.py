"""Running the published .onnx files with onnxruntime on the CPU."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from biopose.assets import assets_folder
from biopose.errors import ModelError

QUIET = 3  # onnxruntime's severity "error": its warnings about shapes in these files mean nothing to a user


def weights_path(name: str) -> Path:
    """Where a network's weights are.

    Args:
        name: of the file, such as "yolox-tiny-humanart.onnx".

    Raises:
        ModelError: the weights are not here.
    """
    path = assets_folder() / "weights" / name
    if not path.is_file():
        raise ModelError(f"{path}: no such weights; run `biopose assets pull`")
    return path


class OnnxSession:
    """A network as onnxruntime runs it, each run in the thread that calls it.

    Args:
        path: of the .onnx file.
        also: names of tensors of the graph that are outputs, too, after the file's own.
        graph: made of the file, to be run in its place; None: the file's own.

    Raises:
        ModelError: onnxruntime cannot read the file, or it has no such tensors.
    """

    def __init__(self, path: Path, *, also: Sequence[str] = (), graph: bytes | None = None) -> None:
        import onnxruntime  # a tenth of a second, and other backends need none

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1  # runs in several threads at a time serve better than several threads of one
        options.inter_op_num_threads = 1
        options.log_severity_level = QUIET
        options.enable_cpu_mem_arena = (
            False  # it would keep the largest batch's memory, and saves no time in small ones
        )
        try:
            serialised = (graph or path.read_bytes()) + _outputs(also)
            self._session = onnxruntime.InferenceSession(serialised, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime's own exceptions share no base class
            raise ModelError(
                f"{path}: onnxruntime cannot read it ({error}); run `biopose assets pull` again"
            ) from error
        self._input = self._session.get_inputs()[0].name

    def __call__(self, batch: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """Outputs, in the file's order, for one batch of images (N, 3, H, W)."""
        outputs: list[NDArray[np.float32]] = self._session.run(None, {self._input: np.ascontiguousarray(batch)})
        return outputs


def _outputs(names: Sequence[str]) -> bytes:
    """Further outputs of a serialised ModelProto, to be appended to it.

    Protocol buffers join the parts of a message that comes twice, and append repeated fields: ModelProto.graph is
    field 7, GraphProto.output 12 and ValueInfoProto.name 1. So no parser of the whole graph is loaded for a name.
    """
    outputs = b"".join(_field(12, _field(1, name.encode())) for name in names)
    return _field(7, outputs) if outputs else b""


def _field(number: int, value: bytes) -> bytes:
    """A length-delimited field of at most 127 bytes."""
    if len(value) > 127:
        raise ValueError(f"{len(value)} bytes of names; at most 127 fit")
    return bytes([number << 3 | 2, len(value)]) + value
