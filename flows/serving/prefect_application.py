"""Prefect's server as an ASGI application that answers requests of this machine alone; `programs` runs it by uvicorn.

Prefect checks the authentication string, CSRF tokens and the origins of its settings, but not the Host of a request.
"""

from __future__ import annotations

from flows.serving.own_requests import Application, OwnRequestsOnly


def application() -> Application:
    """The server with the settings of its environment."""
    from prefect.server.api.server import create_app

    return OwnRequestsOnly(create_app(final=True))
