"""Benchmarks of the nightly ingestion and of the warehouse."""
