"""The ports that `biopose up` needs."""

from __future__ import annotations

import socket

from biopose.errors import BioposeError
from tasks.settings import LOCALHOST, Settings


def check_ports(settings: Settings) -> None:
    """Check that no other program listens on them.

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
