"""The environment variables that the engines (Prefect, MLflow, Ray, Dask) read when they are imported."""

from __future__ import annotations

import os
import pwd
from collections.abc import MutableMapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from tasks.home_id import serves_home
from tasks.prefect_login import prefect_login
from tasks.settings import Addresses, Settings, responds

Environment = MutableMapping[str, str]

# Variables that would send work to another server, profile, folder or database, or open our servers to others. They may
# be left over from other work in the same shell: what is meant for BioPose has the prefix BIOPOSE_.
FOREIGN = (
    *("PREFECT_HOME", "PREFECT_PROFILE*", "PREFECT_UI_*", "PREFECT_CLOUD_*", "PREFECT_CLIENT_*", "PREFECT__SERVER_*"),
    *("PREFECT_API_URL", "PREFECT_API_KEY", "PREFECT_API_AUTH_STRING", "PREFECT_API_DATABASE_*", "PREFECT_API_TLS_*"),
    *("PREFECT_SERVER_API_*", "PREFECT_SERVER_CORS_*", "PREFECT_SERVER_CSRF_*", "PREFECT_SERVER_DATABASE_*"),
    *("PREFECT_SERVER_UI_*", "PREFECT_SERVER_DOCKET_*", "PREFECT_SERVER_*EPHEMERAL*", "PREFECT_SERVER_ANALYTICS_*"),
    *("MLFLOW_*_URI", "MLFLOW_SERVER_*", "MLFLOW_HOST", "MLFLOW_PORT", "MLFLOW_WORKERS", "MLFLOW_*_OPTS"),
    *("MLFLOW_ARTIFACTS_*", "MLFLOW_SERVE_ARTIFACTS", "MLFLOW_DEFAULT_ARTIFACT_ROOT", "MLFLOW_STATIC_PREFIX"),
    *("MLFLOW_RUN_ID", "MLFLOW_EXPERIMENT_*", "MLFLOW_*WORKSPACE*", "MLFLOW_APP_NAME", "_MLFLOW_SERVER_*"),
    *("RAY_ADDRESS", "RAY_NAMESPACE", "DASK_SCHEDULER*", "DASK_CONFIG"),
)
OF_ONES_OWN_SERVER = ("PREFECT_API_KEY", "PREFECT_API_AUTH_STRING", "PREFECT_API_TLS_*", "PREFECT_CLIENT_*")
PROXIES = ("http_proxy", "https_proxy", "all_proxy")
DIRECT = ("127.0.0.1", "localhost", "::1")


def prepare_environment(settings: Settings, environment: Environment = os.environ) -> None:
    """Set the variables that the engines read when they are imported, where they are not set.

    It changes no address: a flow may run here that a Prefect server of the user's has started.
    """
    settings.make_home()
    settings.prefect_home.mkdir(exist_ok=True)  # Prefect's server hangs where the folder above is not there
    for name, value in _wanted(settings).items():
        environment.setdefault(name, value)
    _give_identity(settings, environment)


def isolate_environment(settings: Settings, environment: Environment = os.environ) -> list[str]:
    """Leave only what directs the engines to this home and to the addresses of the settings; call it before any import.

    Servers of this machine are then reached without a proxy. The address of Prefect's API is that of the settings, or
    of the running `biopose up` of this home; where there is neither, none is set.

    Returns:
        Lines for the user: which variables are not used, and why.

    Raises:
        BioposeError: as `prefect_login` does.
    """
    before = dict(environment)
    kept = OF_ONES_OWN_SERVER if settings.prefect_api_url else ()
    for name in before:
        if _matches(name, FOREIGN) and not _matches(name, kept):
            del environment[name]
    prepare_environment(settings, environment)
    environment.update(prefect_api(settings))
    unusable = _drop_unusable_proxies(environment)
    _reach_own_servers_directly(environment)
    ignored = [name for name, value in before.items() if _matches(name, FOREIGN) and environment.get(name) != value]
    return [*_ignored_line(ignored), *unusable]


def prefect_api(settings: Settings) -> dict[str, str]:
    """The address of Prefect's API and how to log in there; nothing where no server is known.

    A record of addresses stays behind where `biopose up` is killed, and another home's server may have the port by now:
    only a server of this home is used.
    """
    if settings.prefect_api_url:
        return {"PREFECT_API_URL": settings.prefect_api_url}
    served = Addresses.recorded(settings)
    if served and serves_home(served.prefect, settings) and responds(f"{served.prefect}/api/health"):
        return own_api(settings, served.prefect)
    return {}


def own_api(settings: Settings, server: str) -> dict[str, str]:
    """The same for a server of this home, at the given address."""
    return {"PREFECT_API_URL": f"{server}/api", "PREFECT_API_AUTH_STRING": prefect_login(settings.prefect_login)}


def _wanted(settings: Settings) -> dict[str, str]:
    return {
        "PREFECT_HOME": str(settings.prefect_home),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        "RAY_USAGE_STATS_ENABLED": "0",
        # Else Ray listens on every address of the machine; so it takes 127.0.0.1 for its node, as on other systems.
        **({} if settings.ray_address else {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}),
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_LOGGING_LEVEL": "WARNING",
        # By default MLflow spends nine minutes on weights that a store has lost.
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
        "MLFLOW_ENABLE_PROXY_MULTIPART_DOWNLOAD": "false",
        "MALLOC_ARENA_MAX": "3",  # of the processes started from here: with glibc's default their memory grows by clips
    }


def _give_identity(settings: Settings, environment: Environment) -> None:
    """A name and a home folder for a user who has none, as in many containers: the engines ask for both.

    Assets stay where they are.
    """
    try:
        entry = pwd.getpwuid(os.getuid())
    except KeyError:
        entry = None
        for name in ("LOGNAME", "USER"):
            environment.setdefault(name, f"uid{os.getuid()}")
    folder = environment.get("HOME") or (entry.pw_dir if entry else "")
    if not (folder and os.access(folder, os.W_OK | os.X_OK)):
        if folder:
            environment.setdefault("BIOPOSE_ASSETS", str(Path(folder) / ".cache" / "biopose"))
        environment["HOME"] = str(settings.prefect_home)


def _matches(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def _ignored_line(names: Sequence[str]) -> list[str]:
    if not names:
        return []
    return [
        f"Set in this shell and not used here: {', '.join(sorted(names))}. BioPose takes the addresses of other "
        "servers from BIOPOSE_PREFECT_API_URL, BIOPOSE_MLFLOW_TRACKING_URI, BIOPOSE_RAY_ADDRESS, BIOPOSE_DASK_ADDRESS"
    ]


def _drop_unusable_proxies(environment: Environment) -> list[str]:
    """Prefect's HTTP client fails at once, for any address, where a proxy needs a package that is not installed."""
    socks = [name for name, value in environment.items() if name.lower() in PROXIES and value.startswith("socks")]
    if not socks or _has_socks():
        return []
    for name in socks:
        del environment[name]
    return [f"Not used: {', '.join(sorted(socks))}, a SOCKS proxy, which needs a package: pip install 'httpx[socks]'"]


def _has_socks() -> bool:
    from importlib.util import find_spec

    return find_spec("socksio") is not None


def _reach_own_servers_directly(environment: Environment) -> None:
    """Add this machine to the hosts that need no proxy, whichever spelling a client reads."""
    given = environment.get("no_proxy") or environment.get("NO_PROXY") or ""
    hosts = [host.strip() for host in given.split(",") if host.strip()]
    if "*" not in hosts:
        hosts += [host for host in DIRECT if host not in hosts]
    environment["no_proxy"] = environment["NO_PROXY"] = ",".join(hosts)
