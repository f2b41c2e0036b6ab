"""Trouble that passes: the one place where a task tries something again by itself.

Microsoft's clients are told to repeat nothing (`hooks.connection`), so nothing is repeated blindly below this; and
what is repeated here reads Azure anew before it acts.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from datetime import timedelta
from itertools import chain, repeat
from typing import Any, TypeVar

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, stop_before_delay, wait_exponential_jitter

from app_service_canary.errors import AzureUnavailable, TransientError
from app_service_canary.release.durations import format_duration

T = TypeVar("T")

PATIENCE = timedelta(minutes=5)
"""How long trouble that passes is borne. Azure's own throttling asks for waits of seconds to a few minutes
(https://learn.microsoft.com/azure/azure-resource-manager/management/request-limits-and-throttling), a swap that is
under way refuses other changes for one to four."""

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 15.0
"""Seconds before the first repetition, doubled each time, up to App Service's own Retry-After for a swap."""

JITTER = 0.25
"""Part of a pause by which it may be longer, so that many releases do not come back all at once."""

LOOK_AGAIN = (2.0, 5.0)
"""Seconds between looks at something that Azure may tell of as it was before our last change to it."""

A_MOMENT = timedelta(minutes=1)
"""How long trouble is borne where the answer is good to have and not needed."""

READ_BACK = timedelta(minutes=3)
"""How long Azure may go on telling of the time before a swap that it calls done; longer than swaps usually take."""

_growing = wait_exponential_jitter(multiplier=FIRST_PAUSE, max=LONGEST_PAUSE, jitter=FIRST_PAUSE)


def with_jitter(seconds: float) -> float:
    """The pause, up to a quarter longer; never shorter, for Retry-After is the least that was asked for."""
    return seconds * (1 + random.uniform(0, JITTER))  # noqa: S311 - nobody gains by guessing a pause


def pause_after(error: BaseException | None, seconds: float) -> float:
    """How long to wait after an error: the pause given, or what Azure asked for with Retry-After if that is more."""
    return max(seconds, with_jitter(getattr(error, "retry_after", None) or 0.0))


async def patiently(work: Callable[[], Awaitable[T]], patience: timedelta, log: Any) -> T:
    """Does the work, again and again while it fails with an error worth another try.

    Args:
        work: reads what is so before it acts, for an earlier try may have acted.
        patience: for how long, pauses included; a pause that would end later is not begun.
        log: where each failure is told.

    Raises:
        AzureUnavailable: the trouble did not pass in time.
        PermanentError: the work failed with an error that another try would meet again.
    """

    def pause(state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        return pause_after(error, _growing(state))

    def tell(state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        log.warning("%s Trying again in %.1f s.", error, state.upcoming_sleep)

    retrying = AsyncRetrying(
        retry=retry_if_exception_type(TransientError),
        wait=pause,
        stop=stop_before_delay(patience.total_seconds()),
        before_sleep=tell,
        reraise=True,
    )
    try:
        return await retrying(work)
    except TransientError as error:
        raise AzureUnavailable(f"{error} Tried for {format_duration(patience)}, in vain.") from error


async def settled(look: Callable[[], Awaitable[T]], expected: Callable[[T], bool], limit: timedelta | None = None) -> T:
    """What is seen as soon as it is as expected, or else at the last look: a reading may be older than a write.

    Args:
        look: reads Azure.
        expected: whether what was read is what was left there.
        limit: for how long it is looked at, where it is known that something was written; None: twice more.
    """
    more = repeat(LOOK_AGAIN[-1], round(limit.total_seconds() / LOOK_AGAIN[-1])) if limit else ()
    seen = await look()
    for pause in chain(LOOK_AGAIN, more):
        if expected(seen):
            break
        await asyncio.sleep(pause)
        seen = await look()
    return seen
