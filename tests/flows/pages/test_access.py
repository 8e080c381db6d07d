"""Every address of the pages with another team's token, with none, of another origin and under another name."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.routing import Mount, Route
from starlette.testclient import TestClient

from biopose.errors import VideoError
from flows.pages.application import application, routes
from flows.pages.exports import FORMATS
from flows.pages.sign_in import SignIn
from flows.pages.trial_files import CONTENT
from flows.pages.visitors import Proxy, Sessions
from tasks.audit import AuditLog
from tasks.ingest_log import ingest_log
from tasks.quarantine import Quarantine, quarantine_record
from tasks.settings import Settings
from tasks.users import Users
from tests.warehouse.trials import SyntheticTrial
from warehouse.load import load_trial
from warehouse.named_query import named_queries
from warehouse.snapshot import publish_snapshot

PEOPLE = ("blue/ann", "blue/bob", "red/zoltan", "red/yannik", "red/xiaoli", "red/wesley", "red/vincent")
OWN_QUERY = "-- Everybody.\nSELECT athlete_id, trial_id FROM trial"
REACHING_QUERY = "-- Everybody else.\nSELECT athlete_id FROM whole.main.trial_manifest"
SECRETS = (b"zoltan", b"yannik", b"xiaoli", b"wesley", b"vincent", b"red/", b"secret of red")
NAMES = ("testserver",)


def trial_of(person: str) -> SyntheticTrial:
    team, athlete = person.split("/")
    metrics = tuple(("knee_flexion_peak", side, 80.0 + len(athlete), 2.0) for side in ("left", "right"))
    return SyntheticTrial(f"jump_{athlete}", team=team, athlete=athlete, metrics=metrics)


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A home of two teams, each with files, and a trial in quarantine."""
    folder = tmp_path_factory.mktemp("access")
    settings = Settings(home=folder / "home")
    for person in PEOPLE:
        trial = trial_of(person)
        load_trial(settings.warehouse, trial.record, trial.write(folder / trial.run_id))
        files = settings.home / trial.record["run"]["artifacts"]
        files.mkdir(parents=True)
        for name in CONTENT:
            (files / name).write_text(f"secret of {person}")
        failed = f"{trial.trial_id}_again"
        error = quarantine_record(failed, VideoError(f"{failed}.mp4: broken"), stage="probe", key="a", retry=failed)
        Quarantine(settings.quarantine).put(error)
    publish_snapshot(settings.warehouse, settings.snapshot)
    settings.queries.mkdir()
    (settings.queries / "everybody.sql").write_text(OWN_QUERY)
    (settings.queries / "reaching.sql").write_text(REACHING_QUERY)
    return settings


@pytest.fixture(scope="module")
def tokens(settings: Settings) -> dict[str, str]:
    users = Users(settings.home)
    grants = {"blue": ["blue"], "red": ["red"], "both": ["blue", "red"], "all": None}
    return {name: users.add(name, teams) for name, teams in grants.items()}


@pytest.fixture(scope="module")
def pages(settings: Settings, tokens: dict[str, str]) -> object:
    return application(settings, public_names=NAMES, is_on_loopback=False)


@pytest.fixture
def client(pages: object) -> TestClient:
    return TestClient(pages, follow_redirects=False)  # type: ignore[arg-type]


def sign_in(client: TestClient, token: str, *, goes_to: str = "/") -> int:
    form = re.search(r'name="form" value="(\w+)"', client.get("/sign-in").text)
    assert form is not None
    reply = client.post("/sign-in", data={"form": form[1], "token": token, "goes_to": goes_to})
    return reply.status_code


@pytest.fixture
def blue(client: TestClient, tokens: dict[str, str]) -> TestClient:
    assert sign_in(client, tokens["blue"]) == 303
    return client


