"""Registers the shipped weights, once for each state of the code."""

from __future__ import annotations

import sys
from pathlib import Path

import biopose
from biopose.errors import ModelError
from biopose.io.files import flush_files, written_whole
from biopose.reconstruction.method_names import MethodName
from tasks.keys import hash_of
from tasks.models import PinnedModel, pin_models, register_shipped
from tasks.settings import Settings

RECORD = "registered"  # in home: the state of the code that was registered last


def registered_models(settings: Settings, alias: str, *, method: MethodName) -> tuple[PinnedModel, ...]:
    """Register the shipped weights unless this code has done so, and pin the versions of an alias.

    Args:
        settings: of the registry.
        alias: as `pin_models` takes it.
        method: likewise.

    Raises:
        ModelError: an asset is missing, or as `pin_models` does.
    """
    is_new = register_once(settings)
    try:
        return pin_models(settings, alias, method=method)
    except ModelError:  # the registry may be another than the one that was registered in
        if is_new:
            raise
        (settings.home / RECORD).unlink()
        register_once(settings)
        return pin_models(settings, alias, method=method)


def register_once(settings: Settings) -> bool:
    """Register the shipped weights unless this code has done so.

    Returns:
        Whether it had not.

    Raises:
        ModelError: an asset is missing, or the registry cannot be written.
    """
    record, state = settings.home / RECORD, _state(settings)
    if _has_database(settings) and record.exists() and record.read_text(encoding="utf-8") == state:
        return False
    try:
        register_shipped(settings)
    except OSError as error:
        raise ModelError(f"the shipped weights cannot be registered: {error}") from error
    if settings.model_files.is_dir():
        flush_files(settings.model_files)  # else a power cut might leave the record, and weights without content
    with written_whole(record, durable=True) as partial:
        partial.write_text(state, encoding="utf-8")
    return True


def register_command() -> list[str]:
    """Runs `register_once` with the settings of the environment, then ends.

    It also creates the registry's database, before a server and a flow could both try to: MLflow takes no lock.
    """
    code = "from tasks.settings import Settings; from tasks.registration import register_once"
    return [sys.executable, "-c", f"{code}; register_once(Settings.load())"]


def _has_database(settings: Settings) -> bool:
    """Whether the registry's file exists, where it is one."""
    database = settings.mlflow_database
    return database is None or database.exists()


def _state(settings: Settings) -> str:
    """Changes with any file of the library and with the registry's address; a home may be moved."""
    folder = Path(biopose.__file__).resolve().parent
    files = sorted(path for path in folder.rglob("*") if path.suffix in (".py", ".safetensors", ".md"))
    states = [(str(path), status.st_size, status.st_mtime_ns) for path in files for status in [path.stat()]]
    return hash_of([settings.mlflow_tracking_uri.replace(str(settings.home), ""), states])
