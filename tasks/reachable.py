"""Whether a server of the user's responds, asked before a client of an engine does: those wait for minutes."""

from __future__ import annotations

from biopose.errors import BioposeError

TIMEOUT_S = 10.0


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
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise BioposeError(f"{variable} is {url!r}: no server responds there ({error})") from error
