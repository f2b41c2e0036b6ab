"""Follows the sources of measurements while a version is watched: each in its own time, none holding up another."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from app_service_canary.errors import PermanentError, TransientError
from app_service_canary.patience import pause_after, with_jitter
from app_service_canary.release.after_swap import held_to_limit, new_evidence
from app_service_canary.release.analysis import Analysis
from app_service_canary.release.evidence import Evidence
from app_service_canary.release.measurement import Measurement, Window
from app_service_canary.triggers.waiting import now

if TYPE_CHECKING:
    from app_service_canary.hooks.source import Source


class Measuring:
    """The evidence as it comes in.

    What is final becomes part of the evidence, once. A window that may still be revised counts on top of it when it was
    read twice alike, for the numbers of its two sides come in one by one; and is replaced when it is revised.

    Args:
        analysis: the release file's section.
        evidence: what earlier steps left, by source.
        since: when this watch began; a source goes on from its own evidence, if there is any.
        before: what the stable version did before the swap, by source; None while both versions have users.
        seen: canary requests by source that this watch saw before a manager was asked; none at its beginning.
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
        before: Mapping[str, Measurement] | None,
        seen: Mapping[str, int],
        on_window: Callable[[Window], None],
        log: Any,
    ) -> None:
        self.analysis, self.since, self.on_window, self.log = analysis, since, on_window, log
        self.before = before
        self.settled: dict[str, Evidence] = {
            name: (
                held_to_limit(evidence[name], name, before)
                if name in evidence
                else new_evidence(name, analysis, before, since)
            )
            for name, _ in analysis.sources.named()
        }
        self.settled_here = {name: seen.get(name, 0) for name in self.settled}
        self.revised: dict[str, dict[datetime, Window]] = {}
        self._alike: set[tuple[str, datetime]] = set()
        self.given_up: dict[str, str] = {}
        self.changed = asyncio.Event()
        self.following: list[asyncio.Task[None]] = []

    @property
    def evidence(self) -> dict[str, Evidence]:
        """All that is known now, by source."""
        known = dict(self.settled)
        for window in self.counted_for_now:
            known[window.source] = known[window.source].and_then(window)
        return known

    @property
    def counted_for_now(self) -> list[Window]:
        """Windows that may still be revised, and count because they were read twice alike; oldest first."""
        return [
            windows[start]
            for name, windows in self.revised.items()
            for start in sorted(windows)
            if (name, start) in self._alike
        ]

    @property
    def seen_here(self) -> dict[str, int]:
        """Canary requests since this watch began that can be judged, by source: a source may first tell of the time
        before."""
        seen = dict(self.settled_here)
        for window in self.counted_for_now:
            seen[window.source] += self._here(window)
        return seen

    def _here(self, window: Window) -> int:
        return window.judged(alone=self.before is not None) if window.start >= self.since else 0

    def follow(self, sources: list[Source]) -> None:
        """Begins to read them."""
        self.following = [asyncio.create_task(self._follow(source)) for source in sources]

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
                    self.give_up(source.name, f"{error} It failed {errors} times in a row.")
            except PermanentError as error:
                self.give_up(source.name, str(error))
            except Exception as error:
                # Nobody knows what it quotes, so its text is for the log alone, where secrets are masked.
                self.log.exception("%s failed in a way that nobody expected.", source.name)
                self.give_up(source.name, f"{type(error).__name__} (see the task's log)")
            await asyncio.sleep(max(0.0, pause - (now() - began).total_seconds()))

    def _until(self, name: str) -> datetime:
        return self.settled[name].until or self.since

    def take(self, name: str, windows: list[Window]) -> None:
        """Counts what a source has read."""
        for window in windows:
            if window.start < self._until(name):
                continue
            waiting = self.revised.setdefault(name, {})
            before = waiting.pop(window.start, None)
            self._alike.discard((name, window.start))
            if window.final and not any(start < window.start for start in waiting):
                self.settled[name] = self.settled[name].and_then(window)
                self.settled_here[name] += self._here(window)
                self.on_window(window)
            else:
                waiting[window.start] = window
                if before and (before.canary, before.baseline) == (window.canary, window.baseline):
                    self._alike.add((name, window.start))
        if windows:
            self.changed.set()

    def users_have_come(self, at: datetime) -> None:
        """What was seen before was without users: latencies are not compared for a while from now on."""
        self.settled = {name: replace(evidence, began=at) for name, evidence in self.settled.items()}

    def give_up(self, name: str, why: str) -> None:
        """Goes on without a source."""
        self.given_up[name] = why
        self.log.error("%s is not asked any more in this watch: %s", name, why)
        self.changed.set()
