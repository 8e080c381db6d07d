"""The machine's settings, read from the environment, and the addresses at which a home is served."""

from __future__ import annotations

import http.client
import json
import os
import re
import ssl
import urllib.request
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError, field_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, SettingsConfigDict

from biopose.errors import BioposeError
from biopose.perception.backends import Backend, Device, backend_for, device_here
from warehouse import DATABASE, SNAPSHOT

LOCALHOST = "127.0.0.1"
SQLITE = "sqlite:///"
LOGIN = re.compile(r"//[^/@]*@")
HEALTH_TIMEOUT_S = 1.0
OWNER_ALONE = 0o700


def _available_cores() -> int:
    """A job scheduler or container may give a process fewer than the machine has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Settings(BaseSettings):
    """Where state lives and which addresses serve it; each is read from BIOPOSE_ and its name in capitals.

    Attributes:
        home: the folder that holds all state; absolute.
        reports: the folder of the athletes' reports that nights write; by default the folder `reports` of home.
        reports_after_nights: whether nights write them.
        queries: a team's own named queries, files of SQL; by default the folder `queries` of home.
        inbox: where sessions arrive; by default the folder `inbox` of home.
        mlflow_tracking_uri: of the registry and of each ingest's record; by default a SQLite file in home.
        prefect_api_url: of a Prefect server of your own; None: that of `biopose up`, or one for the run alone.
        ray_address: of a cluster; None starts Ray here.
        dask_address: of a scheduler; None starts Dask here.
        webhook_url: notified of failed runs and of quarantined trials; None: nobody is.
        prefect_port: of the Prefect server that `biopose up` starts.
        mlflow_port: of its MLflow server, started unless the registry's address is one's own server.
        pages_port: of the pages.
        actors_per_gpu: processes that share one GPU.
        intermediates_days: how long detections and motions are kept, which are made anew from the videos.
        deleted_days: how long a trial that was deleted can be restored.
        withdrawn_days: after which a night erases who withdrew consent; they are hidden at once.
        superseded_days: how long a run is kept that no release shows any more, since its trial was measured anew.
        ray_logs_days: how long the logs of Ray's sessions are kept.
        ingest_logs_days: how long the logs of ingests are kept; that of the last that ended well stays.
        blur_bystanders: whether overlays and reports of nights show all but the measured person blurred.
        parquet_from_frames: of kinematics in the database, from which they are moved to Parquet files in home.
        cores: of this machine, that an ingest may keep busy; by default all that it is given.
        device: of the networks, on all machines of a cluster: cpu or cuda; by default a GPU where this machine has one.
        cpu_backend: what runs the networks on CPUs, on all machines of a cluster; by default the fastest on this one.
    """

    model_config = SettingsConfigDict(
        env_prefix="BIOPOSE_", frozen=True, env_ignore_empty=True, extra="ignore", populate_by_name=True
    )

    home: Path = Field(default=Path("biopose-home"), validate_default=True)
    inbox: Path = Field(default_factory=lambda values: values["home"] / "inbox")
    queries: Path = Field(default_factory=lambda values: values["home"] / "queries")
    reports: Path = Field(default_factory=lambda values: values["home"] / "reports")
    reports_after_nights: bool = True
    mlflow_tracking_uri: str = Field(default_factory=lambda values: f"sqlite:///{values['home'] / 'mlflow.db'}")
    prefect_api_url: str | None = None
    ray_address: str | None = None
    dask_address: str | None = None
    webhook_url: str | None = None
    prefect_port: int = Field(default=4200, ge=1, le=65535)
    mlflow_port: int = Field(default=5000, ge=1, le=65535)
    pages_port: int = Field(default=4300, ge=1, le=65535)
    actors_per_gpu: int = Field(default=1, ge=1)
    intermediates_days: float = Field(default=30.0, ge=0)
    deleted_days: float = Field(default=30.0, ge=0)
    withdrawn_days: float = Field(default=30.0, ge=0)
    superseded_days: float = Field(default=90.0, ge=0)
    ray_logs_days: float = Field(default=7.0, ge=0)
    ingest_logs_days: float = Field(default=90.0, ge=0)
    blur_bystanders: bool = False
    parquet_from_frames: int = Field(default=1_000_000, ge=1)
    cores: int = Field(default_factory=_available_cores, ge=1)
    device: Device = Field(default_factory=device_here)
    cpu_backend: Backend = Field(default_factory=lambda: backend_for("cpu"))

    @field_validator("home", "inbox", "queries", "reports")
    @classmethod
    def _absolute(cls, path: Path) -> Path:
        try:
            return path.expanduser().absolute()
        except RuntimeError as error:
            raise ValueError(f"{error} Write the whole path in place of ~") from error

    @classmethod
    def load(cls, home: Path | str | None = None, **given: Any) -> Settings:
        """Read the environment; arguments that are not None take precedence.

        Args:
            home: the folder that holds all state.
            given: other fields by name.

        Raises:
            BioposeError: a variable has an invalid value; the message names it.
        """
        chosen = {name: value for name, value in {"home": home, **given}.items() if value is not None}
        try:
            return cls(**chosen)
        except ValidationError as error:
            raise BioposeError("; ".join(_describe_error(detail) for detail in error.errors())) from error

    def make_home(self) -> None:
        """Make the home, for its owner alone: it holds health data. One that is there keeps its permissions."""
        self.home.mkdir(mode=OWNER_ALONE, parents=True, exist_ok=True)

    @property
    def warehouse(self) -> Path:
        """The writer's database."""
        return self.home / DATABASE

    @property
    def snapshot(self) -> Path:
        """The readers' database."""
        return self.home / SNAPSHOT

    @property
    def artifacts(self) -> Path:
        """Files of every trial and of every stage."""
        return self.home / "artifacts"

    @property
    def quarantine(self) -> Path:
        """Records of what could not be processed."""
        return self.home / "quarantine"

    @property
    def shadow(self) -> Path:
        """What other releases than the promoted one leave: a folder each, with its quarantine."""
        return self.home / "shadow"

    @property
    def rollouts(self) -> Path:
        """Pages of model rollouts, in a folder each."""
        return self.home / "rollouts"

    def report_of(self, athlete_id: str) -> Path:
        """An athlete's report, as nights write it."""
        return self.reports / f"{athlete_id}.html"

    @property
    def prefect_home(self) -> Path:
        """Prefect's own state."""
        return self.home / "prefect"

    @property
    def prefect_database(self) -> Path:
        """Of the home's Prefect servers."""
        return self.prefect_home / "prefect.db"

    @property
    def mlflow_database(self) -> Path | None:
        """Of the registry, where it is a SQLite file."""
        address = self.mlflow_tracking_uri
        return Path(address.removeprefix(SQLITE)) if address.startswith(SQLITE) else None

    @property
    def mlflow_server(self) -> str | None:
        """The address of an MLflow server of the user's; None where `biopose up` serves the registry's database."""
        address = self.mlflow_tracking_uri
        return address if address.startswith(("http:", "https:")) else None

    @property
    def prefect_login(self) -> Path:
        """The authentication string of the home's Prefect servers."""
        return self.prefect_home / "login"

    @property
    def model_files(self) -> Path:
        """MLflow's files: the weights of every registered version."""
        return self.home / "mlflow-artifacts"

    @property
    def logs(self) -> Path:
        """Logs of the programs of `biopose up`."""
        return self.home / "logs"


