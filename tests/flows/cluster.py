"""A club's cluster on this machine: PostgreSQL, a Prefect server on it, a Ray cluster of two nodes, Dask behind TLS."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from ipaddress import ip_address
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from flows.serving.ports import free_port
from tests.flows.prefect_server import wait_for

START_TIMEOUT_S = 90.0
LOCALHOST = "127.0.0.1"
UNPRIVILEGED = "nobody"  # PostgreSQL refuses to run as root


def postgresql_program(name: str) -> str | None:
    """Of the newest PostgreSQL that is installed: Debian leaves most of its programs out of the path."""
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: float(path.parts[-3]))
    return str(found[-1]) if found else shutil.which(name)


@contextmanager
def program(command: list[str], log: Path, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    """A program for the block, in a group of its own, which is ended with it."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "RAY_"))}
    with log.open("ab") as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=output, env=inherited | environment, start_new_session=True
        )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(timeout=START_TIMEOUT_S)


@contextmanager
def postgresql(log: Path, *databases: str) -> Iterator[str]:
    """A PostgreSQL server with empty databases; its USER@HOST:PORT."""
    with TemporaryDirectory() as folder:  # not below a test's own folder: there only the test's user gets through
        yield from _postgresql(folder, log, databases)


def _postgresql(folder: str, log: Path, databases: Sequence[str]) -> Iterator[str]:
    as_user: list[str] = []
    if os.getuid() == 0:
        group = pwd.getpwnam(UNPRIVILEGED).pw_gid
        as_user = ["setpriv", f"--reuid={UNPRIVILEGED}", f"--regid={group}", "--clear-groups"]
        shutil.chown(folder, UNPRIVILEGED)
    initdb, postgres, port = postgresql_program("initdb"), postgresql_program("postgres"), free_port()
    assert initdb
    assert postgres
    subprocess.run(
        [*as_user, initdb, "-D", folder, "-U", "biopose", "--auth=trust", "--no-sync", "--no-locale", "-E", "UTF8"],
        check=True,
        capture_output=True,
        cwd="/",
    )
    options = ["-c", f"listen_addresses={LOCALHOST}", "-c", "unix_socket_directories=", "-c", "fsync=off"]
    with program([*as_user, postgres, "-D", folder, "-p", str(port), *options], log):
        import pg8000.native

        def connected() -> bool:
            try:
                with_server = pg8000.native.Connection("biopose", host=LOCALHOST, port=port, database="postgres")
            except Exception:
                return False
            for name in databases:
                with_server.run(f"CREATE DATABASE {name}")
            with_server.close()
            return True

        wait_for(connected, timeout_s=START_TIMEOUT_S)
        yield f"biopose@{LOCALHOST}:{port}"


@contextmanager
def prefect_server(home: Path, database: str) -> Iterator[str]:
    """A Prefect server of the club's own, on a database; the address of its API."""
    port = free_port()
    url = f"http://{LOCALHOST}:{port}/api"
    home.mkdir()
    command = [sys.executable, "-m", "prefect", "server", "start", "--host", LOCALHOST, "--port", str(port), "--no-ui"]
    variables = {
        "PREFECT_HOME": str(home),
        "PREFECT_API_URL": url,
        "PREFECT_SERVER_DATABASE_CONNECTION_URL": database,
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
    }
    with program(command, home.parent / "prefect.log", **variables):
        wait_for(lambda: _responds(f"{url}/health"), timeout_s=START_TIMEOUT_S)
        yield url


def _responds(url: str) -> bool:
    try:
        return httpx.get(url, trust_env=False).status_code == httpx.codes.OK
    except httpx.TransportError:
        return False


@contextmanager
def ray_cluster(logs: Path, *, nodes: int, token: str) -> Iterator[str]:
    """A Ray cluster of nodes with a core each, which refuses who has not the token; its HOST:PORT."""
    address = f"{LOCALHOST}:{free_port()}"
    variables = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": token, "RAY_USAGE_STATS_ENABLED": "0"}
    common = ["--node-ip-address", LOCALHOST, "--num-cpus", "1", "--object-store-memory", str(100 * 2**20), "--block"]
    head = ["--head", "--port", address.rpartition(":")[2], "--include-dashboard=false"]
    with TemporaryDirectory(prefix="ray-") as folder, ExitStack() as running:  # its sockets need a short path
        for number in range(nodes):
            log = logs / f"ray{number}.log"
            joins = [*head, "--temp-dir", folder] if number == 0 else ["--address", address]
            command = [sys.executable, "-m", "ray.scripts.scripts", "start", *joins, *common]
            node = running.enter_context(program(command, log, **variables))
            wait_for(partial(_started, node, log), timeout_s=START_TIMEOUT_S)
        yield address


def _started(node: subprocess.Popen[bytes], log: Path) -> bool:
    assert node.poll() is None, log.read_text()
    return b"Ray runtime started" in log.read_bytes()


@contextmanager
def dask_cluster(folder: Path, certificate: Path, key: Path) -> Iterator[str]:
    """A Dask scheduler with one worker that speak TLS alone, to who has a certificate of theirs; its address."""
    folder.mkdir()
    address = f"tls://{LOCALHOST}:{free_port()}"
    variables = dask_tls(certificate, key)
    host = ["--host", LOCALHOST]
    scheduler = ["scheduler", "--protocol", "tls", *host, "--port", address.rpartition(":")[2], "--no-dashboard"]
    worker = ["worker", address, *host, "--nworkers", "1", "--nthreads", "1", "--no-dashboard", "--local-directory"]
    run = [sys.executable, "-m", "dask"]
    with (
        program([*run, *scheduler], folder.parent / "scheduler.log", **variables),
        program([*run, *worker, str(folder)], folder.parent / "worker.log", **variables),
    ):
        yield address


def dask_tls(certificate: Path, key: Path) -> dict[str, str]:
    """Dask's variables for one certificate that all of a cluster share."""
    parts = {"CA_FILE": certificate} | {
        f"{role}__{what}": path
        for role in ("SCHEDULER", "WORKER", "CLIENT")
        for what, path in (("CERT", certificate), ("KEY", key))
    }
    variables = {f"DASK_DISTRIBUTED__COMM__TLS__{name}": str(path) for name, path in parts.items()}
    return {"DASK_DISTRIBUTED__COMM__REQUIRE_ENCRYPTION": "true", **variables}


def certificate_of_this_machine(folder: Path) -> tuple[Path, Path]:
    """A certificate that is its own authority, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "cluster of the club")])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address(LOCALHOST))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    files = folder / "cluster.crt", folder / "cluster.key"
    files[0].write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    pem = serialization.PrivateFormat.PKCS8
    files[1].write_bytes(key.private_bytes(serialization.Encoding.PEM, pem, serialization.NoEncryption()))
    return files
