"""How this project waits: one loop, and one shape of event. What is waited for lives with each trigger."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import AsyncIterator
from datetime import datetime, timedelta, timezone
from typing import Any

from airflow.sdk.configuration import conf
from airflow.triggers.base import BaseTrigger, TriggerEvent

from app_service_canary.errors import AppServiceCanaryError, PermanentError, TransientError
from app_service_canary.patience import pause_after, with_jitter

SUCCEEDED, FAILED, TIMED_OUT = "succeeded", "failed", "timed_out"
STATUSES = (SUCCEEDED, FAILED, TIMED_OUT)

WAITER = "waiter"
"""The key under which an event says which try of which task it is meant for."""

SETTLE = timedelta(seconds=conf.getint("workers", "min_heartbeat_interval") + 2)
"""No event earlier than this after the deferral. A task that is resumed before the scheduler has seen its
deferring process end is failed as "state success, but queued" (apache/airflow#71580, #72716).

A supervisor whose process closed its sockets, but is not quite gone yet, looks again only after that interval,
5 seconds by default; on a busy machine that happens to every third task. Two seconds more are the scheduler's."""


def now() -> datetime:
    """The time, with its zone."""
    return datetime.now(timezone.utc)


def event(status: str, message: str, **details: Any) -> dict[str, Any]:
    """What a trigger hands to its task.

    Args:
        status: `succeeded`, `failed` or `timed_out`.
        message: the sentence for people.
        details: what the task returns or decides on.
    """
    if status not in STATUSES:
        raise ValueError(f"event status {status!r}; allowed: {', '.join(STATUSES)}")
    return {"status": status, "message": message, **details}


def read_event(received: Any, waiter: str = "") -> dict[str, Any]:
    """The event a task was resumed with.

    Args:
        received: what Airflow handed over.
        waiter: the try of the task that was resumed.

    Raises:
        AppServiceCanaryError: there is none, it is not one of ours, or it is another task's; never taken for a
            success. The task's next try waits anew.
    """
    if not isinstance(received, dict) or received.get("status") not in STATUSES or "message" not in received:
        raise AppServiceCanaryError(f"The task was resumed without a usable event: {received!r}. Clear it to retry.")
    if received.get(WAITER) and received[WAITER] != waiter:
        raise AppServiceCanaryError(
            f"The task was resumed with another task's event ({received['message']}). Its next try waits anew."
        )
    return {name: value for name, value in received.items() if name != WAITER}


class WaitingTrigger(BaseTrigger):
    """Looks again and again until there is an event, or the deadline has passed.

    A look that fails with an error worth another try is logged and repeated; the deadline counts on. One that
    another try would meet again ends the wait as failed. What nobody expected fails the task with its traceback.

    Args:
        poll_interval_seconds: pause between two looks.
        deadline: when to give up; None never.
        waiter: the try of the task that waits. Its event says so, because Airflow hands a trigger's event to whichever
            task waits for a trigger of the same number by then, and a database such as SQLite numbers anew: a release
            was seen to be given the approval of another app's.
    """

    def __init__(self, *, poll_interval_seconds: float, deadline: datetime | None, waiter: str = "") -> None:
        super().__init__()
        self.waiter = waiter
        self.poll_interval_seconds = poll_interval_seconds
        self.deadline = deadline
        self.settle_until = now() + SETTLE
        self.trouble = ""

    @abstractmethod
    async def look(self) -> dict[str, Any] | None:
        """Looks once.

        Returns:
            The event with which to end, or None: look again.
        """

    @abstractmethod
    def expired(self) -> dict[str, Any]:
        """The event for a deadline that passed."""

    def next_pause(self) -> float:
        """Seconds until the next look."""
        return self.poll_interval_seconds

    async def rest(self, seconds: float) -> dict[str, Any] | None:
        """Waits until the next look; an event when there is one before."""
        await asyncio.sleep(seconds)
        return None

    async def opened(self) -> None:
        """Opens what `look` needs."""

    async def troubled(self, error: TransientError) -> None:
        """Mends what an error showed to be broken, before the next look."""

    async def closed(self) -> None:
        """Closes it again; nothing is undone here, for a trigger also ends when the triggerer restarts."""

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Waits, then yields exactly one event."""
        try:
            await self.opened()
            ending = await self._wait()
        except PermanentError as error:
            ending = event(FAILED, str(error))
        finally:
            await self.closed()
        await asyncio.sleep(max(0.0, (self.settle_until - now()).total_seconds()))
        yield TriggerEvent({**ending, WAITER: self.waiter})

    async def in_this_process(self) -> Any:
        """Waits here and not in the triggerer; the event, at once, for no task has to be resumed with it."""
        self.settle_until = now()
        async for received in self.run():
            return received.payload
        return None

    async def _wait(self) -> dict[str, Any]:
        while True:
            pause = self.next_pause()
            try:
                if ending := await self.look():
                    return ending
            except TransientError as error:
                self.trouble = str(error)
                pause = pause_after(error, with_jitter(pause))
                self.log.warning("%s Looking again in %.1f s.", error, pause)
                await self.troubled(error)
            if self.deadline is not None:
                left = (self.deadline - now()).total_seconds()
                if left <= 0:
                    return self.expired()
                pause = min(pause, left)
            if ending := await self.rest(pause):
                return ending
