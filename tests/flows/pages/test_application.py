"""The pages as an HTTP client gets them from a real server of a real warehouse."""

import csv
import re
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

import duckdb
import httpx
import numpy as np
import pytest

from biopose.errors import VideoError
from flows.pages.body import has_body
from flows.pages.trial_files import TrialFiles
from tasks.quarantine import Quarantine, quarantine_record
from tasks.settings import Settings
from tests.flows.pages.home import FILMED, QUARANTINED, WALK, folder_of, served
from tests.warehouse.trials import COLUMNS, SyntheticTrial
from warehouse.connection import opened_for_writing, transaction
from warehouse.erase import erase_athlete
from warehouse.limits import Limits
from warehouse.load import load_trial
from warehouse.named_query import named_queries
from warehouse.nights import WATCH
from warehouse.open_snapshot import OpenSnapshot
from warehouse.releases import begin_act, finish_act, promoted
from warehouse.snapshot import publish_snapshot

GROUPS = (
    "/compare/groups?activity=countermovement_jump&coordinate=knee_angle"
    "&first_session=blue/2026-10-27-jumps&second_session=blue/2026-11-03-jumps"
)
PAGES = (
    "/",
    "/night",
    "/squad",
    "/athlete/blue/cleo",
    f"/trial/{FILMED}",
    f"/trial/{WALK}",
    "/compare",
    f"/compare?first={FILMED}&second=blue/2026-10-27-jumps/jump_ann",
    "/compare/groups",
    GROUPS,
    "/questions",
    *(f"/questions/{name}" for name in named_queries()),
    "/questions/trials_of_activity?activity=walk",
    "/models",
    "/about",
)
OTHERS = (
    f"/trial/{FILMED}/curves.json",
    f"/trial/{FILMED}/body.glb",
    f"/trial/{FILMED}/export/csv",
    f"/trial/{FILMED}/files/overlay.mp4",
    "/questions/trials/answer.csv",
)
STATIC = ("/health", "/static/plot.css", "/static/pages.css", "/static/trial.js", "/static/icon.svg")


@pytest.mark.parametrize("page", PAGES)
def test_every_page_can_be_had_and_states_as_of_when(client: httpx.Client, page: str) -> None:
    reply = client.get(page)
    assert reply.status_code == 200
    published = re.search(r'As of <time datetime="([^"]+)"', reply.text)
    assert published is not None
    assert datetime.fromisoformat(published[1]) <= datetime.now(UTC)


def test_last_night_has_what_was_stored_and_what_was_not_with_reason_and_command(client: httpx.Client) -> None:
    page = client.get("/night").text
    assert "<b>49</b> trials stored" in page
    assert f'href="/trial/{WALK.replace(" ", "%20")}"' in page
    assert f"{QUARANTINED}: the video cannot be used" in page
    assert "has no &lt;frame&gt; that can be decoded" in page
    assert f"--retry {QUARANTINED}" in page


def test_the_squad_lists_real_changes_and_how_many_comparisons_there_were(client: httpx.Client) -> None:
    page = client.get("/squad", params={"team": "blue", "since": "2026-10-13", "sort": "athlete"}).text
    cleo = page[page.index("blue/cleo") : page.index("blue/dan")]
    assert cleo.count("knee flexion peak") == 2
    assert "All 12 comparisons" in page
    assert page.index("blue/ann") < page.index("blue/bob") < page.index("blue/fay")
    falling = client.get("/squad", params={"sort": "-athlete"}).text
    assert falling.index("blue/fay") < falling.index("blue/ann")
    assert "No athlete has such a trial" not in client.get("/squad", params={"activity": "walk"}).text


def test_an_athletes_trend_has_intervals_the_squads_band_and_judgements(client: httpx.Client) -> None:
    page = client.get("/athlete/blue/cleo").text
    assert page.count('<circle class="point left"') == 8
    assert page.count('class="interval right"') == 8
    assert 'class="band left"' in page
    assert "<small>real</small>" in page
    assert "percentile 0" in page
    assert "left&nbsp;−&nbsp;right" in page
    assert "mean speed: the camera moves <small>8 trials" in page


def test_a_period_of_an_athletes_trends_is_a_link(client: httpx.Client) -> None:
    page = client.get("/athlete/blue/cleo", params={"since": "2026-10-13", "until": "2026-10-27"}).text
    assert page.count('<circle class="point left"') == 3
    assert 'name="since" value="2026-10-13"' in page
    assert "activity=countermovement_jump&amp;since=2026-10-13&amp;until=2026-10-27" in page
    assert "first and the last session are those of this\nperiod" in page
    assert "in this period" in client.get("/athlete/blue/cleo", params={"since": "2027-01-01"}).text
    assert client.get("/athlete/blue/cleo", params={"since": "spring"}).status_code == 400
    one_session = client.get("/athlete/blue/ann", params={"activity": "walk"}).text
    for of_trends in ('name="since"', "Points: a session"):
        assert (of_trends in one_session, of_trends in page) == (False, True)
    assert "± is one standard deviation" in page


