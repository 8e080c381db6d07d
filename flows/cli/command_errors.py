"""Errors of commands on a home, as one line on the terminal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from traceback import clear_frames

import click


@contextmanager
def as_one_line() -> Iterator[None]:
    """Errors as one line; what they were raised in is let go, or DuckDB complains of it as the process ends."""
    from biopose.errors import BioposeError
    from tasks.errors import TrialsFailedError
    from warehouse.errors import WarehouseError

    try:
        yield
    except (BioposeError, WarehouseError, TrialsFailedError) as error:
        clear_frames(error.__traceback__)
        raise click.ClickException(str(error)) from error
