"""Which HTTP requests the servers of this machine answer: those sent to it by name, from no other web page.

A page that a browser shows can send requests to 127.0.0.1. Its own host name may even resolve to 127.0.0.1 (DNS
rebinding), so that the browser takes the answers for its own; the request then bears that name as its Host.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, MutableMapping
from typing import Any
from urllib.parse import urlsplit

DEFAULT_PORTS = {"http": 80, "https": 443}
OWN_NAMES = frozenset({"127.0.0.1", "localhost", "::1"})
REFUSAL = "This server answers requests under its own name alone, and none of other web pages."

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]


def own_origins(port: int) -> tuple[str, ...]:
    """The origins of the pages that a server of this machine serves."""
    return tuple(f"http://{name}:{port}" for name in ("127.0.0.1", "localhost"))


def is_own(host: str | None, origin: str | None, *, public_names: Collection[str] = ()) -> bool:
    """Whether to answer a request.

    Args:
        host: header of the request: only a name of this machine is accepted, with any port (a tunnel may change it).
        origin: header of the request; None where it has none. Accepted are pages of the same server, under any of its
            names.
        public_names: by which other machines reach the server, perhaps through a proxy that speaks https.
    """
    scheme = "https" if origin is not None and origin.startswith("https:") else "http"
    named = _name_and_port(f"{scheme}://{host}")
    names = OWN_NAMES.union(public_names)
    if host is None or named is None or named[0] not in names:
        return False
    if origin is None:
        return True
    page = _name_and_port(origin)
    allowed = public_names if scheme == "https" else names
    return page is not None and page[0] in allowed and page[1] == named[1]


def _name_and_port(url: str) -> tuple[str, int] | None:
    """Of a URL without path; None for anything else, such as the origin `null`."""
    try:
        parts = urlsplit(url)
        name, port = parts.hostname, parts.port
    except ValueError:
        return None
    if parts.scheme not in DEFAULT_PORTS or not name:
        return None
    if parts.path or parts.query or parts.fragment or parts.username is not None:
        return None
    return name, DEFAULT_PORTS[parts.scheme] if port is None else port


class OwnRequestsOnly:
    """ASGI middleware that refuses all other requests with status 403.

    Args:
        application: that answers the accepted ones.
        public_names: by which other machines reach the server.
    """

    def __init__(self, application: Application, public_names: Collection[str] = ()) -> None:
        self._application = application
        self._public_names = frozenset(name.lower() for name in public_names)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request or a WebSocket's handshake."""
        if scope["type"] not in ("http", "websocket") or is_own(
            header(scope, b"host"), header(scope, b"origin"), public_names=self._public_names
        ):
            await self._application(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})  # before it was accepted: the handshake gets a 403
        else:
            headers = [(b"content-type", b"text/plain; charset=utf-8")]
            await send({"type": "http.response.start", "status": 403, "headers": headers})
            await send({"type": "http.response.body", "body": REFUSAL.encode()})


def header(scope: Scope, name: bytes) -> str | None:
    """A header's value; None if there is none, "" (which is refused) if it is there twice."""
    values = [value.decode("latin-1") for key, value in scope["headers"] if key == name]
    return None if not values else values[0] if len(values) == 1 else ""
