"""The MLflow registry: weights as registered versions, pinned to exact ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from biopose.errors import ModelError
from biopose.io.files import written_whole
from biopose.reconstruction.method_names import DEFAULT_METHOD, NETWORKS, MethodName, networks_of
from tasks.empty_databases import begin_with_copy
from tasks.environment import prepare_environment
from tasks.locks import exclusive
from tasks.reachable import check_reachable
from tasks.settings import Settings
from tasks.shipped_models import ShippedModel, hash_of_files, shipped_models

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

CHAMPION = "champion"
MODELS_EXPERIMENT = "models"
MESSAGE_LENGTH = 400
CARD = "card.md"  # of a version's run
LONGEST_DESCRIPTION = 5_000  # in MLflow's tables; SQLite takes longer ones, PostgreSQL refuses them
SHORTENED = f"\n\nThe whole card: {CARD} of the run."
REGISTRY_WAIT_S = 600.0  # weights may be downloaded while it is held


@dataclass(frozen=True)
class PinnedModel:
    """An exact version of one stage's model, as recorded with every result.

    Attributes:
        stage: the network, of `NETWORKS`.
        model: name in the registry.
        version: in the registry.
        sha256: of its weights, as in `ShippedModel.sha256`.
        configuration_json: of the stage.
    """

    stage: str
    model: str
    version: int
    sha256: str
    configuration_json: str

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)

    @property
    def identity(self) -> dict[str, Any]:
        """What the warehouse keeps of it."""
        return {"stage": self.stage, "model": self.model, "version": self.version, "sha256": self.sha256}


@dataclass(frozen=True)
class RegisteredVersion:
    """A version as `biopose models` lists it."""

    model: str
    version: int
    aliases: tuple[str, ...]
    sha256: str
    licence: str
    configuration_json: str


def register_shipped(settings: Settings) -> None:
    """Register the shipped weights unless a version has the same; a model's first version becomes champion.

    Raises:
        ModelError: an asset is missing.
    """
    shipped = shipped_models()
    with registry(settings) as client:
        for model in shipped:
            versions = _versions(client, model.name)
            same = next((int(version.version) for version in versions if _same(model, version)), None)
            version = same or _register(client, settings, model, first=not versions)
            if CHAMPION not in aliases_of(client, model.name):
                client.set_registered_model_alias(model.name, CHAMPION, str(version))


def pin_models(
    settings: Settings, alias: str = CHAMPION, *, method: MethodName = DEFAULT_METHOD
) -> tuple[PinnedModel, ...]:
    """The exact version of each stage's model, resolved once for a whole run.

    Args:
        settings: of the registry.
        alias: champion, or another that at least one stage has; the others then keep their champion.
        method: whose stages are pinned.

    Raises:
        ModelError: no stage has the alias, or one has no champion.
    """
    with registry(settings) as client:
        stages = networks_of(method)
        aliases = {stage: aliases_of(client, stage) for stage in stages}
        lacking = [stage for stage, of_stage in aliases.items() if not {alias, CHAMPION} & set(of_stage)]
        if lacking or not any(alias in of_stage for of_stage in aliases.values()):
            raise ModelError(
                f"{settings.mlflow_tracking_uri}: no version of {' or '.join(lacking or stages)} has the alias "
                f"{alias!r}; `biopose models` lists what there is"
            )
        chosen = {stage: of_stage.get(alias, of_stage.get(CHAMPION)) for stage, of_stage in aliases.items()}
        versions = {stage: client.get_model_version(stage, str(number)) for stage, number in chosen.items()}
    return tuple(_pinned(stage, found) for stage, found in versions.items())


def pin_versions(settings: Settings, versions: Mapping[str, int]) -> tuple[PinnedModel, ...]:
    """Exact versions, by stage, in the order of `NETWORKS`.

    Raises:
        ModelError: the registry does not have one, or cannot be reached.
    """
    from mlflow.exceptions import MlflowException
    from mlflow.protos.databricks_pb2 import RESOURCE_DOES_NOT_EXIST, ErrorCode

    found = []
    with registry(settings) as client:
        for stage in (stage for stage in NETWORKS if stage in versions):
            try:
                found.append(_pinned(stage, client.get_model_version(stage, str(versions[stage]))))
            except MlflowException as error:
                if error.error_code != ErrorCode.Name(RESOURCE_DOES_NOT_EXIST):
                    raise
                there = ", ".join(str(one.version) for one in reversed(_versions(client, stage))) or "none"
                raise ModelError(
                    f"{settings.mlflow_tracking_uri}: {stage} version {versions[stage]} is not in the registry, which "
                    f"has {there}; name a version that it has, or, where a release was recorded with this one, restore "
                    "the registry from a backup"
                ) from error
    return tuple(found)


def tag_versions(settings: Settings, versions: Mapping[str, int], key: str, value: str) -> None:
    """Tag one version of each stage, for MLflow's page."""
    with registry(settings) as client:
        for stage, version in versions.items():
            client.set_model_version_tag(stage, str(version), key, value)


