"""Marker trajectories in .c3d files, the binary format of motion capture (https://www.c3d.org, user guide).

Positions are stored as float32, so a round trip is exact at that precision only (about 0.1 micrometre at one metre).
A gap is a negative residual. Axes stay as in the file, and many laboratories record z up. Analogue channels (force
plates, EMG) are not read.

The format counts frames in 16 bits from 1; frame 1 is time 0. It has one rate and no times, so it can hold only
uniformly sampled recordings that start at or after 0 and end before frame 65,535.
"""

import struct
from pathlib import Path
from typing import Any

import ezc3d
import numpy as np

from biopose.io.files import existing_file, file_format_errors, malformed, quoted, written_whole
from biopose.io.trajectories import MarkerTrajectories, duplicates
from biopose.io.units import KNOWN_UNITS, UNITS_PER_METRE

BLOCK_BYTES = 512
FRAME_LIMIT = 65_535  # what 16 bits count to; a file with this count may hold more frames than are read
BYTE_ORDERS = {84: "<", 85: "<", 86: ">"}  # processor types: Intel, DEC, MIPS
TIME_TOLERANCE_FRAMES = 0.25  # times rounded to milliseconds at 240 Hz are off by 0.12 of a frame


def read_c3d(path: Path | str) -> MarkerTrajectories:
    """Read marker trajectories from a .c3d file.

    Returns:
        Positions in metres, in the axes of the file, NaN for gaps; time starts at the first frame's.

    Raises:
        FileFormatError: The file is missing, cut off or no C3D; it has no markers, unknown units, or more frames than
            the format counts.
    """
    path = existing_file(path)
    frame_count = _check_extent(path)
    try:
        content = ezc3d.c3d(str(path))
    except (OSError, RuntimeError, ValueError, IndexError) as error:  # what ezc3d raises for broken files
        raise malformed(path, found=f"no readable C3D ({error})", expected="a .c3d file") from error
    points = content["parameters"]["POINT"]
    positions = content["data"]["points"][:3]  # (3, M, F)
    if positions.shape[2] != frame_count or not positions.size:
        found = f"{positions.shape[1]} markers and {positions.shape[2]} frames"
        raise malformed(path, found=found, expected=f"markers, and the header's {frame_count} frames")
    positions_m = np.ascontiguousarray(positions.transpose(2, 1, 0)) / _units_per_metre(points, path)
    positions_m[content["data"]["meta_points"]["residuals"][0].T < 0] = np.nan
    first_frame = content["header"]["points"]["first_frame"]  # from 0
    time_s = (first_frame + np.arange(frame_count)) / _rate_hz(points, path)
    with file_format_errors(path):
        return MarkerTrajectories(time_s, _labels(points, path, count=positions.shape[1]), positions_m)


def write_c3d(path: Path | str, markers: MarkerTrajectories) -> None:
    """Write marker trajectories as a .c3d file in metres, whole or not at all.

    A marker with any component NaN is a gap.

    Raises:
        ValueError: The format cannot hold the recording: it has a single frame, its times are not uniform, or it
            starts before 0 or ends after the last frame that the format counts.
    """
    rate_hz = markers.rate_hz
    frames = markers.time_s * rate_hz
    first_frame = round(frames[0])
    if np.abs(frames - first_frame - np.arange(len(frames))).max() > TIME_TOLERANCE_FRAMES:
        raise ValueError("a .c3d holds uniform times at whole frames from 0: resample, or write .trc or .parquet")
    if first_frame < 0 or first_frame + len(frames) >= FRAME_LIMIT:
        ends = f"frames {first_frame} to {first_frame + len(frames) - 1}"
        raise ValueError(
            f"{ends} are beyond what a .c3d counts, 0 to {FRAME_LIMIT - 2}: cut, or write .trc or .parquet"
        )
    gaps = np.isnan(markers.positions_m).any(axis=2).T  # (M, F)
    content = ezc3d.c3d()
    points = content["parameters"]["POINT"]
    points["LABELS"]["value"] = list(markers.names)
    points["UNITS"]["value"] = ["m"]
    points["RATE"]["value"] = [rate_hz]
    content["header"]["points"]["first_frame"] = first_frame
    positions = np.ones((4, *gaps.shape))
    positions[:3] = np.where(gaps, 0.0, markers.positions_m.transpose(2, 1, 0))
    content["data"]["points"] = positions
    content["data"]["meta_points"]["residuals"] = np.where(gaps, -1.0, 0.0)[None]
    with written_whole(path) as partial:
        content.write(str(partial))


