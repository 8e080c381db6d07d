"""Provenance of a result: the versions of the code and its libraries, and the hash of every network's weights."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from functools import cache
from importlib.metadata import version
from pathlib import Path

from biopose.io.files import sha256_of

LIBRARIES = ("anny", "av", "numpy", "onnxruntime", "opensim", "torch")


def versions(weights: Mapping[str, Path]) -> dict[str, str]:
    """By name: BioPose with its commit where it runs from a checkout, libraries, and the sha256 of weights.

    Args:
        weights: files by name.
    """
    return (
        {"biopose": code_version()}
        | {name: version(name) for name in LIBRARIES}
        | {f"{name}_sha256": _sha256(path) for name, path in weights.items()}
    )


@cache
def code_version() -> str:
    """BioPose's version, with the commit where it runs from a checkout, e.g. 0.1.0+8863a6d."""
    here = Path(__file__).parent
    run = subprocess.run(  # noqa: S603 - fixed arguments
        ["git", "-C", str(here), "describe", "--always", "--dirty", "--exclude=*"],  # noqa: S607
        capture_output=True,
        text=True,
        check=False,
    )
    commit = run.stdout.strip()
    return version("biopose") + (f"+{commit}" if run.returncode == 0 and commit else "")


@cache
def _sha256(path: Path) -> str:
    return sha256_of(path)
