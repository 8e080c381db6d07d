"""What another program may have taken: ports, and the home itself."""

from __future__ import annotations

import fcntl
import socket
from collections.abc import Iterator
from contextlib import contextmanager

from biopose.errors import BioposeError
from tasks.settings import LOCALHOST, Settings


def check_ports(settings: Settings) -> None:
    """Refuse to start where another program listens.

    Raises:
        BioposeError: a port is in use; the message says which option and variable change it.
    """
    for name, of in {"prefect_port": "Prefect", "mlflow_port": "MLflow", "files_port": "overlays and reports"}.items():
        port = getattr(settings, name)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((LOCALHOST, port))
            except OSError as error:
                raise BioposeError(
                    f"port {port}, meant for {of}, is in use ({error.strerror}); choose another with "
                    f"--{name.replace('_', '-')} or BIOPOSE_{name.upper()}"
                ) from error


@contextmanager
def alone(settings: Settings) -> Iterator[None]:
    """Hold a home: two `biopose up` would load the same night twice.

    Raises:
        BioposeError: another holds it.
    """
    with (settings.home / "up.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise BioposeError(
                f"{settings.home}: another `biopose up` serves it already; stop that one first"
            ) from error
        yield
