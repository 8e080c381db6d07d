"""Aliases of registered model versions: champion follows the promoted release; the others are for candidates."""

from __future__ import annotations

from collections.abc import Mapping

from biopose.reconstruction.method_names import NETWORKS
from tasks.models import aliases_of, registry
from tasks.settings import Settings


def set_alias(settings: Settings, alias: str, versions: Mapping[str, int]) -> None:
    """Give an alias to one version of each stage; done again, it changes nothing.

    Raises:
        ModelError: a version is missing, or the registry cannot be reached.
    """
    with registry(settings) as client:
        for stage, version in versions.items():
            if aliases_of(client, stage).get(alias) != version:
                client.set_registered_model_alias(stage, alias, str(version))


def restore_alias(settings: Settings, alias: str, versions: Mapping[str, int | None]) -> None:
    """Give an alias back to the version of each stage that had it; where none had, or that is gone, none has it then.

    Raises:
        ModelError: MLflow failed.
    """
    with registry(settings) as client:
        for stage, version in versions.items():
            found = aliases_of(client, stage).get(alias)
            there = {int(one.version) for one in client.search_model_versions(f"name='{stage}'")}
            if version in there and found != version:
                client.set_registered_model_alias(stage, alias, str(version))
            elif version not in there and found is not None:
                client.delete_registered_model_alias(stage, alias)


def aliased_versions(settings: Settings, alias: str) -> dict[str, int]:
    """By stage, the version that has an alias; stages without it are absent."""
    with registry(settings) as client:
        return {stage: found[alias] for stage in NETWORKS if alias in (found := aliases_of(client, stage))}
