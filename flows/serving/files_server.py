"""A server of the overlays and reports of a home, to which the page of an ingest run links.

    python -m flows.serving.files_server --port 4300 --folder HOME/artifacts

It answers this machine alone, lists no folder, and serves nothing that a link leads to outside of the folder.
"""

from __future__ import annotations

import argparse
import os
from functools import partial
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from flows.serving.own_requests import REFUSAL, is_own
from tasks.settings import LOCALHOST

FRONT_PAGE = b"Overlays and reports. The page of each ingest run in Prefect links to them; folders are not listed.\n"


class FilesHandler(SimpleHTTPRequestHandler):
    """Serves the files of one folder."""

    def send_head(self) -> BytesIO | BinaryIO | None:
        """Refuse requests of foreign pages, and files outside; else as the base class does."""
        hosts, origins = self.headers.get_all("Host", []), self.headers.get_all("Origin", [None])
        if len(hosts) != 1 or len(origins) != 1 or not is_own(hosts[0], origins[0]):
            self.send_error(HTTPStatus.FORBIDDEN, explain=REFUSAL)
            return None
        asked, folder = Path(self.translate_path(self.path)).resolve(), Path(self.directory).resolve()
        if not asked.is_relative_to(folder):
            self.send_error(HTTPStatus.NOT_FOUND)
            return None
        if asked == folder:
            self._send_front_page()
            return None
        if not asked.is_file():
            self.send_error(HTTPStatus.NOT_FOUND)
            return None
        return super().send_head()

    def end_headers(self) -> None:
        """Forbid other sites to embed or to reinterpret what is served."""
        self.send_header("Cross-Origin-Resource-Policy", "same-site")
        self.send_header("X-Content-Type-Options", "nosniff")
        super().end_headers()

    def _send_front_page(self) -> None:
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(FRONT_PAGE)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(FRONT_PAGE)


def files_server(folder: Path, *, port: int) -> ThreadingHTTPServer:
    """The server, listening; `serve_forever` answers.

    Args:
        folder: whose files are served.
        port: 0 takes a free one.
    """
    return ThreadingHTTPServer((LOCALHOST, port), partial(FilesHandler, directory=os.fspath(folder)))


def main() -> None:
    """Serve until the process ends."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    given = parser.parse_args()
    files_server(given.folder, port=given.port).serve_forever()


if __name__ == "__main__":
    main()
