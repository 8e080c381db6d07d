"""Pictures of real people: frames of the sample clip, and the networks' weights, or the test is skipped."""

from functools import cache

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from biopose.assets import assets_folder

CLIP = assets_folder() / "clips" / "sports2d_demo.mp4"
WEIGHTS = assets_folder() / "weights"
needs_networks = pytest.mark.skipif(
    not CLIP.is_file() or not (WEIGHTS / "rtmpose-s-halpe26.onnx").is_file(),
    reason="the networks or the sample clip are not here: run `biopose assets pull`",
)
TWO_PEOPLE_AT = (50, 70, 90)  # frames in which a jumper stands on a wall and a walker passes below


@cache
def frames_of_two_people() -> tuple[NDArray[np.uint8], ...]:
    """RGB (994, 1768, 3)."""
    with av.open(str(CLIP)) as container:
        decoded = zip(range(max(TWO_PEOPLE_AT) + 1), container.decode(video=0), strict=False)
        return tuple(
            np.asarray(frame.to_ndarray(format="rgb24"), dtype=np.uint8)
            for index, frame in decoded
            if index in TWO_PEOPLE_AT
        )
