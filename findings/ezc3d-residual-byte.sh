#!/usr/bin/env bash
# ezc3d 1.7.2: in a float C3D file the residual and the camera mask of a point are exchanged.
#
# Expected: the fourth word of a point, converted to an integer, holds the residual in its low byte (times the
#   magnitude of POINT:SCALE) and the cameras in bits 0 to 6 of its high byte: the format's manual, "Notes for
#   programmers - Floating-point 3D Data". A word of 0x051E is a residual of 30 units, cameras 1 and 3.
# Observed: ezc3d takes the residual from the high byte and the cameras from the low byte: 5 units, cameras 2, 3, 4
#   and 5. A word of 30 (no camera mask) gives a residual of 0, which by the format means a point that
#   was interpolated or filtered: a limit on the residual accepts every point.
#
# Date: 2026-11-29. Run: bash findings/ezc3d-residual-byte.sh (another interpreter: PYTHON=...)
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

FRAMES, SCALE_MM, RATE_HZ = 4, 0.1, 100.0


def parameter(name, kind, dimensions, content):
    body = struct.pack("<bB", kind, len(dimensions)) + bytes(dimensions) + content + b"\0"
    return struct.pack("<bb", len(name), 1) + name + struct.pack("<h", len(body) + 2) + body


def c3d_bytes(fourth_word):
    """A float C3D file (Intel byte order) of one marker, whose fourth word is the same in every frame."""
    parameters = struct.pack("<4B", 1, 0x50, 1, 84)
    parameters += struct.pack("<bb", 5, -1) + b"POINT" + struct.pack("<hB", 3, 0)
    parameters += parameter(b"USED", 2, [], struct.pack("<H", 1))
    parameters += parameter(b"SCALE", 4, [], struct.pack("<f", -SCALE_MM))
    parameters += parameter(b"RATE", 4, [], struct.pack("<f", RATE_HZ))
    parameters += parameter(b"FRAMES", 2, [], struct.pack("<H", FRAMES))
    parameters += parameter(b"DATA_START", 2, [], struct.pack("<H", 3))
    parameters += parameter(b"LABELS", -1, [2, 1], b"M1")
    parameters += parameter(b"UNITS", -1, [2], b"mm")
    header = struct.pack("<BBHHHHHf", 2, 0x50, 1, 0, 1, FRAMES, 0, -SCALE_MM) + struct.pack("<HHf", 3, 0, RATE_HZ)
    frames = struct.pack("<4f", 100.0, 200.0, 300.0, float(fourth_word)) * FRAMES
    return b"".join(part.ljust(512, b"\0") for part in (header, parameters, frames))


def read(fourth_word):
    with open("trial.c3d", "wb") as file:
        file.write(c3d_bytes(fourth_word))
    meta = ezc3d.c3d("trial.c3d")["data"]["meta_points"]
    cameras = [camera + 1 for camera in range(7) if meta["camera_masks"][camera, 0, 0]]
    residual_mm = round(float(meta["residuals"][0, 0, 0]), 4)
    print(f"    ezc3d:    residual {residual_mm} mm, cameras {cameras}")
    return residual_mm, cameras


as_specified = True
for low, high in ((30, 0), (30, 0b101)):
    print(f"fourth word 0x{high << 8 | low:04X}, POINT:SCALE -{SCALE_MM}")
    written = (round(low * SCALE_MM, 4), [camera + 1 for camera in range(7) if high >> camera & 1])
    print(f"    manual:   residual {written[0]} mm, cameras {written[1]}")
    as_specified &= read(high << 8 | low) == written
if as_specified:
    sys.exit("No longer so: ezc3d reads residual and cameras as the format's manual has them.")
PYTHON
venv/bin/python check.py
