"""The process behind a slot whose content is no program: serves files, or a welcome page when there are none.

A process of its own with `PORT` in its environment. It stands for the web server that App Service's own
images bring along.
"""

import os
import signal
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NoReturn

from app_service_simulator.pages import NO_DEFAULT_DOCUMENT, WAITING_FOR_CONTENT


class _Files(SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def list_directory(self, path: str | os.PathLike[str]) -> None:
        empty = not any(Path(self.directory).iterdir())
        page = WAITING_FOR_CONTENT if empty else NO_DEFAULT_DOCUMENT
        self.send_response(200 if empty else 403)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(page)

    def log_message(self, format: str, *args: object) -> None:
        """Keeps quiet: the front end counts requests, and the log is for the app's own words."""


def serve(folder: str) -> NoReturn:
    """Serves until SIGTERM."""
    server = ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), partial(_Files, directory=folder))
    # The front end has drained this process before it asks it to end, so nothing is cut off.
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    server.serve_forever()
    raise SystemExit(0)
