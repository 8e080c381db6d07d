"""A real `biopose up`, on free ports, of a project folder of its own: what the tests of scheduled flows start."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from flows.serving.ports import free_port
from flows.serving.prefect_server import PrefectServer
from tasks.prefect_login import prefect_login
from tasks.settings import Addresses, Settings

SERVE = """
import sys
from pathlib import Path
from flows.serving.supervisor import serve
from flows.serving.prefect_server import PrefectServer
from tasks.prefect_login import prefect_login
from tasks.settings import Settings
serve(Settings.load(), project=Path(sys.argv[1]))
"""
START_TIMEOUT_S = 150.0
STOP_TIMEOUT_S = 60.0


def wait_for(what: Callable[[], Any], *, timeout_s: float, every_s: float = 0.2) -> Any:
    """The first true answer."""
    end_s = time.monotonic() + timeout_s
    while time.monotonic() < end_s:
        if answer := what():
            return answer
        time.sleep(every_s)
    raise AssertionError(f"did not happen within {timeout_s} s")


class Up:
    """A running `biopose up`.

    Attributes:
        settings: its home, inbox and ports.
        process: itself.
        started_s: how long it took until everything answered.
    """

    def __init__(self, home: Path, project: Path, **environment: str) -> None:
        ports = {f"BIOPOSE_{name}_PORT": str(free_port()) for name in ("PREFECT", "MLFLOW", "PAGES")}
        given = {"BIOPOSE_HOME": str(home), **ports, **environment}
        self.settings = Settings.load(
            home, **{name: ports[f"BIOPOSE_{name.upper()}"] for name in ("prefect_port", "mlflow_port", "pages_port")}
        )
        self.output = home.parent / f"{home.name}-up-{time.monotonic_ns()}.txt"
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
        begin_s = time.monotonic()
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-c", SERVE, str(project)],
                env=inherited | given,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        wait_for(self._is_ready, timeout_s=START_TIMEOUT_S)
        self.started_s = time.monotonic() - begin_s

    @property
    def addresses(self) -> Addresses:
        return Addresses.planned(self.settings)

    def printed(self) -> str:
        return self.output.read_text()

    def family(self) -> list[psutil.Process]:
        own = psutil.Process(self.process.pid)
        return [own, *own.children(recursive=True)]

    def post(self, path: str, body: dict[str, Any]) -> Any:
        """POST to Prefect's API."""
        return PrefectServer(self.addresses.prefect, prefect_login(self.settings.prefect_login)).post(path, body)

    def flow_runs(self, *states: str) -> list[dict[str, Any]]:
        wanted = {"flow_runs": {"state": {"type": {"any_": list(states)}}}, "sort": "EXPECTED_START_TIME_ASC"}
        runs: list[dict[str, Any]] = self.post("/flow_runs/filter", wanted)
        return runs

    def interrupt(self) -> int:
        """^C, and the exit code."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(STOP_TIMEOUT_S)

    def _is_ready(self) -> bool:
        assert self.process.poll() is None, self.printed()
        return "next run" in self.printed()


@contextmanager
def serving(home: Path, project: Path, **environment: str) -> Iterator[Up]:
    """`biopose up` for the block; stopped at its end if it still runs."""
    up = Up(home, project, **environment)
    try:
        yield up
    finally:
        if up.process.poll() is None:
            up.interrupt()
