"""Bring a database to the current schema: numbered migrations, each once, and the views, whenever they changed.

A migration and its record are one transaction: after a crash between two the schema is consistent, and the next start
applies the rest.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import duckdb

from warehouse.errors import MigrationError, OutdatedError

FOLDER = Path(__file__).parent
FRAMES = "kinematics_of_every_run"  # the view of the table of frames and of the files in its place
OF_EVERY_RUN = (FRAMES, "contradicted_run")
MACROS = ("distinct_names", "phases_of", "frames_of", "frame_pairs_of", "curves_of", "mean_curves_of")
VIEWS = (
    *OF_EVERY_RUN,
    "current_run",
    "trial",
    "trial_of_every_release",
    "kinematics",
    "kinematics_narrow",
    "event",
    "metric",
    "cycle_metric",
    "quality",
    "phase",
    "session_content",
    "session_up_to_date",
    "phase_to_derive",
    "session_curve",
    "curve",
)
KEPT_SHA256 = "views_sha256"  # the macro that gives the hash of all these as they were last renewed
IN_ORDER = tuple(dict.fromkeys((*OF_EVERY_RUN, *MACROS, *VIEWS)))  # each after those that it reads

RECORDS = """
CREATE TABLE IF NOT EXISTS migration (
    name VARCHAR PRIMARY KEY,
    sha256 VARCHAR NOT NULL,
    applied_at TIMESTAMP WITH TIME ZONE NOT NULL
)
"""


@dataclass(frozen=True)
class Migration:
    """A numbered file of SQL."""

    name: str
    sql: str

    @property
    def sha256(self) -> str:
        """Of the file's text."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


def migrations() -> list[Migration]:
    """All, in order."""
    files = sorted((FOLDER / "migrations").glob("[0-9]*.sql"))
    return [Migration(file.stem, file.read_text(encoding="utf-8")) for file in files]


def pending(connection: duckdb.DuckDBPyConnection) -> list[Migration]:
    """The migrations that the database lacks; writes nothing.

    Raises:
        MigrationError: the database has a migration that the code lacks, or one with another text.
    """
    applied = _applied(connection)
    known = {migration.name: migration for migration in migrations()}
    for name, sha256 in applied.items():
        if name not in known:
            raise MigrationError(
                f"the warehouse has the migration {name}, which this version of BioPose does not know: it was written "
                "by a newer one; install that"
            )
        if known[name].sha256 != sha256:
            raise MigrationError(
                f"the migration {name} was changed after it was applied to this warehouse; restore the file and add a "
                "migration of its own for the change"
            )
    return [migration for migration in known.values() if migration.name not in applied]


def migrate(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """Apply the pending migrations and renew the views.

    Returns:
        The names of the migrations that were applied.

    Raises:
        MigrationError: as `pending` does.
    """
    todo = pending(connection)
    for migration in todo:
        connection.execute("BEGIN")
        try:
            connection.execute(RECORDS)
            connection.execute(migration.sql)
            connection.execute("INSERT INTO migration VALUES (?, ?, now())", [migration.name, migration.sha256])
            connection.execute("COMMIT")
        except BaseException:
            connection.execute("ROLLBACK")
            raise
    if todo or _views_changed(connection):
        _renew_views(connection)
    return [migration.name for migration in todo]


def require_current(connection: duckdb.DuckDBPyConnection, database: Path) -> None:
    """Raise where a database has another schema or other views than the code; writes nothing.

    Raises:
        OutdatedError: it is of an earlier version.
        MigrationError: as `pending` does.
    """
    if pending(connection) or _views_changed(connection):
        raise OutdatedError(
            f"{database}: was written by another version of BioPose; `biopose prune` brings it up to date, as the next "
            "ingest does"
        )


def _applied(connection: duckdb.DuckDBPyConnection) -> dict[str, str]:
    """By migration, the hash of its text; none in an empty database."""
    try:
        return dict(connection.execute("SELECT name, sha256 FROM migration").fetchall())
    except duckdb.CatalogException:  # there is no such table; to list all tables takes 10 ms
        return {}


def _views_changed(connection: duckdb.DuckDBPyConnection) -> bool:
    """Whether the hash of all view files differs from the one that is kept in the database.

    A macro keeps it: to call one takes half a millisecond, and to look for a comment lists all views, for seven.
    """
    return connection.execute(f"SELECT {KEPT_SHA256}()").fetchall() != [(_views_sha256(),)]


def renew_frames_view(connection: duckdb.DuckDBPyConnection) -> None:
    """Let the view of all frames read the files that `kinematics_file` lists now; call it in their transaction."""
    files = [file for (file,) in connection.execute("SELECT file FROM kinematics_file ORDER BY 1").fetchall()]
    listed = ", ".join(f"'{file}'" for file in files)
    of_files = f"UNION ALL BY NAME FROM read_parquet([{listed}], hive_partitioning = false)" if files else ""
    connection.execute(_text(FRAMES) + of_files)


def _renew_views(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute("BEGIN")
    try:
        for name in IN_ORDER:
            renew_frames_view(connection) if name == FRAMES else connection.execute(_text(name))
        connection.execute("DELETE FROM session_refresh")  # what was derived by other definitions
        connection.execute(f"CREATE OR REPLACE MACRO {KEPT_SHA256}() AS '{_views_sha256()}'")
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise


def _views_sha256() -> str:
    return hashlib.sha256("".join(map(_text, IN_ORDER)).encode()).hexdigest()


def _text(name: str) -> str:
    """The SQL of a view or macro."""
    return (FOLDER / "views" / f"{name}.sql").read_text(encoding="utf-8")
