"""The files of flows/deployment: what they run exists, with the options that they give, and is confined."""

from __future__ import annotations

import re
import shlex
import shutil
import ssl
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from flows.cli.main import cli
from flows.serving.supervisor import CHECKOUT
from tests.flows.cluster import certificate_of_this_machine

DEPLOYMENT = CHECKOUT / "flows" / "deployment"
PROGRAM = "/var/lib/biopose/checkout/.venv/bin/biopose"
UNITS = sorted([*DEPLOYMENT.glob("*.service"), *DEPLOYMENT.glob("*.timer")])


def container() -> dict[str, Any]:
    """The one service of the compose file."""
    services: dict[str, dict[str, Any]] = yaml.safe_load((DEPLOYMENT / "compose.yaml").read_text())["services"]
    return services["biopose"]


def health_check(port: int, scheme: str | None = None) -> subprocess.CompletedProcess[bytes]:
    """The container's, run by this interpreter."""
    kind, program, *arguments = container()["healthcheck"]["test"]
    assert (kind, program) == ("CMD", "python")
    environment = container()["environment"] | {"BIOPOSE_PAGES_PORT": str(port)}
    if scheme:
        environment["BIOPOSE_PAGES_SCHEME"] = scheme
    return subprocess.run([sys.executable, *arguments], env=environment, capture_output=True, timeout=120)


def commands() -> list[list[str]]:
    units = [re.findall(r"^ExecStart=(.*)$", unit.read_text(), re.MULTILINE) for unit in UNITS]
    started = [shlex.split(line) for lines in units for line in lines]
    assert {program for program, *_ in started} == {PROGRAM}
    return [arguments for _, *arguments in started] + [container()["command"]]


@pytest.mark.parametrize("command", commands(), ids=lambda command: command[0])
def test_what_is_started_is_a_command_with_its_options(command: list[str], tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    name, *arguments = (argument.replace("/var/lib/biopose", str(tmp_path)) for argument in command)
    cli.commands[name].make_context(name, arguments)


def test_the_container_has_no_privileges_and_writes_to_the_home_alone() -> None:
    service = container()
    assert (service["read_only"], service["cap_drop"], service["user"]) == (True, ["ALL"], "10001:10001")
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert [mount for mount in service["volumes"] if not mount.endswith(":ro")] == ["/srv/biopose/home:/data/home"]
    assert "USER biopose" in (DEPLOYMENT / "Containerfile").read_text()


def test_the_health_check_fails_where_no_pages_are_served() -> None:
    assert health_check(1).returncode == 1


def test_the_health_check_asks_by_https_where_the_pages_have_a_certificate(tmp_path: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate_of_this_machine(tmp_path))

    class Pages(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/health" else 404)
            self.end_headers()

    with HTTPServer(("127.0.0.1", 0), Pages) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        assert health_check(server.server_port, "https").returncode == 0
        assert health_check(server.server_port).returncode == 1  # by http
        server.shutdown()
    assert "BIOPOSE_PAGES_SCHEME" in (DEPLOYMENT / "compose.yaml").read_text().partition("services:")[0]


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_systemd_takes_the_units(tmp_path: Path) -> None:
    for unit in UNITS:
        (tmp_path / unit.name).write_text(unit.read_text().replace(PROGRAM, sys.executable))
    verified = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *(unit.name for unit in UNITS)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert (verified.returncode, verified.stderr) == (0, "")
