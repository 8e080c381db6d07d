"""The server of the pages, by uvicorn, which Prefect brings."""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path

import uvicorn

from biopose.errors import BioposeError
from flows.pages.application import application
from flows.pages.visitors import Proxy
from flows.serving.ports import check_port
from tasks.settings import LOCALHOST, Settings
from warehouse.errors import no_home


def serve_pages(
    settings: Settings,
    *,
    host: str = LOCALHOST,
    echo: Callable[[str], None] = print,
    is_on_loopback: bool = True,
    public_names: Collection[str] = (),
    proxy: Proxy | None = None,
    tls: tuple[Path, Path] | None = None,
) -> None:
    """Serve until ^C or SIGTERM.

    Args:
        settings: whose home is shown, and at which port.
        host: an address of this machine.
        echo: called with the address.
        is_on_loopback: whether only this machine can reach that.
        public_names: by which other machines reach it.
        proxy: that signs users in; None: they sign in with a token.
        tls: the files of a certificate and its key; None: no encryption.

    Raises:
        BioposeError: there is no such home, or the port is in use.
    """
    if not settings.home.is_dir():
        raise BioposeError(str(no_home(settings.home)))
    check_port(settings.pages_port, "pages_port", option="--port")
    shown = f"[{host}]" if ":" in host else host
    echo(f"{'https' if tls else 'http'}://{shown}:{settings.pages_port} shows {settings.home}; ^C stops it.")
    uvicorn.run(
        application(settings, public_names=public_names, proxy=proxy, is_on_loopback=is_on_loopback),
        host=host,
        port=settings.pages_port,
        log_level="warning",
        proxy_headers=False,
        ssl_certfile=tls[0] if tls else None,
        ssl_keyfile=tls[1] if tls else None,
        server_header=False,
    )
