"""Freed memory goes back to the system, and little is kept for later."""

import os
import subprocess
import sys

import pytest

RETURNED = """
from biopose.cli.freed_memory import return_freed_memory

def resident_kb():
    with open("/proc/self/status") as status:
        return int(next(line for line in status if line.startswith("RssAnon")).split()[1])

blocks = [bytearray(50_000) for _ in range(2000)]
last = blocks[-1]  # above all others
before = resident_kb()
del blocks
return_freed_memory()
print(before - resident_kb())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads Linux's account of the process's memory")
def test_memory_below_a_block_in_use_is_returned() -> None:
    run = subprocess.run([sys.executable, "-c", RETURNED], capture_output=True, text=True, check=True)
    assert int(run.stdout) > 80_000


HEAPS = """
import ctypes
import threading

from biopose.cli.freed_memory import share_heaps

share_heaps()
malloc = ctypes.CDLL(None).malloc
malloc.restype = ctypes.c_size_t
heaps, together = set(), threading.Barrier(8)

def allocate():
    together.wait()
    heaps.add(malloc(1000) >> 26)  # a heap but the first one lies in 64 MB of its own
    together.wait()

threads = [threading.Thread(target=allocate) for _ in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(len(heaps))
"""

FAULTS = """
import ctypes
import resource

from biopose.cli.freed_memory import share_heaps

share_heaps()
c = ctypes.CDLL(None)
c.malloc.restype = ctypes.c_void_p

def used_and_freed():
    blocks = [ctypes.c_void_p(c.malloc(ctypes.c_size_t(20 << 20))) for _ in range(8)]
    for block in blocks:
        ctypes.memset(block, 1, 20 << 20)
    for block in blocks:
        c.free(block)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

used_and_freed()
print(-(used_and_freed() - used_and_freed()))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux's C library")
def test_what_is_freed_is_used_again_without_new_pages() -> None:
    run = subprocess.run([sys.executable, "-c", FAULTS], capture_output=True, text=True, check=True)
    assert int(run.stdout) < 400  # of 40,000 that the blocks have


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux's C library")
@pytest.mark.parametrize(("stated", "most"), [(None, 2), ("1", 1)])
def test_threads_share_two_heaps_unless_the_environment_states_another_number(stated: str | None, most: int) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "MALLOC_ARENA_MAX"}
    environment |= {"MALLOC_ARENA_MAX": stated} if stated else {}
    run = subprocess.run([sys.executable, "-c", HEAPS], capture_output=True, text=True, check=True, env=environment)
    assert int(run.stdout) <= most
