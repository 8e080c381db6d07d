"""Which home a server of this machine belongs to: a port says nothing, after a kill another home may listen there."""

from __future__ import annotations

import hashlib
import http.client
import urllib.request

from tasks.prefect_login import prefect_login
from tasks.settings import HEALTH_TIMEOUT_S, Settings

PATH = "/biopose-home"  # of a server: responds with the id of its home
VARIABLE = "BIOPOSE_HOME_ID"  # of a server's environment
LENGTH = 32  # hexadecimal digits


def home_id(settings: Settings) -> str:
    """The id of a home where it lies: a copy of it elsewhere has another. It tells nothing about the login.

    Raises:
        BioposeError: as `prefect_login` does.
    """
    identity = f"{prefect_login(settings.prefect_login)}\n{settings.home.resolve()}"
    return hashlib.sha256(identity.encode("utf-8", "surrogateescape")).hexdigest()[:LENGTH]


def serves_home(server: str, settings: Settings) -> bool:
    """Whether the Prefect server at an address is one of this home.

    Args:
        server: its base.
        settings: of the home.
    """
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # a proxy cannot reach this machine's servers
    try:
        with direct.open(f"{server}{PATH}", timeout=HEALTH_TIMEOUT_S) as reply:
            return bool(reply.status == 200 and reply.read(LENGTH + 1).decode("ascii", "replace") == home_id(settings))
    except (OSError, ValueError, http.client.HTTPException):
        return False
