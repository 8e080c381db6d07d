"""What `make setup` installs: wheels alone, each with a version and with hashes that are locked."""

from __future__ import annotations

import re
from pathlib import Path

from packaging.version import Version

from tests.test_licences import dependencies, normal

PROJECT = Path(__file__).parents[1]
PIN = re.compile(r"^([\w.-]+)==(\S+)", re.MULTILINE)
LOCKED = re.compile(r"^([\w.-]+)==(\S+) \\\n((?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)", re.MULTILINE)


def pins(file: str) -> dict[str, str]:
    return {normal(name): version for name, version in PIN.findall((PROJECT / file).read_text())}


def test_every_pinned_package_is_locked_with_hashes() -> None:
    locked = {normal(name): version for name, version, _ in LOCKED.findall((PROJECT / "requirements.lock").read_text())}
    assert locked == pins("constraints.txt")  # else: make lock


def test_every_installed_dependency_is_locked_in_its_version() -> None:
    """But the libraries of a torch for GPUs, whose versions that torch pins."""
    locked, installed = pins("requirements.lock"), dependencies()
    of_gpus = {name for name in installed if name.startswith(("nvidia-", "cuda-")) or name == "triton"}
    versions = {name: Version(installed[name].version).public for name in installed.keys() - of_gpus}
    assert versions == {name: locked.get(name) for name in versions}
