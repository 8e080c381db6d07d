"""`biopose serve`: the pages of a home."""

# ruff: noqa: D301 - in a help text \b is the character that keeps click from filling the lines after it
from __future__ import annotations

from pathlib import Path

import click

from biopose.cli.command_line import EXISTING
from flows.cli.home_option import with_home

LOOPBACK = ("127.0.0.1", "localhost", "::1")
EVERY_ADDRESS = ("0.0.0.0", "::")  # noqa: S104 - compared with, not bound to


@click.command()
@with_home
@click.option("--port", type=click.IntRange(1, 65535), help="Of the pages (BIOPOSE_PAGES_PORT, 4300).")
@click.option("--host", default=LOOPBACK[0], show_default=True, help="Address to listen on; another needs users.")
@click.option(
    "--public-name", "names", multiple=True, metavar="NAME", help="Host name that people write in the browser."
)
@click.option("--certificate", type=EXISTING, help="Of TLS, a PEM file: pages are then served by https.")
@click.option("--certificate-key", type=EXISTING, help="Its private key, a PEM file.")
@click.option("--proxy-header", metavar="HEADER", help="In which a reverse proxy gives the user's name.")
@click.option("--proxy-address", metavar="ADDRESS", help="From which alone that header is believed, such as 10.0.0.5.")
def serve(
    home: Path | None,
    port: int | None,
    host: str,
    names: tuple[str, ...],
    certificate: Path | None,
    certificate_key: Path | None,
    proxy_header: str | None,
    proxy_address: str | None,
) -> None:
    """Serve the pages of a home until ^C: last night, squad, athletes, trials, questions, models.

    They are read-only and read the snapshot that an ingest renews as it loads. A home without users answers this
    machine alone; from another, reach it through a tunnel: ssh -L 4300:127.0.0.1:4300 THIS-MACHINE.

    `biopose user add` gives people access. Everybody then signs in with a token, and sees the rows and files of their
    teams; on other addresses than loopback nothing is served before that. Sessions last twelve hours. Instead of
    tokens, a reverse proxy that knows the users can give their names in a header. `biopose audit` shows who saw whom.

    \b
    Examples:
      biopose serve --home /data/biopose
      biopose serve --host 10.0.0.7 --public-name biopose.club.example
      biopose serve --host 10.0.0.7 --proxy-header X-Remote-User --proxy-address 10.0.0.5
    """
    is_on_loopback = host in LOOPBACK
    if bool(proxy_header) != bool(proxy_address):
        raise click.UsageError("--proxy-header and --proxy-address belong together")
    if bool(certificate) != bool(certificate_key):
        raise click.UsageError("--certificate and --certificate-key belong together")

    from flows.pages.server import serve_pages
    from flows.pages.visitors import Proxy
    from tasks.settings import Settings
    from tasks.users import Users

    settings = Settings.load(home, pages_port=port)
    if not is_on_loopback and not Users(settings.home).all():
        raise click.UsageError(
            f"--host {host}: this home has no users yet, so its pages are served to this machine alone; "
            "`biopose user add NAME --team TEAM` gives somebody access, or leave --host out"
        )
    if host in EVERY_ADDRESS and not names:
        raise click.UsageError(
            f"--host {host}: give --public-name, the name or address that people write in the browser"
        )
    if not (is_on_loopback or certificate or proxy_header):
        click.echo("Note: without --certificate or a proxy, tokens and athletes' data cross the network unencrypted.")
    serve_pages(
        settings,
        host=host,
        echo=click.echo,
        is_on_loopback=is_on_loopback,
        public_names=names if is_on_loopback or host in EVERY_ADDRESS else (*names, host),
        proxy=Proxy(proxy_header, proxy_address) if proxy_header and proxy_address else None,
        tls=(certificate, certificate_key) if certificate and certificate_key else None,
    )
