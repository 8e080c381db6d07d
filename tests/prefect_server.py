"""A Prefect server of a home, for tests and benchmarks whose flows need not start one of their own each."""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import mkdtemp

from filelock import FileLock

from flows.serving.ingest_server import temporary_server
from tasks.environment import prepare_environment
from tasks.prefect_login import prefect_login
from tasks.settings import Settings, responds

STARTS_S = 60.0


@contextmanager
def prefect_server(settings: Settings) -> Iterator[dict[str, str]]:
    """A server for the block, started again where it dies; gives the variables by which flows find its API."""
    settings.make_home()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    prepare_environment(settings, environment)
    with temporary_server(settings, environment) as (url, wait_until_ready):
        wait_until_ready()
        login = prefect_login(settings.prefect_login)
        yield {"BIOPOSE_PREFECT_API_URL": f"{url}/api", "PREFECT_API_AUTH_STRING": login}


@contextmanager
def shared_prefect_server(folder: Path) -> Iterator[dict[str, str]]:
    """The same server for all processes that are given the folder: the first one serves, until no other needs it.

    One that nobody uses takes a sixtieth of a core. Each has a home of its own: the last one may not have ended yet.
    """
    record, turn = folder / "prefect.json", FileLock(folder / "prefect.lock")
    with ExitStack() as own, (folder / "prefect.users").open("a") as users:
        with turn:
            is_first = not record.exists()
            if is_first:
                variables = own.enter_context(prefect_server(Settings.load(mkdtemp(prefix="prefect-", dir=folder))))
                record.write_text(json.dumps(variables))
            else:
                variables = json.loads(record.read_text())
                fcntl.flock(users, fcntl.LOCK_SH)
        try:
            yield variables
        finally:
            if is_first:
                with turn:
                    record.unlink()  # who asks from now on serves
                fcntl.flock(users, fcntl.LOCK_EX)  # once the others have ended


def wait_until_up_again(api_url: str) -> None:
    """Wait for a server that was killed, as `biopose ingest` waits for its own before a flow begins."""
    end_s = time.monotonic() + STARTS_S
    while not responds(f"{api_url}/health"):
        if time.monotonic() > end_s:
            raise TimeoutError(f"{api_url} does not respond after {STARTS_S:g} s")
        time.sleep(0.1)
