"""Settings: where each comes from, and an environment that engines can be imported in."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from pydantic import ValidationError

from biopose.errors import BioposeError
from tasks.settings import Addresses, Settings, prepare_environment


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("HOME", "INBOX", "WEBHOOK_URL", "PREFECT_PORT", "RAY_ADDRESS", "MLFLOW_TRACKING_URI"):
        monkeypatch.delenv(f"BIOPOSE_{name}", raising=False)
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def healthy() -> Iterator[str]:
    class Healthy(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/api/health" else 404)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Healthy)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


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


def test_rays_own_variable_is_read_after_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "ray://cluster:10001")
    assert Settings.load().ray_address == "ray://cluster:10001"
    monkeypatch.setenv("BIOPOSE_RAY_ADDRESS", "ray://other:10001")
    assert Settings.load().ray_address == "ray://other:10001"


def test_a_wrong_variable_is_named_with_what_it_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BIOPOSE_PREFECT_PORT", "http")
    with pytest.raises(BioposeError, match=r"BIOPOSE_PREFECT_PORT is 'http'.*integer"):
        Settings.load()


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValidationError):
        Settings.load().home = Path("/elsewhere")


def test_the_environment_is_completed_but_what_the_user_set_stays(tmp_path: Path) -> None:
    environment = {"PREFECT_HOME": "/mine"}
    prepare_environment(Settings.load(tmp_path), environment)
    assert environment["PREFECT_HOME"] == "/mine"
    assert environment["MLFLOW_DISABLE_TELEMETRY"] == "true"
    assert environment["RAY_USAGE_STATS_ENABLED"] == "0"
    assert environment["PREFECT_SERVER_ANALYTICS_ENABLED"] == "false"
    assert "PREFECT_API_URL" not in environment


def test_flows_report_to_a_server_of_this_home_that_answers(tmp_path: Path, healthy: str) -> None:
    settings = Settings.load(tmp_path)
    Addresses(healthy, "-", "-").record(settings)
    environment: dict[str, str] = {}
    prepare_environment(settings, environment)
    assert environment["PREFECT_API_URL"] == f"{healthy}/api"


def test_a_server_that_is_gone_is_not_used_nor_one_that_the_user_replaced(tmp_path: Path, healthy: str) -> None:
    settings = Settings.load(tmp_path)
    Addresses("http://127.0.0.1:1", "-", "-").record(settings)
    environment: dict[str, str] = {}
    prepare_environment(settings, environment)
    assert "PREFECT_API_URL" not in environment
    Addresses(healthy, "-", "-").record(settings)
    environment = {"PREFECT_API_URL": "https://team/api"}
    prepare_environment(settings, environment)
    assert environment["PREFECT_API_URL"] == "https://team/api"


def test_a_broken_record_of_a_server_is_none(tmp_path: Path) -> None:
    (tmp_path / "up.json").write_text("{")
    assert Addresses.recorded(Settings.load(tmp_path)) is None
