"""An ingest run's page, as Prefect keeps it."""

from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from prefect import flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.runtime import flow_run

from tasks.ingest_page import ingest_summary, ingest_table, publish_ingest, trial_page
from tasks.settings import Addresses, Settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings.load(tmp_path)


def stored(settings: Settings, name: str = "jump 1") -> dict[str, Any]:
    folder = settings.artifacts / "trials/blue/day" / name / "ab12"
    return {
        "trial_id": f"blue/day/{name}",
        "athlete_id": "blue/ann",
        "activity": "countermovement_jump",
        "frames": 120,
        "quality": 0.8765,
        "overlay": str(folder / "overlay.mp4"),
        "report": str(folder / "report.html"),
    }


def account(*stored: dict[str, Any], **others: Any) -> dict[str, Any]:
    empty: dict[str, Any] = {"unloaded": {}, "waiting": {}, "notes": [], "unmatched": []}
    return {"stored": stored, "quarantined": [REFUSED], **empty, **others}


REFUSED = {"name": "blue/day/jump2", "kind": "video", "message": "jump|2.mp4: <b>cut</b>\nfilm it again"}


def test_every_trial_is_a_line_of_the_table_with_the_same_columns(settings: Settings) -> None:
    first, second = ingest_table(account(stored(settings)), settings)
    assert list(first) == list(second)
    assert (first["status"], first["frames"], first["mean quality"]) == ("stored", 120, 0.88)
    assert (second["status"], second["reason"]) == ("quarantined", REFUSED["message"])


def test_links_lead_to_where_pages_are_served(settings: Settings) -> None:
    assert trial_page("blue/day/jump 1", settings) == "http://127.0.0.1:4300/trial/blue/day/jump%201"
    Addresses("-", "-", "http://127.0.0.1:9").record(settings)
    assert trial_page("blue/day/jump 1", settings).startswith("http://127.0.0.1:9/trial/")


def test_the_summary_counts_and_explains_and_a_reason_stays_in_its_cell(settings: Settings) -> None:
    text = ingest_summary(account(stored(settings), stored(settings, "jump3")), settings)
    assert text.startswith("# 2 stored, 1 quarantined\n\n240 frames.")
    assert "| blue/day/jump2 | video | jump\\|2.mp4: &lt;b>cut&lt;/b> film it again |" in text
    assert "[page](http://127.0.0.1:4300/trial/blue/day/jump%201)" in text


def test_what_was_not_loaded_or_belongs_to_no_trial_is_listed_with_the_reason(settings: Settings) -> None:
    unmatched = {"path": "blue/day/extra.mp4", "kind": "unnamed_video", "message": "no trial names it"}
    others = {"unloaded": {"blue/day/jump4": "process 7 has it open"}, "unmatched": [unmatched]}
    table = ingest_table(account(**others), settings)
    assert [(row["trial"], row["status"], row["reason"]) for row in table] == [
        ("blue/day/jump4", "measured, not loaded", "process 7 has it open"),
        ("blue/day/jump2", "quarantined", REFUSED["message"]),
        ("blue/day/extra.mp4", "not ingested", "no trial names it"),
    ]
    text = ingest_summary(account(**others), settings)
    assert "| blue/day/jump4 | process 7 has it open |" in text
    assert "## In the inbox, not ingested" in text
    assert "| blue/day/extra.mp4 | no trial names it |" in text


def test_an_empty_run_has_a_summary(settings: Settings) -> None:
    assert ingest_summary(account(quarantined=[]), settings) == "# 0 stored, 0 quarantined\n\n0 frames.\n"


def test_prefect_keeps_the_page_under_the_same_keys_in_every_run(prefect_api: None, settings: Settings) -> None:
    @flow
    def ingest(*names: str) -> UUID:
        publish_ingest(account(*(stored(settings, name) for name in names)), settings)
        return UUID(str(flow_run.id))

    runs = [ingest("jump1"), ingest("jump1", "jump3")]
    with get_client(sync_client=True) as client:
        of_runs = [FlowRunFilter(id=FlowRunFilterId(any_=[run])) for run in runs]
        first, second = ({one.key: one for one in client.read_artifacts(flow_run_filter=run)} for run in of_runs)
    assert set(first) == set(second) == {"night", "night-summary"}
    table, summary = second["night"], second["night-summary"]
    assert str(table.data).count("blue/ann") == 2
    assert "# 2 stored" in str(summary.data)
