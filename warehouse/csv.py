"""An answer as CSV, whose cells hold no lists."""

from __future__ import annotations

import polars as pl

from warehouse.errors import QueryError

PERCENT = "percent"  # where it is a list, so are the values at each per cent


def csv_text(answer: pl.DataFrame) -> str:
    """An answer as CSV; curves that are lists beside a list of per cents become a row a per cent.

    Raises:
        QueryError: another cell holds a list, or a struct or bytes.
    """
    lists = [name for name, dtype in answer.schema.items() if isinstance(dtype, pl.List)]
    try:
        return (answer.explode(lists) if PERCENT in lists else answer).write_csv()
    except (pl.exceptions.ComputeError, pl.exceptions.ShapeError) as error:
        raise QueryError("a cell of CSV holds no list, struct or bytes; take `biopose query --format json`") from error
