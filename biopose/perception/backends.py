"""What runs the published networks on this machine.

torch         single precision; for a GPU.
onnxruntime   single precision, on the CPU; as torch to 1e-3.
bfloat16      torch on a CPU that multiplies bfloat16 itself (AVX-512 BF16, AMX): eight bits of mantissa, sums of 24.
              Takes seven tenths of onnxruntime's time. Confident keypoints move by 0.14 pixels of the crop in the
              median, where the network's own scatter is 0.475 (`simcc`).

What the CPU is able to do is read from Linux's list of its flags, without torch, since keys of results depend on it.
On other systems, and on other CPUs than x86, onnxruntime is chosen; bfloat16 can be named there, too.
"""

from __future__ import annotations

import ctypes
import os
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from biopose.errors import BioposeError

if TYPE_CHECKING:
    import torch

Backend = Literal["onnxruntime", "torch", "bfloat16"]
Device = Literal["cpu", "cuda"]
VARIABLE = "BIOPOSE_CPU_BACKEND"  # overrules the choice, such as for the same numbers on machines of several kinds
CPU_INFO = Path("/proc/cpuinfo")
NVIDIA_MANAGEMENT = "libnvidia-ml.so.1"  # of the driver
VISIBLE_GPUS, NO_GPU = "CUDA_VISIBLE_DEVICES", ("", "-1", "NoDevFiles")
BFLOAT16_FLAGS = frozenset({"avx512_bf16", "amx_bf16"})


def backend_for(device: str | torch.device) -> Backend:
    """The fastest on a device, unless the environment names another for the CPU.

    Raises:
        BioposeError: it names none that there is.
    """
    if not is_cpu(device):
        return "torch"
    named = os.environ.get(VARIABLE)
    if named:
        try:
            return checked(named, device=device, given=VARIABLE)
        except ValueError as error:
            raise BioposeError(str(error)) from error
    return "bfloat16" if BFLOAT16_FLAGS & _cpu_flags() else "onnxruntime"


def checked(backend: str, *, device: str | torch.device, given: str = "backend") -> Backend:
    """A backend, unless it is none or does not run on a device.

    Args:
        backend: its name.
        device: of torch.
        given: what named it, for the error.

    Raises:
        ValueError: so it is.
    """
    known: dict[str, Backend] = {name: name for name in get_args(Backend)}
    if backend not in known:
        raise ValueError(f"{given} is {backend!r}; there are {', '.join(known)}")
    if backend != "torch" and not is_cpu(device):
        raise ValueError(f"{backend} runs on the cpu here, not on {device}: choose the backend torch")
    return known[backend]


def device_here() -> Device:
    """Where networks run fastest on this machine: on a GPU where the driver counts one and it is not hidden from us."""
    return "cpu" if os.environ.get(VISIBLE_GPUS) in NO_GPU or not _gpu_count() else "cuda"


def is_cpu(device: str | torch.device) -> bool:
    """Whether a device of torch is the processor."""
    return str(device).partition(":")[0] == "cpu"


def _gpu_count() -> int:
    """As NVIDIA's driver counts them; 0 without one. Asked without torch, since keys of results depend on it."""
    try:
        driver = ctypes.CDLL(NVIDIA_MANAGEMENT)
    except OSError:
        return 0
    if driver.nvmlInit_v2():  # an error's number
        return 0
    count = ctypes.c_uint(0)
    failed = driver.nvmlDeviceGetCount_v2(ctypes.byref(count))
    driver.nvmlShutdown()
    return 0 if failed else count.value


def _cpu_flags() -> frozenset[str]:
    """Of the first core; none where the system does not list them."""
    try:
        with CPU_INFO.open(encoding="utf-8", errors="replace") as lines:
            first = next((line for line in lines if line.startswith("flags")), "")
    except OSError:
        return frozenset()
    return frozenset(first.partition(":")[2].split())