def test_a_trial_has_metrics_events_models_and_the_files_that_exist(client: httpx.Client) -> None:
    page = client.get(f"/trial/{FILMED}").text
    assert "not known: the camera moves" in page
    assert "take off" in page
    assert page.count('class="panel"') == 23
    for name, there in (
        ("overlay.mp4", True),
        ("coordinates.mot", True),
        ("scaled.osim", False),
        ("markers.trc", False),
    ):
        assert (f'/files/{name}"' in page) == there
    without = client.get(f"/trial/{WALK}").text
    assert ("There is no overlay" in without, "move the video" in without, "move the video" in page) == (
        True,
        False,
        True,
    )


def test_recordings_of_markers_have_no_body_to_be_shown(home: Path) -> None:
    files = TrialFiles(home, str(folder_of(home).relative_to(home)))
    assert [has_body(files, {"recording": one}) for one in ("video", "markers", "keypoints")] == [True, False, False]


def test_a_part_of_a_trial_has_the_values_of_its_curves(client: httpx.Client) -> None:
    shown = client.get(f"/trial/{FILMED}/curves.json", params={"from": "0.2", "to": "0.3"}).json()
    assert shown["time_s"] == [0.2, 0.22, 0.24, 0.26, 0.28, 0.3]
    knee = next(panel for panel in shown["panels"] if panel["title"] == "knee flexion (°)")
    assert [name for name, _ in knee["curves"]] == ["right", "left"]
    assert all(len(values) == 6 for _, values in knee["curves"])
    assert 'data-from="0.19"' in client.get(f"/trial/{FILMED}", params={"from": "0.2", "to": "0.3"}).text
    assert client.get(f"/trial/{FILMED}", params={"from": "2"}).status_code == 400
    assert "expected seconds" in client.get(f"/trial/{FILMED}", params={"to": "soon"}).text


def test_a_question_is_a_form_and_its_answer_a_table_a_plot_and_csv(client: httpx.Client) -> None:
    given = {"athlete": "blue/cleo", "metric": "knee_flexion_peak"}
    page = client.get("/questions/change_over_time", params=given).text
    assert "16 rows" in page
    assert page.count('<svg class="plot trend"') == 1
    assert "--param athlete=blue/cleo" in page
    answer = client.get("/questions/change_over_time/answer.csv", params=given)
    assert len(list(csv.DictReader(answer.text.splitlines()))) == 16
    assert answer.headers["content-disposition"].endswith("''change_over_time.csv")
    of_cycles = {"coordinate": "knee_angle_r_deg", "activity": "countermovement_jump", "athlete": "blue/cleo"}
    assert " … " in client.get("/questions/cycle_curves", params=of_cycles).text
    curves = list(csv.DictReader(client.get("/questions/cycle_curves/answer.csv", params=of_cycles).text.splitlines()))
    assert [int(row["percent"]) for row in curves[:101]] == list(range(101))
    wrong = client.get("/questions/change_over_time", params=given | {"athlete": "blue/cloe"})
    assert (wrong.status_code, "nearest: blue/cleo" in wrong.text) == (400, True)
    form = client.get("/questions/change_over_time").text
    assert '<option value="blue/cleo" selected>' not in form
    assert '<option value="blue/cleo">blue/cleo</option>' in form
    assert 'type="date"' in form
    few = client.get("/questions/norms", params={"metric": "knee_flexion_peak", "least_athletes": "40"}).text
    assert 'class="note">no group has enough athletes' in few
    broken = client.get("/questions/broken")
    assert (broken.status_code, "broken.sql: Catalog Error" in broken.text) == (400, True)
    assert "x&#39; OR 1" in client.get("/questions/trials", params={"team": "x' OR 1 = 1; --"}).text


def test_every_question_of_ours_is_listed_once_by_topic(client: httpx.Client) -> None:
    page = client.get("/questions").text
    assert page.index(">An athlete</h2>") < page.index("/questions/change_over_time") < page.index(">A squad</h2>")
    assert [page.count(f'href="/questions/{name}"') for name in named_queries()] == [1] * len(named_queries())
    assert page.index(">Your own</h2>") < page.index("/questions/trials_of_activity")


