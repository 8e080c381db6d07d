"""The laboratory's vertical axis, which no marker file states."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

UpAxis = Literal["x", "y", "z"]


def y_up(values: NDArray[np.float64], up: UpAxis, *, axis: int) -> NDArray[np.float64]:
    """Vectors whose component `up` is vertical, with their components (along `axis`) permuted so that y is."""
    return np.roll(values, "xyz".index("y") - "xyz".index(up), axis=axis)


def from_y_up(values: NDArray[np.float64], up: UpAxis, *, axis: int) -> NDArray[np.float64]:
    """The reverse: vectors whose y is vertical, with their components permuted so that `up` is."""
    return np.roll(values, "xyz".index(up) - "xyz".index("y"), axis=axis)
