"""The smallest web app that says its version: it starts in some 30 ms, for tests that start hundreds."""

import json
import zipfile
from io import BytesIO
from pathlib import Path

_PROGRAM = """
import json, os, socket

settings = json.load(open("settings.json"))
version = settings["version"]
body = json.dumps({"version": version}).encode()
head = "HTTP/1.1 %s\\r\\nContent-Type: application/json\\r\\nConnection: close\\r\\nContent-Length: %d\\r\\n\\r\\n"
good = (head % ("200 OK", len(body))).encode() + body
bad = (head % ("503 Service Unavailable", len(body))).encode() + body
server = socket.create_server(("127.0.0.1", int(os.environ["PORT"])), backlog=64)
while True:
    connection, _ = server.accept()
    try:
        asked = connection.recv(65536)
        unhealthy = asked.startswith(b"GET /health ") and os.path.exists(settings["unhealthy_while"])
        connection.sendall(bad if unhealthy else good)
    except OSError:
        pass
    finally:
        connection.close()
"""


def small_package(version: str, unhealthy_while: Path) -> bytes:
    """A zip of it.

    Args:
        version: what it answers to everything.
        unhealthy_while: as long as this file exists, it answers 503 to GET /health.
    """
    package = BytesIO()
    with zipfile.ZipFile(package, "w") as archive:
        archive.writestr("app.py", _PROGRAM)
        settings = {"version": version, "unhealthy_while": str(unhealthy_while)}
        archive.writestr("settings.json", json.dumps(settings))
    return package.getvalue()
