"""Hashes of a warehouse's content: equal for equal rows, in whatever order and however often they were loaded.

They leave out the bookkeeping (`load_record`, `migration`) and the numbers that runs got in the order of loading.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from warehouse.connection import opened_for_reading

DESCRIPTIONS = ("team", "athlete", "session")
FACTS = ("model_version", "kinematics", "event", "metric", "quality")


def content_rows(database: Path) -> dict[str, tuple[int, str]]:
    """By table: number of rows, and a hash of all rows.

    Raises:
        NoWarehouseError: there is no warehouse.
    """
    selections = {
        **{table: f"SELECT * FROM {table}" for table in DESCRIPTIONS},  # noqa: S608 - our own names
        "trial": "SELECT t.* EXCLUDE (current_run_number), r.run_id FROM trial t "
        "JOIN run r ON r.run_number = t.current_run_number",
        "run": "SELECT * EXCLUDE (run_number) FROM run",
        **{
            table: f"SELECT r.run_id, f.* EXCLUDE (run_number) FROM {table} f JOIN run r USING (run_number)"  # noqa: S608
            for table in FACTS
        },
    }
    with opened_for_reading(database) as connection:
        return {
            table: (int(count), f"{int(total):x}")
            for table, sql in selections.items()
            for count, total in connection.execute(
                f"SELECT count(*), coalesce(sum(hash(s)), 0) FROM ({sql}) s"  # noqa: S608
            ).fetchall()
        }


def content_hash(database: Path) -> str:
    """One hash of all content."""
    return hashlib.sha256(json.dumps(content_rows(database)).encode()).hexdigest()
