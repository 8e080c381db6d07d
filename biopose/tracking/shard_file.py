"""A shard's detections as a Parquet file, a row a frame.

A head's tokens are kept to the bit, in half precision.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from biopose.camera.motion import Background
from biopose.errors import FileFormatError
from biopose.io.arrow_arrays import column_array
from biopose.io.files import written_whole
from biopose.io.parquet import METADATA_KEY
from biopose.perception.detections import Detection
from biopose.tracking.frame_detections import FrameDetections, ShardDetections

N_KEYPOINTS = 26
KIND = "seen"  # as files in use have it
FORMAT_VERSION = 2


def write_shard(shard: ShardDetections, path: Path) -> None:
    """Write a shard, whole or not at all."""
    metadata = {
        "kind": KIND,
        "version": FORMAT_VERSION,
        "width_px": shard.width_px,
        "height_px": shard.height_px,
        "notes": shard.notes,
        "read_width": shard.token_width,
    }
    rows = [_row(frame) for frame in shard.frames]
    columns = [column_array([row.get(field.name) for row in rows], field.type) for field in SCHEMA]
    table = pa.Table.from_arrays(columns, schema=SCHEMA)
    table = table.replace_schema_metadata({METADATA_KEY: json.dumps(metadata).encode()})
    with written_whole(path, durable=True) as partial:
        pq.write_table(table, partial, compression="zstd", write_page_checksum=True)


def read_shard(path: Path) -> ShardDetections:
    """Read a shard.

    Raises:
        FileFormatError: no such file, or another kind of file.
    """
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:  # `read_table` would import pandas
            table = file.read()
        metadata = json.loads((table.schema.metadata or {})[METADATA_KEY])
        if (metadata["kind"], metadata["version"]) != (KIND, FORMAT_VERSION):
            raise FileFormatError(
                f"{path}: is a {metadata['kind']} file of version {metadata['version']}, not a file of detections "
                f"({KIND}) of version {FORMAT_VERSION}; delete it and run detection again"
            )
    except (OSError, KeyError, ValueError) as error:
        raise FileFormatError(
            f"{path}: cannot be read as a file of detections ({error}); delete it and run detection again"
        ) from error
    frames = [_frame(row, token_width=metadata["read_width"]) for row in table.to_pylist()]
    return ShardDetections(frames, metadata["width_px"], metadata["height_px"], tuple(metadata["notes"]))


TOKEN_TYPE = np.dtype("<f2")
_NUMBERS = pa.list_(pa.float64())
SCHEMA = pa.schema(
    [
        ("frame_index", pa.int64()),
        ("time_s", pa.float64()),
        ("boxes_px", _NUMBERS),
        ("scores", _NUMBERS),
        ("keypoints_px", _NUMBERS),
        ("confidence", _NUMBERS),
        ("appearances", pa.list_(_NUMBERS)),
        ("read", pa.binary()),
        ("grey", pa.binary()),
        ("grey_boxes_px", _NUMBERS),
        ("grey_height", pa.int32()),
        ("grey_scale", pa.float64()),
        ("picture_height", pa.int32()),
        ("picture_width", pa.int32()),
        ("timed", pa.bool_()),
        ("change", pa.float64()),
    ]
)


def _row(frame: FrameDetections) -> dict[str, Any]:
    detections = frame.detections
    row = {
        "frame_index": frame.frame_index,
        "time_s": frame.time_s,
        "timed": frame.timed,
        "change": frame.change,
        "boxes_px": [value for d in detections for value in d.box_px.tolist()],
        "scores": [d.score for d in detections],
        "keypoints_px": [value for d in detections for value in d.keypoints_px.ravel().tolist()],
        "confidence": [value for d in detections for value in d.confidence.tolist()],
        "appearances": [None if d.appearance is None else d.appearance.ravel().tolist() for d in detections],
        "read": b"".join(d.tokens.astype(TOKEN_TYPE).tobytes() for d in detections if d.tokens is not None) or None,
    }
    if (background := frame.background) is not None:
        row |= {
            "grey": background.grey.astype(np.uint8).tobytes(),
            "grey_boxes_px": background.boxes_px.ravel().tolist(),
            "grey_height": len(background.grey),
            "grey_scale": background.scale,
            "picture_height": background.shape[0],
            "picture_width": background.shape[1],
        }
    return row


def _frame(row: Mapping[str, Any], *, token_width: int | None) -> FrameDetections:
    boxes_px = _array(row["boxes_px"], (-1, 4))
    keypoints_px = _array(row["keypoints_px"], (-1, N_KEYPOINTS, 2))
    confidence = _array(row["confidence"], (-1, N_KEYPOINTS))
    tokens = None if row["read"] is None else np.frombuffer(row["read"], TOKEN_TYPE).reshape(-1, token_width or 0)
    detections = [
        Detection(
            frame_index=row["frame_index"],
            time_s=row["time_s"],
            box_px=boxes_px[i],
            score=row["scores"][i],
            keypoints_px=keypoints_px[i],
            confidence=confidence[i],
            appearance=None if colours is None else _array(colours, (2, -1)),
            tokens=None if tokens is None else tokens[i],
        )
        for i, colours in enumerate(row["appearances"])
    ]
    timed, change = row.get("timed", True), row.get("change", math.nan)  # older files do not have them
    return FrameDetections(row["frame_index"], row["time_s"], detections, _background(row), timed, change)


def _background(row: Mapping[str, Any]) -> Background | None:
    if row["grey"] is None:
        return None
    grey = np.frombuffer(row["grey"], np.uint8).reshape(row["grey_height"], -1).astype(np.float32)
    shape = (row["picture_height"], row["picture_width"])
    return Background(row["time_s"], grey, _array(row["grey_boxes_px"], (-1, 4)), row["grey_scale"], shape)


def _array(values: list[float], shape: tuple[int, ...]) -> NDArray[np.float64]:
    return np.array(values, dtype=np.float64).reshape(shape)
