"""Model versions: where each is used, and which aliases name it in the registry."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from biopose.errors import BioposeError
from flows.pages.reader import Reader
from tasks.models import RegisteredVersion, registered_versions
from tasks.settings import Settings

SHOWN_OF_HASH = 12
MLFLOW_DATABASE = "mlflow.db"
LONGEST_WAIT_S = 2.0  # for an ingest that registers models


def models(read: Reader, asked: Mapping[str, str]) -> dict[str, Any]:  # noqa: ARG001 - as every page is called
    """The versions that measured current runs; the registry's part is added by `with_registry`."""
    return {"title": "Models", "usage": read.shared_rows("model_usage"), "shown_of_hash": SHOWN_OF_HASH}


def with_registry(page: dict[str, Any], settings: Settings) -> dict[str, Any]:
    """The page with the registry's versions and aliases; where it cannot be read, with the reason."""
    versions, note = _registered(settings)
    used = {(row["model"], row["version"]): row for row in page["usage"]}
    listed = [(found, used.pop((found.model, found.version), None)) for found in versions]
    return page | {"registered": listed, "unregistered": list(used.values()), "note": note}


def _registered(settings: Settings) -> tuple[list[RegisteredVersion], str]:
    if _is_own(settings) and not (settings.home / MLFLOW_DATABASE).is_file():
        return [], "This home has no model registry yet; the first ingest makes it."
    try:
        return _versions(settings, _stamp(settings)), ""
    except BioposeError as error:
        return [], f"The registry cannot be read now, so aliases are not shown: {error}"


@lru_cache(maxsize=1)
def _versions(settings: Settings, stamp: object) -> list[RegisteredVersion]:  # noqa: ARG001 - part of the key
    """MLflow takes a second for it, so it is asked once for each state of the home's registry."""
    return registered_versions(settings, wait_s=LONGEST_WAIT_S)


def _stamp(settings: Settings) -> object:
    """Another one whenever the home's registry has changed; always another one of a server's."""
    file = settings.home / MLFLOW_DATABASE
    return (file.stat().st_mtime_ns, file.stat().st_size) if _is_own(settings) else object()


def _is_own(settings: Settings) -> bool:
    return settings.mlflow_tracking_uri == f"sqlite:///{settings.home / MLFLOW_DATABASE}"
