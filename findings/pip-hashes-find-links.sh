#!/usr/bin/env bash
# pip 26.3: listing hashes changes which wheel is chosen: a folder's build, which wins without hashes, loses with them.
#
# Expected: --require-hashes refuses files whose hash is not listed, and changes nothing else. Where an index has 2.13.0
#   and a --find-links folder 2.13.0+cpu, "torch==2.13.0" takes the higher 2.13.0+cpu, as always; with the hashes of
#   both listed it still does.
# Observed: with both listed, pip takes the index's 2.13.0. A candidate whose hash is known before it is fetched, as an
#   index states it and a folder does not, goes before one whose hash is not, whatever their versions. On Linux that is
#   gigabytes of libraries for GPUs in place of the CPU build that was put there. With the hash of the folder's
#   wheel alone it is chosen and checked, but then a machine without that folder can install nothing.
#   BioPose: flows/deployment/requirements/torch-cpu.txt is asked for first, by itself; tests/test_requirements.py.
#
# Date: 2026-11-30. Run: bash findings/pip-hashes-find-links.sh (another interpreter: PYTHON=...)
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"${PYTHON:-python3.11}" -m venv venv
venv/bin/pip install --quiet pip==26.3

cat >check.py <<'PYTHON'
import hashlib
import json
import os
import subprocess
import sys
import zipfile
from importlib.metadata import version
from pathlib import Path

OTHERS = {name: value for name, value in os.environ.items() if not name.startswith("PIP_")}
NO_SETTINGS = OTHERS | {"PIP_CONFIG_FILE": os.devnull, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
KIND = "Wheel-Version: 1.0\nGenerator: hand\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


def wheel(folder, number):
    """An empty wheel of the distribution solver, and its SHA-256."""
    folder.mkdir(parents=True)
    path = folder / f"solver-{number}-py3-none-any.whl"
    about = f"solver-{number}.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{about}/METADATA", f"Metadata-Version: 2.1\nName: solver\nVersion: {number}\n")
        archive.writestr(f"{about}/WHEEL", KIND)
        archive.writestr(f"{about}/RECORD", "")
    return path, hashlib.sha256(path.read_bytes()).hexdigest()


def chosen(*hashes):
    """The version that pip would install for solver==2.13.0 with these hashes listed."""
    Path("requirements.txt").write_text("solver==2.13.0" + "".join(f" --hash=sha256:{one}" for one in hashes) + "\n")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--dry-run", "--report", "report.json"]
    places = ["--index-url", Path("index").absolute().as_uri(), "--find-links", "folder"]
    subprocess.run([*command, *places, "--requirement", "requirements.txt"], check=True, env=NO_SETTINGS)
    (only,) = json.loads(Path("report.json").read_text())["install"]
    return only["metadata"]["version"]


of_index, index_hash = wheel(Path("index/solver"), "2.13.0")
of_folder, folder_hash = wheel(Path("folder"), "2.13.0+cpu")
link = f'<a href="{of_index.name}#sha256={index_hash}">{of_index.name}</a>'
Path("index/solver/index.html").write_text(f"<!DOCTYPE html><html><body>{link}</body></html>")
found = {
    "no hashes": chosen(),
    "the hashes of both": chosen(index_hash, folder_hash),
    "the hash of the folder's alone": chosen(folder_hash),
}
print(f"pip {version('pip')}: an index has {of_index.name}, a folder {of_folder.name}")
print("solver==2.13.0 is asked for with")
for what, number in found.items():
    print(f"  {what}: {number}")
if list(found.values()) != ["2.13.0+cpu", "2.13.0", "2.13.0+cpu"]:
    sys.exit("No longer so: the same wheel is chosen with the hashes of both and with none.")
PYTHON
venv/bin/python check.py
