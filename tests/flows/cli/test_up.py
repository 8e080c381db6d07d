"""`biopose up` for real: a schedule fires, what dies is started again, ^C leaves nothing, and the home remembers."""

import base64
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from click.testing import CliRunner

from biopose.cli.command_line import Commands
from biopose.io.consent import Consent
from flows.cli.up import up
from flows.serving.ports import free_port
from flows.serving.programs import mlflow_server
from flows.serving.supervisor import CHECKOUT, deployments
from tasks.consent_record import ConsentRecord
from tasks.environment import prefect_api
from tasks.erased_people import ErasedPeople
from tasks.prefect_login import prefect_login
from tasks.settings import LOCALHOST, Addresses, Settings, responds
from tests.flows.cluster import program
from tests.flows.prefect_server import START_TIMEOUT_S, Up, serving, wait_for
from tests.flows.serving.test_deployment import health_check
from tests.warehouse.trials import SyntheticTrial
from warehouse import DATABASE, SNAPSHOT
from warehouse.load import load_trial
from warehouse.snapshot import publish_snapshot

TICK = """
import os, sys, time
from pathlib import Path
from prefect import flow

@flow(name="tick")
def tick() -> None:
    inbox = Path(os.environ["BIOPOSE_INBOX"])
    with (inbox / "ticks").open("a") as ticks:
        ticks.write(f"{sys.executable} {os.environ['BIOPOSE_HOME']} {os.getcwd()}\\n")
    while (inbox / "hold").exists():
        time.sleep(0.1)
"""
PROJECT = """
name: tick
pull:
  - prefect.deployments.steps.set_working_directory:
      directory: "{{ $BIOPOSE_CHECKOUT }}"
deployments:
  - name: nightly
    entrypoint: tick.py:tick
    concurrency_limit: {limit: 1, collision_strategy: ENQUEUE}
    work_pool: {name: biopose}
    schedules: [{interval: %d}]
"""


@dataclass
class TwoServices:
    """Observations of two `biopose up` on one home; the first was interrupted while a run was held.

    The second is given the address of an MLflow server that is there already.
    """

    first: Up
    ticks: str = ""
    about: str = ""
    api_url: str = ""
    health_check: int = -1
    second_refused: str = ""
    ui: dict[str, Any] = field(default_factory=dict)
    statuses: dict[str, int] = field(default_factory=dict)
    pages_back: int = 0
    left_over: list[psutil.Process] = field(default_factory=list)
    exit_code: int = -1
    held: str = ""
    remembered: dict[str, Any] = field(default_factory=dict)
    own_mlflow: str = ""
    second: Addresses | None = None
    second_about: str = ""
    second_programs: list[str] = field(default_factory=list)
    erased: str | None = None


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("project")
    (folder / "tick.py").write_text(TICK)
    (folder / "prefect.yaml").write_text(PROJECT % 5)
    return folder


@pytest.fixture(scope="module")
def services(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TwoServices]:
    home = tmp_path_factory.mktemp("up") / "home"
    with serving(home, project) as first:
        observed = TwoServices(first)
        _use(observed)
    one = SyntheticTrial("jump")
    load_trial(home / DATABASE, one.record, one.write(home / str(one.record["run"]["artifacts"])))
    publish_snapshot(home / DATABASE, home / SNAPSHOT)
    ConsentRecord(home).update({"blue/ann": Consent(frozenset(), date(2026, 11, 20))})
    (project / "prefect.yaml").write_text(PROJECT % 86_400)  # a run costs 2.4 processor seconds
    with (
        _mlflow_server(home) as of_mlflow,
        serving(home, project, BIOPOSE_WITHDRAWN_DAYS="0", **of_mlflow) as second,
    ):
        observed.own_mlflow, observed.second = (
            of_mlflow["BIOPOSE_MLFLOW_TRACKING_URI"],
            Addresses.recorded(second.settings),
        )
        observed.second_about = httpx.get(f"{second.addresses.pages}/about", trust_env=False).text
        observed.second_programs = [" ".join(process.cmdline()) for process in second.family()]
        observed.remembered = {run["name"]: run["state"] for run in second.flow_runs("COMPLETED", "CRASHED")}
        wait_for(lambda: "was erased" in second.printed(), timeout_s=60)
        wait_for(lambda: second.printed().count("next run") == 2, timeout_s=START_TIMEOUT_S)
        observed.erased = ErasedPeople(home).erased_at("blue/ann")
    yield observed
    shutil.rmtree(home)


