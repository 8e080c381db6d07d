"""Which release an ingest measures with: the promoted one, unless an alias or a method asks for another."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TypeVar, cast

import duckdb

from biopose.errors import ModelError
from biopose.io.manifest import TrialEntry
from biopose.reconstruction.method_names import DEFAULT_METHOD, MethodName
from tasks.model_aliases import aliased_versions
from tasks.models import CHAMPION, PinnedModel, pin_versions
from tasks.registration import registered_models
from tasks.settings import Settings
from warehouse.connection import opened_for_reading, opened_for_writing, transaction
from warehouse.errors import ReleaseError, WarehouseBusyError, WarehouseError
from warehouse.releases import (
    Release,
    admit,
    canary,
    fault_of_measuring,
    promoted_release,
    release_id_of,
    release_of,
    usual_method,
)

T = TypeVar("T")


@dataclass(frozen=True)
class PinnedRelease:
    """A release with its models as the registry has them.

    Attributes:
        method: of measuring.
        models: exact versions.
        is_promoted: whether its numbers become current.
        notes: what is odd about it, a line each.
    """

    method: MethodName
    models: tuple[PinnedModel, ...]
    is_promoted: bool = True
    notes: tuple[str, ...] = ()

    @property
    def release_id(self) -> str:
        """As the warehouse has it."""
        return release_id_of(self.method, [model.identity for model in self.models])


def release_to_measure(settings: Settings, alias: str = CHAMPION, *, method: MethodName | None = None) -> PinnedRelease:
    """The release of an ingest.

    Args:
        settings: of registry and warehouse.
        alias: champion is the promoted release, whatever the alias points to; another: the versions that have it.
        method: None: that of the promoted release.

    Raises:
        ModelError: a model version is missing, or the registry cannot be reached.
        ReleaseError: it was promoted before the release in use.
    """
    promoted = _of_warehouse(settings, promoted_release) if settings.warehouse.is_file() else None
    if promoted is None and (alias != CHAMPION or _has_runs(settings)):
        promoted = _promote_champions(settings)
    if promoted is None:
        method = method or DEFAULT_METHOD
        return PinnedRelease(method, registered_models(settings, CHAMPION, method=method))
    method_now = cast(MethodName, promoted.method)
    if alias == CHAMPION and method in (None, method_now):
        registered_models(settings, CHAMPION, method=method_now)
        return PinnedRelease(method_now, pinned(settings, promoted), notes=_moved_aliases(settings, promoted))
    asked = method or method_now
    release = PinnedRelease(asked, registered_models(settings, alias, method=asked))
    if release.release_id == promoted.release_id:
        return release
    if fault := _of_warehouse(settings, lambda connection: fault_of_measuring(connection, release.release_id)):
        raise ReleaseError(fault)
    note = (
        f"{asked} with the alias {alias} is not the promoted release {promoted.name}: its numbers are stored beside "
        "the current ones, in trial_of_every_release; `biopose rollout start` compares, and can promote it"
    )
    return replace(release, is_promoted=False, notes=(note,))


@dataclass(frozen=True)
class Share:
    """The trials of a night that are measured with one release.

    Attributes:
        release: with its models; None where one of them is gone, as `fault` has it.
        entries: the trials.
        fault: why nothing can be measured with the release.
    """

    release: PinnedRelease | None
    entries: Sequence[TrialEntry]
    fault: ModelError | None = None


def shares_of(entries: Sequence[TrialEntry], settings: Settings, release: PinnedRelease) -> list[Share]:
    """The trials of a night by the release that is in use for each: a canary's candidate, and the promoted one.

    Args:
        entries: of the inbox.
        settings: of registry and warehouse.
        release: that the night was asked to measure with; where it is not the promoted one, all are measured with it.
    """
    found = _of_warehouse(settings, canary) if release.is_promoted and settings.warehouse.is_file() else None
    if found is None:
        return [Share(release, entries)]
    by_choice: dict[bool, list[TrialEntry]] = {True: [], False: []}
    for one in entries:
        by_choice[found.chooses(team=one.team_id, athlete=one.athlete_id, trial=one.trial_id)].append(one)
    others, chosen = Share(release, by_choice[False]), by_choice[True]
    candidate = _of_warehouse(settings, lambda connection: release_of(connection, found.release_id))
    try:
        models = pinned(settings, candidate)
    except ModelError as error:
        return [others, Share(None, chosen, error)]
    note = f"a canary, {found}: {len(chosen)} trials here are of it, and measured with the release {candidate.name}"
    return [others, Share(PinnedRelease(cast(MethodName, candidate.method), models, notes=(note,)), chosen)]


def pinned(settings: Settings, release: Release) -> tuple[PinnedModel, ...]:
    """A recorded release's models as the registry has them.

    Raises:
        ModelError: one is missing or is another than was recorded, or the registry cannot be reached.
    """
    models = pin_versions(settings, release.versions)
    recorded = {str(model["stage"]): model["sha256"] for model in release.models}
    for model in models:
        if model.sha256 != recorded[model.stage]:
            raise ModelError(
                f"{settings.mlflow_tracking_uri}: {model.model} version {model.version} is not the one of the release "
                f"{release.name} (sha256 {model.sha256[:12]}... in place of {recorded[model.stage][:12]}...): this is "
                "another registry; restore the one that this home was made with"
            )
    return models


def neurik_of_markers(settings: Settings, release: PinnedRelease) -> PinnedModel:
    """NeurIK that solves recordings of markers: of the release, else, since its videos need none, the champion.

    Raises:
        ModelError: the registry has none, or cannot be reached.
    """
    of_release = [model for model in release.models if model.stage == "neurik"]
    champions = aliased_versions(settings, CHAMPION) if not of_release else {}
    if not of_release and "neurik" not in champions:
        raise ModelError(
            f"{settings.mlflow_tracking_uri}: no version of neurik is champion; `biopose models` makes one"
        )
    return of_release[0] if of_release else pin_versions(settings, {"neurik": champions["neurik"]})[0]


def _of_warehouse(settings: Settings, ask: Callable[[duckdb.DuckDBPyConnection], T]) -> T:
    """What is asked of the warehouse; while another process has it open, as the snapshot has it."""
    try:
        with opened_for_writing(settings.warehouse) as connection:
            return ask(connection)
    except WarehouseBusyError:
        with suppress(WarehouseError), opened_for_reading(settings.snapshot) as connection:
            return ask(connection)
        raise


def _has_runs(settings: Settings) -> bool:
    """Whether anything was ever loaded; not where a first ingest was killed before it loaded something."""
    return settings.warehouse.is_file() and _of_warehouse(
        settings, lambda connection: bool(connection.execute("SELECT 1 FROM run LIMIT 1").fetchall())
    )


def _promote_champions(settings: Settings) -> Release:
    """Record the champions as the first release, before anything else can be the first to be loaded."""
    settings.home.mkdir(parents=True, exist_ok=True)
    with opened_for_writing(settings.warehouse) as connection:
        method = cast(MethodName, usual_method(connection) or DEFAULT_METHOD)
        models = registered_models(settings, CHAMPION, method=method)
        with transaction(connection):
            admit(connection, method, [model.identity for model in models])
        found = promoted_release(connection)
    assert found is not None
    return found


def _moved_aliases(settings: Settings, promoted: Release) -> tuple[str, ...]:
    """Where MLflow's alias champion was moved by hand."""
    champions = aliased_versions(settings, CHAMPION)
    return tuple(
        f"MLflow's alias champion of {stage} is on version {champions.get(stage, 'none')}; measured is with version "
        f"{version}, that of the promoted release {promoted.name}. `biopose rollout start --model "
        f"{stage}={champions.get(stage, 'VERSION')}` brings in another"
        for stage, version in promoted.versions.items()
        if champions.get(stage) != version
    )
