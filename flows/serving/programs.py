"""The programs of `biopose up`: their command lines and their environment, which the flows share."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from flows.serving.exposure import Exposure
from flows.serving.own_requests import own_origins
from flows.serving.prefect_server import POOL
from tasks.environment import isolate_environment, own_api
from tasks.home_id import VARIABLE, home_id
from tasks.prefect_login import prefect_login
from tasks.settings import LOCALHOST, Addresses, Settings

PREFECT_APPLICATION = "flows.serving.prefect_application:application"
MLFLOW_APPLICATION = "flows.serving.mlflow_application:application"


def prefect_server(port: int) -> list[str]:
    """The Prefect server, which keeps schedules and flow runs; its environment is `server_environment`."""
    return _uvicorn(PREFECT_APPLICATION, port)


def worker(name: str) -> list[str]:
    """A worker, which starts each flow run as a process of its own; it creates the work pool where there is none."""
    return _python("prefect", "worker", "start", "--pool", POOL, "--type", "process", "--name", name)


def mlflow_server(port: int) -> list[str]:
    """The MLflow server, which shows the registry and the record of every ingest run."""
    return _uvicorn(MLFLOW_APPLICATION, port)


def pages_server(settings: Settings, exposure: Exposure) -> list[str]:
    """`biopose serve`, to which an ingest run's page in Prefect links."""
    return _python("flows.cli.main", "serve", "--port", str(settings.pages_port), *exposure.arguments())


def erase_withdrawn() -> list[str]:
    """Erases who withdrew consent, once their grace is over; prints what it did. `biopose up` holds its lock."""
    imports = "from tasks.settings import Settings; from tasks.locks import exclusive"
    code = "settings = Settings.load()\nwith exclusive(settings.home):\n    erased = erase_withdrawn(settings)\n"
    report = "print(*(line for one in erased for line in one.lines), sep='\\n')"
    return [sys.executable, "-c", f"{imports}; from tasks.withdrawals import erase_withdrawn\n{code}{report}"]


def deploy(file: Path) -> list[str]:
    """Creates the deployments of a file on the server, then ends."""
    return _python("prefect", "--no-prompt", "deploy", "--all", "--prefect-file", str(file))


def _uvicorn(application: str, port: int) -> list[str]:
    """A server of this machine alone."""
    address = ("--host", LOCALHOST, "--port", str(port))
    return _python("uvicorn", "--factory", application, *address, "--log-level", "warning")


def _python(module: str, *arguments: str) -> list[str]:
    """A module run by this interpreter, so with the same packages."""
    return [sys.executable, "-m", module, *arguments]


def server_environment(settings: Settings, port: int) -> dict[str, str]:
    """Settings of a Prefect server that is this home's alone.

    Requests without its authentication string are refused, changes also without a CSRF token, and browsers let no
    other page read its answers. The file of the string is made if need be.
    """
    return {
        VARIABLE: home_id(settings),
        "PREFECT_SERVER_API_HOST": LOCALHOST,
        "PREFECT_SERVER_API_PORT": str(port),
        "PREFECT_SERVER_API_AUTH_STRING": prefect_login(settings.prefect_login),
        "PREFECT_SERVER_API_CSRF_PROTECTION_ENABLED": "true",
        "PREFECT_SERVER_API_CORS_ALLOWED_ORIGINS": ",".join(own_origins(port)),
        # Else each event of a task is a statement of its own, which is compiled anew: half of the server's time.
        "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_BATCH_SIZE": "100",
        "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_FLUSH_INTERVAL": "2",
    }


def environment(settings: Settings, project: Path, addresses: Addresses) -> tuple[dict[str, str], list[str]]:
    """Environment variables of the programs and of the flows that the worker starts.

    Returns:
        the variables, and a line for each thing in this process's environment that they leave out.
    """
    environment = dict(os.environ)
    not_used = isolate_environment(settings, environment)
    environment |= {
        "BIOPOSE_HOME": str(settings.home),
        "BIOPOSE_INBOX": str(settings.inbox),
        "BIOPOSE_MLFLOW_TRACKING_URI": settings.mlflow_tracking_uri,
        "BIOPOSE_CHECKOUT": str(project),
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",  # processes for evaluations that are not used here
        "PYTHONUNBUFFERED": "1",
        **own_api(settings, addresses.prefect),
        **server_environment(settings, settings.prefect_port),
    }
    return environment, not_used