def test_two_groups_have_mean_curves_with_bands_and_the_command_that_repeats_it(client: httpx.Client) -> None:
    page = client.get(GROUPS).text
    assert "6 athletes, each in both groups; 6 trials and 6 trials." in page
    assert page.count('<path class="band first"') == page.count('<path class="band second"') == 2  # right and left
    assert page.count('class="line limit"') == 4  # of t, both ways
    assert 'data-curves="{&#34;x&#34;:[0,1,2' in page
    assert (
        "biopose compare knee_angle_l_deg --activity countermovement_jump --first session=blue/2026-10-27-jumps" in page
    )
    for wrong, message in (
        ("first_team=bleu", "nearest: blue"),
        ("coordinate=knee", "there are hip_flexion, "),
        ("first_athlete=blue/bob", "the first group has no right walk of which knee flexion is known"),
        ("", "both groups are the same"),
    ):
        reply = client.get(
            f"/compare/groups?activity=walk&second_since=2026-10-01&{wrong}"
            if wrong
            else "/compare/groups?activity=walk"
        )
        assert (reply.status_code, message in reply.text) == (400, True), reply.text


def test_a_part_of_compared_curves_is_drawn_and_the_whole_is_tested(client: httpx.Client) -> None:
    two = f"/compare?first={FILMED}&second=blue/2026-10-27-jumps/jump_ann"
    for page in (two, GROUPS):
        whole, part = client.get(page).text, client.get(f"{page}&from=40&to=60").text
        assert 'data-from="39.5"' in part
        assert 'data-curves="{&#34;x&#34;:[40,41,' in part
        assert whole[whole.find("Significant spans") :].count("<td") == part[part.find("Significant spans") :].count(
            "<td"
        )
        for wrong, message in (("from=60&to=60", "less than"), ("to=101", "0 to 100"), ("from=half", "whole per cent")):
            reply = client.get(f"{page}&{wrong}")
            assert (reply.status_code, message in reply.text) == (400, True)


def test_an_unknown_name_is_not_found_with_the_nearest(client: httpx.Client) -> None:
    for asked, nearest in (
        ("/athlete/blue/cloe", "/athlete/blue/cleo"),
        ("/trial/blue/2026-11-03-jumps/jump_anne", f"/trial/{FILMED}"),
        ("/questions/trial", "/questions/trials"),
    ):
        reply = client.get(asked)
        assert (reply.status_code, "; nearest: " in reply.text) == (404, False)  # a list of links has them
        assert f'href="{nearest}"' in reply.text
        assert "As of <time" in reply.text
    nothing = client.get("/nothing")
    assert (nothing.status_code, "As of <time" in nothing.text) == (404, False)


@pytest.mark.parametrize("page", [*PAGES, *OTHERS, *STATIC])
def test_foreign_hosts_pages_and_methods_are_refused_everywhere(client: httpx.Client, page: str) -> None:
    for headers in ({"Host": "evil.example"}, {"Origin": "http://evil.example"}, {"Origin": "null"}):
        assert client.get(page, headers=headers).status_code == 403
    for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"):
        reply = client.request(method, page)
        assert (reply.status_code, reply.headers["allow"]) == (405, "GET, HEAD")
    reply = client.head(page)
    assert (reply.status_code, reply.content) == (200, b"")
    assert "script-src 'self'" in reply.headers["content-security-policy"]
    assert "unsafe" not in reply.headers["content-security-policy"]
    assert reply.headers["x-content-type-options"] == "nosniff"


class WithoutToes(SyntheticTrial):
    """A trial whose toes no marker or keypoint shows."""

    def coordinates(self) -> np.ndarray:
        """(frames, 40) float32."""
        held = [name.startswith("mtp_angle") for name in COLUMNS]
        return np.where(held, np.float32(np.nan), super().coordinates())


def test_a_new_snapshot_is_shown_at_once_and_a_home_without_one_says_what_to_do(tmp_path: Path) -> None:
    empty = tmp_path / "home"
    empty.mkdir()
    with served(empty) as address, httpx.Client(base_url=address, trust_env=False, timeout=60) as client:
        reply = client.get("/night")
        assert (reply.status_code, "biopose ingest INBOX" in reply.text) == (503, True)
        assert client.get("/about").status_code == 200
        for count, (frames, activity) in enumerate(((40, "other"), (1, "walk")), start=1):
            likely = {"countermovement_jump": 0.91, "other": 0.05}
            trial = WithoutToes(
                name := f"jump{count}",
                activity=activity,
                likely=likely,
                contradicted=activity == "walk",
                time_s=np.arange(frames) / 50,
            )
            load_trial(empty / "warehouse.duckdb", trial.record, trial.write(tmp_path / name))
            publish_snapshot(empty / "warehouse.duckdb", empty / "warehouse.snapshot.duckdb")
            assert f"<b>{count}</b> trial{'' if count == 1 else 's'} stored" in client.get("/night").text
            page = client.get(f"/trial/{trial.trial_id}").text
            assert "There is no overlay of this trial: none was drawn" in page
            assert ("too few frames" in page) == (frames == 1)
            assert ("Not known in this trial: toe flexion." in page) == (frames > 1)
            assert "toe flexion (" not in page
            assert "most looks like countermovement jump, with probability 0.91, or else none of" in page
            assert "set activity = &#34;countermovement_jump&#34; in session.toml for its events" in page
            assert ("session.toml names walk, which this motion surely is not" in page) == (activity == "walk")
            assert "activity probability" not in page
            assert "activity contradicted" not in page