def _check_extent(path: Path) -> int:
    """Check that the file is as long as its header states, and return the header's number of frames.

    The library that reads the rest stops silently at the end of a file that is cut off in its data, and crashes where
    it is cut off before.
    """
    with path.open("rb") as stream:
        header = stream.read(BLOCK_BYTES)
        if len(header) < BLOCK_BYTES or header[1] != 0x50 or not header[0]:
            raise malformed(path, found=quoted(header[:8].decode("latin-1")), expected="a C3D header")
        stream.seek((header[0] - 1) * BLOCK_BYTES)
        processor = (stream.read(4) + bytes(4))[3]
    if processor not in BYTE_ORDERS:
        raise malformed(path, found=f"processor type {processor}", expected="a C3D parameter section (84, 85 or 86)")
    words = struct.unpack(f"{BYTE_ORDERS[processor]}12H", header[:24])
    point_count, analog_count, first, last, data_block = words[1], words[2], words[3], words[4], words[8]
    in_floats = (words[6] if processor != 84 else words[7]) & 0x8000  # a negative scale means floats
    frame_count = last - first + 1
    frame_bytes = (4 * point_count + analog_count) * (4 if in_floats else 2)
    end = max(data_block - 1, 2) * BLOCK_BYTES + frame_count * frame_bytes
    if path.stat().st_size < end:
        raise malformed(path, found=f"{path.stat().st_size} bytes", expected=f"{end} or more; the file is cut off")
    if last >= FRAME_LIMIT or frame_count < 1:
        expected = f"fewer than {FRAME_LIMIT}: export it in parts, or as .trc"
        raise malformed(path, found=f"frames {first} to {last} (the format's limit)", expected=expected)
    return frame_count


def _units_per_metre(points: Any, path: Path) -> float:
    """How many of the file's units make a metre."""
    units = str(_first(points, "UNITS") or "").strip()
    if units.lower() not in UNITS_PER_METRE:
        raise malformed(path, found=f"POINT:UNITS {quoted(units)}", expected=KNOWN_UNITS)
    return UNITS_PER_METRE[units.lower()]


def _rate_hz(points: Any, path: Path) -> float:
    """Frames per second."""
    rate_hz = _first(points, "RATE")
    if rate_hz is None or not 0 < rate_hz < np.inf:
        raise malformed(path, found=f"POINT:RATE {rate_hz}", expected="frames per second")
    return float(rate_hz)


def _first(points: Any, key: str) -> Any:
    """First value of a parameter; None where it has none."""
    values: Any = points[key]["value"] if key in points else []
    return values[0] if len(values) else None


def _labels(points: Any, path: Path, *, count: int) -> tuple[str, ...]:
    """Names of the first ``count`` markers: LABELS holds 255, LABELS2 the next, and so on."""
    keys = ["LABELS", *(f"LABELS{part}" for part in range(2, 2 + count // 255))]
    labels = [label.strip() for key in keys if key in points for label in points[key]["value"]][:count]
    if len(labels) < count or duplicates(labels):
        found = f"{len(labels)} labels for {count} markers, repeated: {', '.join(duplicates(labels)) or 'none'}"
        raise malformed(path, found=found, expected="one POINT:LABELS entry for each marker, all different")
    return tuple(labels)
