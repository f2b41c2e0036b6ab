"""Which process runs for which slot: start, stop, restart, warm-up, and putting a crashed app up again."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path

from app_service_simulator.clock import Clock
from app_service_simulator.packages import Images
from app_service_simulator.slot import Slot
from app_service_simulator.workers import Launch, Worker, WorkerFailed

log = logging.getLogger(__name__)

START_LIMIT = 230.0
"""Azure seconds an app may take to listen, unless WEBSITES_CONTAINER_START_TIME_LIMIT says otherwise.

https://learn.microsoft.com/azure/app-service/reference-app-settings
"""

LEAST_WAIT = 15.0
"""Real seconds an app gets to listen or to answer at least, whatever the speed: `--speed` does not make the
apps faster, and a Python process on a busy machine takes a second or two."""

WATCH_INTERVAL = 0.5
"""Real seconds between looks for crashed processes."""

CRASH_BACK_OFF, LEAST_BACK_OFF = 10.0, 2.0
"""Azure seconds between two attempts to start an app that crashes (App Service's own pace is not documented), and
real seconds at least, for a crash loop must not keep this machine busy."""

STACK_COMMANDS = {
    "JAVA": "exec java -Dserver.port=$PORT -jar app.jar",
    "TOMCAT": "exec catalina.sh run",
    "JBOSSEAP": "exec standalone.sh",
    "NODE": "exec npm start",
}
"""What a stack runs without a start-up command. It starts if this machine has the runtime, else it fails."""


class Lifecycle:
    """Keeps `Slot.workers` in step with `Slot.running`, one change of a slot at a time."""

    def __init__(self, clock: Clock, images: Images, logs: Path) -> None:
        self._clock, self._images, self._logs = clock, images, logs
        self._locks: dict[Slot, asyncio.Lock] = {}
        self._attempted: dict[Slot, datetime] = {}
        self._restarts: dict[Slot, asyncio.Task[None]] = {}
        self._retiring: set[asyncio.Task[None]] = set()
        logs.mkdir(parents=True, exist_ok=True)

    @asynccontextmanager
    async def owning(self, *slots: Slot) -> AsyncIterator[None]:
        """Keeps everybody else from changing the processes of `slots`."""
        async with AsyncExitStack() as stack:
            for slot in sorted(slots, key=lambda slot: slot.id):
                await stack.enter_async_context(self._lock(slot))
            yield

    def restart_in_background(self, slot: Slot) -> None:
        """`restart`, or the first start, without waiting; nothing if the slot is stopped.

        A slot without a process makes its visitors wait meanwhile: a cold start.
        """
        if slot.running:
            task = asyncio.create_task(self._restart_or_log(slot))
            self._restarts[slot] = task
            task.add_done_callback(lambda done: self._forget(slot, done))

    async def restart(self, slot: Slot) -> None:
        """Replaces the slot's process: the new one listens before the old one stops; nothing if it is stopped.

        Raises WorkerFailed if the new one does not start; the slot then has none, as on App Service.
        """
        async with self.owning(slot):
            if slot.running:
                await self.replace(slot)

    async def replace(self, slot: Slot) -> None:
        """`restart`, for a caller who owns the slot."""
        self._attempted[slot] = self._clock.now()
        old = slot.workers
        try:
            slot.workers = (await self.launch(slot),)
        except WorkerFailed:
            slot.workers = ()
            raise
        finally:
            if slot.workers != old:
                self.retire(*old)

    async def launch(self, slot: Slot) -> Worker:
        """A listening process of the slot's content under its settings, not yet one of its workers."""
        worker = await Worker.start(self._launch_of(slot), self.log_of(slot))
        try:
            await worker.wait_until_listening(self._start_limit(slot))
        except BaseException:
            await worker.stop(grace=0)
            raise
        return worker

    async def stop(self, slot: Slot) -> None:
        """Stops the slot's processes, those still starting too, letting requests in flight finish."""
        restart = self._restarts.get(slot)
        if restart:
            restart.cancel()
        async with self.owning(slot):
            old, slot.workers = slot.workers, ()
            await asyncio.gather(*(worker.stop() for worker in old))

    async def settled(self, slot: Slot) -> None:
        """Until a restart in the background is over, whether it succeeded or not."""
        restart = self._restarts.get(slot)
        if restart:
            await asyncio.wait([restart])

    def retire(self, *workers: Worker) -> None:
        """Stops processes that no slot has any more, in the background."""
        for worker in workers:
            task = asyncio.create_task(worker.stop())
            self._retiring.add(task)
            task.add_done_callback(self._retiring.discard)

    def patience(self, azure_seconds: float) -> float:
        """Real seconds to wait for an app, where Azure waits `azure_seconds`."""
        return max(self._clock.shorten(azure_seconds), LEAST_WAIT)

    def log_of(self, slot: Slot) -> Path:
        """The file that holds what the slot's processes wrote."""
        return self._logs / f"{slot.label}.log"

    async def look_after(self, slots: Callable[[], Iterable[Slot]]) -> None:
        """Puts crashed apps up again, no app more often than CRASH_BACK_OFF, until cancelled."""
        while True:
            for slot in list(slots()):
                if slot.running and not self._lock(slot).locked() and slot not in self._restarts:
                    self._revive(slot)
            await asyncio.sleep(WATCH_INTERVAL)

    async def close(self, slots: Iterable[Slot]) -> None:
        """Stops every process."""
        for task in (*self._restarts.values(), *self._retiring):
            task.cancel()
        await asyncio.gather(*self._restarts.values(), *self._retiring, return_exceptions=True)
        await asyncio.gather(*(worker.stop(grace=0) for slot in slots for worker in slot.workers))

    def _revive(self, slot: Slot) -> None:
        attempted = self._attempted.get(slot)
        back_off = timedelta(seconds=max(self._clock.shorten(CRASH_BACK_OFF), LEAST_BACK_OFF))
        due = attempted is None or self._clock.now() - attempted >= back_off
        if due and not any(worker.alive for worker in slot.workers):
            log.info("%s has no living process; starting one", slot.label_for_people)
            self.restart_in_background(slot)

    async def _restart_or_log(self, slot: Slot) -> None:
        try:
            await self.restart(slot)
        except WorkerFailed as failure:
            log.info("%s did not start: %s", slot.label_for_people, failure.reason)

    def _forget(self, slot: Slot, task: "asyncio.Task[None]") -> None:
        if self._restarts.get(slot) is task:
            del self._restarts[slot]

    def _lock(self, slot: Slot) -> asyncio.Lock:
        return self._locks.setdefault(slot, asyncio.Lock())

    def _start_limit(self, slot: Slot) -> float:
        setting = slot.app_settings.get("WEBSITES_CONTAINER_START_TIME_LIMIT", "")
        return self.patience(float(setting) if setting.isdecimal() else START_LIMIT)

    def _launch_of(self, slot: Slot) -> Launch:
        content = slot.content.wwwroot
        if slot.image:
            image = self._images.find(slot.image)
            if image is None:
                raise WorkerFailed(f"no such image: {slot.image}", f"docker: manifest for {slot.image} not found")
            content = image
        return Launch(
            content=content,
            settings={**slot.app_settings, **_platform_settings(slot)},
            startup_command=slot.config["appCommandLine"] or _stack_command(slot, content),
            instance=slot.label_for_people,
        )


def _stack_command(slot: Slot, content: Path) -> str | None:
    if slot.image:
        return None
    # Where nothing has been deployed the platform's own page is served, whatever the stack.
    return STACK_COMMANDS.get(slot.stack) if any(content.iterdir()) else None


def _platform_settings(slot: Slot) -> dict[str, str]:
    """What every app finds in its environment.

    https://learn.microsoft.com/azure/app-service/reference-app-settings#app-environment
    """
    return {
        "WEBSITE_SITE_NAME": slot.site.name,
        "WEBSITE_SLOT_NAME": "Production" if slot.is_production else slot.name,
        "WEBSITE_HOSTNAME": slot.host,
        "WEBSITE_RESOURCE_GROUP": slot.site.group.name,
        "WEBSITE_DEPLOYMENT_ID": slot.content.deployment_id,
    }
