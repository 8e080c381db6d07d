"""Quantiles of the distributions that intervals need, as functions of SQL: DuckDB has none.

    student_t_quantile(p, degrees_of_freedom)
    chi_square_quantile(p, degrees_of_freedom)
    f_quantile(p, degrees_of_freedom, degrees_of_freedom_below)

Where an argument is null, so is the result; likewise where there is no such distribution, as with 0 degrees of freedom.
Each is called with arrays for a block of rows: a call for each row took a tenth of a query over all athletes.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import wraps
from threading import Lock
from typing import Any

import duckdb


def student_t_quantile(p: Any, freedom: Any) -> Any:
    """The values below which Student's t lies with probability p."""
    from scipy.special import stdtrit  # takes long to load, and few queries need it

    return stdtrit(freedom, p)


def chi_square_quantile(p: Any, freedom: Any) -> Any:
    """Likewise of chi-square."""
    from scipy.special import chdtri

    return chdtri(freedom, 1 - p)


def f_quantile(p: Any, freedom: Any, freedom_below: Any) -> Any:
    """Likewise of Snedecor's F; its numerator's degrees of freedom come first."""
    from scipy.special import fdtri

    return fdtri(freedom, freedom_below, p)


def _of_columns(quantile: Callable[..., Any]) -> Callable[..., Any]:
    """The function as DuckDB calls it: with columns of Arrow, in which null stands for NaN, and so in the result."""

    @wraps(quantile)  # DuckDB counts its parameters
    def of_columns(*columns: Any) -> Any:
        import pyarrow as pa

        return pa.array(quantile(*(column.to_numpy(zero_copy_only=False) for column in columns)), from_pandas=True)

    return of_columns


ADDING = Lock()
# By number of arguments. Kept as long as the process: DuckDB frees a function with the connection that added it, and
# the process would crash where another connection to the same file calls it then.
FUNCTIONS = {_of_columns(student_t_quantile): 2, _of_columns(chi_square_quantile): 2, _of_columns(f_quantile): 3}


def add_quantiles(connection: duckdb.DuckDBPyConnection) -> None:
    """Let a connection's SQL use the quantiles; again has no effect."""
    from duckdb.func import FunctionNullHandling, PythonUDFType  # kept in a module, they are reported as leaked at exit

    with ADDING:  # connections of several threads to one file share its functions
        for function, arguments in FUNCTIONS.items():
            # Refused where this connection, or another to the same file, has it: to list what there is takes 20 ms.
            with suppress(duckdb.NotImplementedException, duckdb.CatalogException):
                connection.create_function(
                    function.__name__,
                    function,
                    ["DOUBLE"] * arguments,
                    "DOUBLE",
                    type=PythonUDFType.ARROW,
                    null_handling=FunctionNullHandling.SPECIAL,  # else a null result of a number is refused
                )
