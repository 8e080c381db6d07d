"""Whether a video was recorded from a screen: its frames are then the screen's, not the camera's.

iOS's ReplayKit tags its movies with the author "ReplayKitRecording" and names them "RPReplay_Final..."; Android,
Windows and macOS leave it at names such as "Screen Recording ..." or "screen-20260101-120000".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

TAG = "replaykitrecording"
NAMES = re.compile(
    r"rpreplay_final|screen[ _-]?(rec|cap|cast)|^screen-\d{8}|bildschirmaufnahme|captura de pantalla"
    r"|grabaci[oó]n de pantalla|enregistrement de l.[eé]cran",
    re.IGNORECASE,
)


def screen_recording_notes(path: Path, tags: Mapping[str, str]) -> tuple[str, ...]:
    """A sentence where the file's tags or its name tell of a screen recording."""
    tagged = next((key for key, value in tags.items() if value.lower() == TAG), None)
    if tagged is None and not NAMES.search(path.stem):
        return ()
    by = f"its tag {tagged} states" if tagged else "its name suggests"
    return (
        f"The video is a recording of a screen, as {by}: its frame times are the screen's and may repeat, skip or slow "
        "down what was filmed. Give the original recording.",
    )
