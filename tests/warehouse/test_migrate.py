"""A database comes to the present schema, step by step, or stays what it was."""

import shutil
from pathlib import Path

import duckdb
import pytest

from warehouse import migrate as module
from warehouse.connection import opened_for_writing
from warehouse.errors import MigrationError
from warehouse.migrate import migrate, migrations, pending


@pytest.fixture
def schema(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the migrations and views that may be changed; its folder of migrations."""
    for folder in ("migrations", "views"):
        shutil.copytree(module.FOLDER / folder, tmp_path / "schema" / folder)
    monkeypatch.setattr(module, "FOLDER", tmp_path / "schema")
    return tmp_path / "schema" / "migrations"


def tables(database: Path) -> set[str]:
    with duckdb.connect(str(database), read_only=True) as connection:
        return {name for (name,) in connection.execute("SELECT table_name FROM duckdb_tables()").fetchall()}


def test_asking_what_is_pending_writes_nothing(database: Path) -> None:
    with duckdb.connect(str(database)) as connection:
        assert [m.name for m in pending(connection)] == [m.name for m in migrations()]
        assert not connection.execute("SELECT * FROM duckdb_tables()").fetchall()


def test_migrating_twice_changes_nothing(database: Path) -> None:
    with duckdb.connect(str(database)) as connection:
        assert migrate(connection) == [m.name for m in migrations()]
        assert migrate(connection) == []
        assert pending(connection) == []


def test_a_new_migration_is_applied_to_an_old_database(database: Path, schema: Path) -> None:
    before = migrations()
    with opened_for_writing(database):
        pass
    (schema / "0099_more.sql").write_text("ALTER TABLE team ADD COLUMN sport VARCHAR;")
    with opened_for_writing(database) as connection:
        assert connection.execute("SELECT sport FROM team").fetchall() == []
        assert [name for (name,) in connection.execute("SELECT name FROM migration ORDER BY name").fetchall()] == [
            *(m.name for m in before),
            "0099_more",
        ]


def test_a_failing_migration_leaves_nothing_of_itself(database: Path, schema: Path) -> None:
    (schema / "0099_bad.sql").write_text("CREATE TABLE half (a INTEGER); INSERT INTO half VALUES ('no number');")
    with pytest.raises(duckdb.ConversionException), opened_for_writing(database):
        pass
    assert "recent_kinematics" in tables(database)
    assert "half" not in tables(database)
    (schema / "0099_bad.sql").write_text("CREATE TABLE half (a INTEGER); INSERT INTO half VALUES (1);")
    with opened_for_writing(database):
        pass
    assert "half" in tables(database)


def test_a_migration_that_was_changed_afterwards_is_refused(database: Path, schema: Path) -> None:
    with opened_for_writing(database):
        pass
    first = schema / "0001_first.sql"
    first.write_text(first.read_text() + "CREATE TABLE afterthought (a INTEGER);")
    with (
        pytest.raises(MigrationError, match="0001_first was changed after it was applied"),
        opened_for_writing(database),
    ):
        pass


def test_a_database_of_a_newer_version_is_refused(database: Path) -> None:
    with opened_for_writing(database) as connection:
        connection.execute("INSERT INTO migration VALUES ('9999_future', 'ff', now())")
    with pytest.raises(MigrationError, match=r"9999_future.*newer"), opened_for_writing(database):
        pass


def test_a_changed_view_is_renewed(database: Path, schema: Path) -> None:
    with opened_for_writing(database):
        pass
    view = schema.parent / "views" / "metric.sql"
    view.write_text(view.read_text().replace("SELECT * EXCLUDE", "SELECT 7 AS lucky, * EXCLUDE"))
    with opened_for_writing(database) as connection:
        assert "lucky" in {row[0] for row in connection.execute("DESCRIBE metric").fetchall()}
