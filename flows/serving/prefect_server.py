"""Requests of `biopose up` to its Prefect server, over HTTP: importing Prefect would cost a second and 100 MB."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import httpx

POOL = "biopose"
TIMEOUT_S = 10.0


@dataclass(frozen=True)
class PrefectServer:
    """A running server.

    Attributes:
        url: its base; the API lies under /api.
        login: its authentication string, user:password.
    """

    url: str
    login: str

    def has_pool(self) -> bool:
        """Whether the work pool exists: the first worker creates it."""
        return self._request("GET", f"/work_pools/{POOL}").status_code == httpx.codes.OK

    def has_worker(self, name: str) -> bool:
        """Whether a worker of this name is online."""
        workers = self.post(f"/work_pools/{POOL}/workers/filter", {})
        return any(worker["name"] == name and worker["status"] == "ONLINE" for worker in workers)

    def next_run(self) -> datetime | None:
        """When the next scheduled flow run starts."""
        scheduled = self._runs(["SCHEDULED"], {})
        return datetime.fromisoformat(scheduled[-1]["expected_start_time"]) if scheduled else None

    def close_left_over(self) -> list[str]:
        """Close the flow runs of earlier workers, before a worker starts: each would block or repeat an ingest.

        Runs that a killed worker did not finish are set to crashed. Of scheduled runs whose time passed while nothing
        was served, the last is kept: it processes all that the others would have processed.

        Returns:
            The names of the runs that were closed.
        """
        unfinished = self._runs(["RUNNING", "PENDING", "CANCELLING"], {})
        missed = self._runs(["SCHEDULED"], {"expected_start_time": {"before_": datetime.now(UTC).isoformat()}})
        for run in unfinished:
            self._close(run, "CRASHED", "its worker was killed; the next run resumes its work")
        for run in missed[1:]:
            self._close(run, "CANCELLED", "its time passed while nothing was served; a later run covers it")
        return [str(run["name"]) for run in (*unfinished, *missed[1:])]

    def _runs(self, types: list[str], and_also: dict[str, Any]) -> list[dict[str, Any]]:
        """The pool's flow runs in these states, the latest first."""
        wanted = {
            "sort": "EXPECTED_START_TIME_DESC",
            "flow_runs": {"state": {"type": {"any_": types}}, **and_also},
            "work_pools": {"name": {"any_": [POOL]}},
        }
        runs: list[dict[str, Any]] = self.post("/flow_runs/filter", wanted)
        return runs

    def _close(self, run: dict[str, Any], kind: str, why: str) -> None:
        state = {"type": kind, "name": kind.capitalize(), "message": why}
        self.post(f"/flow_runs/{run['id']}/set_state", {"state": state, "force": True})

    def post(self, path: str, body: dict[str, Any]) -> Any:
        """The reply to a request of the API."""
        return self._request("POST", path, json=body).raise_for_status().json()

    def _request(self, method: str, path: str, **options: Any) -> httpx.Response:
        user, _, password = self.login.partition(":")
        # trust_env=False: a proxy cannot reach this machine's servers
        with httpx.Client(auth=(user, password), timeout=TIMEOUT_S, trust_env=False) as client:
            headers = {} if method == "GET" else self._csrf_headers(client)
            return client.request(method, f"{self.url}/api{path}", headers=headers, **options)

    def _csrf_headers(self, client: httpx.Client) -> dict[str, str]:
        """What Prefect wants with every request that may change something: a token that it gave to this client."""
        name = str(uuid4())
        reply = client.get(f"{self.url}/api/csrf-token", params={"client": name}).raise_for_status()
        return {"Prefect-Csrf-Client": name, "Prefect-Csrf-Token": reply.json()["token"]}
