"""Notifications, to a real server that behaves as webhooks do."""

import json
import logging
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from prefect import flow

from tasks import notify as notify_module
from tasks.notify import notify, on_crashed, on_failure
from tasks.settings import Settings

QUARANTINED = {
    "event": "quarantined",
    "trials": [{"name": f"blue/day/jump{n}", "message": "nobody is seen"} for n in range(12)],
}


class Webhook:
    """What it was told, and what it answers, in turn; the last answer stands."""

    def __init__(self) -> None:
        self.told: list[dict[str, Any]] = []
        self.answers = [200]
        self.delay_s = 0.0
        self.url = ""


@pytest.fixture
def webhook(monkeypatch: pytest.MonkeyPatch) -> Iterator[Webhook]:
    hook = Webhook()
    monkeypatch.setattr(notify_module, "WAITS_S", (0.01, 0.02))

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            hook.told.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            time.sleep(hook.delay_s)
            self.send_response(hook.answers.pop(0) if len(hook.answers) > 1 else hook.answers[0])
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hook.url = f"http://127.0.0.1:{server.server_port}/hook"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield hook
    server.shutdown()


def _settings(tmp_path: Path, url: str | None) -> Settings:
    return Settings.load(tmp_path, webhook_url=url)


def test_an_event_arrives_with_a_text_for_a_chat(webhook: Webhook, tmp_path: Path) -> None:
    assert notify(_settings(tmp_path, webhook.url), QUARANTINED)
    (told,) = webhook.told
    lines = told.pop("text").splitlines()
    assert told == QUARANTINED
    assert lines[0] == "BioPose: quarantined, 12"
    assert lines[1] == "blue/day/jump0: nobody is seen"
    assert lines[-1] == "and 2 more"


def test_without_a_webhook_nothing_happens(tmp_path: Path) -> None:
    assert not notify(_settings(tmp_path, None), QUARANTINED)


@pytest.mark.parametrize("busy", [500, 503, 429])
def test_a_busy_webhook_is_tried_again(busy: int, webhook: Webhook, tmp_path: Path) -> None:
    webhook.answers = [busy, busy, 204]
    assert notify(_settings(tmp_path, webhook.url), QUARANTINED)
    assert len(webhook.told) == 3


def test_a_refusal_is_logged_and_not_repeated(
    webhook: Webhook, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    webhook.answers = [404]
    assert not notify(_settings(tmp_path, webhook.url), QUARANTINED)
    assert len(webhook.told) == 1
    assert "could not be notified of 'quarantined': it responded 404 Not Found" in caplog.text


def test_a_webhook_that_hangs_is_given_up(
    webhook: Webhook, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(notify_module, "TIMEOUT_S", 0.1)
    webhook.delay_s = 1.0
    assert not notify(_settings(tmp_path, webhook.url), QUARANTINED)
    assert "ReadTimeout" in caplog.text


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/hook", "chat.example/hook", "http://[broken"])
def test_a_webhook_that_is_not_there_is_logged(
    url: str, webhook: Webhook, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert not notify(_settings(tmp_path, url), QUARANTINED)
    assert "BIOPOSE_WEBHOOK_URL" in caplog.text


def test_an_event_that_is_not_json_is_logged(
    webhook: Webhook, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    assert not notify(_settings(tmp_path, webhook.url), {"event": "odd", "value": object()})
    assert "'odd'" in caplog.text


def test_a_flow_that_fails_tells_which_run_and_why(
    prefect_api: None, webhook: Webhook, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BIOPOSE_WEBHOOK_URL", webhook.url)

    @flow(name="ingest", on_failure=[on_failure], on_crashed=[on_crashed])
    def failing(home: str) -> None:
        raise RuntimeError("the disk is full")

    state = failing(str(tmp_path), return_state=True)
    assert state.is_failed()
    (told,) = webhook.told
    assert told["event"] == "ingest failed"
    assert told["flow"] == "ingest"
    assert "the disk is full" in told["message"]
    assert told["flow_run"] in told["text"]
