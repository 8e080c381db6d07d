"""What works on this machine, what is missing, and how to get it: what `biopose doctor` reports."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass

import click

from biopose.assets import WHEELS, Wheel, missing_files
from biopose.cli.command_line import show
from biopose.cli.dependency_groups import GROUPS, install_command, installed_versions
from biopose.errors import BioposeError, ModelError


@dataclass(frozen=True)
class Finding:
    """One thing that was examined; `remedy` says what to do where it is not ok.

    Attributes:
        name: of the thing.
        ok: whether it works.
        found: its version or location, or what is wrong.
        remedy: what to do where it is not ok.
        needed: whether it must be ok for what is installed to work.
    """

    name: str
    ok: bool
    found: str
    remedy: str = ""
    needed: bool = True


def report(findings: Sequence[Finding], *, json_: bool) -> None:
    """Print findings; the exit code is 1 where something that is needed is not ok."""
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


def examine() -> list[Finding]:
    """What inverse kinematics needs, then each dependency group, then what an installed group needs beside packages."""
    findings = [_python(), _torch(), _opensim(), *map(_group, GROUPS)]
    if next(f.ok for f in findings if f.name == "video"):
        findings += [_decoder(), _networks(), _body(), *map(_wheel, WHEELS)]
    return findings


def _python() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    return Finding("python", sys.version_info[:2] == (3, 11), version, "Use Python 3.11.")


def _torch() -> Finding:
    try:
        import torch
    except ImportError as error:
        return Finding("torch", False, str(error), "pip install torch")
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else f"CPU, {os.cpu_count()} cores"
    return Finding("torch", True, f"{torch.__version__} on {device}")


def _opensim() -> Finding:
    try:
        from biopose.skeleton.quiet_opensim import opensim
    except ImportError as error:
        return Finding("opensim", False, str(error), "pip install opensim")
    return Finding("opensim", True, str(opensim.GetVersion()))


def _group(name: str) -> Finding:
    versions = installed_versions(name)
    missing = [package for package, version in versions.items() if version is None]
    found = f"missing: {', '.join(missing)}" if missing else ", ".join(f"{p} {v}" for p, v in versions.items())
    return Finding(name, not missing, found, install_command(name), needed=False)


def _decoder() -> Finding:
    try:
        import av
    except ImportError as error:
        return Finding("decoder", False, str(error), install_command("video"))
    from biopose.video.container import hardware_decoder

    device = hardware_decoder() or "software"
    return Finding("decoder", True, f"av {av.__version__}, FFmpeg {av.ffmpeg_version_info}, decoding in {device}")


def _networks() -> Finding:
    from biopose.perception.backends import VARIABLE, backend_for

    try:
        return Finding("networks", True, f"by {backend_for('cpu')} on the CPU; {VARIABLE} overrules it")
    except BioposeError as error:
        return Finding("networks", False, str(error), f"unset {VARIABLE}")


def _body() -> Finding:
    try:
        from biopose.body.asset_file import body_asset_path, read_body_asset

        path = body_asset_path()
        if not path.is_file():
            return Finding("body", False, f"not at {path}", "Run `biopose assets pull`.")
        read_body_asset(path)
    except ImportError as error:
        return Finding("body", False, str(error), install_command("video"))
    except ModelError as error:
        return Finding("body", False, str(error), "Delete it, then run `biopose assets pull`.")
    return Finding("body", True, f"{path} ({path.stat().st_size / 1e6:.0f} MB)")


def _wheel(wheel: Wheel) -> Finding:
    missing = missing_files(wheel)
    found = f"missing or truncated: {', '.join(missing)}" if missing else ", ".join(wheel.members.values())
    remedy = "Run `biopose assets pull`; without a network, `biopose assets pull --from FOLDER`."
    return Finding(wheel.project, not missing, found, remedy, needed=False)
