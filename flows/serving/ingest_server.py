"""The Prefect server of one flow run: that of the settings or of `biopose up`, else one for this run alone.

Prefect would start one by itself, but that outlives a process that is killed, and starts only once a flow is called.
This one ends with this process, however it ends, and starts while the rest is still being imported.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from biopose.errors import BioposeError
from flows.serving import programs
from flows.serving.ports import free_port
from flows.serving.processes import Child, stop
from tasks.empty_databases import begin_with_copy
from tasks.environment import isolate_environment, own_api
from tasks.home_id import serves_home
from tasks.reachable import check_reachable
from tasks.settings import LOCALHOST, Settings, responds

START_TIMEOUT_S = 120.0
POLL_S = 0.1
WATCH_S = 0.5
DELIVERY_TIMEOUT_S = 10.0


@contextmanager
def ingest_server(settings: Settings, echo: Callable[[str], None]) -> Iterator[Callable[[], None]]:
    """Prepare this process's environment for a flow, and serve for the block where no server is known.

    Yields:
        a function to call before the first flow: it waits until the server responds.

    Args:
        settings: of the home.
        echo: called with a line for each thing in the environment that is not used.

    Raises:
        BioposeError: the server does not start; the message ends with its log. Or that of the settings does not
            respond.
    """
    for line in isolate_environment(settings):
        echo(line)
    os.environ.setdefault("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", "CRITICAL")  # the lines of a command are our own
    if settings.prefect_api_url:
        check_reachable(f"{settings.prefect_api_url}/health", variable="BIOPOSE_PREFECT_API_URL")
    if "PREFECT_API_URL" in os.environ:
        yield lambda: None
        return
    with temporary_server(settings, os.environ) as (url, wait_until_ready):
        api = own_api(settings, url)
        os.environ.update(api)
        try:
            yield wait_until_ready
        finally:
            _deliver()
            for name in api:
                del os.environ[name]


@contextmanager
def temporary_server(settings: Settings, environment: Mapping[str, str]) -> Iterator[tuple[str, Callable[[], None]]]:
    """A Prefect server on a free port for the block, without its services: nothing is scheduled there.

    It is started again where it dies once it has responded: a flow's requests are repeated for as long as that takes.

    Args:
        settings: of the home.
        environment: of the server.

    Yields:
        the server's address, and a function that waits until it responds.
    """
    port = free_port()
    url = f"http://{LOCALHOST}:{port}"
    for_one_run = {
        "PREFECT__SERVER_EPHEMERAL": "1",
        "PREFECT_API_BLOCKS_REGISTER_ON_START": "false",  # types of blocks, which no flow uses: a third of its start
    }
    server = Child(
        "prefect",
        programs.prefect_server(port),
        environment={**environment, **programs.server_environment(settings, port), **for_one_run},
        folder=settings.prefect_home,  # in another, Prefect would read the settings files that lie there
        log=settings.logs / "ingest-prefect.log",
    )
    begin_with_copy("prefect", settings.prefect_database)
    server.start()
    ended = threading.Event()
    restarts = threading.Thread(target=_restart_if_dead, args=(server, ended), daemon=True)

    def wait_until_ready() -> None:
        _wait_for(server, url, settings)
        restarts.start()

    try:
        yield url, wait_until_ready
    finally:
        ended.set()
        if restarts.is_alive():
            restarts.join()
        stop(server)


def _restart_if_dead(server: Child, ended: threading.Event) -> None:
    """Watch the server until the block ends; one that keeps dying stays dead, and the flow's next request fails."""
    while not ended.wait(WATCH_S):
        try:
            server.restart_if_dead()
        except BioposeError:
            return


def _wait_for(server: Child, url: str, settings: Settings) -> None:
    end_s = time.monotonic() + START_TIMEOUT_S
    while not (responds(f"{url}/api/health") and serves_home(url, settings)):
        if server.exit_code is not None or time.monotonic() > end_s:
            raise server.failure("did not start")
        time.sleep(POLL_S)


def _deliver() -> None:
    """Send the logs and events that Prefect has queued, while the server runs."""
    if "prefect" not in sys.modules:
        return
    from prefect.events.worker import EventsWorker
    from prefect.logging.handlers import APILogWorker

    for worker in (APILogWorker, EventsWorker):
        worker.drain_all(timeout=DELIVERY_TIMEOUT_S)
