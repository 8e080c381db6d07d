"""Notifications of failed runs and quarantined trials: JSON to a webhook."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tasks.settings import Settings

if TYPE_CHECKING:
    from prefect import Flow
    from prefect.client.schemas.objects import FlowRun, State

TIMEOUT_S = 5.0
WAITS_S = (1.0, 3.0)  # before the second attempt and the third
TOO_MANY_REQUESTS = 429
MOST_TRIALS_IN_TEXT = 10

Log = logging.Logger | logging.LoggerAdapter[Any]
_LOG = logging.getLogger("biopose.notify")


def notify(settings: Settings, event: Mapping[str, Any], *, log: Log | None = None) -> bool:
    """Post an event as JSON; without a webhook nothing happens.

    A webhook that cannot be reached is logged and nothing more: no run fails because a chat is down. Three attempts
    take about 20 s at most.

    Args:
        settings: hold the webhook's address.
        event: JSON-able. A `text`, which is what chats show, is added if it has none.
        log: of deliveries that failed.

    Returns:
        Whether it was delivered.
    """
    if not settings.webhook_url:
        return False
    message = {"text": event_text(event), **event}
    for wait_s in (*WAITS_S, None):
        error, again = _post(settings.webhook_url, message)
        if not error:
            return True
        if not again or wait_s is None:
            break
        time.sleep(wait_s)
    (log or _LOG).warning(
        "The webhook (BIOPOSE_WEBHOOK_URL) could not be notified of %r: %s", event.get("event"), error
    )
    return False


def event_text(event: Mapping[str, Any]) -> str:
    """An event as a chat shows it: its name, and name and reason of its trials."""
    trials = event.get("trials", ())
    lines = [f"{trial['name']}: {trial['message']}" for trial in trials[:MOST_TRIALS_IN_TEXT]]
    if len(trials) > len(lines):
        lines.append(f"and {len(trials) - len(lines)} more")
    return "\n".join([f"BioPose: {event.get('event', 'event')}" + (f", {len(trials)}" if trials else ""), *lines])


def on_failure(flow: Flow[..., Any], flow_run: FlowRun, state: State[Any]) -> None:
    """Prefect hook: notify of a run that failed, with the reason and its page."""
    _notify_of_failure(flow, flow_run, state)


def on_crashed(flow: Flow[..., Any], flow_run: FlowRun, state: State[Any]) -> None:
    """Prefect hook: notify of a run that crashed."""
    _notify_of_failure(flow, flow_run, state)


def _notify_of_failure(flow: Flow[..., Any], flow_run: FlowRun, state: State[Any]) -> None:
    from prefect.logging.loggers import flow_run_logger

    log = flow_run_logger(flow_run, flow)
    try:
        settings = Settings.load((flow_run.parameters or {}).get("home"))
        notify(settings, failure_event(flow.name, flow_run, state), log=log)
    except Exception:  # whatever it is, the flow's own failure is the one to report
        log.exception("No notification of this failure was sent")


def failure_event(flow: str, flow_run: FlowRun, state: State[Any]) -> dict[str, Any]:
    """The notification of a run that failed or crashed."""
    from prefect.settings import PREFECT_UI_URL

    page = PREFECT_UI_URL.value()
    url = f"{page}/runs/flow-run/{flow_run.id}" if page else None
    how = state.name.lower() if state.name else "failed"
    return {
        "event": f"{flow} {how}",
        "text": f"BioPose: {flow} run {flow_run.name} {how}: {state.message}" + (f"\n{url}" if url else ""),
        "flow": flow,
        "flow_run": flow_run.name,
        "flow_run_id": str(flow_run.id),
        "state": how,
        "message": state.message,
        "url": url,
    }


def _post(url: str, event: Mapping[str, Any]) -> tuple[str, bool]:
    """The error, or "", and whether another attempt may succeed."""
    import httpx

    try:
        reply = httpx.post(url, json=dict(event), timeout=TIMEOUT_S)
    except (httpx.InvalidURL, httpx.UnsupportedProtocol, TypeError, ValueError) as error:
        return f"{type(error).__name__}: {error}", False
    except httpx.HTTPError as error:
        return f"{type(error).__name__}: {error}", True
    if reply.is_success:
        return "", False
    again = reply.is_server_error or reply.status_code == TOO_MANY_REQUESTS
    return f"it responded {reply.status_code} {reply.reason_phrase}", again
