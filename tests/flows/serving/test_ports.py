"""Free ports: none that somebody listens on, and none that the system hands to another program meanwhile."""

import socket
import ssl
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from biopose.errors import BioposeError
from flows.serving import ports
from flows.serving.ports import free_port
from tasks.settings import LOCALHOST, responds
from tests.flows.cluster import certificate_of_this_machine


def test_a_free_port_is_none_that_the_system_hands_out() -> None:
    with socket.socket() as handed_out:
        handed_out.bind((LOCALHOST, 0))
        assert handed_out.getsockname()[1] not in ports.OWN_PORTS
    assert free_port() in ports.OWN_PORTS


def test_a_port_in_use_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as used:
        port = free_port()
        used.bind((LOCALHOST, port))
        monkeypatch.setattr(ports, "OWN_PORTS", range(port, port + 1))
        monkeypatch.setattr(ports, "ATTEMPTS", 1)
        with pytest.raises(BioposeError, match=f"of the ports {port} to {port} of this machine are in use"):
            free_port()


def test_what_does_not_speak_http_does_not_respond() -> None:
    with socket.create_server((LOCALHOST, 0)) as server:

        def reply() -> None:
            connection, _ = server.accept()
            with connection:
                connection.sendall(b"\x00\x01 not HTTP\n")

        thread = threading.Thread(target=reply)
        thread.start()
        assert not responds(f"http://{LOCALHOST}:{server.getsockname()[1]}/health")
        thread.join()


def test_a_server_with_a_certificate_of_its_own_responds_and_no_authorities_are_loaded_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Healthy(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing."""

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate_of_this_machine(tmp_path))
    monkeypatch.setattr(ssl, "create_default_context", None)
    with HTTPServer((LOCALHOST, 0), Healthy) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        assert responds(f"https://{LOCALHOST}:{server.server_port}/health")
        thread.join()
