"""Options of the commands that serve the pages: on which address, under which names, and who signs users in."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from biopose.cli.command_line import EXISTING

if TYPE_CHECKING:
    from flows.serving.exposure import Exposure
    from tasks.settings import Settings

OPTIONS = (
    click.option("--host", default="127.0.0.1", show_default=True, help="Of the pages: another needs users."),
    click.option(
        "--public-name", "names", multiple=True, metavar="NAME", help="Host name that people write in the browser."
    ),
    click.option("--certificate", type=EXISTING, help="Of TLS, a PEM file: pages are then served by https."),
    click.option("--certificate-key", type=EXISTING, help="Its private key, a PEM file."),
    click.option("--proxy-header", metavar="HEADER", help="In which a reverse proxy gives the user's name."),
    click.option(
        "--proxy-address", metavar="ADDRESS", help="From which alone that header is believed, such as 10.0.0.5."
    ),
)


def with_exposure(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command these options as one argument, `exposure`."""

    @wraps(command)
    def exposed(
        *,
        host: str,
        names: tuple[str, ...],
        certificate: Path | None,
        certificate_key: Path | None,
        proxy_header: str | None,
        proxy_address: str | None,
        **others: Any,
    ) -> None:
        if bool(proxy_header) != bool(proxy_address):
            raise click.UsageError("--proxy-header and --proxy-address belong together")
        if bool(certificate) != bool(certificate_key):
            raise click.UsageError("--certificate and --certificate-key belong together")
        from flows.serving.exposure import Exposure

        files = {  # whole, as `biopose up` serves the pages from another folder
            "certificate": certificate and certificate.absolute(),
            "certificate_key": certificate_key and certificate_key.absolute(),
        }
        command(
            exposure=Exposure(host, names, **files, proxy_header=proxy_header, proxy_address=proxy_address), **others
        )

    for option in reversed(OPTIONS):
        exposed = option(exposed)
    return exposed


def refuse_exposure(exposure: Exposure, settings: Settings) -> None:
    """Raise a usage error where the pages would be shown to anybody, or to nobody."""
    from biopose.errors import BioposeError

    try:
        exposure.check(settings)
    except BioposeError as error:
        raise click.UsageError(str(error)) from error
