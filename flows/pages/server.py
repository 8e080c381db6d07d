"""The server of the pages, by uvicorn, which Prefect brings."""

from __future__ import annotations

from collections.abc import Callable

import uvicorn

from biopose.errors import BioposeError
from flows.pages.application import application
from flows.serving.ports import check_port
from tasks.settings import LOCALHOST, Settings


def serve_pages(settings: Settings, *, host: str = LOCALHOST, echo: Callable[[str], None] = print) -> None:
    """Serve until ^C or SIGTERM.

    Args:
        settings: whose home is shown, and at which port.
        host: an address of this machine alone.
        echo: called with the address.

    Raises:
        BioposeError: there is no such home, or the port is in use.
    """
    if not settings.home.is_dir():
        raise BioposeError(
            f"{settings.home}: there is no such folder; `biopose ingest INBOX --home {settings.home}` makes it"
        )
    check_port(settings.pages_port, "pages_port", option="--port")
    shown = f"[{host}]" if ":" in host else host
    echo(f"http://{shown}:{settings.pages_port} shows {settings.home}; ^C stops it.")
    uvicorn.run(
        application(settings),
        host=host,
        port=settings.pages_port,
        log_level="warning",
        proxy_headers=False,
        server_header=False,
    )
