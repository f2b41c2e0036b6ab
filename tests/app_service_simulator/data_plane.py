"""Real workers and a real front end for tests, and a directory in which a test says who answers where."""

import asyncio
import itertools
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
from yarl import URL

from app_service_simulator.clock import Clock
from app_service_simulator.front_end import FrontEnd, HostView
from app_service_simulator.quirks import Quirks
from app_service_simulator.routing import Rule
from app_service_simulator.traffic import SlotKey, TrafficLog
from app_service_simulator.workers import Launch, Worker
from sample_app.build import SOURCE

UPSTREAM = Path(__file__).with_name("upstream.py")

PATIENCE = 20.0
"""Real seconds within which anything awaited in a test happens, even on a busy machine."""


WEB = "contoso-web.azurewebsites.net"
STAGE = "contoso-web-stage.azurewebsites.net"
PRODUCTION_KEY = ("contoso-web", "production")
STAGE_KEY = ("contoso-web", "stage")


def rule(percentage: float, host: str = STAGE) -> tuple[Rule, ...]:
    """The only rule of a host: this percentage to the slot `stage`."""
    return (Rule("stage", host, percentage),)


class Town:
    """The workers of a test and the hosts they answer for; a front end's `Directory`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._numbers = itertools.count(1)
        self._views: dict[str, HostView] = {}
        self.workers: list[Worker] = []

    def view(self, host: str) -> HostView | None:
        return self._views.get(host)

    async def launch(self, content: Path, startup_command: str | None = None, **settings: str) -> Worker:
        """Starts a worker without waiting for it."""
        number = next(self._numbers)
        launch = Launch(content, settings, startup_command, f"app-{number}")
        worker = await Worker.start(launch, self._folder / f"{number}.log")
        self.workers.append(worker)
        return worker

    async def sample_app(self, version: str = "1.0.0", **settings: str) -> Worker:
        """A sample app that listens."""
        worker = await self.launch(SOURCE, SAMPLE_VERSION=version, **settings)
        await worker.wait_until_listening(PATIENCE)
        return worker

    async def upstream(self) -> Worker:
        """The aiohttp app of upstream.py, listening."""
        worker = await self.launch(UPSTREAM.parent, f"python {UPSTREAM.name}")
        await worker.wait_until_listening(PATIENCE)
        return worker

    def host(
        self, host: str, *workers: Worker, slot: str = "production", running: bool = True, rules: tuple[Rule, ...] = ()
    ) -> None:
        """Lets `host` stand for `workers` from now on."""
        self._views[host] = HostView(("contoso-web", slot), running, slot == "production", tuple(workers), rules)

    def remove(self, host: str) -> None:
        """Lets nobody answer for `host` any more."""
        del self._views[host]

    async def close(self) -> None:
        """Ends every worker, without grace."""
        for worker in self.workers:
            worker.in_flight = 0
            await worker.stop(grace=0)


class Visitor:
    """Asks a front end by Host header, with no cookies but those a test gives."""

    def __init__(self, session: aiohttp.ClientSession, port: int) -> None:
        self.session = session
        self.url = f"http://127.0.0.1:{port}"

    def request(
        self,
        method: str,
        path: str | URL = "/version",
        host: str = WEB,
        headers: dict[str, str] | None = None,
        **options: Any,
    ) -> Any:
        """An aiohttp request, to be entered."""
        return self.session.request(
            method,
            URL(f"{self.url}{path}", encoded=True),
            headers={"Host": host, **(headers or {})},
            allow_redirects=False,
            **options,
        )

    async def get(self, path: str = "/version", **options: Any) -> tuple[int, str | None, list[str]]:
        """Status, version and Set-Cookie headers of an answer."""
        async with self.request("GET", path, **options) as answer:
            await answer.read()
            cookies = answer.headers.getall("Set-Cookie", [])
            return answer.status, answer.headers.get("X-App-Version"), cookies

    async def status(self, path: str = "/version", **options: Any) -> int:
        """The status of an answer."""
        return (await self.get(path, **options))[0]

    async def version(self, path: str = "/version", **options: Any) -> str | None:
        """Which version answered."""
        return (await self.get(path, **options))[1]


class Simulated:
    """A front end with its directory, traffic log and switches, and a visitor."""

    def __init__(self, folder: Path) -> None:
        self.town = Town(folder)
        self.traffic = TrafficLog()
        self.clock = Clock()
        self.quirks = Quirks()
        self.front_end = FrontEnd(self.town, self.traffic, self.clock, self.quirks)
        self.visitor: Visitor

    def counted(self, key: SlotKey) -> dict[int, int]:
        """Requests by status, over all the time of the test."""
        now = self.clock.now()
        total: Counter[int] = Counter()
        for minute in self.traffic.minutes(key, now - timedelta(hours=1), now + timedelta(hours=1)):
            total += minute.statuses
        return dict(total)


async def until(condition, timeout: float = PATIENCE) -> None:
    """Returns as soon as `condition()` is true; fails the test when it is not within `timeout` seconds."""
    deadline = asyncio.get_running_loop().time() + timeout
    while not condition():
        assert asyncio.get_running_loop().time() < deadline, "the condition did not come true"
        await asyncio.sleep(0.01)
