"""Imports run one way: flows -> tasks -> {biopose, warehouse}; the bottom two never meet, nor know an engine."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ENGINES = {"prefect", "ray", "dask", "distributed", "mlflow"}
FORBIDDEN = {
    "biopose": {"flows", "tasks", "warehouse", "duckdb"} | ENGINES,
    "warehouse": {"flows", "tasks", "biopose"} | ENGINES,
    "tasks": {"flows"},
}


def imported_packages(source: Path) -> set[str]:
    """Top-level packages that a module imports anywhere in its body; relative imports stay in their package."""
    packages = set()
    for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            packages |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            packages.add(node.module.partition(".")[0])
    return packages


@pytest.mark.parametrize("package", FORBIDDEN)
def test_imports_run_one_way(package: str) -> None:
    sources = sorted((ROOT / package).rglob("*.py"))
    assert sources, f"package {package} has no modules"
    broken = {
        str(source.relative_to(ROOT)): sorted(imported_packages(source) & FORBIDDEN[package])
        for source in sources
        if imported_packages(source) & FORBIDDEN[package]
    }
    assert not broken


def test_no_catch_all_modules() -> None:
    names = {"utils", "util", "helpers", "helper", "common", "misc", "manager"}
    found = [p for package in FORBIDDEN for p in (ROOT / package).rglob("*.py") if p.stem in names]
    assert not found