@contextmanager
def _mlflow_server(home: Path) -> Iterator[dict[str, str]]:
    """A server of a home's registry that no `biopose up` has started; the variables of its clients."""
    url = f"http://{LOCALHOST}:{(port := free_port())}"
    user, _, password = prefect_login(Settings.load(home).prefect_login).partition(":")
    with program(mlflow_server(port), home.parent / "mlflow.txt", BIOPOSE_HOME=str(home)):
        wait_for(lambda: responds(f"{url}/health"), timeout_s=START_TIMEOUT_S)
        yield {
            "BIOPOSE_MLFLOW_TRACKING_URI": url,
            "MLFLOW_TRACKING_USERNAME": user,
            "MLFLOW_TRACKING_PASSWORD": password,
        }


def _use(observed: TwoServices) -> None:
    up, inbox = observed.first, observed.first.settings.inbox
    observed.ticks = wait_for(lambda: (inbox / "ticks").exists() and (inbox / "ticks").read_text(), timeout_s=60)
    wait_for(lambda: up.flow_runs("COMPLETED"), timeout_s=60)
    (inbox / "hold").touch()
    observed.about = httpx.get(f"{up.addresses.pages}/about", trust_env=False).text
    observed.api_url = prefect_api(up.settings)["PREFECT_API_URL"]
    observed.ui = httpx.get(f"{up.addresses.prefect}/ui-settings", trust_env=False).json()
    requests = _requests(up.addresses, prefect_login(up.settings.prefect_login))
    observed.statuses = {name: _status(url, **headers) for name, (url, headers) in requests.items()}
    observed.health_check = health_check(up.settings.pages_port).returncode
    observed.second_refused = _a_second_up(up)
    next(process for process in up.family() if "serve" in process.cmdline()).kill()
    observed.pages_back = wait_for(lambda: _page(up), timeout_s=60)
    observed.held = wait_for(lambda: up.flow_runs("RUNNING"), timeout_s=60)[0]["name"]
    family = up.family()
    observed.exit_code = up.interrupt()
    _, observed.left_over = psutil.wait_procs(family, timeout=30)
    (inbox / "hold").unlink()


def _page(up: Up) -> int:
    """Status of a page; 0 where no server responds."""
    try:
        return httpx.get(f"{up.addresses.pages}/about", trust_env=False).status_code
    except httpx.HTTPError:
        return 0


def _requests(at: Addresses, login: str) -> dict[str, tuple[str, dict[str, str]]]:
    """Requests to each server: as the owner's browser sends them, and as a foreign page does."""
    owner = {"Authorization": f"Basic {base64.b64encode(login.encode()).decode()}"}
    api, runs, foreign = "/api/admin/version", "/api/2.0/mlflow/experiments/create", {"Host": "evil.example"}
    return {
        "Prefect's page": (f"{at.prefect}/", {"Accept": "text/html"}),
        "Prefect's page under a foreign name": (f"{at.prefect}/", foreign),
        "Prefect's API without login": (f"{at.prefect}{api}", {}),
        "MLflow's page": (f"{at.mlflow}/", owner),
        "MLflow's registry": (f"{at.mlflow}/api/2.0/mlflow/registered-models/search", owner),
        "MLflow's page without login": (f"{at.mlflow}/", {}),
        "MLflow's page with another login": (f"{at.mlflow}/", {"Authorization": "Basic YTpi"}),
        "MLflow's page under a foreign name": (f"{at.mlflow}/", owner | foreign),
        "MLflow's page under a private address": (f"{at.mlflow}/", owner | {"Host": "192.168.0.1:5000"}),
        "MLflow changed by a foreign page": (f"{at.mlflow}{runs}", owner | {"Origin": "http://evil.example"}),
        "the pages under a foreign name": (f"{at.pages}/about", foreign),
    }


def _status(url: str, **headers: str) -> int:
    method = "POST" if "Origin" in headers else "GET"
    return httpx.request(method, url, headers=headers, trust_env=False, follow_redirects=True).status_code


def _a_second_up(running: Up) -> str:
    script = "from flows.serving.supervisor import serve; from tasks.settings import Settings; serve(Settings.load())"
    environment = {"BIOPOSE_HOME": str(running.settings.home)}
    run = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=False)
    return run.stderr


@pytest.mark.slow
def test_a_scheduled_run_fires_in_this_environment_with_this_home(services: TwoServices, project: Path) -> None:
    assert services.ticks.splitlines()[0] == f"{sys.executable} {services.first.settings.home} {project}"


@pytest.mark.slow
def test_the_health_check_of_the_container_succeeds(services: TwoServices) -> None:
    assert services.health_check == 0


