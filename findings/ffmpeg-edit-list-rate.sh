#!/usr/bin/env bash
# FFmpeg 8 (libavformat 62, as in PyAV 18.1.0): the rate of a QuickTime edit is ignored without a message.
#
# Expected: an edit of a .mov file has a media rate (16.16 fixed point in the edit list, "elst"): 0.5 plays the media at
#   half speed. A reader that applies edit lists gives frame times and a duration twice as long, or reports that it
#   does not support the rate.
# Observed: libavformat applies the start and the duration of an edit, not its rate: frame times and durations are
#   those of normal speed, and nothing is logged at any level up to "info". Speeds computed from the times are wrong
#   by the factor.
#
# Date: 2026-11-29. Run: bash findings/ffmpeg-edit-list-rate.sh (another interpreter: PYTHON=...)
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"${PYTHON:-python3.11}" -m venv venv
venv/bin/pip install --quiet av==18.1.0 numpy==2.4.6

cat >check.py <<'PYTHON'
import struct
import sys

import av
import av.logging
import numpy as np

FRAMES, RATE_HZ, SIZE = 30, 30, 64


def write(path):
    with av.open(path, "w") as container:
        stream = container.add_stream("mpeg4", rate=RATE_HZ)
        stream.width, stream.height, stream.pix_fmt = SIZE, SIZE, "yuv420p"
        for index in range(FRAMES):
            picture = np.full((SIZE, SIZE, 3), 8 * index, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())


def at_half_speed(content):
    """The same file with its one edit at media rate 0.5; durations of the edit, track and movie doubled to match."""
    edit = content.index(b"elst") + 12
    duration, media_time, rate = struct.unpack_from(">IiI", content, edit)
    if struct.unpack_from(">I", content, edit - 4)[0] != 1 or media_time != 0 or rate != 1 << 16:
        sys.exit("The file written has another edit list than this script expects.")
    patched = bytearray(content)
    struct.pack_into(">IiI", patched, edit, 2 * duration, 0, 1 << 15)
    struct.pack_into(">I", patched, content.index(b"tkhd") + 24, 2 * duration)
    struct.pack_into(">I", patched, content.index(b"mvhd") + 20, 2 * duration)
    return bytes(patched)


def last_time_s(path):
    av.logging.set_level(av.logging.INFO)
    with av.logging.Capture(local=False) as messages, av.open(path) as container:
        times_s = [frame.time for frame in container.decode(video=0)]
        duration_s = container.duration / av.time_base
    print(f"{path}: {len(times_s)} frames, last at {times_s[-1]:.3f} s, duration {duration_s:.3f} s, log: {messages}")
    return times_s[-1], bool(messages)


write("normal.mov")
with open("normal.mov", "rb") as file:
    half_speed = at_half_speed(file.read())
with open("half_speed.mov", "wb") as file:
    file.write(half_speed)
print("libavformat", ".".join(map(str, av.library_versions["libavformat"])))
normal_s, _ = last_time_s("normal.mov")
half_s, logged = last_time_s("half_speed.mov")
if half_s != normal_s or logged:
    sys.exit("No longer so: the rate of the edit is applied or reported.")
PYTHON
venv/bin/python check.py
