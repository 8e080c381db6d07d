"""What runs a home's networks: results are keyed by it, so that another would measure the whole inbox anew.

The last night's choice is recorded in the home. A driver that fails for one night, or a container without the GPU, does
not change it unnoticed.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from biopose.errors import BioposeError
from biopose.io.files import written_whole
from tasks.settings import Settings

FILE = "device.json"


@dataclass(frozen=True)
class _RunBy:
    device: str
    cpu_backend: str | None  # None where no night ran on a CPU


def keep_device(settings: Settings) -> list[str]:
    """Record what runs the networks, and refuse another device than before unless BIOPOSE_DEVICE names it.

    Returns:
        What is to be noted: another backend on the CPU.

    Raises:
        BioposeError: the device is another, or the record cannot be read.
    """
    before, device = _recorded(settings), settings.device
    backend = settings.cpu_backend if device == "cpu" else before.cpu_backend if before else None
    if before is not None and before.device != device and "device" not in settings.model_fields_set:
        mend = "make the GPU's driver work again (`nvidia-smi`)" if device == "cpu" else "set BIOPOSE_DEVICE=cpu"
        raise BioposeError(
            f"{settings.home}: its networks ran on {before.device} and would run on {device} now, which measures the "
            f"whole inbox anew; {mend}, or set BIOPOSE_DEVICE={device} if that is meant"
        )
    now = _RunBy(device, backend)
    if now != before:
        with written_whole(settings.home / FILE, durable=True) as partial:
            partial.write_text(json.dumps(asdict(now)), encoding="utf-8")
    if before is None or before.cpu_backend in (None, backend):
        return []
    return [
        f"{before.cpu_backend} ran the networks on CPUs before, {backend} does now: the inbox is measured anew; "
        f"BIOPOSE_CPU_BACKEND={before.cpu_backend} goes on as before"
    ]


def _recorded(settings: Settings) -> _RunBy | None:
    file = settings.home / FILE
    try:
        return _RunBy(**json.loads(file.read_text(encoding="utf-8"))) if file.exists() else None
    except (OSError, ValueError, TypeError) as error:
        raise BioposeError(
            f"{file}: cannot be read ({error}); restore it from a backup, or delete it: then the next night's device "
            "is the home's"
        ) from error
