"""Digests of the code that each stage of `biopose.pipeline` runs, so that a change asks for a new version of the stage.

    python -m tests.stage_digests    # record: after raising versions, or where results stay the same

A digest is of a module's syntax tree without comments, docstrings and annotations' formatting: what cannot change a
result changes no digest. The modules of a stage are all that its function imports inside biopose, directly or not.
"""

from __future__ import annotations

import ast
import hashlib
import json
import re
from functools import cache
from pathlib import Path

from biopose.pipeline import STAGES

ROOT = Path(__file__).parents[1]
RECORD = Path(__file__).with_name("stage_digests.json")
LIBRARIES = ("anny", "av", "numpy", "onnxruntime", "opensim", "scipy", "torch")
ENTRY, OF_MARKERS = "biopose.pipeline", "biopose.markers.pipeline"


@cache
def digests() -> dict[str, dict[str, object]]:
    """By stage: its version, and a digest of its function, of each module behind it and of the libraries' versions."""
    pipeline = _tree(ENTRY)
    functions = {node.name: node for node in pipeline.body if isinstance(node, (ast.FunctionDef, ast.ClassDef))}
    imported = _imported_names(pipeline)
    found: dict[str, dict[str, object]] = {}
    for stage in STAGES:
        start = stage.name if stage.name in functions else None
        used = _used(functions, start) if start else set()
        names = set().union(*({n.id for n in ast.walk(functions[name]) if isinstance(n, ast.Name)} for name in used))
        elsewhere = {imported.get(stage.name, OF_MARKERS)}
        modules = {imported[name] for name in names if name in imported} if start else elsewhere
        own = {f"{ENTRY}.{name}": _digest(functions[name]) for name in sorted(used)}
        behind = {module: _digest(_tree(module)) for module in sorted(_closure(frozenset(modules)))}
        found[stage.name] = {"version": stage.version, "code": own | behind, "libraries": _library_pins()}
    return found


def _used(functions: dict[str, ast.FunctionDef | ast.ClassDef], start: str) -> set[str]:
    """The pipeline's own definitions that one of them uses, directly or not."""
    used, todo = set(), [start]
    while todo:
        name = todo.pop()
        if name not in used:
            used.add(name)
            todo += [n.id for n in ast.walk(functions[name]) if isinstance(n, ast.Name) and n.id in functions]
    return used


def _imported_names(tree: ast.Module) -> dict[str, str]:
    """The names that a module imports from biopose, with the module that each comes from."""
    names = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("biopose"):
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                names[alias.asname or alias.name] = inner if _file(inner) else node.module
    return names


def _closure(modules: frozenset[str]) -> set[str]:
    found: set[str] = set()
    todo = list(modules)
    while todo:
        module = todo.pop()
        if module not in found:
            found.add(module)
            todo += _imported_names(_tree(module)).values()
    return found


def _digest(tree: ast.AST) -> str:
    return hashlib.sha256(ast.dump(tree).encode()).hexdigest()[:16]


@cache
def _tree(module: str) -> ast.Module:
    file = _file(module)
    assert file is not None, module
    tree = ast.parse(file.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)) and ast.get_docstring(node) is not None:
            node.body = node.body[1:] or [ast.Pass()]
    return tree


def _file(module: str) -> Path | None:
    path = ROOT.joinpath(*module.split("."))
    return next((f for f in (path.with_suffix(".py"), path / "__init__.py") if f.exists()), None)


@cache
def _library_pins() -> dict[str, str]:
    """The versions of constraints.txt, since another version of a library may give another result."""
    text = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    pins = dict(re.findall(r"^([A-Za-z0-9_.-]+)==([^\s;]+)", text, re.MULTILINE))
    return {name: pins[name] for name in LIBRARIES}


if __name__ == "__main__":
    RECORD.write_text(json.dumps(digests(), indent=1, sort_keys=True) + "\n", encoding="utf-8")
    print(f"recorded in {RECORD.relative_to(ROOT)}")
