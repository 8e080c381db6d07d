"""Errors of the warehouse."""

from __future__ import annotations

from pathlib import Path


class WarehouseError(Exception):
    """An error of the warehouse; the message has the reason and what to do."""


class WarehouseBusyError(WarehouseError):
    """Another process has the database open for writing; it may be tried again."""


class NoWarehouseError(WarehouseError):
    """There is no warehouse to read yet."""


def no_home(home: Path) -> NoWarehouseError:
    """The error of a folder that does not exist, as after a misspelt --home, or in which nothing is stored yet."""
    found = "nothing is stored there yet" if home.is_dir() else "there is no such home"
    return NoWarehouseError(
        f"{home}: {found}; give the folder of a home (--home or BIOPOSE_HOME), or `biopose ingest INBOX` makes it one"
    )


class OutdatedError(WarehouseError):
    """A database to be read that an earlier version of the code wrote; a writer brings it up to date."""


class MigrationError(WarehouseError):
    """A database whose schema this version of the code does not support."""


class ContractError(WarehouseError):
    """A Parquet file that does not fit the tables; the message names file and column."""


class QueryError(WarehouseError):
    """A query that cannot be run; the message is one line with the reason."""


class UnknownNameError(QueryError):
    """A name that the warehouse does not have.

    Attributes:
        kind: of the name, such as athlete, trial or query.
        nearest: at most five names that are like it.
    """

    def __init__(self, message: str, *, kind: str, nearest: list[str]) -> None:
        super().__init__(message)
        self.kind, self.nearest = kind, nearest


class QueryLimitError(QueryError):
    """A query that was stopped at its limit of time or memory."""


class ReleaseError(WarehouseError):
    """A release or a rollout that cannot do what is asked; the message has the reason and what to do."""


class DoneAlreadyError(ReleaseError):
    """What is asked was done before, as by a command that was killed at its end and is run again; nothing changes."""
