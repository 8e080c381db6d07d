"""Quantiles of the distributions that intervals need, as functions of SQL: DuckDB has none.

    student_t_quantile(p, degrees_of_freedom)
    chi_square_quantile(p, degrees_of_freedom)
    f_quantile(p, degrees_of_freedom, degrees_of_freedom_below)

Where an argument is null, so is the result.
"""

from __future__ import annotations

from threading import Lock

import duckdb


def student_t_quantile(p: float, freedom: float) -> float:
    """The value below which Student's t lies with probability p."""
    from scipy.special import stdtrit  # takes long to load, and few queries need it

    return float(stdtrit(freedom, p))


def chi_square_quantile(p: float, freedom: float) -> float:
    """Likewise of chi-square."""
    from scipy.special import chdtri

    return float(chdtri(freedom, 1 - p))


def f_quantile(p: float, freedom: float, freedom_below: float) -> float:
    """Likewise of Snedecor's F; its numerator's degrees of freedom come first."""
    from scipy.special import fdtri

    return float(fdtri(freedom, freedom_below, p))


ADDING = Lock()
FUNCTIONS = (student_t_quantile, chi_square_quantile, f_quantile)


def add_quantiles(connection: duckdb.DuckDBPyConnection) -> None:
    """Let a connection's SQL use the quantiles; again has no effect."""
    with ADDING:  # connections of several threads to one file share its functions
        known = connection.execute(
            "SELECT count(*) FROM duckdb_functions() WHERE function_name = ?", [FUNCTIONS[0].__name__]
        ).fetchall()
        if known == [(0,)]:
            for function in FUNCTIONS:
                connection.create_function(function.__name__, function)
