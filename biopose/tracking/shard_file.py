"""A shard's detections as Parquet files, a row a frame: one of the people, and one of the tokens that a head makes.

The first is the same whatever head there is, so another head's tokens stand beside it (`shards.perceive_shards`).
Tokens are kept to the bit, in half precision.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
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
from biopose.tracking.shard import ShardFiles

N_KEYPOINTS = 26
LOCATED, TOKENS = "located people", "tokens"  # kinds
FORMAT_VERSION = 3
TOKEN_TYPE = np.dtype("<f2")


def write_shard(shard: ShardDetections, files: ShardFiles) -> None:
    """Write a shard: each file whole or not at all, and the one of its people only where it is not there yet.

    Args:
        shard: with tokens where there is a file for them.
        files: of it.

    Raises:
        ValueError: tokens without a file or a file without tokens, or somebody whose crop is not known.
    """
    width = shard.token_width
    if width is not None and (files.tokens is not None) != (width > 0):
        raise ValueError(f"tokens of {width} numbers, and {files.tokens} as the file for them")
    if not files.located.exists():
        metadata = {"width_px": shard.width_px, "height_px": shard.height_px, "notes": shard.notes}
        _write(files.located, LOCATED, SCHEMA, [_row(frame) for frame in shard.frames], metadata)
    if files.tokens is not None:
        _write(files.tokens, TOKENS, TOKENS_SCHEMA, [_row_of_tokens(frame) for frame in shard.frames], {"width": width})


def read_shard(files: ShardFiles) -> ShardDetections:
    """Read a shard.

    Raises:
        FileFormatError: no such file, another kind of file, or tokens of other people.
    """
    rows, metadata = _read(files.located, LOCATED)
    frames = [_frame(row) for row in rows]
    if files.tokens is not None:
        of_tokens, of_head = _read(files.tokens, TOKENS)
        frames = _with_tokens(frames, of_tokens, of_head["width"] or 0, files.tokens)
    return ShardDetections(frames, metadata["width_px"], metadata["height_px"], tuple(metadata["notes"]))


def _write(
    path: Path, kind: str, schema: pa.Schema, rows: Sequence[Mapping[str, Any]], metadata: Mapping[str, Any]
) -> None:
    columns = [column_array([row.get(field.name) for row in rows], field.type) for field in schema]
    table = pa.Table.from_arrays(columns, schema=schema)
    described = {"kind": kind, "version": FORMAT_VERSION, **metadata}
    table = table.replace_schema_metadata({METADATA_KEY: json.dumps(described).encode()})
    with written_whole(path, durable=True) as partial:
        pq.write_table(table, partial, compression="zstd", write_page_checksum=True)


def _read(path: Path, kind: str) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The rows of a file of ours, and its metadata."""
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:  # `read_table` would import pandas
            table = file.read()
        metadata = json.loads((table.schema.metadata or {})[METADATA_KEY])
        if (metadata["kind"], metadata["version"]) != (kind, FORMAT_VERSION):
            raise FileFormatError(
                f"{path}: is a file of {metadata['kind']} of version {metadata['version']}, not one of {kind} of "
                f"version {FORMAT_VERSION}; delete it and run detection again"
            )
    except (OSError, KeyError, ValueError) as error:
        raise FileFormatError(
            f"{path}: cannot be read as a file of {kind} ({error}); delete it and run detection again"
        ) from error
    return table.to_pylist(), metadata


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
        ("regions_px", _NUMBERS),
        ("turns_rad", _NUMBERS),
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
TOKENS_SCHEMA = pa.schema([("frame_index", pa.int64()), ("tokens", pa.binary())])


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
        "regions_px": [value for d in detections for value in _region_px(d).tolist()],
        "turns_rad": [d.turn_rad for d in detections],
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


def _region_px(detection: Detection) -> NDArray[np.float64]:
    if detection.region_px is None:
        raise ValueError(f"a person of frame {detection.frame_index} without the crop that shows them")
    return detection.region_px


def _row_of_tokens(frame: FrameDetections) -> dict[str, Any]:
    tokens = (d.tokens.astype(TOKEN_TYPE).tobytes() for d in frame.detections if d.tokens is not None)
    return {"frame_index": frame.frame_index, "tokens": b"".join(tokens)}


def _with_tokens(
    frames: Sequence[FrameDetections], rows: Sequence[Mapping[str, Any]], width: int, path: Path
) -> list[FrameDetections]:
    """The frames, with the tokens of their people.

    Raises:
        FileFormatError: they are of other frames or people.
    """
    expected = [(frame.frame_index, len(frame.detections) * width * TOKEN_TYPE.itemsize) for frame in frames]
    if expected != [(row["frame_index"], len(row["tokens"])) for row in rows]:
        raise FileFormatError(f"{path}: is of other people than were located; delete it and run detection again")
    found = []
    for frame, row in zip(frames, rows, strict=True):
        tokens = np.frombuffer(row["tokens"], TOKEN_TYPE).reshape(len(frame.detections), width)
        people = zip(frame.detections, tokens, strict=True)
        found.append(replace(frame, detections=[replace(person, tokens=own) for person, own in people]))
    return found


def _frame(row: Mapping[str, Any]) -> FrameDetections:
    boxes_px = _array(row["boxes_px"], (-1, 4))
    keypoints_px = _array(row["keypoints_px"], (-1, N_KEYPOINTS, 2))
    confidence = _array(row["confidence"], (-1, N_KEYPOINTS))
    regions_px = _array(row["regions_px"], (-1, 4))
    detections = [
        Detection(
            frame_index=row["frame_index"],
            time_s=row["time_s"],
            box_px=boxes_px[i],
            score=row["scores"][i],
            keypoints_px=keypoints_px[i],
            confidence=confidence[i],
            appearance=None if colours is None else _array(colours, (2, -1)),
            region_px=regions_px[i],
            turn_rad=row["turns_rad"][i],
        )
        for i, colours in enumerate(row["appearances"])
    ]
    return FrameDetections(row["frame_index"], row["time_s"], detections, _background(row), row["timed"], row["change"])


def _background(row: Mapping[str, Any]) -> Background | None:
    if row["grey"] is None:
        return None
    grey = np.frombuffer(row["grey"], np.uint8).reshape(row["grey_height"], -1).astype(np.float32)
    shape = (row["picture_height"], row["picture_width"])
    return Background(row["time_s"], grey, _array(row["grey_boxes_px"], (-1, 4)), row["grey_scale"], shape)


def _array(values: list[float], shape: tuple[int, ...]) -> NDArray[np.float64]:
    return np.array(values, dtype=np.float64).reshape(shape)
