"""What made a result: the code's version and every network's weights by hash."""

from __future__ import annotations

import subprocess
from functools import cache
from importlib.metadata import version
from pathlib import Path

from biopose.assets import asset
from biopose.io.checkpoint import WEIGHTS, sha256_of

LIBRARIES = ("anny", "av", "numpy", "onnxruntime", "opensim", "torch")


@cache
def versions() -> dict[str, str]:
    """By name: BioPose with its commit where it runs from a checkout, libraries, and sha256 of all weights.

    Raises:
        ModelError: if an asset is missing.
    """
    weights = {
        "detector": asset("weights/yolox-tiny-humanart.onnx"),
        "keypoints": asset("weights/rtmpose-s-halpe26.onnx"),
        "lifter": WEIGHTS / "lifter.safetensors",
        "pose_prior": WEIGHTS / "pose_prior.safetensors",
        "mqhmr": WEIGHTS / "mqhmr.safetensors",
        "segment_body": WEIGHTS / "segment_body.safetensors",
        "neurik": WEIGHTS / "neurik.safetensors",
    }
    return (
        {"biopose": _code_version()}
        | {name: version(name) for name in LIBRARIES}
        | {f"{name}_sha256": sha256_of(path) for name, path in weights.items()}
    )


def _code_version() -> str:
    here = Path(__file__).parent
    run = subprocess.run(  # noqa: S603 - fixed arguments
        ["git", "-C", str(here), "describe", "--always", "--dirty", "--exclude=*"],  # noqa: S607
        capture_output=True,
        text=True,
        check=False,
    )
    commit = run.stdout.strip()
    return version("biopose") + (f"+{commit}" if run.returncode == 0 and commit else "")
