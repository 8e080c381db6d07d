"""What runs the published networks on this machine.

torch         single precision; for a GPU.
onnxruntime   single precision, on the CPU; as torch to 1e-3.
bfloat16      torch on a CPU that multiplies bfloat16 itself (AVX-512 BF16, AMX): eight bits of mantissa, sums of 24.
              Takes seven tenths of onnxruntime's time. Confident keypoints move by 0.14 pixels of the crop in the
              median, where the network's own scatter is 0.475 (`simcc`).
"""

from __future__ import annotations

import os
from typing import Literal, get_args

import torch

from biopose.errors import BioposeError

Backend = Literal["onnxruntime", "torch", "bfloat16"]
VARIABLE = "BIOPOSE_CPU_BACKEND"  # overrules the choice, such as for the same numbers on machines of several kinds


def backend_for(device: str | torch.device) -> Backend:
    """The fastest on a device, unless the environment names another for the CPU.

    Raises:
        BioposeError: it names none that there is.
    """
    if torch.device(device).type != "cpu":
        return "torch"
    named = os.environ.get(VARIABLE)
    if named:
        try:
            return checked(named, device=device, given=VARIABLE)
        except ValueError as error:
            raise BioposeError(str(error)) from error
    able = torch.cpu.get_capabilities()
    return "bfloat16" if able.get("avx512_bf16") or able.get("amx_bf16") else "onnxruntime"


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
    if backend != "torch" and torch.device(device).type != "cpu":
        raise ValueError(f"{backend} runs on the cpu here, not on {device}: choose the backend torch")
    return known[backend]
