"""Waits for a manager's decision, and watches the canary meanwhile: it has users for as long as the answer takes."""

from __future__ import annotations

import asyncio
from typing import Any

from app_service_canary.release.verdict import Outcome
from app_service_canary.triggers.analysis import ENDLESS, CanaryAnalysisTrigger
from app_service_canary.triggers.approval import ApprovalTrigger
from app_service_canary.triggers.waiting import FAILED, event


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

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return (
            "app_service_canary.triggers.watched_approval.WatchedApprovalTrigger",
            {**super().serialize()[1], "watching": self.watching},
        )

    async def opened(self) -> None:
        await super().opened()
        self.watch = CanaryAnalysisTrigger(**self.watching, **ENDLESS, waiter=self.waiter)
        self._watched = asyncio.create_task(self.watch.in_this_process())

    async def closed(self) -> None:
        if self._watched:
            self._watched.cancel()
            await asyncio.gather(self._watched, return_exceptions=True)
        await super().closed()

    async def look(self) -> dict[str, Any] | None:
        decided = await super().look()
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
            # A manager can decide without it, and `swap` asks the slot once more.
            self.log.exception("The canary is not watched any more: %s", type(error).__name__)
            bad = self.watch.rejected
            return event(FAILED, bad, outcome=Outcome.FAIL.value, reasons=[bad]) if bad else None
        if ending.get("outcome") == Outcome.FAIL.value:
            return ending
        self.log.warning("The canary is not watched any more: %s", ending["message"])
        return None
