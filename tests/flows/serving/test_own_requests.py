"""The servers of this machine answer it alone: real servers, real requests."""

from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest
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
