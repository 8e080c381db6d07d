#!/usr/bin/env bash
# ezc3d 1.7.2: points and analogue values are mixed when the point rate is no whole number.
#
# Expected: the header of a C3D file holds the number of analogue samples per frame of points (word 10) as an integer,
#   so a reader splits the data section by it, whatever the rates are.
# Observed: ezc3d divides ANALOG:RATE by POINT:RATE and drops the fraction. At 60000/1001 frames/s, the usual rate of
#   video cameras, with 10 samples per frame the quotient is 9.999... in single precision: 9 samples are read per
#   frame, and from the second frame on analogue values become coordinates and coordinates become analogue values.
#   No exception, no message. The same content at 60 frames/s is read as it was written.
#
# Date: 2026-11-29. Run: bash findings/ezc3d-analogue-samples-per-frame.sh (another interpreter: PYTHON=...)
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"${PYTHON:-python3.11}" -m venv venv
venv/bin/pip install --quiet ezc3d==1.7.2 numpy==2.4.6

cat >check.py <<'PYTHON'
import struct
import sys

import ezc3d
import numpy as np

FRAMES, MARKERS, CHANNELS, SAMPLES = 6, 2, 3, 10
INTEGER, REAL, TEXT = 2, 4, -1


def group(number, name):
    return struct.pack("<bb", len(name), -number) + name + struct.pack("<hB", 3, 0)


def parameter(number, name, kind, dimensions, content):
    body = struct.pack("<bB", kind, len(dimensions)) + bytes(dimensions) + content + b"\0"
    return struct.pack("<bb", len(name), number) + name + struct.pack("<h", len(body) + 2) + body


def real(*values):
    return struct.pack(f"<{len(values)}f", *values)


def words(*values):
    return struct.pack(f"<{len(values)}H", *values)


def c3d_bytes(point_rate_hz):
    """A float C3D file (Intel byte order): header, two blocks of parameters, frames of points and analogue samples."""
    parameters = b"".join(
        [
            struct.pack("<4B", 1, 0x50, 2, 84),
            group(1, b"POINT"),
            parameter(1, b"USED", INTEGER, [], words(MARKERS)),
            parameter(1, b"SCALE", REAL, [], real(-1.0)),
            parameter(1, b"RATE", REAL, [], real(point_rate_hz)),
            parameter(1, b"FRAMES", INTEGER, [], words(FRAMES)),
            parameter(1, b"DATA_START", INTEGER, [], words(4)),
            parameter(1, b"LABELS", TEXT, [2, MARKERS], b"M1M2"),
            parameter(1, b"UNITS", TEXT, [2], b"mm"),
            group(2, b"ANALOG"),
            parameter(2, b"USED", INTEGER, [], words(CHANNELS)),
            parameter(2, b"GEN_SCALE", REAL, [], real(1.0)),
            parameter(2, b"SCALE", REAL, [CHANNELS], real(*[1.0] * CHANNELS)),
            parameter(2, b"OFFSET", INTEGER, [CHANNELS], words(*[0] * CHANNELS)),
            parameter(2, b"RATE", REAL, [], real(point_rate_hz * SAMPLES)),
            parameter(2, b"LABELS", TEXT, [2, CHANNELS], b"FxFyFz"),
        ]
    )
    header = struct.pack("<BBHHHHHf", 2, 0x50, MARKERS, CHANNELS * SAMPLES, 1, FRAMES, 0, -1.0)
    header += struct.pack("<HHf", 4, SAMPLES, point_rate_hz)
    frames = b"".join(
        real(1000 + frame, 2000 + frame, 3000 + frame, 0.0) * MARKERS + real(*[0.001 * (frame + 1)] * CHANNELS * SAMPLES)
        for frame in range(FRAMES)
    )
    return header.ljust(512, b"\0") + parameters.ljust(1024, b"\0") + frames.ljust(-(-len(frames) // 512) * 512, b"\0")


def read_x_mm(point_rate_hz):
    with open("trial.c3d", "wb") as file:
        file.write(c3d_bytes(point_rate_hz))
    data = ezc3d.c3d("trial.c3d")["data"]
    x_mm = data["points"][0, 0]
    print(f"{point_rate_hz:.4f} frames/s: x of marker M1 in mm: {np.round(x_mm, 3).tolist()}")
    print(f"    analogue samples per channel: {data['analogs'].shape[2]}, written: {FRAMES * SAMPLES}")
    return x_mm, data["analogs"].shape[2]


written_mm = 1000 + np.arange(FRAMES)
x_mm, samples = read_x_mm(60.0)
if not (np.array_equal(x_mm, written_mm) and samples == FRAMES * SAMPLES):
    sys.exit("The file at 60 frames/s is not read as written: this script does not show what it should.")
x_mm, samples = read_x_mm(60000 / 1001)
if np.allclose(x_mm, written_mm) and samples == FRAMES * SAMPLES:
    sys.exit("No longer so: ezc3d reads the file at 60000/1001 frames/s as it was written.")
PYTHON
venv/bin/python check.py
