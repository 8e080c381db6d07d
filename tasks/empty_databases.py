"""The empty databases of Prefect and MLflow, migrated once on a machine; a new home begins with copies of them.

    python -m tasks.empty_databases    # makes those that this machine lacks; a part of set-up

Their migrations from nothing take 5 s of processor time. Where set-up has not been run, or has made them for other
versions, the engines migrate each new home themselves, as ever.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing, suppress
from importlib.metadata import version
from pathlib import Path
from typing import Literal

from biopose.assets import assets_folder
from biopose.errors import BioposeError

Engine = Literal["prefect", "mlflow"]
ENGINES: tuple[Engine, ...] = ("prefect", "mlflow")


def begin_with_copy(engine: Engine, database: Path) -> None:
    """Put a copy of an engine's empty database where there is none, whole and never over another process's."""
    prepared = _prepared(engine)
    if database.exists() or not prepared.is_file():
        return
    database.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=database.parent, prefix=".partial-") as folder:
        copy = shutil.copyfile(prepared, Path(folder) / database.name)
        with suppress(FileExistsError):
            os.link(copy, database)


def prepare() -> None:
    """Make those that this machine lacks, by each engine's own command.

    Raises:
        BioposeError: an engine cannot make its database here.
    """
    for engine in ENGINES:
        prepared = _prepared(engine)
        if not prepared.is_file():
            prepared.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=prepared.parent, prefix=".partial-") as folder:
                _migrated(engine, Path(folder)).replace(prepared)


def _prepared(engine: Engine) -> Path:
    return assets_folder() / "databases" / f"{engine}-{version(engine)}.db"


def _migrated(engine: Engine, folder: Path) -> Path:
    """An empty database, in one file."""
    database = folder / f"{engine}.db"
    arguments = {
        "prefect": ("prefect", "server", "database", "upgrade", "--yes"),
        "mlflow": ("mlflow", "db", "upgrade", f"sqlite:///{database}"),
    }[engine]
    others = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "MLFLOW_"))}
    own = {"PREFECT_HOME": str(folder), "PREFECT_SERVER_ANALYTICS_ENABLED": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
    ended = subprocess.run(  # noqa: S603 - fixed arguments
        [sys.executable, "-m", *arguments],
        env={**others, **own, "DO_NOT_TRACK": "1"},
        cwd=folder,  # in another, Prefect would read the settings files that lie there
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if ended.returncode:
        last = (ended.stderr.strip().splitlines() or [f"exit code {ended.returncode}"])[-1]
        raise BioposeError(f"{engine} cannot make its database in {folder.parent}: {last}")
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return database


if __name__ == "__main__":
    try:
        prepare()
    except BioposeError as error:
        sys.exit(str(error))