def addresses(settings: Settings, person: str) -> Iterator[str]:
    """Every address of the table of routes, with a person's names in their places, and forms filled in."""
    trial = trial_of(person)
    team, session, name = trial.trial_id.split("/")
    named = {"team": team, "session": session, "trial": name, "athlete": person.split("/")[1]}
    table = routes(settings, SignIn(Sessions(settings), AuditLog(settings.home), None), AuditLog(settings.home))
    for route in table:
        if isinstance(route, Mount):
            continue
        assert isinstance(route, Route)
        names = re.findall(r"{(\w+)}", route.path)
        if "name" in names:
            for query in (*named_queries(), "everybody", "reaching"):
                given = {"athlete": person, "team": team, "trial": trial.trial_id, "session": f"{team}/{session}"}
                form = "&".join(f"{key}={value}" for key, value in given.items())
                extra = "metric=knee_flexion_peak&activity=countermovement_jump&date=2026-11-01"
                yield f"{route.path.format(name=query)}?{form}&{extra}&coordinate=knee_angle_r_deg&threshold=-1000"
        elif "file" in names:
            yield from (route.path.format(**named, file=file) for file in CONTENT)
        elif "format" in names:
            yield from (route.path.format(**named, format=one) for one in FORMATS)
        else:
            yield route.path.format(**named)
    yield f"/compare?first={trial.trial_id}&second={trial_of('blue/ann').trial_id}"
    yield f"/compare/groups?activity=countermovement_jump&first_team={team}&second_athlete=blue/ann"
    yield f"/compare/groups?activity=countermovement_jump&first_athlete={person}&second_session=blue/{session}"
    yield f"/squad?team={team}"
    yield "/squad?since=2026-11-01&sort=-athlete"


def shown(body: bytes) -> list[bytes]:
    """The other team's secrets in a body, but for the names that the address had itself, which an error repeats."""
    trial = trial_of("red/zoltan").trial_id
    for asked in ("red/zoltan", trial, trial.rpartition("/")[0]):
        body = body.replace(asked.encode(), b"")
    return [secret for secret in SECRETS if secret in body]


OPEN = ("/health", "/static/plot.css", "/static/three.js", "/sign-in")
PERSONAL = ("/athlete/", "/trial/", "/compare?")


def test_another_teams_user_sees_nothing_of_a_team_at_any_address(settings: Settings, blue: TestClient) -> None:
    walked = list(addresses(settings, "red/zoltan"))
    assert len(walked) > 2 * len(named_queries()) + 20
    for address in walked:
        reply = blue.get(address)
        if address.startswith(PERSONAL):
            assert reply.status_code == 404, address
        assert not shown(reply.content), (address, reply.text)


def test_ones_own_pages_and_files_are_shown(settings: Settings, blue: TestClient) -> None:
    made = ("body.glb", *(f"/export/{one}" for one in FORMATS))  # of real files, which this home has none of
    for address in addresses(settings, "blue/ann"):
        if address.endswith(made):
            continue
        reply = blue.get(address)
        if not address.startswith(("/questions/", "/sign-out", "/metrics", "/compare/groups?")):  # may be refused
            assert reply.status_code == 200, (address, reply.text)
        assert not [secret for secret in SECRETS if secret in reply.content], address
    trial = trial_of("blue/ann").trial_id
    assert blue.get(f"/trial/{trial}/files/coordinates.mot").text == "secret of blue/ann"
    assert "2026-11-25-jumps/jump_bob_again" in blue.get("/night").text
    assert blue.get("/questions/everybody/answer.csv").text.count("blue/") == 4


def test_of_a_running_ingest_a_team_sees_no_count_of_other_teams(
    settings: Settings, pages: object, tokens: dict[str, str]
) -> None:
    (settings.home / "ingest.lock").write_text(str(os.getpid()))
    with ingest_log(settings, started_by="biopose ingest") as log:
        log.write("planned", trials=7)
        text = {}
        for user in ("blue", "all"):
            client = TestClient(pages)  # type: ignore[arg-type]
            sign_in(client, tokens[user])
            text[user] = client.get("/night").text
    (settings.home / "ingest.lock").unlink()
    next(settings.logs.glob("ingest-*")).unlink()
    assert "An ingest is running.</p>" in text["blue"]
    assert "An ingest is running: 0 of 7 trials done" in text["all"]


def test_a_query_of_the_home_that_names_the_whole_warehouse_is_refused(blue: TestClient) -> None:
    reply = blue.get("/questions/reaching")
    assert (reply.status_code, "SQL reads these relations" in reply.text) == (400, True)
    assert blue.get("/questions/reaching/answer.csv").status_code == 400


def test_without_a_token_no_address_is_answered(settings: Settings, client: TestClient) -> None:
    for address in addresses(settings, "blue/ann"):
        reply = client.get(address)
        assert reply.status_code == (200 if address in OPEN else 401), address
        assert b"jump_" not in reply.content.replace(b"&amp;", b"&").replace(address.encode(), b"")


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("origin", "http://evil.example"),
        ("host", "http://evil.example"),
        ("origin", "null"),
        ("origin", "https://testserver:444"),
        ("host", "evil.example"),
        ("host", "testserver.evil.example"),
    ],
)
def test_another_origin_and_another_name_are_refused_with_a_token_too(
    settings: Settings, blue: TestClient, header: str, value: str
) -> None:
    walked = list(addresses(settings, "blue/ann"))
    for address in walked if value == "http://evil.example" else walked[:3]:
        reply = blue.get(address, headers={header: value})
        assert (reply.status_code, b"jump_" in reply.content) == (403, False)


