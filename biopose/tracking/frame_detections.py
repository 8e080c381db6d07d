"""What was seen in a stretch of a video, so that stretches can be seen apart and joined: who is who is decided then.

Every frame keeps its sightings and, about ten times a second, its background: all that following people and watching
the camera need. A stretch is one Parquet file, a row a frame. What a reader of the feature maps made of each person
rides along to the bit, in half precision; what it means is the reader's matter.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from biopose.camera.motion import Background, CameraMotion
from biopose.camera.motion_summary import CameraMotionResult
from biopose.errors import FileFormatError, VideoError
from biopose.io.files import written_whole
from biopose.io.parquet import METADATA_KEY
from biopose.perception.detections import Detection
from biopose.tracking.people import People
from biopose.tracking.tracker import Tracker

N_KEYPOINTS = 26
FORMAT_VERSION = 2


@dataclass(frozen=True, eq=False)
class FrameDetections:
    """One frame of a video.

    Attributes:
        frame_index: from the file's first frame.
        time_s: real time.
        sightings: the people in it, each once.
        background: where the frame was due for the watch on the camera.
    """

    frame_index: int
    time_s: float
    detections: list[Detection]
    background: Background | None


@dataclass(frozen=True, eq=False)
class ShardDetections:
    """Consecutive frames of a video.

    Attributes:
        frames: in order.
        width_px: of the upright picture.
        height_px: likewise.
        notes: sentences about what is wrong with the file.
    """

    frames: list[FrameDetections]
    width_px: int
    height_px: int
    notes: tuple[str, ...] = field(default=())

    @property
    def read_width(self) -> int | None:
        """Numbers that a reader of the feature maps made of each person, 0 without one; None: there is nobody.

        Raises:
            ValueError: of some people it made more than of others.
        """
        widths = {0 if s.tokens is None else len(s.tokens) for frame in self.frames for s in frame.detections}
        if len(widths) > 1:
            raise ValueError(f"rows of {sorted(widths)} numbers read of the people of one stretch; one reader sees it")
        return next(iter(widths), None)


def join_shards(parts: Iterable[ShardDetections]) -> tuple[People, CameraMotionResult, tuple[str, ...]]:
    """Follow everybody through consecutive stretches; holds one stretch at a time.

    Returns:
        The people, whether the camera moved, and the notes, each once.

    Raises:
        VideoError: a stretch does not begin where the one before ended.
        FileFormatError: the stretches were seen with different readers of the feature maps.
    """
    tracker, motion, times_s = Tracker(), CameraMotion(), list[float]()
    notes: dict[str, None] = {}
    width_px = height_px = 0
    due_index: int | None = None
    read_width: int | None = None
    for part in parts:
        read_width = _same_width(read_width, part.read_width)
        width_px, height_px = part.width_px, part.height_px
        notes |= dict.fromkeys(part.notes)
        for frame in part.frames:
            if due_index is not None and frame.frame_index != due_index:
                raise VideoError(f"frame {frame.frame_index} was decoded where frame {due_index} was due: index broken")
            due_index = frame.frame_index + 1
            tracker.follow(frame.detections, frame_index=frame.frame_index, time_s=frame.time_s)
            if frame.background is not None and motion.is_due(frame.time_s):
                motion.compare(frame.background)
            times_s.append(frame.time_s)
    people = People(tracker.tracks(), len(times_s), width_px, height_px, np.array(times_s))
    return people, motion.result(), tuple(notes)


def _same_width(before: int | None, now: int | None) -> int | None:
    if before is not None and now is not None and before != now:
        raise FileFormatError(
            f"{before} numbers were read of each person in one stretch and {now} in another: they were seen with "
            "different networks; delete them and see again"
        )
    return now if before is None else before


def write_shard(seen: ShardDetections, path: Path) -> None:
    """Write a stretch, whole or not at all."""
    metadata = {
        "kind": "seen",
        "version": FORMAT_VERSION,
        "width_px": seen.width_px,
        "height_px": seen.height_px,
        "notes": seen.notes,
        "read_width": seen.read_width,
    }
    table = pa.Table.from_pylist([_row(frame) for frame in seen.frames], schema=SCHEMA)
    table = table.replace_schema_metadata({METADATA_KEY: json.dumps(metadata).encode()})
    with written_whole(path) as partial:
        pq.write_table(table, partial, compression="zstd", write_page_checksum=True)


def read_shard(path: Path) -> ShardDetections:
    """Read a stretch.

    Raises:
        FileFormatError: no such file, or another kind of file.
    """
    try:
        table = pq.read_table(path, page_checksum_verification=True)
        metadata = json.loads((table.schema.metadata or {})[METADATA_KEY])
        if (metadata["kind"], metadata["version"]) != ("seen", FORMAT_VERSION):
            raise FileFormatError(
                f"{path}: is a {metadata['kind']} file of version {metadata['version']}, not a seen file of version "
                f"{FORMAT_VERSION}; delete it and see again"
            )
    except (OSError, KeyError, ValueError) as error:
        raise FileFormatError(f"{path}: cannot be read as seen frames ({error}); delete it and see again") from error
    frames = [_frame(row, read_width=metadata["read_width"]) for row in table.to_pylist()]
    return ShardDetections(frames, metadata["width_px"], metadata["height_px"], tuple(metadata["notes"]))


READ_TYPE = np.dtype("<f2")
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
    ]
)


def _row(frame: FrameDetections) -> dict[str, Any]:
    seen = frame.detections
    row = {
        "frame_index": frame.frame_index,
        "time_s": frame.time_s,
        "boxes_px": [value for s in seen for value in s.box_px.tolist()],
        "scores": [s.score for s in seen],
        "keypoints_px": [value for s in seen for value in s.keypoints_px.ravel().tolist()],
        "confidence": [value for s in seen for value in s.confidence.tolist()],
        "appearances": [None if s.appearance is None else s.appearance.ravel().tolist() for s in seen],
        "read": b"".join(s.tokens.astype(READ_TYPE).tobytes() for s in seen if s.tokens is not None) or None,
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


def _frame(row: Mapping[str, Any], *, read_width: int | None) -> FrameDetections:
    boxes_px = _array(row["boxes_px"], (-1, 4))
    keypoints_px = _array(row["keypoints_px"], (-1, N_KEYPOINTS, 2))
    confidence = _array(row["confidence"], (-1, N_KEYPOINTS))
    tokens = None if row["read"] is None else np.frombuffer(row["read"], READ_TYPE).reshape(-1, read_width or 0)
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
    return FrameDetections(row["frame_index"], row["time_s"], detections, _background(row))


def _background(row: Mapping[str, Any]) -> Background | None:
    if row["grey"] is None:
        return None
    grey = np.frombuffer(row["grey"], np.uint8).reshape(row["grey_height"], -1).astype(np.float32)
    shape = (row["picture_height"], row["picture_width"])
    return Background(row["time_s"], grey, _array(row["grey_boxes_px"], (-1, 4)), row["grey_scale"], shape)


def _array(values: list[float], shape: tuple[int, ...]) -> NDArray[np.float64]:
    return np.array(values, dtype=np.float64).reshape(shape)
