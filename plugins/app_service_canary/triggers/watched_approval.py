"""Waits for a manager's decision, and watches the canary meanwhile: it has users for as long as the answer takes."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from app_service_canary.release.verdict import Outcome
from app_service_canary.triggers.analysis import ENDLESS, CanaryAnalysisTrigger
from app_service_canary.triggers.approval import ApprovalTrigger
from app_service_canary.triggers.waiting import FAILED, event

LONGEST_PAUSE = 60.0
"""Seconds before a watch that broke off is begun anew; at first it is a look's pause, and twice as long each time."""


class WatchedApprovalTrigger(ApprovalTrigger):
    """As `ApprovalTrigger`; a bad verdict takes users off the slot at once, and ends the wait.

    Args:
        watching: arguments of the `CanaryAnalysisTrigger` that watches.
        gate: those of `ApprovalTrigger`.
    """

    def __init__(self, *, watching: dict[str, Any], **gate: Any) -> None:
        super().__init__(**gate)
        self.watching = watching
        self._watched: asyncio.Task[Any] | None = None
        self._pause, self._not_before = self.poll_interval_seconds, 0.0

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return (
            "app_service_canary.triggers.watched_approval.WatchedApprovalTrigger",
            {**super().serialize()[1], "watching": self.watching},
        )

    async def opened(self) -> None:
        await super().opened()
        self._begin()

    def _begin(self) -> None:
        self.watch = CanaryAnalysisTrigger(**self.watching, **ENDLESS, waiter=self.waiter)
        self._watched = asyncio.create_task(self.watch.in_this_process())

    async def closed(self) -> None:
        if self._watched:
            self._watched.cancel()
            await asyncio.gather(self._watched, return_exceptions=True)
        await super().closed()

    async def look(self) -> dict[str, Any] | None:
        if self._watched is None and time.monotonic() >= self._not_before:
            self._begin()
        try:
            decided = await super().look()
        except Exception:
            if bad := await self._bad_verdict():
                return bad
            raise
        return await self._bad_verdict() or decided

    async def rest(self, seconds: float) -> dict[str, Any] | None:
        if self._watched is None:
            return await super().rest(seconds)
        await asyncio.wait({self._watched}, timeout=seconds)
        return await self._bad_verdict()

    async def _bad_verdict(self) -> dict[str, Any] | None:
        """The event for a bad verdict, when users have been taken off the slot; None without one."""
        if self._watched is None or not (self.watch.rejected or self._watched.done()):
            return None
        watched, self._watched = self._watched, None
        try:
            ending: dict[str, Any] = await watched
        except Exception as error:
            if bad := self.watch.rejected:
                return event(FAILED, bad, outcome=Outcome.FAIL.value, reasons=[bad])
            why = f"{type(error).__name__}: {error}"
        else:
            if ending.get("outcome") == Outcome.FAIL.value:
                return ending
            why = ending["message"]
        self._not_before = time.monotonic() + self._pause
        self.log.warning("The canary is not watched, and will be again in %.0f s: %s", self._pause, why)
        self._pause = min(2 * self._pause, LONGEST_PAUSE)
        return None
