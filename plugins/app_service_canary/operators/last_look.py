"""The last look at the canary before it is swapped in, for nobody has watched it since the manager's word."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta
from typing import TYPE_CHECKING

from app_service_canary.errors import CanaryRejected
from app_service_canary.release.durations import format_duration
from app_service_canary.release.observation import Side

if TYPE_CHECKING:
    from app_service_canary.hooks.app_service import AppServiceHook
    from app_service_canary.release.app_state import AppTarget
    from app_service_canary.release.policy import Readiness

TRIES = 3
"""Bad answers after which it is not swapped, and good ones in a row, at most, after which it is: users are on it while
it is looked at, so it is not looked at for long."""

PAUSE = 1.0
"""Seconds between two requests, as while a slot gets ready."""


async def refuse_what_does_not_answer(
    hook: AppServiceHook, target: AppTarget, host: str, readiness: Readiness, answer_timeout: timedelta
) -> None:
    """Asks the slot's own host what `slot_ready` asked.

    Args:
        hook, target: whom to ask for a client, and of which app and slot.
        host: the slot's host name as Azure gives it.
        readiness: what is asked, and what is good. A slot that says nothing may be waking, which may take as long as
            it may take to get ready.
        answer_timeout: how long one answer may take.

    Raises:
        CanaryRejected: it does not answer well.
    """
    good, bad, until = 0, 0, time.monotonic() + readiness.timeout.total_seconds()
    async with await hook.app_hosts(answer_timeout.total_seconds()) as hosts:
        while True:
            answer = await hosts.ask(Side.SLOT, host, readiness.path, readiness.statuses)
            good = good + 1 if answer.good else 0
            bad += not answer.good and answer.status is not None
            if good >= min(readiness.consecutive, TRIES):
                return
            if bad >= TRIES or (not answer.good and time.monotonic() > until):
                how = f"{bad} times" if bad >= TRIES else f"for {format_duration(readiness.timeout)}"
                wanted = " or ".join(map(str, readiness.statuses))
                raise CanaryRejected(
                    f"{target.at_start} does not answer well any more: {answer.asked} {answer.problem}, {how} (good: "
                    f"{wanted}). It was not swapped into production, and nothing was changed for that. Look at the "
                    "slot's log stream, then release again."
                )
            await asyncio.sleep(PAUSE)
