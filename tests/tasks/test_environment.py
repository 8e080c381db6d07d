"""The environment in which engines are imported: complete, and directed to this home alone."""

import os
import shutil
import stat
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from biopose.errors import BioposeError
from tasks.environment import isolate_environment, prefect_api, prepare_environment
from tasks.home_id import PATH, home_id
from tasks.prefect_login import prefect_login
from tasks.settings import Addresses, Settings

LEFT_OVER = {
    "PREFECT_API_URL": "https://team/api",
    "PREFECT_API_KEY": "pnu_0",
    "PREFECT_PROFILE": "cloud",
    "PREFECT_HOME": "/mine",
    "PREFECT_SERVER_API_CORS_ALLOWED_ORIGINS": "*",
    "PREFECT_API_DATABASE_CONNECTION_URL": "postgresql://team/db",
    "MLFLOW_TRACKING_URI": "http://team:5000",
    "MLFLOW_SERVER_ALLOWED_HOSTS": "*",
    "RAY_ADDRESS": "ray://team:10001",
    "DASK_SCHEDULER_ADDRESS": "tcp://team:8786",
}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path, prefect_api_url=None)


@pytest.fixture
def healthy(settings: Settings) -> Iterator[str]:
    """A server that says that it is one of this home."""

    class Healthy(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path in ("/api/health", PATH) else 404)
            self.end_headers()
            self.wfile.write(home_id(settings).encode() if self.path == PATH else b"")

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Healthy)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


def test_the_environment_is_completed_but_what_is_set_stays(settings: Settings) -> None:
    environment = {"PREFECT_HOME": "/mine", "PREFECT_API_URL": "https://team/api"}
    prepare_environment(settings, environment)
    assert (environment["PREFECT_HOME"], environment["PREFECT_API_URL"]) == ("/mine", "https://team/api")
    assert environment["MLFLOW_DISABLE_TELEMETRY"] == "true"
    assert environment["RAY_USAGE_STATS_ENABLED"] == "0"
    assert environment["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] == "0"  # Ray listens on loopback alone
    of_cluster: dict[str, str] = {}
    prepare_environment(Settings(home=settings.home, ray_address="head:6379"), of_cluster)
    assert "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER" not in of_cluster
    assert environment["PREFECT_SERVER_ANALYTICS_ENABLED"] == "false"


def test_variables_left_over_from_other_work_are_removed_and_named_in_one_line(settings: Settings) -> None:
    environment = {**LEFT_OVER, "PREFECT_LOGGING_LEVEL": "DEBUG", "MLFLOW_HTTP_REQUEST_TIMEOUT": "9"}
    (line,) = isolate_environment(settings, environment)
    assert line.startswith(f"Set in this shell and not used here: {', '.join(sorted(LEFT_OVER))}. ")
    assert "BIOPOSE_MLFLOW_TRACKING_URI" in line
    assert LEFT_OVER.keys() & environment.keys() == {"PREFECT_HOME"}
    assert environment["PREFECT_HOME"] == str(settings.prefect_home)
    assert environment["PREFECT_LOGGING_LEVEL"] == "DEBUG"
    assert environment["MLFLOW_HTTP_REQUEST_TIMEOUT"] == "9"


def test_an_environment_that_directs_here_already_is_not_mentioned(settings: Settings) -> None:
    environment: dict[str, str] = {}
    assert isolate_environment(settings, environment) == []
    assert isolate_environment(settings, environment) == []


def test_a_prefect_server_of_ones_own_is_used_with_its_login(settings: Settings) -> None:
    own = settings.model_copy(update={"prefect_api_url": "https://team/api"})
    environment = {"PREFECT_API_URL": "https://team/api", "PREFECT_API_AUTH_STRING": "me:secret"}
    assert isolate_environment(own, environment) == []
    assert environment["PREFECT_API_URL"] == "https://team/api"
    assert environment["PREFECT_API_AUTH_STRING"] == "me:secret"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, "127.0.0.1,localhost,::1"),
        ({"NO_PROXY": "a.org, b.org"}, "a.org,b.org,127.0.0.1,localhost,::1"),
        ({"no_proxy": "localhost", "NO_PROXY": "a.org"}, "localhost,127.0.0.1,::1"),
        ({"no_proxy": "*"}, "*"),
    ],
)
def test_this_machine_is_reached_without_a_proxy(settings: Settings, given: dict[str, str], expected: str) -> None:
    environment = {"HTTP_PROXY": "http://proxy:3128", **given}
    isolate_environment(settings, environment)
    assert environment["no_proxy"] == environment["NO_PROXY"] == expected
    assert environment["HTTP_PROXY"] == "http://proxy:3128"


