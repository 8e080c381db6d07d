"""The servers of this machine answer it alone: real servers, real requests."""

import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest
from flows.serving.files_server import files_server
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from flows.serving.own_requests import is_own
from flows.serving.prefect_server import PrefectServer

EVIL = "http://evil.example"


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.1:4200", "localhost:8080", "[::1]:4200"])
def test_requests_to_a_name_of_this_machine_are_its_own(host: str) -> None:
    assert is_own(host, None)
    assert is_own(host, f"http://{host}")


@pytest.mark.parametrize(
    "host",
    [
        *(None, "", "evil.example", "evil.example:4200", "127.0.0.1.evil.example", "localhost@evil.example"),
        *("0.0.0.0:4200", "127.0.0.1:x", "127.0.0.1/", "[::1", "127.0.0.1 ", "169.254.169.254"),
    ],
)
def test_requests_to_another_name_are_not(host: str | None) -> None:
    assert not is_own(host, None)


@pytest.mark.parametrize(
    "origin",
    [
        "null",
        "",
        EVIL,
        "https://127.0.0.1:4200",
        "http://127.0.0.1:3000",
        "http://localhost",
        "http://127.0.0.1:4200/a",
    ],
)
def test_requests_of_another_page_are_not(origin: str) -> None:
    assert not is_own("127.0.0.1:4200", origin)
    assert is_own("127.0.0.1:4200", "http://localhost:4200")


# Overlays and reports


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    folder = tmp_path_factory.mktemp("files")
    (folder / "artifacts/trials").mkdir(parents=True)
    (folder / "artifacts/trials/report.html").write_text("a page")
    (folder / "secret").write_text("a secret")
    (folder / "artifacts/link").symlink_to(folder / "secret")
    server = files_server(folder / "artifacts", port=0)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with httpx.Client(base_url=f"http://127.0.0.1:{server.server_port}", trust_env=False) as client:
        yield client
    server.shutdown()
    server.server_close()


def test_files_are_served_to_this_machine(files: httpx.Client) -> None:
    reply = files.get("/trials/report.html")
    assert (reply.status_code, reply.text) == (200, "a page")
    assert reply.headers["Cross-Origin-Resource-Policy"] == "same-site"
    assert "Access-Control-Allow-Origin" not in reply.headers
    assert files.head("/trials/report.html").status_code == 200


@pytest.mark.parametrize("path", ["/trials", "/trials/", "/absent.html", "/link", "/..%2fsecret", "/../secret"])
def test_no_folder_is_listed_and_nothing_outside_is_served(files: httpx.Client, path: str) -> None:
    reply = files.get(path)
    assert reply.status_code == 404
    assert "report.html" not in reply.text
    assert "a secret" not in reply.text


def test_the_front_page_lists_nothing(files: httpx.Client) -> None:
    reply = files.get("/")
    assert reply.status_code == 200
    assert "trials" not in reply.text


@pytest.mark.parametrize("headers", [{"Host": "evil.example"}, {"Origin": EVIL}, {"Origin": "null"}])
@pytest.mark.parametrize("path", ["/", "/trials/report.html"])
def test_files_are_not_served_to_a_foreign_page(files: httpx.Client, headers: dict[str, str], path: str) -> None:
    for method in ("GET", "HEAD"):
        assert files.request(method, path, headers=headers).status_code == 403


def test_a_request_without_a_host_or_with_two_is_refused(files: httpx.Client) -> None:
    assert files.base_url.port is not None
    for headers in (b"", b"Host: 127.0.0.1\r\nHost: evil.example\r\n"):
        with socket.create_connection(("127.0.0.1", files.base_url.port)) as connection:
            connection.sendall(b"GET /trials/report.html HTTP/1.0\r\n" + headers + b"\r\n")
            assert b" 403 " in connection.makefile("rb").readline()


# Prefect's server


@dataclass
class Prefect:
    """A server, a client that logs in, and one that does not."""

    server: PrefectServer
    owner: httpx.Client
    stranger: httpx.Client


@pytest.fixture(scope="module")
def prefect(server: dict[str, str]) -> Iterator[Prefect]:
    url, login = server["BIOPOSE_PREFECT_API_URL"], server["PREFECT_API_AUTH_STRING"]
    user, _, password = login.partition(":")
    with (
        httpx.Client(base_url=url, auth=(user, password), trust_env=False) as owner,
        httpx.Client(base_url=url, trust_env=False) as stranger,
    ):
        yield Prefect(PrefectServer(url.removesuffix("/api"), login), owner, stranger)


def test_who_does_not_log_in_is_refused(prefect: Prefect) -> None:
    assert prefect.stranger.get("/admin/version").status_code == 401
    assert prefect.stranger.get("/csrf-token", params={"client": "me"}).status_code == 401
    assert prefect.stranger.post("/flow_runs/filter", json={}).status_code in (401, 403)
    wrong = httpx.BasicAuth("biopose", "guess")
    assert prefect.stranger.get("/admin/version", auth=wrong).status_code == 401


def test_our_own_clients_log_in(prefect: Prefect) -> None:
    assert prefect.owner.get("/admin/version").status_code == 200
    assert isinstance(prefect.server.post("/flow_runs/filter", {}), list)


def test_a_change_needs_a_csrf_token(prefect: Prefect) -> None:
    reply = prefect.owner.post("/flow_runs/filter", json={})
    assert (reply.status_code, reply.json()["detail"]) == (403, "Missing CSRF token.")


@pytest.mark.parametrize(
    "headers", [{"Host": "evil.example"}, {"Host": "evil.example:4200"}, {"Origin": EVIL}, {"Origin": "null"}]
)
def test_foreign_pages_are_refused_even_with_the_login(prefect: Prefect, headers: dict[str, str]) -> None:
    for path in ("/health", "/admin/version"):
        reply = prefect.owner.get(path, headers=headers)
        assert reply.status_code == 403
        assert "Access-Control-Allow-Origin" not in reply.headers
    asked = {**headers, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    assert prefect.owner.options("/flow_runs/filter", headers=asked).status_code == 403


def test_a_page_of_the_server_under_its_other_name_may_read_it(prefect: Prefect) -> None:
    page = f"http://localhost:{prefect.owner.base_url.port}"
    reply = prefect.owner.get("/admin/version", headers={"Origin": page})
    assert (reply.status_code, reply.headers["Access-Control-Allow-Origin"]) == (200, page)


def test_a_websocket_of_a_foreign_page_is_refused(prefect: Prefect) -> None:
    address = str(prefect.owner.base_url.join("events/in")).replace("http:", "ws:")
    with pytest.raises(InvalidStatus, match="403"), connect(address, origin=EVIL, proxy=None):  # type: ignore[arg-type]
        pass
