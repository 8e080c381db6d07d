"""Everything that the warehouse refuses."""


class WarehouseError(Exception):
    """What the warehouse cannot do; the message says why, and what to do."""


class WarehouseBusyError(WarehouseError):
    """Another process has the database open for writing; it may be tried again."""


class NoWarehouseError(WarehouseError):
    """There is nothing to read yet."""


class MigrationError(WarehouseError):
    """A database that this version of the code cannot work with."""


class ContractError(WarehouseError):
    """A Parquet file that is not what the tables expect; the message names file and column."""


class QueryError(WarehouseError):
    """A question that cannot be answered; one line that says why."""