def test_one_address_is_printed_and_its_page_links_to_the_others(services: TwoServices) -> None:
    where, printed = services.first.addresses, services.first.printed()
    assert [line in printed for line in (where.pages, "next run   ", where.prefect, where.mlflow)] == [
        True,
        True,
        False,
        False,
    ]
    assert [f'href="{address}"' in services.about for address in (where.prefect, where.mlflow)] == [True, True]


@pytest.mark.slow
def test_its_owner_alone_can_use_it(services: TwoServices) -> None:
    assert services.statuses == {
        "Prefect's page": 200,
        "Prefect's page under a foreign name": 403,
        "Prefect's API without login": 401,
        "MLflow's page": 200,
        "MLflow's registry": 200,
        "MLflow's page without login": 401,
        "MLflow's page with another login": 401,
        "MLflow's page under a foreign name": 403,
        "MLflow's page under a private address": 403,
        "MLflow changed by a foreign page": 403,
        "the pages under a foreign name": 403,
    }


@pytest.mark.slow
def test_prefects_page_asks_for_the_login_whose_file_is_printed(services: TwoServices) -> None:
    assert (services.ui["auth"], services.ui["csrf_enabled"]) == ("BASIC", True)
    assert services.ui["api_url"] == f"{services.first.addresses.prefect}/api"
    assert f"their login is in {services.first.settings.prefect_login}" in services.first.printed()


@pytest.mark.slow
def test_other_processes_of_the_home_find_the_server_while_it_runs(services: TwoServices) -> None:
    assert services.api_url == f"{services.first.addresses.prefect}/api"
    assert Addresses.recorded(services.first.settings) is None


@pytest.mark.slow
def test_a_home_is_served_once(services: TwoServices) -> None:
    assert "another `biopose up` serves it already" in services.second_refused


@pytest.mark.slow
def test_a_server_that_dies_is_started_again(services: TwoServices) -> None:
    assert services.pages_back == 200
    assert "pages ended (exit code -9); it is restarted" in services.first.printed()


@pytest.mark.slow
def test_an_interrupt_stops_everything_and_is_no_error(services: TwoServices) -> None:
    assert services.exit_code == 0
    assert services.left_over == []


@pytest.mark.slow
def test_the_home_remembers_runs_and_the_interrupted_one_is_not_left_running(services: TwoServices) -> None:
    assert services.remembered[services.held]["type"] == "CRASHED"
    assert (
        "termination signal" in services.remembered[services.held]["message"]
    )  # so it said itself, before the server went
    assert "COMPLETED" in {state["type"] for state in services.remembered.values()}


@pytest.mark.slow
def test_who_withdrew_consent_is_erased_between_nights_and_all_starts_again(services: TwoServices) -> None:
    assert services.erased is not None


@pytest.mark.slow
def test_an_mlflow_server_of_ones_own_is_used_and_none_is_started(services: TwoServices) -> None:
    assert services.second is not None
    assert services.second.mlflow == services.own_mlflow
    assert f'href="{services.own_mlflow}"' in services.second_about
    assert "Prefect asks for the login" in services.second_about
    assert not [program for program in services.second_programs if "mlflow" in program]
    assert any("prefect_application" in program for program in services.second_programs)


# Without servers


def test_options_change_the_schedule_of_the_nightly_deployment_alone() -> None:
    nightly = deployments(CHECKOUT, cron="5 4 * * *", timezone="Asia/Tokyo")["deployments"][0]
    assert nightly["entrypoint"] == "flows/ingest.py:ingest"
    assert nightly["concurrency_limit"] == {"limit": 1, "collision_strategy": "ENQUEUE"}
    assert [(s["cron"], s["timezone"]) for s in nightly["schedules"]] == [("5 4 * * *", "Asia/Tokyo")]


def _refusal(*arguments: object) -> str:
    group = Commands(commands={"up": up})
    result = CliRunner().invoke(group, ["up", *map(str, arguments)])
    assert result.exit_code in (1, 2)
    return result.stderr


PORTS = ("--prefect-port", "--mlflow-port", "--pages-port")


@pytest.mark.parametrize("option", PORTS)
def test_a_taken_port_is_named_with_the_option_to_change(option: str, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        others = [word for other in PORTS if other != option for word in (other, free_port())]
        message = _refusal("--home", tmp_path, option, port, *others)
    assert f"port {port}" in message
    assert option in message


def test_a_schedule_of_another_form_is_refused(tmp_path: Path) -> None:
    assert "no time zone" in _refusal("--home", tmp_path, "--timezone", "Berlin")
    assert "expected minute, hour" in _refusal("--home", tmp_path, "--cron", "at two")