@dataclass(frozen=True)
class Addresses:
    """The addresses at which a running `biopose up` serves a home.

    Attributes:
        prefect: base of the Prefect server; its API lies under /api.
        mlflow: the MLflow server, which may be the user's own.
        pages: of `biopose serve`.
    """

    prefect: str
    mlflow: str
    pages: str

    @classmethod
    def planned(cls, settings: Settings) -> Addresses:
        """Those of the settings' ports; of an MLflow server of the user's, its address without a password."""
        ports = (settings.prefect_port, settings.mlflow_port, settings.pages_port)
        prefect, mlflow, pages = (f"http://{LOCALHOST}:{port}" for port in ports)
        return cls(prefect, without_login(settings.mlflow_server) if settings.mlflow_server else mlflow, pages)

    @classmethod
    def recorded(cls, settings: Settings) -> Addresses | None:
        """Those that a `biopose up` of this home recorded; None if none runs or its record is unreadable."""
        try:
            return cls(**json.loads(_record(settings).read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None

    def record(self, settings: Settings) -> None:
        """Write them for other processes of this home."""
        _record(settings).write_text(json.dumps(asdict(self)), encoding="utf-8")

    @staticmethod
    def delete_record(settings: Settings) -> None:
        """Delete the record: nothing is served any more."""
        _record(settings).unlink(missing_ok=True)


def without_login(url: str) -> str:
    """An address as it may be shown: without the user and password that may be in it."""
    return LOGIN.sub("//", url)


def responds(url: str) -> bool:
    """Whether a server responds with status 200 within a second."""
    any_certificate = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # the authorities, not loaded, would take 20 ms
    any_certificate.check_hostname, any_certificate.verify_mode = False, ssl.CERT_NONE  # nothing is sent but the path
    handlers = urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=any_certificate)
    direct = urllib.request.build_opener(*handlers)  # a proxy cannot reach this machine's servers
    try:
        with direct.open(url, timeout=HEALTH_TIMEOUT_S) as reply:
            return bool(reply.status == 200)
    except (OSError, ValueError, http.client.HTTPException):  # the last where something else than HTTP listens
        return False


def _record(settings: Settings) -> Path:
    return settings.home / "up.json"


def _describe_error(detail: ErrorDetails) -> str:
    """One field's error, with the variable that sets it."""
    return f"BIOPOSE_{str(detail['loc'][0]).upper()} is {detail['input']!r}: {detail['msg']}"
