"""The convolutions of the published YOLOX graph, for images of any size and number.

The whole graph takes one square image at a time. Of an image of 16 by 9, nearly half of the square is padding; its
convolutions take a rectangle as well.
"""

from __future__ import annotations

from pathlib import Path

from biopose.errors import ModelError
from biopose.perception.yolox import STEM_CHANNELS, STRIDES

PARTS = ("cls", "reg", "obj")  # of a head: the order of `HeadOutput`


def convolutions(path: Path) -> bytes:
    """A serialised graph from interleaved images to the heads' outputs: those of `PARTS`, for each stride.

    Raises:
        ModelError: the file cannot be read, or it has no such heads.
    """
    import onnx  # a tenth of a second
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

    try:
        model = onnx.load(path)
    except (OSError, DecodeError) as error:
        raise ModelError(f"{path}: onnx cannot read it ({error}); run `biopose assets pull` again") from error
    graph = model.graph
    convolves = {node.input[1]: place for place, node in enumerate(graph.node) if node.op_type == "Conv"}
    heads = [f"bbox_head.multi_level_conv_{part}.{level}.weight" for level in range(len(STRIDES)) for part in PARTS]
    missing = [name for name in heads if name not in convolves]
    if missing:
        raise ModelError(f"{path}: has no convolution {missing[0]}; run `biopose assets pull` for YOLOX's weights")
    first, last = min(convolves.values()), max(convolves[name] for name in heads)
    interleaved = onnx.helper.make_tensor_value_info(
        graph.node[first].input[0], onnx.TensorProto.FLOAT, ["images", STEM_CHANNELS, "height", "width"]
    )
    outputs = [onnx.ValueInfoProto(name=graph.node[convolves[name]].output[0]) for name in heads]
    kept = list(graph.node[first : last + 1])
    del graph.node[:], graph.input[:], graph.output[:], graph.value_info[:]
    graph.node.extend(kept)
    graph.input.append(interleaved)
    graph.output.extend(outputs)
    return bytes(model.SerializeToString())
