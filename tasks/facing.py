"""The side that an athlete turns to the camera, as a group of trials that a candidate may be worse for."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

UNKNOWN = "not known"


def facing_of(folder: Path) -> str:
    """Where an athlete goes or faces in the picture: left, right, towards the camera or away from it.

    Args:
        folder: of a run; of markers, or where its trial.parquet is gone, it is not known.
    """
    try:
        stated = json.loads((pq.read_schema(folder / "trial.parquet").metadata or {})[b"biopose"])
        forward = np.array(stated["T_camera_world"], dtype=np.float64)[:3, 0]  # the world's x is the way that they go
    except (OSError, pa.ArrowInvalid, ValueError, KeyError, TypeError, IndexError):
        return UNKNOWN
    if abs(forward[0]) > abs(forward[2]):
        return "right" if forward[0] > 0 else "left"
    return "away from the camera" if forward[2] > 0 else "towards the camera"
