"""`biopose doctor`: what works on this machine, what is missing, and how to get it."""

# ruff: noqa: D301 - in a help text \b is the character that keeps click from filling the lines after it
from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib import metadata

import click

from biopose.assets import WHEELS, Wheel, missing_files
from biopose.cli.command_line import as_json, show
from biopose.errors import ModelError


@click.command()
@as_json
def doctor(json_: bool) -> None:
    """Say what works here, what is missing and how to get it.

    \b
    Example:
      biopose doctor
    """
    findings = examine()
    result = {f.name: {"ok": f.ok, "found": f.found, "remedy": f.remedy} for f in findings}
    show(
        result,
        json_=json_,
        lines=lambda: [
            f"{'ok ' if f.ok else '-- '} {f.name:<14} {f.found}" + ("" if f.ok else f"\n{'':18} {f.remedy}")
            for f in findings
        ],
    )
    if any(f.needed and not f.ok for f in findings):
        raise click.exceptions.Exit(1)


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at; `remedy` says what to do where it is not ok."""

    name: str
    ok: bool
    found: str
    remedy: str = ""
    needed: bool = True


def examine() -> list[Finding]:
    """Look at everything, the needed things first."""
    looks: list[Callable[[], Finding]] = [_python, _torch, _opensim, _video, _body]
    looks += [partial(_wheel, wheel) for wheel in WHEELS]
    return [look() for look in [*looks, _render, _orchestration]]


def _python() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    return Finding("python", sys.version_info[:2] == (3, 11), version, "Use Python 3.11.")


def _torch() -> Finding:
    try:
        import torch
    except ImportError as error:
        return Finding("torch", False, str(error), "pip install -c constraints.txt torch")
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else f"CPU, {os.cpu_count()} cores"
    return Finding("torch", True, f"{torch.__version__} on {device}")


def _opensim() -> Finding:
    try:
        from biopose.skeleton.quiet_opensim import opensim
    except ImportError as error:
        return Finding("opensim", False, str(error), "pip install -c constraints.txt opensim")
    return Finding("opensim", True, str(opensim.GetVersion()))


def _video() -> Finding:
    try:
        import av

        from biopose.video.container import hardware_decoder
    except ImportError as error:
        return Finding("video", False, str(error), "pip install -c constraints.txt av")
    device = hardware_decoder() or "software"
    return Finding("video", True, f"av {av.__version__}, FFmpeg {av.ffmpeg_version_info}, decoding in {device}")


def _body() -> Finding:
    try:
        from biopose.body.asset_file import body_asset_path, read_body_asset

        path = body_asset_path()
        if not path.is_file():
            return Finding("body", False, f"not at {path}", "Run `biopose assets pull`.")
        read_body_asset(path)
    except ImportError as error:
        return Finding("body", False, str(error), "pip install -c constraints.txt .")
    except ModelError as error:
        return Finding("body", False, str(error), "Delete it, then run `biopose assets pull`.")
    return Finding("body", True, f"{path} ({path.stat().st_size / 1e6:.0f} MB)")


def _wheel(wheel: Wheel) -> Finding:
    missing = missing_files(wheel)
    found = f"not here or not whole: {', '.join(missing)}" if missing else ", ".join(wheel.members.values())
    remedy = "Run `biopose assets pull`; without a network, `biopose assets pull --from FOLDER`."
    return Finding(wheel.project, not missing, found, remedy, needed=False)


def _render() -> Finding:
    return _group("render", ("vtk", "matplotlib"))


def _orchestration() -> Finding:
    return _group("orchestration", ("prefect", "ray", "dask", "duckdb", "mlflow"))


def _group(name: str, packages: tuple[str, ...]) -> Finding:
    versions = {p: _version(p) for p in packages}
    missing = [p for p, version in versions.items() if version is None]
    found = f"missing: {', '.join(missing)}" if missing else ", ".join(f"{p} {v}" for p, v in versions.items())
    return Finding(name, not missing, found, f"pip install -c constraints.txt '.[{name}]'", needed=False)


def _version(package: str) -> str | None:
    """As installed; a folder of that name that happens to lie here is not an installation."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
