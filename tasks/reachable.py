"""Whether a server of the user's responds, asked before a client of an engine does: those wait for minutes."""

from __future__ import annotations

import re

from biopose.errors import BioposeError

TIMEOUT_S = 10.0
USER = re.compile(r"//[^/@]*@")


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
        shown = USER.sub("//", url)  # a password may be in it
        raise BioposeError(f"{variable} is {shown!r}: no server responds there ({error})") from error
