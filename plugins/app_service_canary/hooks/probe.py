"""Measures both versions with requests of our own."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from itertools import cycle
from typing import TYPE_CHECKING

from app_service_canary.hooks.source import Source, Watched
from app_service_canary.release.analysis import Probe
from app_service_canary.release.app_state import PRODUCTION
from app_service_canary.release.histogram import Histogram
from app_service_canary.release.measurement import Measurement, Window
from app_service_canary.release.observation import Answer, Side

if TYPE_CHECKING:
    from app_service_canary.hooks.app_hosts import AppHosts

ROUNDS_PER_SECOND = 4.0
"""At most: of a higher rate, several requests are sent at once, for one after the other could not keep up with an app
that takes its time."""

SELF = "self"
"""The name by which the routing cookie pins a request to production:
https://learn.microsoft.com/azure/app-service/deploy-staging-slots#route-production-traffic-manually."""


class ProbeSource(Source):
    """Asks the slot's own host, and production, pinned to it, at the same moment and in the same way.

    Args:
        watched: see `Source`.
        hosts: a client for them.
        host_of: the host names, by slot; `production` for the app's own.
        settings: the release file's.
        paths: asked in turn.
        good_statuses: HTTP statuses that are good answers.
    """

    name = "probe"

    def __init__(
        self,
        watched: Watched,
        *,
        hosts: AppHosts,
        host_of: Mapping[str, str],
        settings: Probe,
        paths: tuple[str, ...],
        good_statuses: tuple[int, ...],
    ) -> None:
        super().__init__(watched)
        self.hosts, self.host_of, self.good_statuses = hosts, host_of, good_statuses
        self.at_once = max(1, round(settings.rate / ROUNDS_PER_SECOND))
        self.pause = self.at_once / settings.rate
        self.paths = cycle(paths)

    async def read(self, since: datetime, now: datetime) -> list[Window]:
        paths = [next(self.paths) for _ in range(self.at_once)]
        sides = await self.each_side(lambda slot: asyncio.gather(*(self._ask(slot, path) for path in paths)))
        ended = datetime.now(timezone.utc)
        return [self.watched.window(self.name, (now, ended), ended, *map(_measured, sides))]

    async def _ask(self, slot: str, path: str) -> Answer:
        side = Side.VISITORS if slot == PRODUCTION else Side.SLOT
        # Without a baseline the slot has been swapped, and production is asked as everybody does.
        pinned = SELF if slot == PRODUCTION and self.watched.baseline else None
        return await self.hosts.ask(side, self.host_of[slot], path, self.good_statuses, pinned_to=pinned)


def _measured(answers: Sequence[Answer]) -> Measurement:
    failures = sum(not answer.good for answer in answers)
    return Measurement(len(answers), failures, Histogram.of(answer.seconds * 1000 for answer in answers))
