"""Weights in an S3 store, behind an MLflow server: what one machine registers, another reads back and checks."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from biopose.errors import ModelError
from flows.serving.ports import free_port
from tasks.models import PinnedModel, pin_versions, register_trained, weights_of
from tasks.settings import LOCALHOST, Settings, responds
from tasks.shipped_models import ShippedModel
from tests.flows.cluster import START_TIMEOUT_S, program
from tests.flows.prefect_server import wait_for

RCLONE = shutil.which("rclone", path=str(Path(sys.executable).parent)) or shutil.which("rclone")
KEY, SECRET, BUCKET = "club", "club-secret", "models"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (RCLONE and find_spec("boto3")), reason="no rclone or boto3: pip install -e .[dev]"),
]


@pytest.fixture(scope="module")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder that is served as a bucket to who has the key; BIOPOSE_MLFLOW_TRACKING_URI is the server before it."""
    assert RCLONE
    folder = tmp_path_factory.mktemp("s3")
    (folder / "store" / BUCKET).mkdir(parents=True)
    s3, mlflow = free_port(), free_port()
    serve = [RCLONE, "serve", "s3", "--addr", f"{LOCALHOST}:{s3}", "--auth-key", f"{KEY},{SECRET}"]
    store = [
        "--backend-store-uri",
        f"sqlite:///{folder}/mlflow.db",
        "--artifacts-destination",
        f"s3://{BUCKET}/weights",
    ]
    server = [sys.executable, "-m", "mlflow", "server", "--host", LOCALHOST, "--port", str(mlflow), "--workers", "1"]
    variables = {
        "MLFLOW_S3_ENDPOINT_URL": f"http://{LOCALHOST}:{s3}",
        "AWS_ACCESS_KEY_ID": KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_DEFAULT_REGION": "eu-central-1",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }
    with (
        program([*serve, "--config", str(folder / "no.conf"), str(folder / "store")], folder / "s3.log"),
        program([*server, *store], folder / "mlflow.log", **variables),
        pytest.MonkeyPatch.context() as environment,
    ):
        url = f"http://{LOCALHOST}:{mlflow}"
        environment.setenv("BIOPOSE_MLFLOW_TRACKING_URI", url)
        wait_for(lambda: responds(f"{url}/health"), timeout_s=START_TIMEOUT_S)
        yield folder / "store" / BUCKET


def registered(folder: Path) -> tuple[Path, PinnedModel]:
    """Weights, and the version as which one machine registered them."""
    folder.mkdir(parents=True)
    weights = folder / "lifter.safetensors"
    weights.write_bytes(folder.name.encode() * 100_000)
    model = ShippedModel("mqhmr", (weights,), {"width": 3}, "Apache-2.0", f"# A lifter\n{folder.name}")
    settings = Settings.load(folder / "home")
    version = register_trained(settings, model, training_run="none", metrics={"loss": 0.5})
    (pinned,) = pin_versions(settings, {"mqhmr": version})
    assert not settings.model_files.exists()
    return weights, pinned


def test_a_version_is_stored_in_the_bucket_and_read_by_another_machine_once(bucket: Path, tmp_path: Path) -> None:
    weights, pinned = registered(tmp_path / "here")
    (stored,) = bucket.rglob(weights.name)
    assert stored.read_bytes() == weights.read_bytes()
    elsewhere = Settings.load(tmp_path / "elsewhere")
    assert weights_of(pinned, elsewhere)[weights.name].read_bytes() == weights.read_bytes()
    stored.unlink()
    assert weights_of(pinned, elsewhere)[weights.name].read_bytes() == weights.read_bytes()


def test_weights_that_the_store_has_lost_or_changed_are_named(bucket: Path, tmp_path: Path) -> None:
    weights, pinned = registered(tmp_path / "changed")
    (stored,) = (path for path in bucket.rglob(weights.name) if path.read_bytes() == weights.read_bytes())
    stored.write_bytes(b"other")
    with pytest.raises(ModelError, match="are not those that were registered"):
        weights_of(pinned, Settings.load(tmp_path / "reader"))
    stored.unlink()
    began_s = time.monotonic()
    with pytest.raises(ModelError):
        weights_of(pinned, Settings.load(tmp_path / "another"))
    assert time.monotonic() - began_s < 30  # by default MLflow tries for nine minutes
