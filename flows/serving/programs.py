"""The programs of `biopose up`: their command lines, and the environment that they and the flows share."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from flows.serving.prefect_server import POOL
from tasks.settings import LOCALHOST, Addresses, Settings, prepare_environment

REGISTER = "from tasks.models import register_shipped as r; from tasks.settings import Settings as s; r(s.load())"


def prefect_server(settings: Settings) -> list[str]:
    """Keeps schedules and what became of every run."""
    return _python("prefect", "server", "start", "--host", LOCALHOST, "--port", str(settings.prefect_port))


def worker(name: str) -> list[str]:
    """Starts each flow run as a process of its own; makes the pool where there is none."""
    return _python("prefect", "worker", "start", "--pool", POOL, "--type", "process", "--name", name)


def mlflow_server(settings: Settings) -> list[str]:
    """Shows the registry and the record of every ingest."""
    address = ("--host", LOCALHOST, "--port", str(settings.mlflow_port), "--workers", "1")
    store = ("--backend-store-uri", settings.mlflow_tracking_uri, "--artifacts-destination", str(settings.model_files))
    return _python("mlflow", "server", *address, *store)


def files_server(settings: Settings) -> list[str]:
    """Serves overlays and reports, to which the night's page links."""
    address = (str(settings.files_port), "--bind", LOCALHOST)
    return _python("http.server", *address, "--directory", str(settings.artifacts))


def register_models() -> list[str]:
    """Ends when the shipped weights are in the registry.

    Its database is made on the way, before the server and a flow could both try to: MLflow takes no lock for that.
    """
    return [sys.executable, "-c", REGISTER]


def deploy(file: Path) -> list[str]:
    """Ends when the deployments of a file are on the server."""
    return _python("prefect", "--no-prompt", "deploy", "--all", "--prefect-file", str(file))


def _python(module: str, *arguments: str) -> list[str]:
    """A module run by this very interpreter, so in this environment."""
    return [sys.executable, "-m", module, *arguments]


def environment(settings: Settings, project: Path, addresses: Addresses) -> dict[str, str]:
    """What the programs, and the flows that the worker starts, find in their environment."""
    environment = dict(os.environ)
    environment |= {
        "BIOPOSE_HOME": str(settings.home),
        "BIOPOSE_INBOX": str(settings.inbox),
        "BIOPOSE_MLFLOW_TRACKING_URI": settings.mlflow_tracking_uri,
        "BIOPOSE_CHECKOUT": str(project),
        "PREFECT_API_URL": f"{addresses.prefect}/api",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",  # processes for evaluations that nobody asks for here
        "PYTHONUNBUFFERED": "1",
    }
    prepare_environment(settings, environment)
    return environment
