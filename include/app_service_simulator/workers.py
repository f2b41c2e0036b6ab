"""Workers: the processes that run deployed content.

Each listens on a port of its own on 127.0.0.1, told to it in `PORT` as App Service tells its containers, in a
process group of its own. It sees its app settings as environment variables and nothing else of the
simulator's environment but what a program needs to start.
"""

import asyncio
import contextlib
import os
import signal
import socket
import sys
import tempfile
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

LOOPBACK = "127.0.0.1"

POLL_INTERVAL = 0.02
"""Seconds between two looks at whether a port listens: a Python app needs some 100 ms to start."""

LOG_TAIL_LINES = 20
"""Lines of its log that a failed worker's error carries: enough for a Python traceback."""

ENTRY_FILES = ("app.py", "application.py")
"""The files App Service's Python image starts when there is no start-up command.
https://learn.microsoft.com/azure/app-service/configure-language-python#container-startup-process"""

# The content's folder is the working directory, so it must not be where the server's modules are looked for.
_SERVE_FILES = (
    "import sys\nsys.path[0] = sys.argv[1]\nfrom app_service_simulator.static_site import serve\nserve(sys.argv[2])"
)

# Becomes the app, leaving a watchman behind in its process group. The watchman reads from a pipe whose other end
# the simulator holds; when that ends, however the simulator died, it kills the group: no worker is left behind.
_WATCHED = """
exec 3<&0 </dev/null
{ trap '' TERM; read -r _ <&3; kill -KILL 0; } &
exec "$@" 3<&-
"""


@dataclass(frozen=True)
class Launch:
    """What to run.

    `content`: the unpacked package, site/wwwroot; the process starts in it.
    `settings`: the app settings, which become the process's environment variables.
    `startup_command`: `siteConfig.appCommandLine`, run by a shell. None: `app.py` or `application.py` if there
    is one, otherwise the content is served as static files.
    `instance`: a name for messages, such as "contoso-web(stage)".
    """

    content: Path
    settings: Mapping[str, str]
    startup_command: str | None
    instance: str

    def command(self) -> list[str]:
        """The program and its arguments."""
        if self.startup_command:
            # A request to end reaches the whole group. The shell waits for its command, which may have work to
            # finish, before it obeys.
            return ["/bin/sh", "-c", f"trap 'exit 143' TERM\n{self.startup_command}"]
        for name in ENTRY_FILES:
            if (self.content / name).is_file():
                return [sys.executable, name]
        return [sys.executable, "-c", _SERVE_FILES, str(Path(__file__).parents[1]), str(self.content)]

    def environment(self, port: int) -> dict[str, str]:
        """The process's whole environment.

        `python` is the simulator's own interpreter. `PORT` cannot be set by a setting: the front end must know.
        """
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
        inherited = {name: os.environ[name] for name in ("LANG", "TZ", "TMPDIR") if name in os.environ}
        return {
            "PATH": path,
            "HOME": tempfile.gettempdir(),
            "PYTHONUNBUFFERED": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
            **inherited,
            **self.settings,
            "PORT": str(port),
        }


class WorkerFailed(Exception):
    """A worker did not start, or does not answer.

    `reason` is one sentence; `log_tail` the last lines it wrote, which usually say more.
    """

    def __init__(self, reason: str, log_tail: str = "") -> None:
        super().__init__(reason, log_tail)
        self.reason = reason
        self.log_tail = log_tail

    def __str__(self) -> str:
        return f"{self.reason}\n{self.log_tail}" if self.log_tail else self.reason


