"""Rendered pages are kept as long as the trials of the teams that they show stay the same."""

import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import httpx
import pytest

from flows.pages import application
from tasks.settings import Settings
from tests.flows.pages.home import served
from tests.warehouse.trials import SyntheticTrial
from warehouse.erase import erase_athlete
from warehouse.load import load_trial
from warehouse.snapshot import publish_snapshot

BLUE = SyntheticTrial("one", session="blue")
RED = SyntheticTrial("two", team="red", athlete="rob", session="red", seed=1)
MORE_RED = SyntheticTrial("three", team="red", athlete="rob", session="red", seed=2)


@pytest.fixture
def rendered(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The paths of the pages that were rendered."""
    paths: list[str] = []
    html = application._html

    def counted(request: application.Request, *page: object) -> str:
        paths.append(request.url.path)
        return html(request, *page)  # type: ignore[arg-type]

    monkeypatch.setattr(application, "_html", counted)
    return paths


@pytest.fixture
def client(tmp_path: Path) -> Iterator[httpx.Client]:
    for trial in (BLUE, RED):
        publish(tmp_path, trial)
    with served(tmp_path) as address, httpx.Client(base_url=address, trust_env=False, timeout=60) as client:
        yield client


def publish(home: Path, trial: SyntheticTrial) -> None:
    settings = Settings(home=home)
    load_trial(settings.warehouse, trial.record, trial.write(home / "measured" / trial.run_id))
    publish_snapshot(settings.warehouse, settings.snapshot)


def as_of(page: str) -> datetime:
    found = re.search(r'<time datetime="([^"]+)"', page)
    assert found is not None
    return datetime.fromisoformat(found[1])


def test_a_page_is_rendered_anew_where_a_trial_of_its_team_is_new_and_else_states_the_newest_snapshot(
    tmp_path: Path, client: httpx.Client, rendered: list[str]
) -> None:
    pages = ("/athlete/blue/ann", "/athlete/red/rob", "/squad", f"/trial/{BLUE.trial_id}")
    before = [client.get(page).text for page in pages]
    assert rendered == list(pages)
    assert [client.get(page).text for page in pages] == before
    publish(tmp_path, MORE_RED)
    after = [client.get(page).text for page in pages]
    assert rendered == [*pages, *pages[1:]]
    assert len({as_of(page) for page in after}) == 1
    assert as_of(after[0]) > as_of(before[0])
    assert "three" in after[1]


def test_the_form_of_a_squad_offers_a_new_team_and_no_longer_one_whose_trials_are_gone(
    tmp_path: Path, client: httpx.Client, rendered: list[str]
) -> None:
    page = "/squad?team=blue"
    assert re.findall(r'value="(red|green|walk)"', client.get(page).text) == ["red"]
    publish(tmp_path, SyntheticTrial("four", team="green", athlete="gil", session="green", activity="walk", seed=3))
    assert re.findall(r'value="(red|green|walk)"', client.get(page).text) == ["green", "red", "walk"]
    publish(tmp_path, MORE_RED)
    client.get(page)
    assert rendered == ["/squad"] * 2  # a trial more of another team changes nothing
    settings = Settings(home=tmp_path)
    erase_athlete(settings.warehouse, "red/rob")
    publish_snapshot(settings.warehouse, settings.snapshot)
    assert re.findall(r'value="(red|green|walk)"', client.get(page).text) == ["green", "walk"]


def test_a_page_of_an_erased_athlete_is_dropped(tmp_path: Path, client: httpx.Client) -> None:
    assert client.get("/athlete/red/rob").status_code == 200
    settings = Settings(home=tmp_path)
    erase_athlete(settings.warehouse, "red/rob")
    publish_snapshot(settings.warehouse, settings.snapshot)
    assert "red/rob" not in client.get("/squad").text
    assert client.get("/athlete/red/rob").status_code == 404
