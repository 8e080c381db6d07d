"""What is recorded beside a result: enough to reproduce it."""

import hashlib
import json
from importlib.metadata import version
from pathlib import Path

from biopose.io.weights_folder import WEIGHTS
from biopose.reconstruction.models import WeightFiles
from biopose.versions import LIBRARIES, versions

SHIPPED = ("lifter", "pose_prior", "mqhmr", "segment_body", "neurik")


def test_the_code_the_libraries_and_the_weights_are_named(tmp_path: Path) -> None:
    weights = tmp_path / "network.safetensors"
    weights.write_bytes(b"weights")
    found = versions({"network": weights})
    assert set(found) == {"biopose", *LIBRARIES, "network_sha256"}
    assert found["torch"] == version("torch")
    assert found["biopose"].startswith(version("biopose"))
    assert found["network_sha256"] == hashlib.sha256(b"weights").hexdigest()
    assert json.loads(json.dumps(found)) == found


def test_all_shipped_weights_are_recorded_by_their_hash() -> None:
    assert {path.stem for path in WEIGHTS.glob("*.safetensors")} == set(SHIPPED)
    other = WEIGHTS / "lifter.safetensors"
    found = WeightFiles(detector=other, keypoints=other).versions()
    for name in SHIPPED:
        assert found[f"{name}_sha256"] == hashlib.sha256((WEIGHTS / f"{name}.safetensors").read_bytes()).hexdigest()
