"""How little of the memory that the process has freed the C library keeps. Of glibc; others are left alone."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Callable

MOST_HEAPS = 2
_M_ARENA_MAX = -8  # of mallopt


def share_heaps() -> None:
    """Have all threads allocate from two heaps, unless the environment states another number (MALLOC_ARENA_MAX).

    Each heap keeps what is freed in it, and glibc makes as many as eight a core: 45 MB more for a short clip.
    """
    if "MALLOC_ARENA_MAX" not in os.environ and (mallopt := _of_glibc("mallopt")):
        mallopt(_M_ARENA_MAX, MOST_HEAPS)


def return_freed_memory() -> None:
    """Have the C library return what it keeps for later: glibc keeps all that lies under a block still in use.

    After the networks that is 300 MB.
    """
    if trim := _of_glibc("malloc_trim"):
        trim(0)


def _of_glibc(function: str) -> Callable[..., int] | None:
    return getattr(ctypes.CDLL(None), function, None) if sys.platform == "linux" else None
