"""Follows the sources of measurements while a version is watched: each in its own time, none holding up another."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from app_service_canary.errors import PermanentError, TransientError
from app_service_canary.patience import pause_after, with_jitter
from app_service_canary.release.analysis import Analysis
from app_service_canary.release.evidence import Evidence
from app_service_canary.release.measurement import Window
from app_service_canary.triggers.waiting import now

if TYPE_CHECKING:
    from app_service_canary.hooks.source import Source


class Measuring:
    """The evidence as it comes in.

    Windows that may still be revised are counted on top of the evidence, and replaced when they come again; what is
    final becomes part of it, once.

    Args:
        analysis: the release file's section.
        evidence: what earlier steps left, by source.
        since: when this watch began; a source goes on from its own evidence, if there is any.
        on_window: called with each final window.
        log: where trouble is told.

    Attributes:
        changed: set whenever there is something new to judge.
        given_up: sources that cannot be read, and why.
        following: what reads them, one for each.
    """

    def __init__(
        self,
        analysis: Analysis,
        evidence: Mapping[str, Evidence],
        since: datetime,
        on_window: Callable[[Window], None],
        log: Any,
    ) -> None:
        self.analysis, self.since, self.on_window, self.log = analysis, since, on_window, log
        self.settled: dict[str, Evidence] = {
            name: evidence.get(name) or Evidence(metrics=analysis.metrics, until=since)
            for name, _ in analysis.sources.named()
        }
        self.revised: dict[str, dict[datetime, Window]] = {}
        self.given_up: dict[str, str] = {}
        self.changed = asyncio.Event()
        self.following: list[asyncio.Task[None]] = []

    @property
    def evidence(self) -> dict[str, Evidence]:
        """All that is known now, by source."""
        known = dict(self.settled)
        for name, windows in self.revised.items():
            for start in sorted(windows):
                known[name] = known[name].and_then(windows[start])
        return known

    def follow(self, sources: list[Source]) -> None:
        """Begins to read them."""
        self.following = [asyncio.create_task(self._follow(source)) for source in sources]

    def look_after(self) -> None:
        """Raises what nobody expected, which has ended a source."""
        for task in self.following:
            if task.done() and not task.cancelled() and (error := task.exception()):
                raise error

    async def end(self) -> None:
        """Stops reading."""
        for task in self.following:
            task.cancel()
        await asyncio.gather(*self.following, return_exceptions=True)

    async def _follow(self, source: Source) -> None:
        errors = 0
        while source.name not in self.given_up:
            began = now()
            pause = source.pause
            try:
                self.take(source.name, await source.read(self._until(source.name), began))
                errors = 0
            except TransientError as error:
                errors += 1
                pause = pause_after(error, with_jitter(max(1.0, pause)))
                if errors <= self.analysis.error_limit:
                    self.log.warning("%s That is %d in a row, limit %d.", error, errors, self.analysis.error_limit)
                else:
                    self._give_up(source.name, f"{error} It failed {errors} times in a row.")
            except PermanentError as error:
                self._give_up(source.name, str(error))
            await asyncio.sleep(max(0.0, pause - (now() - began).total_seconds()))

    def _until(self, name: str) -> datetime:
        return self.settled[name].until or self.since

    def take(self, name: str, windows: list[Window]) -> None:
        """Counts what a source has read."""
        for window in windows:
            if window.start < self._until(name):
                continue
            waiting = self.revised.setdefault(name, {})
            waiting.pop(window.start, None)
            if window.final and not any(start < window.start for start in waiting):
                self.settled[name] = self.settled[name].and_then(window)
                self.on_window(window)
            else:
                waiting[window.start] = window
        if windows:
            self.changed.set()

    def _give_up(self, name: str, why: str) -> None:
        self.given_up[name] = why
        self.log.error("%s is not asked any more in this watch: %s", name, why)
        self.changed.set()
