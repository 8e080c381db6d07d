"""A monitor reads the state of a home, and from it that a night did not happen, failed or left trials in quarantine."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from biopose.errors import BioposeError, VideoError
from tasks.ingest_log import ingest_log
from tasks.prometheus_metrics import prometheus_metrics
from tasks.quarantine import Quarantine, quarantine_record
from tasks.settings import Settings
from tests.warehouse.trials import SyntheticTrial
from warehouse.errors import NoWarehouseError
from warehouse.load import load_trial
from warehouse.snapshot import publish_snapshot

TRIAL = SyntheticTrial()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    settings = Settings(home=tmp_path / "home")
    settings.make_home()
    load_trial(settings.warehouse, TRIAL.record, TRIAL.write(tmp_path / "files"))
    publish_snapshot(settings.warehouse, settings.snapshot)
    return settings


def read(settings: Settings) -> dict[str, float]:
    families = text_string_to_metric_families(prometheus_metrics(settings).decode())
    samples = [sample for family in families for sample in family.samples]
    return {sample.name + "".join(sample.labels.values()): sample.value for sample in samples}


def test_trials_frames_quarantine_and_space(settings: Settings) -> None:
    error = quarantine_record("blue/s/t", VideoError("t.mp4: broken"), stage="probe", key="a", retry="")
    Quarantine(settings.quarantine).put(error)
    found = read(settings)
    assert (found["biopose_trials"], found["biopose_quarantined"]) == (1, 1)
    assert found["biopose_stored_frames"] == len(TRIAL.time_s)
    assert found["biopose_home_free_bytes"] > 0
    assert found["biopose_last_load_timestamp_seconds"] == pytest.approx(time.time(), abs=120)


def test_before_the_first_ingest_there_is_no_time_of_one(settings: Settings) -> None:
    found = read(settings)
    assert "biopose_last_good_ingest_timestamp_seconds" not in found
    assert found["biopose_ingest_running"] == 0


def test_the_last_good_ingest_stays_known_through_one_that_fails(settings: Settings) -> None:
    with ingest_log(settings, started_by="biopose ingest") as night:
        night.write("planned", trials=2)
        (settings.home / "ingest.lock").write_text(str(os.getpid()))
        night.write("trial", trial="blue/s/t")
        running = read(settings)
        night.write("ended", summary="2 stored")
    (file,) = settings.logs.glob("ingest-*.log")
    file.rename(settings.logs / "ingest-20261128T040000Z-1.log")
    with pytest.raises(BioposeError), ingest_log(settings, started_by="biopose ingest"):
        raise BioposeError("the disk is full")
    found = read(settings)
    assert (running["biopose_ingest_running"], found["biopose_ingest_running"]) == (1, 0)
    assert (running["biopose_ingest_trials_planned"], running["biopose_ingest_trials_done"]) == (2, 1)
    assert found["biopose_last_good_ingest_timestamp_seconds"] <= found["biopose_last_ingest_timestamp_seconds"]
    assert found["biopose_ingest_trials_planned"] == 0


def test_a_home_without_a_snapshot_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(NoWarehouseError):
        prometheus_metrics(Settings(home=tmp_path))
