"""The programs of `biopose up`: their command lines and their environment, which the flows share."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from flows.serving.prefect_server import POOL
from tasks.settings import LOCALHOST, Addresses, Settings, prepare_environment

REGISTER = "from tasks.models import register_shipped as r; from tasks.settings import Settings as s; r(s.load())"


def prefect_server(settings: Settings) -> list[str]:
    """The Prefect server, which keeps schedules and flow runs."""
    return _python("prefect", "server", "start", "--host", LOCALHOST, "--port", str(settings.prefect_port))


def worker(name: str) -> list[str]:
    """A worker, which starts each flow run as a process of its own; it creates the work pool where there is none."""
    return _python("prefect", "worker", "start", "--pool", POOL, "--type", "process", "--name", name)


def mlflow_server(settings: Settings) -> list[str]:
    """The MLflow server, which shows the registry and the record of every ingest run."""
    address = ("--host", LOCALHOST, "--port", str(settings.mlflow_port), "--workers", "1")
    store = ("--backend-store-uri", settings.mlflow_tracking_uri, "--artifacts-destination", str(settings.model_files))
    return _python("mlflow", "server", *address, *store)


def files_server(settings: Settings) -> list[str]:
    """A server of overlays and reports, to which an ingest run's page links."""
    address = (str(settings.files_port), "--bind", LOCALHOST)
    return _python("http.server", *address, "--directory", str(settings.artifacts))


def register_models() -> list[str]:
    """Registers the shipped weights, then ends.

    It also creates the registry's database, before the server and a flow could both try to: MLflow takes no lock.
    """
    return [sys.executable, "-c", REGISTER]


def deploy(file: Path) -> list[str]:
    """Creates the deployments of a file on the server, then ends."""
    return _python("prefect", "--no-prompt", "deploy", "--all", "--prefect-file", str(file))


def _python(module: str, *arguments: str) -> list[str]:
    """A module run by this interpreter, so with the same packages."""
    return [sys.executable, "-m", module, *arguments]


def environment(settings: Settings, project: Path, addresses: Addresses) -> dict[str, str]:
    """Environment variables of the programs and of the flows that the worker starts."""
    environment = dict(os.environ)
    environment |= {
        "BIOPOSE_HOME": str(settings.home),
        "BIOPOSE_INBOX": str(settings.inbox),
        "BIOPOSE_MLFLOW_TRACKING_URI": settings.mlflow_tracking_uri,
        "BIOPOSE_CHECKOUT": str(project),
        "PREFECT_API_URL": f"{addresses.prefect}/api",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",  # processes for evaluations that are not used here
        "PYTHONUNBUFFERED": "1",
    }
    prepare_environment(settings, environment)
    return environment
