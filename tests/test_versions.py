"""What is recorded beside a result: enough to make it again."""

import hashlib
import json
import re
from importlib.metadata import version

import pytest

from biopose.io.checkpoint import WEIGHTS
from biopose.versions import LIBRARIES, versions
from tests.perception.real_people import needs_networks

pytestmark = needs_networks

SHIPPED = ("lifter", "pose_prior", "mqhmr", "segment_body", "neurik")


def test_the_code_the_libraries_and_all_weights_are_named() -> None:
    found = versions()
    networks = {f"{name}_sha256" for name in ("detector", "keypoints", *SHIPPED)}
    assert set(found) == {"biopose", *LIBRARIES, *networks}
    assert found["torch"] == version("torch")
    assert found["biopose"].startswith(version("biopose"))
    assert all(re.fullmatch("[0-9a-f]{64}", found[name]) for name in networks)
    assert json.loads(json.dumps(found)) == found


def test_no_weights_that_ship_are_forgotten() -> None:
    assert {path.stem for path in WEIGHTS.glob("*.safetensors")} == set(SHIPPED)


@pytest.mark.parametrize("name", SHIPPED)
def test_weights_are_told_by_the_hash_of_their_file(name: str) -> None:
    held = (WEIGHTS / f"{name}.safetensors").read_bytes()
    assert versions()[f"{name}_sha256"] == hashlib.sha256(held).hexdigest()