def test_a_proxy_that_needs_a_missing_package_is_not_used_and_named(settings: Settings) -> None:
    environment = {"ALL_PROXY": "socks5://proxy:1080", "https_proxy": "http://proxy:3128"}
    (line,) = isolate_environment(settings, environment)
    assert line.startswith("Not used: ALL_PROXY, a SOCKS proxy")
    assert "ALL_PROXY" not in environment
    assert environment["https_proxy"] == "http://proxy:3128"


def test_a_user_without_a_home_folder_gets_one_and_assets_stay_where_they_are(settings: Settings) -> None:
    environment = {"HOME": "/absent"}
    prepare_environment(settings, environment)
    assert environment["HOME"] == str(settings.prefect_home)
    assert environment["BIOPOSE_ASSETS"] == "/absent/.cache/biopose"


def test_a_user_whom_the_system_does_not_know_gets_a_name(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getuid", lambda: 1_234_567)
    environment = {"HOME": str(settings.home)}
    prepare_environment(settings, environment)
    assert (environment["USER"], environment["LOGNAME"]) == ("uid1234567", "uid1234567")
    assert environment["HOME"] == str(settings.home)


def test_flows_report_to_a_server_of_this_home_that_answers(settings: Settings, healthy: str) -> None:
    Addresses(healthy, "-", "-").record(settings)
    assert prefect_api(settings) == {
        "PREFECT_API_URL": f"{healthy}/api",
        "PREFECT_API_AUTH_STRING": prefect_login(settings.prefect_login),
    }


def test_a_server_that_is_gone_is_not_used_nor_one_that_the_user_replaced(settings: Settings, healthy: str) -> None:
    Addresses("http://127.0.0.1:1", "-", "-").record(settings)
    assert prefect_api(settings) == {}
    Addresses(healthy, "-", "-").record(settings)
    own = settings.model_copy(update={"prefect_api_url": "https://team/api"})
    assert prefect_api(own) == {"PREFECT_API_URL": "https://team/api"}


def test_a_server_of_another_home_is_not_used_whatever_up_json_says(
    settings: Settings, healthy: str, tmp_path: Path
) -> None:
    """Also that of the home of which this one is a copy."""
    copy = Settings(home=tmp_path / "copy", prefect_api_url=None)
    prefect_login(settings.prefect_login)
    shutil.copytree(settings.prefect_home, copy.prefect_home)
    Addresses(healthy, "-", "-").record(copy)
    assert prefect_api(copy) == {}


def test_the_login_is_random_kept_and_readable_by_its_owner_alone(tmp_path: Path) -> None:
    first, other = tmp_path / "a" / "login", tmp_path / "b" / "login"
    login = prefect_login(first)
    assert login.startswith("biopose:")
    assert len(login) > 40
    assert stat.S_IMODE(first.stat().st_mode) == 0o600
    assert prefect_login(first) == login
    assert prefect_login(other) != login
    first.chmod(0o644)
    prefect_login(first)
    assert stat.S_IMODE(first.stat().st_mode) == 0o600
    assert list(first.parent.iterdir()) == [first]


@pytest.mark.parametrize("content", ["", "biopose:short", "no user", "a:\x00" + 40 * "b"])
def test_a_file_without_a_login_is_refused_with_the_remedy(tmp_path: Path, content: str) -> None:
    (tmp_path / "login").write_text(content)
    with pytest.raises(BioposeError, match=r"login: holds no user:password .*; delete it"):
        prefect_login(tmp_path / "login")


def test_a_new_home_is_for_its_owner_alone_and_one_that_is_there_keeps_its_permissions(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir(mode=0o750)
    for home in (tmp_path / "new", shared):
        isolate_environment(Settings(home=home, prefect_api_url=None), {})
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o700
    assert stat.S_IMODE(shared.stat().st_mode) == 0o750