@pytest.mark.parametrize("origin", ["http://testserver", "https://testserver"])
def test_pages_of_the_server_itself_are_answered_behind_a_proxy_that_speaks_https_too(
    blue: TestClient, origin: str
) -> None:
    assert blue.get("/squad", headers={"origin": origin}).status_code == 200


def test_grants_of_several_and_of_all_teams(settings: Settings, pages: object, tokens: dict[str, str]) -> None:
    for name, sees_home in (("both", False), ("all", True)):
        client = TestClient(pages)  # type: ignore[arg-type]
        sign_in(client, tokens[name])
        squad = client.get("/squad").text
        assert ("red/zoltan" in squad, "blue/ann" in squad) == (True, True)
        assert (str(settings.home) in client.get("/about").text) == sees_home
        assert ("jump_zoltan_again</pre>" in client.get("/night").text) == sees_home  # the command to retry


def test_norms_are_of_other_teams_in_groups_of_five(pages: object, tokens: dict[str, str]) -> None:
    rows = {}
    for name in ("blue", "red"):
        client = TestClient(pages)  # type: ignore[arg-type]
        sign_in(client, tokens[name])
        rows[name] = client.get("/questions/norms/answer.csv?metric=knee_flexion_peak").text.splitlines()[1:]
    assert [row.split(",")[5] for row in rows["blue"]] == ["5", "5"]
    assert rows["red"] == []  # blue are two


def test_a_session_ends_with_signing_out_and_with_the_user(settings: Settings, pages: object) -> None:
    users, client = Users(settings.home), TestClient(pages, follow_redirects=False)  # type: ignore[arg-type]
    token = users.add("temporary", ["blue"])
    assert sign_in(client, token, goes_to="/squad") == 303
    assert client.get("/squad").status_code == 200
    assert client.post("/sign-out", data={"form": "0" * 64}).status_code == 401
    assert client.get("/squad").status_code == 200
    form = re.search(r'name="form" value="(\w+)"', client.get("/account").text)
    assert form is not None
    copied = TestClient(pages, cookies=dict(client.cookies))  # type: ignore[arg-type]
    assert copied.get("/squad").status_code == 200
    assert client.post("/sign-out", data={"form": form[1]}).status_code == 303
    assert [one.get("/squad").status_code for one in (client, copied)] == [401, 401]
    assert sign_in(client, token) == 303
    users.remove("temporary")
    assert client.get("/squad").status_code == 401
    assert sign_in(client, token) == 401


def test_a_sign_in_needs_the_forms_token_and_leads_to_no_other_server(
    client: TestClient, tokens: dict[str, str]
) -> None:
    assert client.post("/sign-in", data={"token": tokens["blue"], "form": "x"}).status_code == 401
    client.get("/sign-in")
    assert client.post("/sign-in", data={"token": tokens["blue"], "form": "x"}).status_code == 401
    assert client.post("/sign-in", content=b"a" * 100_000).status_code == 401
    assert sign_in(client, "no token") == 401
    assert sign_in(client, tokens["blue"][:-1]) == 401
    form = re.search(r'name="form" value="(\w+)"', client.get("/sign-in").text)
    assert form is not None
    sent = {"form": form[1], "token": tokens["blue"], "goes_to": "//evil.example/"}
    reply = client.post("/sign-in", data=sent)
    assert (reply.status_code, reply.headers["location"]) == (303, "/")
    cookie = reply.headers["set-cookie"].lower()
    assert all(part in cookie for part in ("httponly", "samesite=strict", "max-age=43200"))
    assert "secure" not in cookie
    assert client.post("/squad").status_code == 405


def test_over_tls_the_cookie_is_never_sent_in_clear(pages: object, tokens: dict[str, str]) -> None:
    client = TestClient(pages, base_url="https://testserver", follow_redirects=False)  # type: ignore[arg-type]
    sign_in(client, tokens["blue"])
    page = client.get("/sign-in")
    assert "secure" in page.headers["set-cookie"].lower()
    behind_a_proxy = TestClient(pages)  # type: ignore[arg-type]
    page = behind_a_proxy.get("/sign-in", headers={"origin": "https://testserver"})
    assert "secure" in page.headers["set-cookie"].lower()