def test_a_page_of_an_erased_athlete_that_was_read_from_the_old_snapshot_is_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(home=tmp_path)
    snapshot = OpenSnapshot(settings.snapshot, Limits())
    monkeypatch.setattr("flows.pages.application.OpenSnapshot", lambda *_: snapshot)
    monkeypatch.setattr("warehouse.open_snapshot.LONGEST_WAIT_S", 0.05)
    for trial in (SyntheticTrial("one"), SyntheticTrial("two", athlete="bob")):
        load_trial(settings.warehouse, trial.record, trial.write(tmp_path / trial.name))
    publish_snapshot(settings.warehouse, settings.snapshot)
    with served(tmp_path) as address, httpx.Client(base_url=address, trust_env=False, timeout=60) as client:

        def while_it_is_read(_: duckdb.DuckDBPyConnection) -> list[int]:
            erase_athlete(settings.warehouse, "blue/bob")
            publish_snapshot(settings.warehouse, settings.snapshot)
            return [client.get(page).status_code for page in ("/squad", "/athlete/blue/bob")]

        assert snapshot.answer(while_it_is_read)[0] == [200, 200]
        assert "blue/bob" not in client.get("/squad").text
        assert client.get("/athlete/blue/bob").status_code == 404


def test_last_night_begins_with_what_the_watch_of_a_release_rolled_back(tmp_path: Path) -> None:
    settings, trial = Settings(home=tmp_path), SyntheticTrial()
    load_trial(settings.warehouse, trial.record, trial.write(tmp_path / "measured"))
    with opened_for_writing(settings.warehouse) as connection, transaction(connection):
        begin_act(connection, "roll back", promoted(connection), who=WATCH, why="mean_quality: -0.3 <beyond>")
        finish_act(connection)
    publish_snapshot(settings.warehouse, settings.snapshot)
    with served(tmp_path) as address, httpx.Client(base_url=address, trust_env=False, timeout=60) as client:
        night = client.get("/night").text
    assert re.search(
        r'role="alert">Rolled back by itself, release keypoint_fit-\w+, since [\d: -]+: mean_quality', night
    )
    assert "&lt;beyond&gt;" in night


def test_what_is_broken_in_a_home_hides_no_page(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    trial = SyntheticTrial()
    load_trial(settings.warehouse, trial.record, trial.write(tmp_path / "measured"))
    publish_snapshot(settings.warehouse, settings.snapshot)
    settings.quarantine.mkdir()
    record = quarantine_record(QUARANTINED, VideoError("cannot be decoded"), stage="probe", key="a", retry="again")
    Quarantine(settings.quarantine).put(record)
    (settings.quarantine / "broken.json").write_text("{")
    folder = tmp_path / trial.record["run"]["artifacts"]
    folder.mkdir(parents=True)
    (folder / "trial.parquet").write_bytes(b"PAR1 damaged PAR1")
    (settings.queries / "d.sql").mkdir(parents=True)
    (settings.queries / "größe λ.sql").write_text("SELECT 'inf'::DOUBLE AS mean_value, DATE '2026-11-02' AS week")
    with served(tmp_path) as address, httpx.Client(base_url=address, trust_env=False, timeout=60) as client:
        night = client.get("/night").text
        assert "<b>2</b> in quarantine" in night
        assert "cannot be decoded" in night
        assert "broken.json: no quarantine record" in night
        body = client.get(f"/trial/{trial.trial_id}/body.glb")
        assert (body.status_code, "no readable Parquet" in body.text) == (404, True)
        assert "größe λ" in client.get("/questions").text
        assert '<td class="number">inf</td>' in client.get("/questions/größe λ").text
        answer = client.get("/questions/größe λ/answer.csv")
        assert (answer.status_code, answer.text) == (200, "mean_value,week\ninf,2026-11-02\n")
        assert quote("größe λ.csv") in answer.headers["content-disposition"]
        (settings.queries / "loads.sql").write_text("SELECT 1")
        assert [client.get(page).status_code for page in ("/night", "/squad", "/athlete/blue/ann")] == [200] * 3
        refused = client.get("/questions")
        assert (refused.status_code, "loads.sql: a query loads comes with BioPose" in refused.text) == (400, True)