def weights_of(pinned: PinnedModel, settings: Settings) -> dict[str, Path]:
    """Paths of an exact version's files, by file name; checked against their hash.

    Raises:
        ModelError: they are missing, or differ from what was registered.
    """
    folder = _folder_of(pinned, settings)
    files = {path.name: path for path in sorted((folder / "weights").glob("*"))}
    if not files or hash_of_files(files) != pinned.sha256:
        raise ModelError(
            f"{folder}: the weights of {pinned.model} version {pinned.version} are not those that were registered "
            f"(sha256 {pinned.sha256[:12]}...); restore the folder, or move the alias to another version"
        )
    return files


def registered_versions(settings: Settings, *, wait_s: float = REGISTRY_WAIT_S) -> list[RegisteredVersion]:
    """Every version of every stage's model, the newest first.

    Args:
        settings: of the registry.
        wait_s: for another process of this home that has it.
    """
    with registry(settings, wait_s=wait_s) as client:
        return [
            RegisteredVersion(
                found.name,
                int(found.version),
                tuple(alias for alias, number in aliases_of(client, stage).items() if number == int(found.version)),
                *(found.tags.get(tag, "") for tag in ("sha256", "licence", "configuration")),
            )
            for stage in NETWORKS
            for found in _versions(client, stage)
        ]


def version_details(settings: Settings, stage: str, version: int) -> dict[str, Any]:
    """What the registry has on a version: card, configuration, metrics of its training, tags and aliases.

    Raises:
        ModelError: the registry does not have it, or cannot be reached.
    """
    (pinned,) = pin_versions(settings, {stage: version})
    with registry(settings) as client:
        found = client.get_model_version(stage, str(version))
        metrics = client.get_run(found.run_id).data.metrics if found.run_id else {}
        aliases = [alias for alias, number in aliases_of(client, stage).items() if number == version]
    return {
        **pinned.as_dict(),
        "aliases": aliases,
        "licence": found.tags.get("licence", ""),
        "training_run": found.tags.get("training_run"),
        "metrics": dict(metrics),
        "card": _card(found, settings),
    }


def register_trained(
    settings: Settings, model: ShippedModel, *, training_run: str, metrics: Mapping[str, float]
) -> int:
    """Register trained weights unless a version has the same; aliases do not change.

    Args:
        settings: of the registry.
        model: the weights with their configuration and card.
        training_run: id of the MLflow run that trained them.
        metrics: of the weights.

    Returns:
        The version's number.
    """
    with registry(settings) as client:
        versions = _versions(client, model.name)
        same = next((int(version.version) for version in versions if _same(model, version)), None)
        tags = {"training_run": training_run}
        return same or _register(client, settings, model, first=not versions, metrics=metrics, tags=tags)


@contextmanager
def registry(settings: Settings, *, wait_s: float = REGISTRY_WAIT_S) -> Iterator[MlflowClient]:
    """The registry, for one process of this home at a time: MLflow creates its tables without a lock.

    Args:
        settings: of the registry.
        wait_s: for another process of this home that has it.

    Raises:
        BioposeError: another process has held it for so long, or it cannot be reached.
    """
    prepare_environment(settings)
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    address = settings.mlflow_tracking_uri
    if settings.mlflow_server:
        check_reachable(address, variable="BIOPOSE_MLFLOW_TRACKING_URI")
    with exclusive(settings.home, "mlflow", wait_s=wait_s):
        if settings.mlflow_database is not None:
            begin_with_copy("mlflow", settings.mlflow_database)
        try:
            yield MlflowClient(tracking_uri=address, registry_uri=address)
        except MlflowException as error:
            raise ModelError(f"{address}: MLflow failed ({' '.join(str(error).split())[:MESSAGE_LENGTH]})") from error


def _pinned(stage: str, found: ModelVersion) -> PinnedModel:
    return PinnedModel(stage, found.name, int(found.version), found.tags["sha256"], found.tags["configuration"])


