"""The smallest web app that says its version: it starts in some 30 ms, for tests that start hundreds."""

import json
import zipfile
from io import BytesIO

_PROGRAM = """
import json, os, socket

version = json.load(open("settings.json"))["version"]
body = json.dumps({"version": version}).encode()
head = "HTTP/1.1 %s\\r\\nContent-Type: application/json\\r\\nConnection: close\\r\\nContent-Length: %d\\r\\n\\r\\n"
good = (head % ("200 OK", len(body))).encode() + body
bad = (head % ("503 Service Unavailable", len(body))).encode() + body
server = socket.create_server(("127.0.0.1", int(os.environ["PORT"])), backlog=64)
while True:
    connection, _ = server.accept()
    try:
        asked = connection.recv(65536)
        unhealthy = os.environ.get("UNHEALTHY") and asked.startswith(b"GET /health ")
        connection.sendall(bad if unhealthy else good)
    except OSError:
        pass
    finally:
        connection.close()
"""


def small_package(version: str) -> bytes:
    """A zip of it. Its setting UNHEALTHY makes GET /health answer 503; everything else it answers with its version."""
    package = BytesIO()
    with zipfile.ZipFile(package, "w") as archive:
        archive.writestr("app.py", _PROGRAM)
        archive.writestr("settings.json", json.dumps({"version": version}))
    return package.getvalue()
