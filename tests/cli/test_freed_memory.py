"""Freed memory goes back to the system."""

import subprocess
import sys

import pytest

CODE = """
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
    run = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True)
    assert int(run.stdout) > 80_000
