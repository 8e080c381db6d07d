"""Settings: where each comes from."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from biopose.errors import BioposeError
from biopose.perception.backends import backend_for
from tasks.settings import Addresses, Settings


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("HOME", "INBOX", "WEBHOOK_URL", "PREFECT_PORT", "RAY_ADDRESS", "MLFLOW_TRACKING_URI"):
        monkeypatch.delenv(f"BIOPOSE_{name}", raising=False)
    monkeypatch.chdir(tmp_path)


def test_all_state_lies_under_home_which_is_absolute(tmp_path: Path) -> None:
    settings = Settings.load()
    assert settings.home == tmp_path / "biopose-home"
    assert settings.mlflow_tracking_uri == f"sqlite:///{settings.home}/mlflow.db"
    folders = ("inbox", "warehouse", "snapshot", "artifacts", "quarantine", "prefect_home", "model_files", "logs")
    assert all(getattr(settings, name).parent == settings.home for name in folders)


def test_what_is_given_counts_before_the_environment_and_none_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BIOPOSE_HOME", "/data/biopose")
    monkeypatch.setenv("BIOPOSE_PREFECT_PORT", "4201")
    assert Settings.load().home == Path("/data/biopose")
    assert Settings.load(tmp_path, inbox=None).inbox == tmp_path / "inbox"
    assert Settings.load(tmp_path, prefect_port=4202).prefect_port == 4202
    assert Settings.load(tmp_path).prefect_port == 4201


def test_a_variable_set_to_nothing_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BIOPOSE_WEBHOOK_URL", "")
    assert Settings.load().webhook_url is None


def test_a_wrong_variable_is_named_with_what_it_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BIOPOSE_PREFECT_PORT", "http")
    with pytest.raises(BioposeError, match=r"BIOPOSE_PREFECT_PORT is 'http'.*integer"):
        Settings.load()


def test_the_networks_backend_is_the_cpus_unless_the_environment_names_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BIOPOSE_CPU_BACKEND", raising=False)
    assert Settings.load().cpu_backend == backend_for("cpu")
    monkeypatch.setenv("BIOPOSE_CPU_BACKEND", "torch")
    assert Settings.load().cpu_backend == "torch"
    monkeypatch.setenv("BIOPOSE_CPU_BACKEND", "fast")
    with pytest.raises(BioposeError, match=r"BIOPOSE_CPU_BACKEND is 'fast'.*'onnxruntime', 'torch' or 'bfloat16'"):
        Settings.load()


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValidationError):
        Settings.load().home = Path("/elsewhere")


def test_a_broken_record_of_a_server_is_none(tmp_path: Path) -> None:
    (tmp_path / "up.json").write_text("{")
    assert Addresses.recorded(Settings.load(tmp_path)) is None


def test_a_password_in_the_address_of_ones_own_mlflow_server_is_not_shown() -> None:
    settings = Settings.load(mlflow_tracking_uri="https://ann:secret@club.example:5000")
    assert Addresses.planned(settings).mlflow == "https://club.example:5000"
    assert Addresses.planned(Settings.load(mlflow_port=5001)).mlflow == "http://127.0.0.1:5001"
