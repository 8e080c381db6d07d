"""Whether a server of the user's responds, asked before a client of an engine does: those wait for minutes."""

from __future__ import annotations

import socket
from urllib.parse import urlsplit

from biopose.errors import BioposeError
from tasks.settings import Settings, without_login

TIMEOUT_S = 10.0
CONNECT_TIMEOUT_S = 4.0  # to be connected, which takes a fraction of a second


def check_reachable(url: str, *, variable: str) -> None:
    """Check that a server responds, whatever it responds.

    Args:
        url: of its health page, or any other.
        variable: that holds its address, for the message.

    Raises:
        BioposeError: none responds within ten seconds.
    """
    import httpx

    try:
        httpx.get(url, timeout=TIMEOUT_S)
    except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
        raise BioposeError(f"{variable} is {without_login(url)!r}: no server responds there ({error})") from error


def connect(address: str) -> None:
    """Connect once to HOST:PORT, with or without a scheme before it; without a port nothing is tried.

    Raises:
        OSError: nothing listens there.
    """
    parts = urlsplit(address if "//" in address else f"//{address}")
    if parts.hostname and parts.port:
        socket.create_connection((parts.hostname, parts.port), timeout=CONNECT_TIMEOUT_S).close()


def unreachable_engines(settings: Settings) -> list[str]:
    """A line for each engine of the settings that nothing listens for: a night may need it or not."""
    given = {"BIOPOSE_RAY_ADDRESS": settings.ray_address, "BIOPOSE_DASK_ADDRESS": settings.dask_address}
    lines = []
    for variable, address in given.items():
        try:
            connect(address or "")
        except (OSError, ValueError) as error:
            lines.append(f"{variable} is {address!r}: nothing responds there ({error})")
    return lines
