"""`biopose up`: start the programs in order, wait until each is ready, restart those that die, stop all."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import yaml

from biopose.errors import BioposeError
from flows.serving import programs
from flows.serving.clock_changes import clock_change_notes
from flows.serving.exposure import ON_LOOPBACK, Exposure
from flows.serving.ports import check_ports
from flows.serving.prefect_server import PrefectServer
from flows.serving.processes import Child, adopting_orphans, stop, stop_orphans
from tasks.empty_databases import begin_with_copy
from tasks.home_id import serves_home
from tasks.locks import exclusive, holder
from tasks.registration import register_command
from tasks.settings import Addresses, Settings, responds
from tasks.withdrawals import who_is_to_be_erased
from warehouse.errors import WarehouseError

CHECKOUT = Path(__file__).parents[2]
START_TIMEOUT_S = 180.0
POLL_S = 0.2
WATCH_S = 1.0
LOOK_S = 60.0  # between looks whether somebody is to be erased
RETRY_S = 12 * 3600.0
LONGEST_ERASURE_S = 6 * 3600.0  # every file of the home is read
WORKER = "prefect-worker"


class _Stopped(Exception):  # noqa: N818 - no error: ^C or SIGTERM
    """Ends whatever is being waited for."""


class StopSignal:
    """Set by ^C or SIGTERM."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def set(self, _: int = 0, __: FrameType | None = None) -> None:
        """Request the stop; a signal handler."""
        self._event.set()

    def sleep(self, duration_s: float) -> None:
        """Wait; ends at once by an exception when a stop is requested."""
        if self._event.wait(duration_s):
            raise _Stopped


def print_line(text: str) -> None:
    """To standard output at once, also where that is a file."""
    print(text, flush=True)


def serve(
    settings: Settings,
    *,
    exposure: Exposure = ON_LOOPBACK,
    cron: str | None = None,
    timezone: str | None = None,
    echo: Callable[[str], None] = print_line,
    project: Path = CHECKOUT,
) -> None:
    """Serve until ^C or SIGTERM.

    Args:
        settings: where state lives and which ports to use.
        exposure: on which address the pages listen, and who signs users in; all else is for this machine alone.
        cron: schedule of the nightly deployment; None: that of prefect.yaml.
        timezone: of the schedule; None: that of prefect.yaml.
        echo: called with each message.
        project: the folder of prefect.yaml and of the flows it names.

    Raises:
        BioposeError: a port is in use, this home is served already, or a program does not start or keeps dying.
    """
    if not (project / "prefect.yaml").is_file():
        raise BioposeError(f"{project}: holds no prefect.yaml; install BioPose from its checkout: pip install -e .")
    make_folders(settings)
    with _stop_signal() as signals, adopting_orphans(), exclusive(settings.home, "up"):
        check_ports(settings)
        services = _Services(settings, exposure, project, signals, echo)
        try:
            deployed = deployments(project, cron=cron, timezone=timezone)
            services.start(deployed)
            services.watch(deployed)
        except _Stopped:
            pass
        finally:
            services.stop()


