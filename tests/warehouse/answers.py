"""Small published warehouses and the rows that named queries answer on them."""

import datetime
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.warehouse.trials import SyntheticTrial, load_trials
from warehouse.query import run_query
from warehouse.snapshot import publish_snapshot

METRIC = "knee_flexion_peak"
ONE = {"athlete": "blue/ann", "metric": METRIC}


def published(folder: Path, trials: Sequence[SyntheticTrial]) -> Path:
    load_trials(folder / "warehouse.duckdb", ((one.record, one.write(folder / one.run_id)) for one in trials))
    publish_snapshot(folder / "warehouse.duckdb", folder / "snapshot.duckdb")
    return folder / "snapshot.duckdb"


def rows(snapshot: Path, name: str, **given: str) -> list[dict[str, Any]]:
    return run_query(snapshot, name, given).to_dicts()


def series(values: Sequence[float | tuple[float | None, ...]], **others: Any) -> list[SyntheticTrial]:
    """A session a value, or a value with more of its `Metric`, a week apart from 2026-11-02, a Monday."""
    first = datetime.date(2026, 11, 2)
    pairs = [value if isinstance(value, tuple) else (value,) for value in values]
    dates = [(first + datetime.timedelta(weeks=week)).isoformat() for week in range(len(values))]
    return [
        SyntheticTrial(
            f"jump_{others.get('athlete', 'ann')}", session=day, date=day, metrics=((METRIC, "left", *pair),), **others
        )
        for day, pair in zip(dates, pairs, strict=True)
    ]


def squad(values: Sequence[float], **others: Any) -> list[SyntheticTrial]:
    """A trial of one athlete a value: ann, then a1, a2, ..."""
    names = ["ann", *(f"a{number}" for number in range(1, len(values)))]
    return [
        SyntheticTrial(f"jump_{name}", athlete=name, metrics=((METRIC, "left", value, 3.0),), **others)
        for name, value in zip(names, values, strict=True)
    ]
