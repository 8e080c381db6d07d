"""The ports of our servers."""

from __future__ import annotations

import random
import socket

from biopose.errors import BioposeError
from tasks.settings import LOCALHOST, Settings

# Below the ports that systems hand out by themselves (32768 or 49152 on) and above those of Ray's workers: a port that
# is free now is not taken by a Dask or Ray process, or an outgoing connection, until its server listens.
OWN_PORTS = range(20_000, 30_000)
ATTEMPTS = 100
MEANT_FOR = {"prefect_port": "Prefect", "mlflow_port": "MLflow", "pages_port": "the pages"}


def free_port() -> int:
    """A port of this machine on which nobody listens.

    Raises:
        BioposeError: none was found.
    """
    for port in random.SystemRandom().sample(OWN_PORTS, ATTEMPTS):
        with socket.socket() as probe:
            try:
                probe.bind((LOCALHOST, port))
            except OSError:
                continue
            return port
    raise BioposeError(f"{ATTEMPTS} of the ports {OWN_PORTS.start} to {OWN_PORTS.stop - 1} of this machine are in use")


def check_ports(settings: Settings) -> None:
    """Check that no other program listens on those of the servers that are to be started.

    Raises:
        BioposeError: a port is in use; the message says which option and variable change it.
    """
    for name in MEANT_FOR:
        if not (name == "mlflow_port" and settings.mlflow_server):
            check_port(getattr(settings, name), name)


def check_port(port: int, name: str, *, option: str | None = None) -> None:
    """Check that no other program listens on a port.

    Args:
        port: of this machine.
        name: of the setting, a key of MEANT_FOR.
        option: that sets it; else the setting's own.

    Raises:
        BioposeError: it is in use; the message says which option and variable change it.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOCALHOST, port))
        except OSError as error:
            raise BioposeError(
                f"port {port}, meant for {MEANT_FOR[name]}, is in use ({error.strerror}); choose another with "
                f"{option or '--' + name.replace('_', '-')} or BIOPOSE_{name.upper()}"
            ) from error
