"""The sample web app: says its version, and fails or dawdles as its settings tell it. Standard library only.

Settings are environment variables; `settings.json` beside this file may hold the same names, and the
environment wins. They are described in the sample app's README.
"""

import json
import os
import random
import signal
import socket
import sys
import threading
import time
from collections.abc import Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from string import Template

HERE = Path(__file__).parent


class Settings:
    """How this copy of the app behaves; read once, at the start."""

    def __init__(self, source: Mapping[str, str]) -> None:
        self.version = source.get("SAMPLE_VERSION", "0.0.0")
        self.slot = source.get("WEBSITE_SLOT_NAME") or source.get("SAMPLE_SLOT") or "unknown slot"
        self.error_rate = float(source.get("SAMPLE_ERROR_RATE", 0))
        self.fails_with_users = source.get("SAMPLE_FAIL_WITH_USERS") == "1"
        self.own_host = source.get("WEBSITE_HOSTNAME", "")
        self.latency = float(source.get("SAMPLE_LATENCY_MS", 0)) / 1000
        self.start_delay = float(source.get("SAMPLE_START_DELAY_S", 0))
        self.fails_to_start = source.get("SAMPLE_FAIL_START") == "1"
        self.unhealthy = source.get("SAMPLE_UNHEALTHY", "0") in ("1", source.get("ENVIRONMENT_NAME"))
        self.fail_after = float(source.get("SAMPLE_FAIL_AFTER_S", "inf"))


class App(ThreadingHTTPServer):
    """The server. `end` lets every request in hand finish, and every request that has already arrived."""

    request_queue_size = 1024  # of the listening socket: connections come in bursts, the default is 5
    daemon_threads = False  # so that closing waits for the requests in hand
    block_on_close = True

    def __init__(self, port: int, settings: Settings) -> None:
        self.settings = settings
        self.ending = False
        self.met_users = False
        self.broken_from = time.monotonic() + settings.fail_after
        self.page = Template((HERE / "page.html").read_text(encoding="utf-8")).substitute(
            version=settings.version,
            slot=settings.slot,
            hue=sum(map(ord, settings.version)) * 47 % 360,
        )
        self._connections: set[socket.socket] = set()
        self._connections_lock = threading.Lock()
        super().__init__(("127.0.0.1", port), Visit)

    @property
    def broken(self) -> bool:
        """SAMPLE_FAIL_AFTER_S has passed."""
        return time.monotonic() >= self.broken_from

    def opened(self, connection: socket.socket) -> None:
        """A visitor has connected; if the app is ending, only what was already sent is read."""
        with self._connections_lock:
            self._connections.add(connection)
            if self.ending:
                connection.shutdown(socket.SHUT_RD)

    def closed(self, connection: socket.socket) -> None:
        """A visitor's connection is over."""
        with self._connections_lock:
            self._connections.discard(connection)

    def end(self) -> None:
        """Stops accepting, wakes idle connections, and makes `serve_forever` return."""
        self.ending = True
        self.shutdown()
        with self._connections_lock:
            for connection in self._connections:
                try:
                    # What has arrived stays readable, so no request is lost; then the visitor's side ends.
                    connection.shutdown(socket.SHUT_RD)
                except OSError:
                    continue


class Visit(BaseHTTPRequestHandler):
    """One connection, of any number of requests."""

    server: App
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # head and body leave in one packet

    def setup(self) -> None:
        super().setup()
        self.server.opened(self.connection)

    def finish(self) -> None:
        self.server.closed(self.connection)
        super().finish()

    def do_GET(self) -> None:
        """Answers one request."""
        path = self.path.partition("?")[0]
        if self.headers.get("Host", "").partition(":")[0] != self.server.settings.own_host:
            self.server.met_users = True
        if path == "/health":
            self._health()
        elif self._spoiled():
            self._text(HTTPStatus.INTERNAL_SERVER_ERROR, "Something went wrong here.\n")
        elif path == "/":
            self._send(HTTPStatus.OK, "text/html; charset=utf-8", self.server.page.encode())
        elif path == "/version":
            settings = self.server.settings
            body = json.dumps({"version": settings.version, "slot": settings.slot})
            self._send(HTTPStatus.OK, "application/json", body.encode())
        elif path == "/stream":
            self._stream()
        else:
            self._text(HTTPStatus.NOT_FOUND, "There is nothing here.\n")

    do_HEAD = do_GET  # noqa: N815 - the name http.server calls

    def _spoiled(self) -> bool:
        settings = self.server.settings
        if settings.latency:
            time.sleep(settings.latency)
        error_rate = 0.0 if settings.fails_with_users and not self.server.met_users else settings.error_rate
        return self.server.broken or random.random() < error_rate  # noqa: S311 - dice, no secret

    def _health(self) -> None:
        if self.server.settings.unhealthy or self.server.broken:
            self._text(HTTPStatus.SERVICE_UNAVAILABLE, "unhealthy\n")
        else:
            self._text(HTTPStatus.OK, "healthy\n")

    def _stream(self) -> None:
        """Ten numbered lines in as many chunks, each sent at once, 50 ms apart."""
        self._head(HTTPStatus.OK, "text/plain; charset=utf-8")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        if self.command == "HEAD":
            return
        for number in range(1, 11):
            line = f"line {number} of version {self.server.settings.version}\n".encode()
            self.wfile.write(b"%x\r\n%s\r\n" % (len(line), line))
            self.wfile.flush()
            time.sleep(0.05)
        self.wfile.write(b"0\r\n\r\n")

    def _text(self, status: HTTPStatus, text: str) -> None:
        self._send(status, "text/plain; charset=utf-8", text.encode())

    def _send(self, status: HTTPStatus, content_type: str, body: bytes) -> None:
        self._head(status, content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _head(self, status: HTTPStatus, content_type: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("X-App-Version", self.server.settings.version)
        if self.server.ending:
            self.send_header("Connection", "close")

    def log_message(self, format: str, *args: object) -> None:
        """Keeps quiet: the log is for starting, stopping and trouble."""


def main() -> int:
    """Runs until SIGTERM; returns the exit code."""
    defaults = HERE / "settings.json"
    packaged = json.loads(defaults.read_text(encoding="utf-8")) if defaults.is_file() else {}
    settings = Settings({**packaged, **os.environ})
    if settings.fails_to_start:
        sys.stderr.write(f"version {settings.version} cannot start: SAMPLE_FAIL_START is set\n")
        return 1
    time.sleep(settings.start_delay)
    app = App(int(os.environ.get("PORT", "8000")), settings)
    # In a thread, because `shutdown` waits for `serve_forever`, which the signal handler interrupts.
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=app.end).start())
    sys.stdout.write(f"version {settings.version} listens on port {app.server_port}\n")
    sys.stdout.flush()
    app.serve_forever(poll_interval=0.05)
    app.server_close()
    sys.stdout.write(f"version {settings.version} has ended\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
