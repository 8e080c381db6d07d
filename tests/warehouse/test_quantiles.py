"""Quantiles in SQL are SciPy's, and null where there is no such distribution."""

from __future__ import annotations

import gc
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import duckdb
import pytest
from scipy import stats

from warehouse.connection import opened_for_reading
from warehouse.quantiles import add_quantiles


def test_quantiles_are_null_where_an_argument_is_or_where_there_is_no_such_distribution() -> None:
    with duckdb.connect() as connection:
        add_quantiles(connection)
        rows = connection.execute(
            "SELECT student_t_quantile(0.975, freedom), chi_square_quantile(0.9, freedom), "
            "f_quantile(0.9, 3.0, freedom) FROM (VALUES (5.0), (0.0), ('nan'::DOUBLE), (NULL)) AS given (freedom)"
        ).fetchall()
    assert rows[0] == pytest.approx((stats.t.ppf(0.975, 5), stats.chi2.ppf(0.9, 5), stats.f.ppf(0.9, 3, 5)))
    assert rows[1:] == [(None, None, None)] * 3


def test_a_connection_still_has_them_when_the_one_that_added_them_is_closed(tmp_path: Path) -> None:
    with duckdb.connect(tmp_path / "a.duckdb") as second:
        with duckdb.connect(tmp_path / "a.duckdb") as first:
            add_quantiles(first)
        add_quantiles(second)
        gc.collect()
        assert second.execute("SELECT student_t_quantile(0.975, 5)").fetchone() == pytest.approx(
            (stats.t.ppf(0.975, 5),)
        )


def test_threads_that_open_and_close_a_snapshot_at_once_compute_them(snapshot: Path) -> None:
    def computed(_: int) -> tuple[float, ...] | None:
        with opened_for_reading(snapshot) as connection:
            return connection.execute("SELECT f_quantile(0.9, 3, 5)").fetchone()

    with ThreadPoolExecutor(3) as threads:
        found = set(threads.map(computed, range(30)))
    assert [*found] == [pytest.approx((stats.f.ppf(0.9, 3, 5),))]
