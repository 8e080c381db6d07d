"""What `make setup` installs: wheels alone, each with a version and with hashes that are locked."""

from __future__ import annotations

import re
import subprocess
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


def test_the_hash_of_the_torch_for_cpus_is_locked_for_the_version_that_it_belongs_to_alone() -> None:
    makefile = (PROJECT / "Makefile").read_text()
    (version, sha256) = re.findall(r"^TORCH_CPU(?:_VERSION)? := (\S+)$", makefile, re.MULTILINE)
    locked = {name: (of, hashes) for name, of, hashes in LOCKED.findall((PROJECT / "requirements.lock").read_text())}
    assert locked["torch"][0] == version
    assert f"sha256:{sha256}" in locked["torch"][1]
    command = ["make", "--silent", "torch-pin"]
    assert subprocess.run(command, cwd=PROJECT, capture_output=True).returncode == 0
    other = subprocess.run([*command, "TORCH_CPU_VERSION=2.13"], cwd=PROJECT, capture_output=True, text=True)
    assert other.returncode != 0
    assert "constraints.txt pins another torch than 2.13, whose build for CPUs" in " ".join(other.stdout.split())


def test_every_step_of_the_setup_and_of_its_offline_way_takes_wheels_alone() -> None:
    recipe = (PROJECT / "Makefile").read_text().split(".venv/installed:")[1].split("@touch")[0].replace("\\\n", " ")
    steps = re.split(r"(?=pip install --|pip download )", recipe)[1:]
    assert len(steps) == 4
    assert all("--only-binary :all:" in step for step in steps)
