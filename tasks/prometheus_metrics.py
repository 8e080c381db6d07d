"""The state of a home as Prometheus reads it: the last nights, throughput, the queue, quarantine and space."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

from duckdb import DuckDBPyConnection
from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector

from tasks.ingest_log import LoggedRun, last_runs
from tasks.quarantine import Quarantine
from tasks.settings import Settings
from warehouse.connection import opened_for_reading

TOTALS = """
SELECT
    (SELECT count(*) FROM trial),
    (SELECT coalesce(sum(frames), 0) FROM run),
    (SELECT epoch(max(loaded_at)) FROM load_record)
"""
SECONDS_BY_STAGE = "SELECT stage, sum(processor_s) FROM run_cost GROUP BY stage ORDER BY stage"


def prometheus_metrics(settings: Settings) -> bytes:
    """The metrics of a home in Prometheus's text format; nobody is named.

    Args:
        settings: of the home.

    Raises:
        WarehouseError: there is no snapshot yet, or it cannot be read.
        BioposeError: a record in quarantine cannot be read.
    """
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Home(settings))
    return generate_latest(registry)


class _Home(Collector):
    """Collects the metrics of one moment."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def collect(self) -> Iterator[Metric]:
        settings = self._settings
        with opened_for_reading(settings.snapshot) as connection:
            yield from _of_warehouse(connection)
        yield from _of_ingests(settings, last_runs(settings))
        quarantined = sum(1 for _ in Quarantine(settings.quarantine))
        yield _gauge("quarantined", "Trials and sessions that could not be processed.", quarantined)
        free_bytes = shutil.disk_usage(settings.home).free
        yield _gauge("home_free_bytes", "Space left on the disk of the home.", free_bytes)


def _of_warehouse(connection: DuckDBPyConnection) -> Iterator[Metric]:
    trials, frames, loaded_at_s = connection.execute(TOTALS).fetchall()[0]
    yield _gauge("trials", "Current trials.", trials)
    yield _gauge("stored_frames", "Frames of all runs, earlier ones and other releases' among them.", float(frames))
    yield _gauge("last_load_timestamp_seconds", "When a trial was last stored, since the epoch.", loaded_at_s)
    meaning = "Processor time of all threads that the runs in the warehouse took."
    seconds = GaugeMetricFamily("biopose_stage_processor_seconds", meaning, labels=["stage"])
    for stage, processor_s in connection.execute(SECONDS_BY_STAGE).fetchall():
        seconds.add_metric([stage], processor_s)
    yield seconds


def _of_ingests(settings: Settings, runs: list[LoggedRun]) -> Iterator[Metric]:
    """Of the last ingest, and of the last that ended well: its age is what tells a night that did not happen."""
    last = runs[-1] if runs else None
    is_running = last is not None and last.is_running(settings)
    yield _gauge("ingest_running", "Whether an ingest is under way.", float(is_running))
    yield _gauge("ingest_trials_planned", "Trials that the last ingest has to process.", last.planned if last else 0)
    yield _gauge("ingest_trials_done", "Trials that the last ingest has processed.", last.done if last else 0)
    began_s = last.began.timestamp() if last else None
    yield _gauge("last_ingest_timestamp_seconds", "When the last ingest began, since the epoch.", began_s)
    good_s = runs[0].began.timestamp() if runs and runs[0].ended_well else None
    yield _gauge("last_good_ingest_timestamp_seconds", "When the last ingest that ended well began.", good_s)


def _gauge(name: str, meaning: str, value: float | None) -> GaugeMetricFamily:
    """A metric without labels; one that is not known has no sample."""
    family = GaugeMetricFamily(f"biopose_{name}", meaning)
    if value is not None:
        family.add_metric([], value)
    return family
