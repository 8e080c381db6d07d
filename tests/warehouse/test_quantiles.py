"""Quantiles in SQL are SciPy's, and null where there is no such distribution."""

from __future__ import annotations

import duckdb
import pytest
from scipy import stats

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
