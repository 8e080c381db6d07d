"""Where the pages listen, and who signs users in: this machine alone, or, with users of teams, other machines."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path

from biopose.errors import BioposeError
from tasks.settings import LOCALHOST, Settings
from tasks.users import Users

LOOPBACK = (LOCALHOST, "localhost", "::1")
EVERY_ADDRESS = {"0.0.0.0": LOCALHOST, "::": "::1"}  # noqa: S104 - compared with; and where this machine finds it
UNENCRYPTED = "Note: without --certificate or a proxy, tokens and athletes' data cross the network unencrypted."


@dataclass(frozen=True)
class Exposure:
    """How the pages are reached.

    Attributes:
        host: address on which they listen.
        names: host names that people write in the browser.
        certificate: of TLS, a PEM file; None: no encryption.
        certificate_key: its private key.
        proxy_header: in which a reverse proxy gives the user's name; None: users sign in with tokens.
        proxy_address: from which alone that header is believed.
    """

    host: str = LOCALHOST
    names: tuple[str, ...] = ()
    certificate: Path | None = None
    certificate_key: Path | None = None
    proxy_header: str | None = None
    proxy_address: str | None = None

    @property
    def is_on_loopback(self) -> bool:
        """Whether this machine alone can reach them."""
        return self.host in LOOPBACK

    @property
    def public_names(self) -> tuple[str, ...]:
        """By which other machines reach them."""
        return self.names if self.host in (*LOOPBACK, *EVERY_ADDRESS) else (*self.names, self.host)

    @property
    def tls(self) -> tuple[Path, Path] | None:
        """The files of the certificate and its key."""
        return (self.certificate, self.certificate_key) if self.certificate and self.certificate_key else None

    @property
    def notes(self) -> list[str]:
        """What who starts the server should know."""
        return [] if self.is_on_loopback or self.tls or self.proxy_header else [UNENCRYPTED]

    def address(self, port: int) -> str:
        """What people open; behind a proxy, whose scheme and port are not known, what this machine opens."""
        is_named = self.names and not self.is_on_loopback and not self.proxy_header
        return self._address(self.names[0], port) if is_named else self.own_address(port)

    def own_address(self, port: int) -> str:
        """At which this machine reaches them."""
        return self._address(EVERY_ADDRESS.get(self.host, self.host), port)

    def arguments(self) -> list[str]:
        """Of `biopose serve`."""
        given = {
            "--host": self.host,
            "--certificate": self.certificate,
            "--certificate-key": self.certificate_key,
            "--proxy-header": self.proxy_header,
            "--proxy-address": self.proxy_address,
        }
        options = [part for name, value in given.items() if value is not None for part in (name, str(value))]
        return [*options, *(part for name in self.names for part in ("--public-name", name))]

    def check(self, settings: Settings) -> None:
        """Raise where the pages would be shown to anybody, or to nobody.

        Raises:
            BioposeError: beyond loopback the home has no users, or no name is given by which the pages are reached; or
                the files of TLS are no certificate with its key.
        """
        if not self.is_on_loopback and not Users(settings.home).all():
            raise BioposeError(
                f"--host {self.host}: this home has no users yet, so its pages are served to this machine alone; "
                "`biopose user add NAME --team TEAM` gives somebody access, or leave --host out"
            )
        if self.host in EVERY_ADDRESS and not self.names:
            raise BioposeError(
                f"--host {self.host}: give --public-name, the name or address that people write in the browser"
            )

        if self.tls:
            _check_certificate(*self.tls)

    def _address(self, host: str, port: int) -> str:
        return f"{'https' if self.tls else 'http'}://{f'[{host}]' if ':' in host else host}:{port}"


def _check_certificate(certificate: Path, key: Path) -> None:
    try:
        # Without a password the server would wait for somebody to type that of an encrypted key.
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, password=lambda: "")
    except OSError as error:  # that of ssl is one
        cause = (error.reason or "no PEM, or encrypted") if isinstance(error, ssl.SSLError) else error.strerror
        raise BioposeError(
            f"--certificate {certificate}, --certificate-key {key}: no certificate with its key ({cause}); give both "
            "as PEM files, the key without a password"
        ) from error


ON_LOOPBACK = Exposure()
