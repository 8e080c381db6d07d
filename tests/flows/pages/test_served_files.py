"""Which files the pages serve: those of a trial, ours, and nothing else."""

import csv
import socket
from pathlib import Path

import httpx
import pytest

from flows.pages.trial_files import TrialFiles
from tests.body.bodies import needs_body_asset
from tests.flows.pages.home import FILMED, WALK, folder_of


@pytest.mark.parametrize(
    "path",
    [
        *(
            "/files",
            "/files/",
            "/files/..",
            "/files/notes.txt",
            "/files/markers.trc",
            "/files/../../../warehouse.duckdb",
        ),
        *(
            "/files/..%2f..%2fwarehouse.duckdb",
            "/files/%2e%2e/notes.txt",
            "/files/overlay.mp4/..",
            "/files//etc/passwd",
        ),
        *("/files/%2fetc%2fpasswd", "/files/overlay.mp4%00.txt", "/files/coordinates.mot%0d%0aX: y"),
    ],
)
def test_no_other_file_is_served_and_no_folder_is_listed(address: str, path: str) -> None:
    port = int(address.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port)) as connection:  # a client library would tidy the path
        request = f"GET /trial/{FILMED}{path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
        connection.sendall(request.encode())
        reply = b"".join(iter(lambda: connection.recv(65536), b""))
    assert int(reply.split()[1]) in (307, 400, 404)
    assert b"no file of a trial" not in reply
    assert b"DUCK" not in reply


def test_notes_are_each_once_and_a_damaged_summary_is_named(tmp_path: Path) -> None:
    files = TrialFiles(tmp_path, "artifacts/a")
    assert files.notes() == []
    (tmp_path / "artifacts" / "a").mkdir(parents=True)
    summary = tmp_path / "artifacts" / "a" / "summary.json"
    summary.write_text('{"people": [{"notes": ["The picture stands still.", "The picture stands still.", "b"]}]}')
    assert files.notes() == ["The picture stands still.", "b"]
    summary.write_text('{"people"')
    (note,) = files.notes()
    assert f"{summary}: is damaged (" in note


@pytest.mark.parametrize("path", ["/static/", "/static/../application.py", "/static/..%2fapplication.py", "/static"])
def test_static_files_are_ours_alone(client: httpx.Client, path: str) -> None:
    assert client.get(path, follow_redirects=True).status_code == 404


def test_a_part_of_the_video_is_served(client: httpx.Client, home: Path) -> None:
    whole = (folder_of(home) / "overlay.mp4").read_bytes()
    reply = client.get(f"/trial/{FILMED}/files/overlay.mp4", headers={"Range": "bytes=100-199"})
    assert (reply.status_code, reply.content) == (206, whole[100:200])
    assert reply.headers["content-disposition"].startswith("inline")
    saved = client.get(f"/trial/{FILMED}/files/coordinates.mot")
    assert saved.headers["content-disposition"].startswith("attachment")
    report = client.get(f"/trial/{FILMED}/files/report.html")
    assert "default-src 'none'; style-src 'unsafe-inline'" in report.headers["content-security-policy"]


@needs_body_asset
def test_a_trial_is_had_in_formats_that_are_made_when_asked_for(client: httpx.Client) -> None:
    table = client.get(f"/trial/{FILMED}/export/csv")
    assert len(list(csv.DictReader(table.text.splitlines()))) == 40
    assert table.headers["content-disposition"].endswith("''jump_ann.csv")
    page = client.get(f"/trial/{FILMED}").text
    assert ("/export/csv" in page, "/export/c3d" in page) == (True, False)
    for path in (f"/trial/{FILMED}/export/c3d", f"/trial/{FILMED}/export/exe", f"/trial/{WALK}/export/csv"):
        assert client.get(path).status_code == 404  # a link leads out of the folder; no such format; no files
