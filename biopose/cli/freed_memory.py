"""How little of the memory that the process has freed the C library keeps. Of glibc; others are left alone."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Callable

MOST_HEAPS = 2
KEPT_BYTES = 256 << 20  # of freed memory at a heap's end
GROWTH_BYTES = 32 << 20  # of a heap at a time; larger blocks are mapped by themselves
# Parameters of mallopt, with the environment's variables that state them.
_M_ARENA_MAX = ("MALLOC_ARENA_MAX", -8)
_OF_GROWTH = {
    ("MALLOC_TRIM_THRESHOLD_", -1): KEPT_BYTES,
    ("MALLOC_TOP_PAD_", -2): GROWTH_BYTES,
    ("MALLOC_MMAP_THRESHOLD_", -3): GROWTH_BYTES,
}


def share_heaps() -> None:
    """Have all threads allocate from two heaps that keep what is freed, unless the environment states other numbers.

    Each heap keeps what is freed in it, and glibc makes as many as eight a core: 45 MB more for a short clip. What a
    network's pass frees, the next one takes: returned to the system in between, its pages are zeroed again each time.
    """
    mallopt = _of_glibc("mallopt")
    for (variable, parameter), value in ({_M_ARENA_MAX: MOST_HEAPS} | _OF_GROWTH).items():
        if mallopt and variable not in os.environ:
            mallopt(parameter, value)


def return_freed_memory() -> None:
    """Have the C library return what it keeps for later: glibc keeps all that lies under a block still in use.

    After the networks that is 300 MB.
    """
    if trim := _of_glibc("malloc_trim"):
        trim(0)


def _of_glibc(function: str) -> Callable[..., int] | None:
    return getattr(ctypes.CDLL(None), function, None) if sys.platform == "linux" else None
