"""The DuckDB warehouse: migrations, views, named queries, loading."""

DATABASE = "warehouse.duckdb"  # of a home, the writer's
SNAPSHOT = "warehouse.snapshot.duckdb"  # the readers'
