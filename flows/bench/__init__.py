"""Benchmarks of the ingestion and of the warehouse."""
