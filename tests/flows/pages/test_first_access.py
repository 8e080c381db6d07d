"""Access to a home that has no users yet, nothing stored yet, or users that cannot be read."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from starlette.testclient import TestClient

from biopose.errors import VideoError
from flows.pages.application import application
from tasks.audit import AuditLog
from tasks.quarantine import Quarantine, quarantine_record
from tasks.settings import Settings
from tasks.users import Users
from tests.flows.pages.test_access import NAMES, sign_in, trial_of
from warehouse.load import load_trial
from warehouse.snapshot import publish_snapshot


def test_beyond_loopback_a_home_without_users_shows_nothing(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    load_trial(settings.warehouse, trial_of("blue/ann").record, trial_of("blue/ann").write(tmp_path / "files"))
    publish_snapshot(settings.warehouse, settings.snapshot)
    exposed = TestClient(application(settings, public_names=NAMES, is_on_loopback=False))
    reply = exposed.get("/squad")
    assert (reply.status_code, "<code>biopose user add NAME --team TEAM</code>" in reply.text) == (401, True)
    assert 'href="/night"' not in reply.text  # would lead back to the form
    local = TestClient(application(settings, public_names=NAMES))
    assert "blue/ann" in local.get("/squad").text
    assert [entry.who for entry in AuditLog(tmp_path).entries()] == ["this machine"]
    Users(tmp_path).add("ann", ["blue"])
    assert local.get("/squad").status_code == 401  # from the first user on


def test_a_first_night_that_stored_nothing_shows_its_quarantine_to_the_teams_of_it(tmp_path: Path) -> None:
    for name in ("blue/day/jump", "red/day/jump"):
        error = VideoError(f"{name}.mp4: is a text, not a video")
        Quarantine(tmp_path / "quarantine").put(quarantine_record(name, error, stage="probe", key="a", retry="again"))
    settings = Settings(home=tmp_path)
    everything = TestClient(application(settings, public_names=NAMES)).get("/night")
    assert (everything.status_code, everything.text.count("is a text, not a video")) == (200, 2)
    assert "Nothing is stored yet." in everything.text
    users = Users(tmp_path)
    tokens = {team: users.add(team, [team]) for team in ("blue", "green")}
    for team, (status, shown) in {"blue": (200, "blue/day/jump"), "green": (503, "Nothing is measured yet")}.items():
        visitor = TestClient(application(settings, public_names=NAMES), follow_redirects=False)
        assert sign_in(visitor, tokens[team]) == 303
        reply = visitor.get("/night")
        assert (reply.status_code, shown in reply.text, "red/" in reply.text) == (status, True, False)


def test_what_a_trial_has_no_body_for_names_no_folder_of_the_server(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "home").symlink_to(tmp_path / "disk")
    settings = Settings(home=tmp_path / "home")
    for person, recording in (("blue/ann", "markers"), ("blue/bob", "video")):
        record = trial_of(person).record
        record["trial"]["recording"] = recording
        folder = trial_of(person).write(settings.home / record["run"]["artifacts"])
        pq.write_table(pa.table({"frame": [0]}), folder / "trial.parquet")
        load_trial(settings.warehouse, record, folder)
    publish_snapshot(settings.warehouse, settings.snapshot)
    visitor = TestClient(application(settings, public_names=NAMES), follow_redirects=False)
    assert sign_in(visitor, Users(settings.home).add("coach", ["blue"])) == 303
    for name, problem in (("jump_ann", "has a skeleton, and no body"), ("jump_bob", "trial.parquet: ")):
        reply = visitor.get(f"/trial/{trial_of('blue/ann').trial_id.rpartition('/')[0]}/{name}/body.glb")
        assert (reply.status_code, problem in reply.text, str(tmp_path) in reply.text) == (404, True, False)


@pytest.mark.parametrize("page", ["/", "/squad", "/questions", "/trial/blue/day/jump"])
def test_before_the_first_night_every_page_says_what_fills_it(tmp_path: Path, page: str) -> None:
    reply = TestClient(application(Settings(home=tmp_path), public_names=NAMES)).get(page)
    assert (reply.status_code, "Nothing is measured yet" in reply.text) == (503, True)
    assert "<code>biopose ingest INBOX</code>" in reply.text
    assert str(tmp_path) not in reply.text  # nothing is wrong with the home


def test_where_the_users_cannot_be_read_nobody_is_let_in(tmp_path: Path) -> None:
    (tmp_path / "users.json").write_text("{")
    reply = TestClient(application(Settings(home=tmp_path), public_names=NAMES)).get("/squad")
    assert (reply.status_code, reply.text) == (503, "The users of this server cannot be checked.")
