"""What `make setup` installs: wheels alone, of the versions and with the hashes of flows/deployment/requirements."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.markers import Marker
from packaging.version import Version

from tests.test_licences import OF_GPUS, dependencies, normal

PROJECT = Path(__file__).parents[1]
LOCKS = Path("flows", "deployment", "requirements")
PIN = re.compile(r"^([\w.-]+)==(\S+)", re.MULTILINE)
LOCKED = re.compile(
    r"^([\w.-]+)==(\S+)(?: ; ([^\\\n]+?))? \\\n((?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)", re.MULTILINE
)
LINUX = {"sys_platform": "linux", "platform_system": "Linux", "platform_machine": "x86_64", "os_name": "posix"}
PYTHON = {"python_version": "3.11", "python_full_version": "3.11.14", "implementation_name": "cpython"}


def locked(file: str) -> dict[str, tuple[str, str]]:
    """Version and marker of each package in a locked file that has a hash."""
    text = (PROJECT / LOCKS / file).read_text()
    return {normal(name): (version, marker) for name, version, marker, _ in LOCKED.findall(text)}


def on_linux(packages: dict[str, tuple[str, str]]) -> dict[str, str]:
    environment = {**LINUX, **PYTHON, "platform_python_implementation": "CPython"}
    needed = {n for n, (_, marker) in packages.items() if not marker or Marker(marker).evaluate(environment)}
    return {name: packages[name][0] for name in needed}


@pytest.mark.parametrize("file", ["packages.txt", "torch.txt", "torch-cpu.txt", "tools.txt"])
def test_every_package_has_hashes(file: str) -> None:
    names = PIN.findall((PROJECT / LOCKS / file).read_text())
    assert len(names) == len(locked(file)) > 0


def test_the_versions_are_those_of_the_constraints() -> None:
    constraints = {normal(name): version for name, version in PIN.findall((PROJECT / "constraints.txt").read_text())}
    torch, packages = on_linux(locked("torch.txt")), on_linux(locked("packages.txt"))
    assert packages | {"torch": torch["torch"]} == constraints  # else: make lock, or a line of constraints.txt
    assert all(OF_GPUS.match(name) for name in torch.keys() - {"torch"})


def test_the_torch_for_cpus_is_the_same_version() -> None:
    ((version, _),) = locked("torch-cpu.txt").values()
    assert version == f"{locked('torch.txt')['torch'][0]}+cpu"


def test_every_installed_package_is_locked_in_its_version() -> None:
    versions = {name: Version(package.version).public for name, package in dependencies().items()}
    every = locked("packages.txt") | locked("torch.txt")
    assert versions == {name: every.get(name, ("not locked", ""))[0] for name in versions}


def test_nothing_from_a_registry_is_installed_without_its_hash() -> None:
    """Of set-up, the way that it tells those without a registry, and the tools; biopose itself needs no registry."""
    command = ["make", "--dry-run", "--always-make", ".venv/installed", ".venv/supply-chain/installed"]
    recipe = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=True).stdout
    steps = re.findall(r"pip (?:install|download) [^|&;\n]*", recipe.replace("\\\n", " "))
    assert len(steps) == 6
    unlocked = [step for step in steps if "--require-hashes --only-binary :all: --no-deps" not in step]
    assert [step.split()[-2:] for step in unlocked if "--no-index" in step] == [["--editable", "."]]
    assert len(unlocked) == 1


@pytest.mark.skipif(
    (sys.platform, platform.machine()) != ("linux", "x86_64"), reason="the locked torch is for it alone"
)
def test_a_torch_with_another_hash_ends_the_set_up_and_is_not_replaced(tmp_path: Path) -> None:
    for file in ("Makefile", "pyproject.toml"):
        shutil.copy(PROJECT / file, tmp_path)
    shutil.copytree(PROJECT / LOCKS, tmp_path / LOCKS)
    ((version, _),) = locked("torch-cpu.txt").values()
    (tmp_path / f"torch-{version}-cp311-cp311-manylinux_2_28_x86_64.whl").write_bytes(b"something else")
    environment = {**os.environ, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(tmp_path), "PIP_CONFIG_FILE": os.devnull}
    command = ["make", ".venv/installed", f"PYTHON={sys.executable}"]
    run = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert run.returncode != 0
    assert "THESE PACKAGES DO NOT MATCH THE HASHES" in run.stdout
    assert "The registry's torch is taken" not in run.stdout
