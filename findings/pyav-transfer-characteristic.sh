#!/usr/bin/env bash
# PyAV 18.1.0: VideoFrame.reformat(dst_color_trc=...) converts pixels, though its documentation excludes that.
#
# Expected: the documentation of this version describes dst_color_trc as a tag of the output frame alone, without a
#   conversion of pixels by a transfer function.
# Observed: on a frame that carries a transfer characteristic of its own (BT.709, as most cameras write), the pixels
#   are converted: grey 128 becomes 59 with dst_color_trc=LINEAR. On an untagged frame the same call changes the tag
#   alone, so that a test on frames made from arrays does not show it.
#
# Date: 2026-11-29. Run: bash findings/pyav-transfer-characteristic.sh (another interpreter: PYTHON=...)
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"${PYTHON:-python3.11}" -m venv venv
venv/bin/pip install --quiet av==18.1.0

cat >check.py <<'PYTHON'
import sys

import av
from av.video.reformatter import ColorTrc, VideoReformatter

SIZE, GREY = 64, 128


def grey_after_tag(source):
    """Luma of a grey frame after a request for the tag LINEAR."""
    frame = av.VideoFrame(SIZE, SIZE, "yuv420p")
    for plane in frame.planes:
        plane.update(bytes([GREY]) * plane.buffer_size)
    frame.color_trc = source
    tagged = frame.reformat(dst_color_trc=ColorTrc.LINEAR)
    luma = bytes(tagged.planes[0])[SIZE // 2]
    print(f"source {source.name}: tag {ColorTrc(tagged.color_trc).name}, luma {GREY} -> {luma}")
    return luma


lines = VideoReformatter.reformat.__doc__.splitlines()
first = next(index for index, line in enumerate(lines) if ":param dst_color_trc:" in line)
print("documentation:", " ".join(line.strip() for line in lines[first : first + 3]))
if grey_after_tag(ColorTrc.UNSPECIFIED) != GREY:
    sys.exit("No longer so: an untagged frame is converted too.")
if grey_after_tag(ColorTrc.BT709) == GREY:
    sys.exit("No longer so: dst_color_trc sets the tag alone.")
PYTHON
venv/bin/python check.py
