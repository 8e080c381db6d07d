"""The DuckDB warehouse: migrations, views, named queries, loading."""
