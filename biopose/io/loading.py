"""Loading libraries and models without looking for garbage among what they make."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without_garbage_collection(*, stays: bool = True) -> Iterator[None]:
    """For the block, which loads much: collecting meanwhile takes a twelfth to a quarter of the time.

    Args:
        stays: whether what is loaded stays for long, so that later collections need not look at it either; not for a
            command that ends after the block.
    """
    gc.disable()
    try:
        yield
    finally:
        if stays:
            gc.freeze()
        gc.enable()
