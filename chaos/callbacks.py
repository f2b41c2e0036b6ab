"""A small server on the loopback interface, for what has to be done at the very moment of a call to Azure."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from demo.ports import LOOPBACK


class Callbacks:
    """Calls a function when its address is POSTed to; whoever posts waits until the function has returned."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        self._expected: dict[str, Callable[[], object]] = {}
        self._server = ThreadingHTTPServer((LOOPBACK, 0), self._handler())
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def expect(self, function: Callable[[], object]) -> str:
        """The address; it works once."""
        path = f"/{next(self._numbers)}"
        self._expected[path] = function
        return f"http://{LOOPBACK}:{self._server.server_port}{path}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        expected = self._expected

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                function = expected.pop(self.path, None)
                if function is not None:
                    function()
                self.send_response(HTTPStatus.NO_CONTENT if function else HTTPStatus.NOT_FOUND)
                self.end_headers()

            def log_message(self, format: str, *arguments: object) -> None:
                """Keeps quiet: the table says what happened."""

        return Handler
