"""The dependency groups of pyproject.toml, and which of their packages are installed.

`pip install biopose` brings what inverse kinematics and scaling need; the other groups come as extras.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import metadata

# Of each group, its packages: name of the module -> name on the package registry.
GROUPS: Mapping[str, Mapping[str, str]] = {
    "video": {
        "PIL": "pillow",
        "anny": "anny",
        "av": "av",
        "google": "protobuf",
        "jinja2": "Jinja2",
        "onnx": "onnx",
        "onnxruntime": "onnxruntime",
        "scipy": "scipy",
        "vtkmodules": "vtk",
    },
    "train": {"warp": "warp-lang"},
    "orchestration": {
        "cryptography": "cryptography",
        "dask": "dask",
        "distributed": "distributed",
        "duckdb": "duckdb",
        "fastapi": "fastapi",
        "filelock": "filelock",
        "httpx": "httpx",
        "mlflow": "mlflow",
        "polars": "polars",
        "prefect": "prefect",
        "prometheus_client": "prometheus-client",
        "psutil": "psutil",
        "pydantic": "pydantic",
        "pydantic_settings": "pydantic-settings",
        "ray": "ray",
        "sqlalchemy": "SQLAlchemy",
        "starlette": "starlette",
        "statsmodels": "statsmodels",
        "uvicorn": "uvicorn",
        "xlsxwriter": "xlsxwriter",
        "yaml": "PyYAML",
    },
}


def group_of(module: str) -> str | None:
    """The group that brings a module, given with or without its submodules; None if none does."""
    package = module.partition(".")[0]
    return next((group for group, packages in GROUPS.items() if package in packages), None)


def install_command(group: str) -> str:
    """What to run to install a group."""
    return f"pip install 'biopose[{group}]'"


def installed_versions(group: str) -> dict[str, str | None]:
    """By the registry's name of each package of a group, its installed version; None where it is missing."""
    return {name: _version(name) for name in GROUPS[group].values()}


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
