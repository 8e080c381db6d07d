"""Small wheels in place of the registry's."""

import hashlib
import zipfile
from pathlib import Path

import pytest

from biopose import assets
from biopose.assets import Wheel

CONTENT = b"<OpenSimDocument/>"


def make_wheel(folder: Path, project: str, *, files: int = 1) -> Wheel:
    """A real zip file in the folder, and what we would record about it."""
    filename = f"{project}-1.0-py3-none-any.whl"
    members = {f"{project}/data/{i}.osim": f"models/{project}_{i}.osim" for i in range(files)}
    with zipfile.ZipFile(folder / filename, "w") as archive:
        for name in (*members, f"{project}/__init__.py"):
            archive.writestr(name, CONTENT)
    sha256 = hashlib.sha256((folder / filename).read_bytes()).hexdigest()
    return Wheel(project, "1.0", filename, sha256, "MIT", members)


def empty_cache(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder of assets."""
    cache = folder / "cache"
    cache.mkdir()
    monkeypatch.setenv("BIOPOSE_ASSETS", str(cache))
    return cache


def two_wheels(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with two wheels, which are the expected ones."""
    source = folder / "wheels"
    source.mkdir()
    monkeypatch.setattr(assets, "WHEELS", (make_wheel(source, "one"), make_wheel(source, "two", files=2)))
    return source
