"""Real workers for the tests of the front end and of workers, and a directory to register them in."""

import asyncio
import itertools
from pathlib import Path

from app_service_simulator.front_end import HostView
from app_service_simulator.routing import Rule
from app_service_simulator.workers import Launch, Worker
from sample_app.build import SOURCE

UPSTREAM = Path(__file__).with_name("upstream.py")

PATIENCE = 20.0
"""Real seconds within which anything awaited in a test happens, even on a busy machine."""


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


async def until(condition, timeout: float = PATIENCE) -> None:
    """Returns as soon as `condition()` is true; fails the test when it is not within `timeout` seconds."""
    deadline = asyncio.get_running_loop().time() + timeout
    while not condition():
        assert asyncio.get_running_loop().time() < deadline, "the condition did not come true"
        await asyncio.sleep(0.01)