class Worker:
    """A running process and the requests it has in hand. Made by `Worker.start`.

    `in_flight` is kept by the front end, through `begin` and `end`.
    """

    def __init__(
        self,
        launch: Launch,
        log: Path,
        process: asyncio.subprocess.Process,
        reservation: socket.socket,
        lifeline: int,
    ) -> None:
        self.launch = launch
        self.log = log
        self.port: int = reservation.getsockname()[1]
        self.pid = process.pid
        self.in_flight = 0
        self._process = process
        self._reservation = reservation
        self._lifeline = lifeline
        self._stopping = False
        self._idle = asyncio.Event()
        self._idle.set()
        self._ended = asyncio.create_task(self._bury())

    @classmethod
    async def start(cls, launch: Launch, log: Path) -> "Worker":
        """Starts the process; its output is appended to `log`. It does not listen yet when this returns.

        Raises WorkerFailed when the operating system cannot start it.
        """
        reservation = _reserve_port()
        watched, lifeline = os.pipe()
        try:
            log.parent.mkdir(parents=True, exist_ok=True)
            with log.open("ab") as output:
                process = await asyncio.create_subprocess_exec(
                    *("/bin/sh", "-c", _WATCHED, launch.instance, *launch.command()),
                    cwd=launch.content,
                    env=launch.environment(reservation.getsockname()[1]),
                    stdin=watched,
                    stdout=output,
                    stderr=output,
                    start_new_session=True,
                )
        except OSError as error:
            reservation.close()
            os.close(lifeline)
            raise WorkerFailed(f"{launch.instance} could not be started: {error}") from error
        finally:
            os.close(watched)
        return cls(launch, log, process, reservation, lifeline)

    @property
    def alive(self) -> bool:
        """The process has not ended."""
        return self._process.returncode is None

    @property
    def stopping(self) -> bool:
        """`stop` has been called: it finishes what it has, and gets no new requests."""
        return self._stopping

    @property
    def accepting(self) -> bool:
        """New requests may be sent to it, though it may not listen yet."""
        return not self._stopping and self._process.returncode is None

    def begin(self) -> None:
        """The front end is about to send a request."""
        self.in_flight += 1
        self._idle.clear()

    def end(self) -> None:
        """The front end is through with a request."""
        self.in_flight -= 1
        if not self.in_flight:
            self._idle.set()

    async def wait_until_listening(self, timeout: float) -> None:
        """Returns when the port accepts connections. `timeout` is in real seconds.

        Raises WorkerFailed when the process ends first, or the time is over.
        """
        deadline = asyncio.get_running_loop().time() + timeout
        while not await self._listens():
            if not self.alive:
                raise self._failed(f"ended with exit code {self._process.returncode} before it listened")
            if asyncio.get_running_loop().time() >= deadline:
                raise self._failed(f"did not listen on port {self.port} within {timeout:g} s")
            await asyncio.wait([self._ended], timeout=POLL_INTERVAL)
        self._reservation.close()

    async def _listens(self) -> bool:
        try:
            _, writer = await asyncio.open_connection(LOOPBACK, self.port)
        except OSError:
            return False
        writer.close()
        return True

    async def ping(self, path: str = "/", timeout: float = 5.0) -> int:
        """Asks once, over plain HTTP as App Service warms an app up, and returns the status, whatever it is.

        `timeout` is in real seconds. Raises WorkerFailed when no answer comes.
        """
        try:
            async with (
                aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=timeout)) as session,
                session.get(
                    f"http://{LOOPBACK}:{self.port}{path}",
                    headers={"User-Agent": "SiteWarmup"},
                    allow_redirects=False,
                ) as response,
            ):
                return response.status
        except (aiohttp.ClientError, asyncio.TimeoutError) as error:
            raise self._failed(f"did not answer GET {path}: {error or type(error).__name__}") from error

    async def stop(self, grace: float = 5.0) -> None:
        """Ends the process and its children; returns when they are gone. Calling it again does no harm.

        From now on the front end sends no new requests. Those in hand have `grace` real seconds to finish;
        then comes SIGTERM, and after `grace` seconds more SIGKILL. App Service gives a container 5 s between
        the two (WEBSITES_CONTAINER_STOP_TIME_LIMIT), hence the default.
        """
        self._stopping = True
        await self._within(grace, self._idle.wait())
        self._signal(signal.SIGTERM)
        await self._within(grace, asyncio.shield(self._ended))
        self._signal(signal.SIGKILL)
        await asyncio.shield(self._ended)

    @staticmethod
    async def _within(seconds: float, condition: Any) -> None:
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(condition, seconds)

    def _signal(self, number: signal.Signals) -> None:
        # Only while the leader is unburied: afterwards the group's number may belong to somebody else.
        if not self._ended.done():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, number)

    async def _bury(self) -> None:
        """When the first process ends, the rest of its group ends too, as in a container."""
        await self._process.wait()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        os.close(self._lifeline)
        self._reservation.close()

    def _failed(self, reason: str) -> WorkerFailed:
        with self.log.open(encoding="utf-8", errors="replace") as lines:
            tail = "".join(deque(lines, LOG_TAIL_LINES)).strip()
        return WorkerFailed(f"{self.launch.instance} {reason}", tail)


def _reserve_port() -> socket.socket:
    """Binds a free port without listening on it, so that nobody else is given it before the app has it.

    An app that binds with SO_REUSEADDR, as servers do, may take it over while the reservation is held.
    """
    reservation = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    reservation.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    reservation.bind((LOOPBACK, 0))
    return reservation
