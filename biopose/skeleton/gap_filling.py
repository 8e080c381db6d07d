"""Gap filling: linear interpolation over frames in which a value is not known."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def fill_gaps(
    values: NDArray[np.float64], known: NDArray[np.bool_], time_s: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Values (T, n) with the unknown ones interpolated linearly in time between known neighbours.

    Before the first known value and after the last, that value is held. A column of which nothing is known stays.

    Args:
        values: (T, n).
        known: (T, n), or (T,) for all columns alike.
        time_s: (T,) increasing.
    """
    filled = values.copy()
    for column, there in enumerate(np.broadcast_to(known.T, values.T.shape)):
        if there.any() and not there.all():
            filled[:, column] = np.interp(time_s, time_s[there], values[there, column])
    return filled
