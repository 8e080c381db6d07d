"""How long a person's body is in the image: the yardstick of everything that is judged in pixels."""

from __future__ import annotations

import numpy as np
import scipy
from numpy.typing import NDArray

from biopose.tracking.tracks import PersonTrack

WINDOW_S = 1.0


def body_length_px(track: PersonTrack) -> NDArray[np.float64]:
    """(T,) the longer side of the person's box: its median over a second; carried across frames without the person."""
    frames = np.flatnonzero(track.detected)
    longer_px = (track.boxes_px[frames, 2:] - track.boxes_px[frames, :2]).max(1)
    carried = np.interp(np.arange(len(track)), frames, np.maximum(longer_px, 1.0))
    if len(track) == 1:
        return carried
    window = 2 * round(track.rate_hz * WINDOW_S / 2) + 1
    return np.asarray(scipy.ndimage.median_filter(carried, size=min(window, 2 * len(track) - 1), mode="nearest"))
