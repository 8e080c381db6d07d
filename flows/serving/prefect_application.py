"""Prefect's server as an ASGI application that answers requests of this machine alone; `programs` runs it by uvicorn.

Prefect checks the authentication string, CSRF tokens and the origins of its settings, but not the Host of a request.
"""

from __future__ import annotations

import os

from biopose.io.loading import without_garbage_collection
from flows.serving.own_requests import Application, OwnRequestsOnly, Receive, Scope, Send
from tasks.home_id import PATH, VARIABLE


def application() -> Application:
    """The server with the settings of its environment."""
    with without_garbage_collection():
        from prefect.server.api.server import create_app

        prefect = create_app(final=True)
    return OwnRequestsOnly(NamesHome(prefect, os.environ[VARIABLE]))


class NamesHome:
    """ASGI middleware that responds to requests of `tasks.home_id.PATH` with the id of the server's home.

    Args:
        application: that responds to all others.
        home: the id.
    """

    def __init__(self, application: Application, home: str) -> None:
        self._application, self._home = application, home.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Respond to a request."""
        if scope["type"] != "http" or scope["path"] != PATH:
            await self._application(scope, receive, send)
            return
        headers = [(b"content-type", b"text/plain"), (b"content-length", str(len(self._home)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": self._home})