def test_a_proxys_header_is_believed_from_its_address_alone(settings: Settings, tokens: dict[str, str]) -> None:
    proxied = application(settings, public_names=NAMES, proxy=Proxy("X-Remote-User", "10.0.0.5"), is_on_loopback=False)
    for address, name, status in (
        ("10.0.0.5", "blue", 200),
        ("10.0.0.5", "nobody", 403),
        ("10.0.0.5", "", 403),
        ("10.0.0.6", "blue", 403),
        ("127.0.0.1", "all", 403),
    ):
        client = TestClient(proxied, client=(address, 5000))
        reply = client.get("/squad", headers={"X-Remote-User": name})
        assert reply.status_code == status
        assert ("blue/ann" in reply.text, "red/zoltan" in reply.text) == (status == 200, False)
    twice = [("X-Remote-User", "blue"), ("X-Remote-User", "all")]
    assert TestClient(proxied, client=("10.0.0.5", 1)).get("/squad", headers=twice).status_code == 403  # type: ignore[arg-type]


def test_it_is_recorded_who_saw_and_downloaded_whom(settings: Settings, blue: TestClient) -> None:
    log, trial = AuditLog(settings.home), trial_of("blue/bob").trial_id
    before = len(list(log.entries()))
    for _ in range(3):
        blue.get("/athlete/blue/bob?activity=countermovement_jump")
        blue.get(f"/trial/{trial}/files/overlay.mp4", headers={"range": "bytes=0-3"})
    blue.get("/questions/change_over_time?athlete=blue/bob")
    blue.get("/athlete/red/zoltan")
    new = list(log.entries())[before:]
    assert [(one.who, one.act, one.what) for one in new] == [
        ("blue", "view", "page athlete"),
        ("blue", "download", "file overlay.mp4"),
        ("blue", "view", "query change_over_time"),
    ]
    assert new[0].athletes == (log.pseudonym("blue/bob"),)
    assert new[1].trials == (log.pseudonym(trial),)
    assert log.verify()[0] >= 3


def test_a_monitor_reads_the_metrics_with_the_token_of_a_user_of_all_teams(
    client: TestClient, tokens: dict[str, str]
) -> None:
    replies = {name: client.get("/metrics", headers={"authorization": f"Bearer {tokens[name]}"}) for name in tokens}
    assert {name: reply.status_code for name, reply in replies.items()} == {
        "blue": 403,
        "red": 403,
        "both": 403,
        "all": 200,
    }
    assert "<h1>Not allowed</h1>" in replies["blue"].text
    assert "biopose_trials 7.0" in replies["all"].text
    assert "biopose_quarantined 7.0" in replies["all"].text
    assert client.get("/metrics", headers={"authorization": "Bearer guessed"}).status_code == 401
    assert client.get("/squad", headers={"authorization": f"Bearer {tokens['all']}"}).status_code == 200


def test_a_token_that_a_proxy_adds_overrides_neither_a_session_nor_the_proxys_name_nor_the_machine_itself(
    settings: Settings, blue: TestClient, tokens: dict[str, str], tmp_path: Path
) -> None:
    foreign = {"authorization": "Bearer a.b.c"}
    assert blue.get("/squad", headers=foreign).status_code == 200
    (tmp_path / "home").mkdir()
    without_users = TestClient(application(Settings(home=tmp_path / "home"), public_names=NAMES))
    assert without_users.get("/about", headers=foreign).status_code == 200
    proxied = application(settings, public_names=NAMES, proxy=Proxy("X-Remote-User", "10.0.0.5"), is_on_loopback=False)
    proxy, monitor = (TestClient(proxied, client=(address, 5000)) for address in ("10.0.0.5", "10.0.0.9"))
    own = {"authorization": f"Bearer {tokens['all']}"}
    given = [proxy.get("/squad", headers={**foreign, "X-Remote-User": name}) for name in ("blue", "nobody", "")]
    assert [reply.status_code for reply in given] == [200, 403, 403]
    assert proxy.get("/squad", headers={**own, "X-Remote-User": "nobody"}).status_code == 403
    assert [one.get("/metrics", headers=own).status_code for one in (proxy, monitor)] == [200, 200]


def test_tokens_of_nobody_are_recorded_once_not_for_each_request(settings: Settings, tokens: dict[str, str]) -> None:
    client = TestClient(application(settings, public_names=NAMES, is_on_loopback=False))
    before = len(list(AuditLog(settings.home).entries()))
    for number in range(3):
        assert client.get("/metrics", headers={"authorization": f"Bearer guess{number}"}).status_code == 401
    new = list(AuditLog(settings.home).entries())[before:]
    assert [(one.who, one.act, one.what) for one in new] == [("unknown", "refuse", "a request with a token of nobody")]