def _versions(client: MlflowClient, name: str) -> list[ModelVersion]:
    """All versions of a model, the newest first; none if there is no such model."""
    found = client.search_model_versions(f"name='{name}'")
    return sorted(found, key=lambda version: int(version.version), reverse=True)


def aliases_of(client: MlflowClient, name: str) -> dict[str, int]:
    """By alias, the version; a search for versions does not return aliases."""
    found = client.search_registered_models(f"name='{name}'")
    return {alias: int(version) for model in found for alias, version in model.aliases.items()}


def _same(model: ShippedModel, version: ModelVersion) -> bool:
    tags = version.tags
    return tags.get("sha256") == model.sha256 and tags.get("configuration") == model.configuration_json


def _register(
    client: MlflowClient,
    settings: Settings,
    model: ShippedModel,
    *,
    first: bool,
    metrics: Mapping[str, float] | None = None,
    tags: Mapping[str, str] | None = None,
) -> int:
    """Log weights, configuration, card and metrics as a run of their own, and create a version of it."""
    from mlflow.entities import Metric
    from mlflow.utils.time import get_current_time_millis

    run = client.create_run(experiment_id(client, settings, MODELS_EXPERIMENT), run_name=model.name)
    for path in model.files:
        client.log_artifact(run.info.run_id, str(path), "weights")
    client.log_text(run.info.run_id, model.configuration_json, "configuration.json")
    client.log_text(run.info.run_id, model.card, CARD)
    now_ms = get_current_time_millis()
    client.log_batch(run.info.run_id, metrics=[Metric(k, float(v), now_ms, 0) for k, v in (metrics or {}).items()])
    client.set_terminated(run.info.run_id)
    if first:
        client.create_registered_model(model.name, description=model.card.splitlines()[0].lstrip("# "))
    version = client.create_model_version(
        model.name,
        source=run.info.artifact_uri,
        run_id=run.info.run_id,
        description=shortened_card(model.card),
        tags={
            "sha256": model.sha256,
            "configuration": model.configuration_json,
            "licence": model.licence,
            **(tags or {}),
        },
    )
    return int(version.version)


def shortened_card(card: str) -> str:
    """A card as a version's description; of a longer one the beginning, by whole lines where it has any."""
    if len(card) <= LONGEST_DESCRIPTION:
        return card
    kept = card[: LONGEST_DESCRIPTION - len(SHORTENED)]
    return (kept.rpartition("\n")[0] or kept) + SHORTENED


def _card(found: ModelVersion, settings: Settings) -> str:
    """The whole card where it lies in the home; else the version's description."""
    here = settings.model_files / MODELS_EXPERIMENT / str(found.run_id) / "artifacts" / CARD
    return here.read_text(encoding="utf-8") if here.is_file() else found.description or ""


def experiment_id(client: MlflowClient, settings: Settings, name: str) -> str:
    """The id of an experiment, created if there is none; its files lie in home unless a server keeps them.

    MLflow never changes where an experiment's files lie. So where a home was moved, its experiment is renamed and
    another takes its place: what is written from now on lies in the home, and not where that was.
    """
    found = client.get_experiment_by_name(name)
    here = None if settings.mlflow_server else (settings.model_files / name).as_uri()
    if found and here in (None, found.artifact_location):
        return str(found.experiment_id)
    if found:
        client.rename_experiment(found.experiment_id, f"{name} at {found.artifact_location}")
    if back_here := client.get_experiment_by_name(f"{name} at {here}"):
        client.rename_experiment(back_here.experiment_id, name)
        return str(back_here.experiment_id)
    return str(client.create_experiment(name, artifact_location=here))


def _folder_of(pinned: PinnedModel, settings: Settings) -> Path:
    """A version's files: in home where they were registered here, else downloaded once."""
    with registry(settings) as client:
        run_id = str(client.get_model_version(pinned.model, str(pinned.version)).run_id)
        here = settings.model_files / MODELS_EXPERIMENT / run_id / "artifacts"
        downloaded = settings.home / "cache" / "models" / run_id
        if not here.is_dir() and not downloaded.is_dir():
            downloaded.parent.mkdir(parents=True, exist_ok=True)
            with written_whole(downloaded) as unfinished:
                unfinished.mkdir()
                client.download_artifacts(run_id, "weights", str(unfinished))
    return here if here.is_dir() else downloaded