class _Services:
    """All programs of one `biopose up`."""

    def __init__(
        self,
        settings: Settings,
        exposure: Exposure,
        project: Path,
        stop: StopSignal,
        echo: Callable[[str], None],
    ) -> None:
        self._settings, self._exposure, self._project = settings, exposure, project
        self._stop, self._echo = stop, echo
        self._addresses = replace(Addresses.planned(settings), pages=exposure.address(settings.pages_port))
        self._environment, self._not_used = programs.environment(settings, project, self._addresses)
        self._server = PrefectServer(self._addresses.prefect, self._environment["PREFECT_API_AUTH_STRING"])
        self._running: list[Child] = []
        self._next_look_s = time.monotonic()

    def start(self, project: dict[str, Any]) -> None:
        """Start all, wait until each is ready, then print their addresses."""
        self._echo("\n".join([*self._not_used, *self._exposure.notes, f"Starting in {self._settings.home} ..."]))
        begin_with_copy("prefect", self._settings.prefect_database)
        prefect = self._begin("prefect-server", *programs.prefect_server(self._settings.prefect_port))
        pages = self._begin("pages", *programs.pages_server(self._settings, self._exposure))
        self._complete("models", *register_command())
        mlflow = self._begin_mlflow()
        self._until(prefect, lambda: responds(f"{self._addresses.prefect}/api/health"))
        self._until(prefect, lambda: serves_home(self._addresses.prefect, self._settings))
        self._close_left_over()
        worker_name = f"biopose-{os.getpid()}"
        worker = self._begin(WORKER, *programs.worker(worker_name))
        self._until(worker, self._server.has_pool)
        self._deploy(project)
        self._until(worker, lambda: self._server.has_worker(worker_name))
        if mlflow is not None:
            self._until(mlflow, lambda: responds(f"{self._addresses.mlflow}/health"))
        own_address = self._exposure.own_address(self._settings.pages_port)
        self._until(pages, lambda: responds(f"{own_address}/health"))
        self._until(prefect, lambda: self._server.next_run() is not None)
        self._addresses.record(self._settings)
        self._echo("\n".join([*self._addresses_lines(_zone(project)), *_schedule_notes(project), "^C stops all."]))

    def watch(self, project: dict[str, Any]) -> None:
        """Restart what dies, and erase who is to be erased, until a stop is requested."""
        while True:
            self._stop.sleep(WATCH_S)
            if self._has_to_erase():
                self._stop_programs()
                self._erase()
                self.start(project)
            for child in self._running:
                if message := child.restart_if_dead():
                    self._echo(message)
                    if child.name == WORKER:
                        self._close_left_over()

    def _has_to_erase(self) -> bool:
        """Whether somebody who withdrew consent is due, and no night is at work."""
        if time.monotonic() < self._next_look_s:
            return False
        self._next_look_s = time.monotonic() + LOOK_S
        try:
            return bool(who_is_to_be_erased(self._settings)) and holder(self._settings.home, "ingest") is None
        except (BioposeError, WarehouseError) as error:
            self._next_look_s = time.monotonic() + RETRY_S
            self._echo(str(error))
            return False

    def _erase(self) -> None:
        """Erase them while no server has a file of the home open."""
        log = self._settings.logs / "erase.log"
        log.unlink(missing_ok=True)
        try:
            self._complete("erase", *programs.erase_withdrawn(), timeout_s=LONGEST_ERASURE_S)
            self._echo(log.read_text(encoding="utf-8", errors="replace").rstrip())
        except BioposeError as error:
            self._next_look_s = time.monotonic() + RETRY_S
            self._echo(f"{error}\nThe erasure is tried again in {RETRY_S / 3600:.0f} hours.")

    def _close_left_over(self) -> None:
        """Stop processes and close flow runs that a dead worker left over: they would block the next run."""
        stop_orphans(self._running)
        with contextlib.suppress(httpx.HTTPError):  # if the server died, too, the next `biopose up` does it
            for name in self._server.close_left_over():
                self._echo(f"flow run {name} was left over and is closed")

    def stop(self) -> None:
        """Stop all: the worker and its flow runs before the server, to which they report their end."""
        self._echo("Stopping ...")
        self._stop_programs()
        self._echo("Stopped.")

    def _stop_programs(self) -> None:
        Addresses.delete_record(self._settings)
        servers = [child for child in self._running if child.name != WORKER]
        for worker in (child for child in self._running if child.name == WORKER):
            stop(worker)
        stop_orphans(servers)
        for server in reversed(servers):
            stop(server)
        self._running.clear()

    def _begin_mlflow(self) -> Child | None:
        """A server of the registry's database; none where the registry is a server of the user's."""
        if self._settings.mlflow_server:
            return None
        return self._begin("mlflow", *programs.mlflow_server(self._settings.mlflow_port))

    def _begin(self, name: str, *command: str) -> Child:
        child = self._child(name, command)
        self._running.append(child)
        child.start()
        return child

    def _complete(self, name: str, *command: str, timeout_s: float = START_TIMEOUT_S) -> None:
        """Run a program to its end; one that is not at its end by then is stopped."""
        child = self._begin(name, *command)
        try:
            self._until(child, lambda: child.exit_code is not None, ends=True, timeout_s=timeout_s)
        except BioposeError:
            stop(child)  # else it would be at work beside what is started next, and be restarted as a server is
            self._running.remove(child)
            raise
        self._running.remove(child)
        if child.exit_code:
            raise child.failure(f"failed (exit code {child.exit_code})")

    def _deploy(self, project: dict[str, Any]) -> None:
        file = self._settings.prefect_home / "prefect.yaml"
        file.write_text(yaml.safe_dump(project, sort_keys=False), encoding="utf-8")
        self._complete("deploy", *programs.deploy(file))

    def _until(
        self, child: Child, ready: Callable[[], bool], *, ends: bool = False, timeout_s: float = START_TIMEOUT_S
    ) -> None:
        """Wait until a program is ready; it may end meanwhile only if `ends`."""
        for _ in range(int(timeout_s / POLL_S)):
            if not ends and child.exit_code is not None:
                raise child.failure(f"ended while starting (exit code {child.exit_code})")
            if _is_ready(ready):
                return
            self._stop.sleep(POLL_S)
        raise child.failure(f"did not get ready within {timeout_s:.0f} s")

    def _child(self, name: str, command: Sequence[str]) -> Child:
        log = self._settings.logs / f"{name}.log"
        return Child(name, command, environment=self._environment, folder=self._project, log=log)

    def _addresses_lines(self, zone: ZoneInfo) -> list[str]:
        start = self._server.next_run()
        whose = "Prefect's" if self._settings.mlflow_server else "their"
        return [
            f"Open       {self._addresses.pages}",
            inbox_line(self._settings.inbox),
            f"logs       {self._settings.logs}",
            f"next run   {start.astimezone(zone):%a %Y-%m-%d %H:%M %Z}" if start else "next run   none",
            f"Prefect and MLflow are linked on its page About; {whose} login is in {self._settings.prefect_login}",
        ]


