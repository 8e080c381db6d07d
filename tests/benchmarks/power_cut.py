"""A disk whose power can be cut: an ext4 file system in a file, shut down without its unwritten data or its log.

What was written and not flushed by `fsync` is lost, as the kernel's own tests of file systems lose it: a file may be
there with its name and no content. Needs root, loop devices and mkfs.ext4.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import struct
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

EXT4_SHUTDOWN = 0x8004587D  # _IOR('X', 125, __u32)
WITHOUT_LOG = struct.pack("I", 2)  # EXT4_GOING_FLAGS_NOLOGFLUSH: neither data nor the journal is written out
SIZE_BYTES = 2 << 30  # sparse
UNMOUNT_TIMEOUT_S = 30.0


def can_cut() -> bool:
    """Whether this machine can."""
    return os.geteuid() == 0 and Path("/dev/loop-control").exists() and shutil.which("mkfs.ext4") is not None


@dataclass(frozen=True)
class Disk:
    """A mounted disk.

    Attributes:
        image: the file that holds it.
        folder: where it is mounted.
    """

    image: Path
    folder: Path

    def mount(self) -> None:
        """Mount it; after a cut, the journal is replayed. What is written waits as long as Linux lets it."""
        _run("mount", "-o", "loop,commit=300", str(self.image), str(self.folder))

    def cut(self) -> None:
        """Cut its power: from now on every access fails."""
        descriptor = os.open(self.folder, os.O_RDONLY)
        try:
            fcntl.ioctl(descriptor, EXT4_SHUTDOWN, WITHOUT_LOG)
        finally:
            os.close(descriptor)

    def flush(self) -> None:
        """Write out all that was written."""
        _run("sync", "-f", str(self.folder))

    def unmount(self) -> None:
        """Unmount it, once no process has a file of it open any more."""
        end_s = time.monotonic() + UNMOUNT_TIMEOUT_S
        while subprocess.run(["umount", str(self.folder)], capture_output=True).returncode:
            assert time.monotonic() < end_s, f"{self.folder} stays in use"
            time.sleep(0.05)


@contextmanager
def disk(folder: Path) -> Iterator[Disk]:
    """An empty disk, mounted at the folder `disk` of a folder, for the block."""
    made = Disk(folder / "disk.img", folder / "disk")
    made.folder.mkdir(parents=True)
    with made.image.open("wb") as image:
        image.truncate(SIZE_BYTES)
    _run("mkfs.ext4", "-q", "-E", "nodiscard", "-J", "size=16", str(made.image))
    made.mount()
    try:
        yield made
    finally:
        made.unmount()
        made.image.unlink()


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)
