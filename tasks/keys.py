"""Keys of stages' results: equal for the same version, inputs, weights and configuration, so nothing is done twice.

A stage's version is part of `biopose.stages`; a test holds that it is raised when its code changes what comes out.
"""

from __future__ import annotations

import hashlib
import json
from importlib.metadata import version
from typing import Any

from biopose.stages import STAGES, Stage

KEY_LENGTH = 32  # hexadecimal digits: 128 bits


def stage_key(stage: Stage, **inputs: Any) -> str:
    """The key of a stage's result.

    Args:
        stage: its name and version are part of the key.
        inputs: keys of the inputs, weights and configuration; can be JSON, paths and dates by their text.
    """
    return hash_of({"stage": stage.name, "version": stage.version, **inputs})[:KEY_LENGTH]


def hash_of(facts: Any) -> str:
    """sha256 of facts as canonical JSON."""
    return hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode()).hexdigest()


def code_version() -> str:
    """BioPose's version with those of its stages in order, e.g. 0.1.0+stages.1.2.1.1."""
    return f"{version('biopose')}+stages.{'.'.join(str(stage.version) for stage in STAGES)}"
