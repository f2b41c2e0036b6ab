"""Airflow's metadata database for one run: an SQLite file, or a PostgreSQL of the run's own."""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from demo.errors import DemonstrationError
from demo.ports import LOOPBACK, free_port
from demo.processes import Processes

SQLITE, POSTGRESQL = "sqlite", "postgresql"

DATABASES = (SQLITE, POSTGRESQL)

DEBIAN = "/usr/lib/postgresql"
"""Where Debian keeps the server's programs, one folder for each major version, off the path."""

OWNER = "postgres"
"""The server refuses to run as root; this is the user that Debian's package makes for it."""

CONNECTIONS = 200
"""Airflow's pools, tasks and API server together open some dozens."""

INITDB = ("--auth", "scram-sha-256", "--encoding", "UTF8", "--no-locale")

TIMEOUT = 30.0  # seconds for the server to listen; one or two are usual


@contextmanager
def database(kind: str, processes: Processes) -> Iterator[str]:
    """The address of a database, empty and ready; gone when the block is left.

    Raises:
        DemonstrationError: PostgreSQL is asked for and not installed.
    """
    if kind == SQLITE:
        yield f"sqlite:///{processes.directory.path / 'airflow.db'}"
        return
    with tempfile.TemporaryDirectory(prefix="chaos-postgresql-") as folder:
        yield _postgresql(processes, Path(folder))


def _postgresql(processes: Processes, folder: Path) -> str:
    """Starts a server that only this run's password opens, on the loopback interface; Airflow's address for it."""
    initdb, server = _program("initdb"), _program("postgres")
    password, data, secret = secrets.token_urlsafe(24), folder / "data", folder / "password"
    secret.write_text(password)
    as_owner = _as_owner(folder, secret)
    made = subprocess.run(  # noqa: S603 - PostgreSQL's own programs
        [*as_owner, initdb, "--pgdata", str(data), "--username", "airflow", "--pwfile", str(secret), *INITDB],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
    )
    if made.returncode:
        raise DemonstrationError(f"initdb failed: {made.stderr.strip()}")
    port = free_port()
    settings = {
        "listen_addresses": LOOPBACK,
        "port": port,
        "unix_socket_directories": folder,
        "max_connections": CONNECTIONS,
        # What a crash of the machine would cost is not asked here, and each commit would wait for the disk.
        "fsync": "off",
    }
    options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    command = [*as_owner, server, "-D", str(data), *options]
    program = processes.start("postgresql", command, {"PATH": os.defpath, "LC_ALL": "C"}, stop_signal=signal.SIGINT)
    processes.wait_for(program, "its port", lambda: _listens(port), TIMEOUT)
    return f"postgresql+psycopg2://airflow:{password}@{LOOPBACK}:{port}/postgres"


def _as_owner(folder: Path, *files: Path) -> list[str]:
    """What has to stand before a command, so that the server's owner runs it; gives the folder to that owner."""
    if os.geteuid() != 0:
        return []
    owner = pwd.getpwnam(OWNER)
    for path in (folder, *files):
        os.chown(path, owner.pw_uid, owner.pw_gid)
    return ["setpriv", f"--reuid={OWNER}", f"--regid={owner.pw_gid}", "--clear-groups", "--"]


def _program(name: str) -> str:
    versions = sorted(Path(DEBIAN).glob("*/bin"), key=lambda folder: -float(folder.parent.name))
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), *map(str, versions)])
    if found := shutil.which(name, path=path):
        return found
    raise DemonstrationError(f"DATABASE=postgresql needs PostgreSQL, and there is no {name}: install postgresql.")


def _listens(port: int) -> bool | None:
    with socket.socket() as probe:
        return True if probe.connect_ex((LOOPBACK, port)) == 0 else None
