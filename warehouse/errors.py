"""Errors of the warehouse."""


class WarehouseError(Exception):
    """An error of the warehouse; the message has the reason and what to do."""


class WarehouseBusyError(WarehouseError):
    """Another process has the database open for writing; it may be tried again."""


class NoWarehouseError(WarehouseError):
    """There is no warehouse to read yet."""


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
