"""The server of the pages, by uvicorn, which Prefect brings."""

from __future__ import annotations

from collections.abc import Callable

import uvicorn

from biopose.errors import BioposeError
from flows.pages.application import application
from flows.pages.visitors import Proxy
from flows.serving.exposure import ON_LOOPBACK, Exposure
from flows.serving.ports import check_port
from tasks.settings import Settings
from warehouse.errors import no_home

KEPT_OPEN_S = 60  # a connection, while somebody reads a page; uvicorn's 5 s end as the next one is asked for


def serve_pages(
    settings: Settings,
    *,
    exposure: Exposure = ON_LOOPBACK,
    echo: Callable[[str], None] = print,
) -> None:
    """Serve until ^C or SIGTERM.

    Args:
        settings: whose home is shown, and at which port.
        exposure: on which address they listen, and who signs users in.
        echo: called with the address.

    Raises:
        BioposeError: there is no such home, or the port is in use.
    """
    if not settings.home.is_dir():
        raise BioposeError(str(no_home(settings.home)))
    check_port(settings.pages_port, "pages_port", option="--port")
    echo(f"{exposure.address(settings.pages_port)} shows {settings.home}; ^C stops it.")
    header, address = exposure.proxy_header, exposure.proxy_address
    proxy = Proxy(header, address) if header and address else None
    certificate, key = exposure.tls or (None, None)
    uvicorn.run(
        application(settings, public_names=exposure.public_names, proxy=proxy, is_on_loopback=exposure.is_on_loopback),
        host=exposure.host,
        port=settings.pages_port,
        log_level="warning",
        proxy_headers=False,
        ssl_certfile=certificate,
        ssl_keyfile=key,
        server_header=False,
        timeout_keep_alive=KEPT_OPEN_S,
    )