def make_folders(settings: Settings) -> None:
    """Make the home with its own inbox; one elsewhere may be misspelt, or a share that is mounted later."""
    settings.make_home()
    for folder in (settings.home / "inbox", settings.artifacts, settings.prefect_home):
        folder.mkdir(parents=True, exist_ok=True)


def inbox_line(inbox: Path) -> str:
    """Where sessions arrive; whether the folder is there, as a share may be mounted later."""
    there = inbox.is_dir()
    return f"inbox      {inbox}" + ("" if there else ": THERE IS NO SUCH FOLDER; a night fails until there is one")


def deployments(project: Path, *, cron: str | None, timezone: str | None) -> dict[str, Any]:
    """The contents of prefect.yaml, with another schedule of the nightly deployment where one is given."""
    contents: dict[str, Any] = yaml.safe_load((project / "prefect.yaml").read_text(encoding="utf-8"))
    given = {name: value for name, value in {"cron": cron, "timezone": timezone}.items() if value is not None}
    nightly = _nightly(contents)
    nightly["schedules"] = [{**schedule, **given} for schedule in nightly["schedules"]]
    return contents


def _nightly(project: dict[str, Any]) -> dict[str, Any]:
    return next(deployment for deployment in project["deployments"] if deployment["name"] == "nightly")


def _zone(project: dict[str, Any]) -> ZoneInfo:
    """Time zone of the nightly schedule."""
    return ZoneInfo(_nightly(project)["schedules"][0].get("timezone", "UTC"))


def _schedule_notes(project: dict[str, Any]) -> list[str]:
    """What the nightly schedules meet on the days when clocks change."""
    crons = [schedule["cron"] for schedule in _nightly(project)["schedules"] if "cron" in schedule]
    return [line for cron in crons for line in clock_change_notes(cron, _zone(project), since=datetime.now(UTC))]


@contextmanager
def _stop_signal() -> Iterator[StopSignal]:
    """^C and SIGTERM request the stop; a second one changes nothing."""
    stop = StopSignal()
    before = {number: signal.signal(number, stop.set) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _is_ready(ready: Callable[[], bool]) -> bool:
    """Whether a check passes; a server that cannot be reached yet is not ready."""
    try:
        return ready()
    except httpx.HTTPError:
        return False
