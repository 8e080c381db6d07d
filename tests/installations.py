"""Running commands as in an installation without some of the dependency groups."""

import json
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PROJECT = tomllib.loads((Path(__file__).parent.parent / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]

# Runs commands in a process for which some packages are not installed: no import finds them, nor do their metadata.
SCRIPT = """
import json, sys
from importlib import metadata
from importlib.abc import MetaPathFinder

missing, commands = json.loads(sys.argv[1])
providers = metadata.packages_distributions()
hidden = {provider.lower() for module in missing for provider in providers[module]}
installed_version = metadata.version

def version(name):
    if name.lower() in hidden:
        raise metadata.PackageNotFoundError(name)
    return installed_version(name)

metadata.version = version

class NotInstalled(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in missing:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, NotInstalled())
from flows.cli.main import cli
for command in commands:
    try:
        cli(command, prog_name="biopose")
    except SystemExit as end:
        print(f"exit code {end.code}", flush=True)
"""


def run_with(group: str | None, *commands: list[str], **options: object) -> subprocess.CompletedProcess[str]:
    """Run commands, one after another, as after `pip install biopose[group]`; None: without extras.

    After the output of each comes a line with its exit code.
    """
    request = json.dumps([sorted(modules_outside(group)), commands])
    arguments = [sys.executable, "-c", SCRIPT, request]
    return subprocess.run(arguments, capture_output=True, text=True, check=False, **options)  # type: ignore[call-overload]


def modules_outside(group: str | None) -> set[str]:
    """Top-level modules of all packages here that `pip install biopose[group]` would not install."""
    installed = {"biopose"}
    for requirement in requirements(group):
        _add_closure(Requirement(requirement), installed)
    return {
        module
        for module, packages in metadata.packages_distributions().items()
        if module not in sys.stdlib_module_names and not installed & {canonicalize_name(name) for name in packages}
    }


def requirements(group: str | None) -> list[str]:
    """Of the base and, where one is named, of a group and the groups that it includes."""
    found = list(PROJECT["dependencies"])
    for requirement in EXTRAS[group] if group else []:
        parsed = Requirement(requirement)
        found += (
            [requirement] if parsed.name != "biopose" else [r for extra in parsed.extras for r in requirements(extra)]
        )
    return found


def _add_closure(requirement: Requirement, installed: set[str]) -> None:
    """Add a package and everything that it requires on this machine."""
    name = canonicalize_name(requirement.name)
    if name in installed:
        return
    installed.add(name)
    for text in metadata.requires(name) or []:
        needed = Requirement(text)
        if needed.marker is None or any(needed.marker.evaluate({"extra": e}) for e in ("", *requirement.extras)):
            _add_closure(needed, installed)
