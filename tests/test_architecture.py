"""Modules are named after what they hold; which may import which is held by the contracts in pyproject.toml."""

from pathlib import Path

ROOT = Path(__file__).parent.parent
PACKAGES = ("biopose", "flows", "tasks", "warehouse")
CATCH_ALL = {"utils", "util", "helpers", "helper", "common", "misc", "manager"}


def test_no_catch_all_modules() -> None:
    modules = [path for package in PACKAGES for path in (ROOT / package).rglob("*.py")]
    assert modules
    assert not [path for path in modules if path.stem in CATCH_ALL]
