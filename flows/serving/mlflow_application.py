"""MLflow's server as an ASGI application that asks for the home's login; `programs` runs it by uvicorn.

MLflow checks the Host and Origin of requests, but whoever has an account on the machine could read the registry and
move its aliases: its own log-in keeps users in another database. So it is asked for here, the same as Prefect's.
"""

from __future__ import annotations

import base64
import os
import secrets

from biopose.io.loading import without_garbage_collection
from flows.serving.own_requests import Application, OwnRequestsOnly, Receive, Scope, Send, header
from tasks.prefect_login import prefect_login
from tasks.settings import Settings

HEALTH = "/health"
PROXIED = "mlflow-artifacts:/"  # where the server reads artifacts for its pages
HOW = (
    b"Log in first: HOME/prefect/login holds USER:PASSWORD. A client takes them from MLFLOW_TRACKING_USERNAME and "
    b"MLFLOW_TRACKING_PASSWORD."
)
CHALLENGE = b'Basic realm="MLflow of BioPose: the login that HOME/prefect/login holds"'


def application() -> Application:
    """The server of the home of this environment, as `mlflow server --artifacts-destination` starts it."""
    settings = Settings.load()
    os.environ.update(
        {
            "_MLFLOW_SERVER_FILE_STORE": settings.mlflow_tracking_uri,
            "_MLFLOW_SERVER_REGISTRY_STORE": settings.mlflow_tracking_uri,
            "_MLFLOW_SERVER_ARTIFACT_ROOT": PROXIED,
            "_MLFLOW_SERVER_ARTIFACT_DESTINATION": str(settings.model_files),
            "_MLFLOW_SERVER_SERVE_ARTIFACTS": "true",
            "_MLFLOW_IN_JOB_EXECUTOR": "false",  # else, where a shell has it set, the server would run code of scorers
        }
    )
    with without_garbage_collection():
        from mlflow.server.fastapi_app import app
        from mlflow.server.handlers import initialize_backend_stores

        initialize_backend_stores(settings.mlflow_tracking_uri, settings.mlflow_tracking_uri, PROXIED)
    return OwnRequestsOnly(WithLogin(app, prefect_login(settings.prefect_login)))


class WithLogin:
    """ASGI middleware that answers who logs in (HTTP Basic); whether the server is there it tells to all.

    Args:
        application: that answers them.
        login: user:password.
    """

    def __init__(self, application: Application, login: str) -> None:
        self._application = application
        self._credentials = base64.b64encode(login.encode("ascii"))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request; there are no WebSockets."""
        if scope["type"] == "lifespan" or self._is_admitted(scope):
            await self._application(scope, receive, send)
        elif scope["type"] == "http":
            headers = [(b"www-authenticate", CHALLENGE), (b"content-type", b"text/plain")]
            await send({"type": "http.response.start", "status": 401, "headers": headers})
            await send({"type": "http.response.body", "body": HOW})
        else:
            await send({"type": "websocket.close", "code": 1008})

    def _is_admitted(self, scope: Scope) -> bool:
        scheme, _, credentials = (header(scope, b"authorization") or "").partition(" ")
        given = credentials.strip().encode("latin-1")
        is_known = scheme.lower() == "basic" and secrets.compare_digest(given, self._credentials)
        return is_known or (scope["type"] == "http" and scope["path"] == HEALTH)
