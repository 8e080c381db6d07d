"""Content keys: the same input, models, configuration and code have the same key, so nothing is done twice."""

from __future__ import annotations

import hashlib
import json
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import biopose

SOURCES = Path(biopose.__file__).parent
KEY_LENGTH = 32  # hexadecimal digits: 128 bits

# What each stage's result depends on; a change elsewhere (a command, a benchmark) measures nothing again.
STAGE_SOURCES = {
    "see": ("video", "perception", "tracking", "camera", "io", "body", "skeleton"),
    "see and read": ("video", "perception", "tracking", "camera", "io", "hmr", "body", "skeleton"),
    "fit": (
        *("video", "perception", "tracking", "camera", "io", "reconstruction", "hmr", "neurik", "skeleton", "body"),
        *("pipeline.py", "trial.py"),
    ),
    "finish": (
        *("video", "perception", "tracking", "camera", "io", "reconstruction", "hmr", "neurik", "skeleton", "body"),
        *("outputs", "rendering", "report", "analysis", "pipeline.py", "trial.py"),
    ),
}
STAGE_LIBRARIES = ("anny", "av", "numpy", "onnxruntime", "opensim", "scipy", "torch")


def content_key(stage: str, **inputs: Any) -> str:
    """The key of a stage's result.

    Args:
        stage: of STAGE_SOURCES; its code is part of the key.
        inputs: everything else that the result depends on; can be JSON, paths and dates by their text.
    """
    return hash_of({"stage": stage, "code": code_version(stage), **inputs})[:KEY_LENGTH]


def hash_of(facts: Any) -> str:
    """sha256 of facts as canonical JSON."""
    return hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode()).hexdigest()


@cache
def code_version(stage: str) -> str:
    """BioPose's version with a hash of the stage's sources and libraries, e.g. 0.1.0+3f2a9c01d2e4."""
    digest = hashlib.sha256()
    for file in _source_files(stage):
        digest.update(str(file.relative_to(SOURCES)).encode() + b"\0" + file.read_bytes() + b"\0")
    digest.update(json.dumps({name: version(name) for name in STAGE_LIBRARIES}).encode())
    return f"{version('biopose')}+{digest.hexdigest()[:12]}"


def _source_files(stage: str) -> list[Path]:
    places = [SOURCES / source for source in STAGE_SOURCES[stage]]
    files = [file for place in places for file in (sorted(place.rglob("*.py")) if place.is_dir() else [place])]
    return sorted(set(files))
