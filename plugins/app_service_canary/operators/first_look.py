"""The first look at the canary: before its first users, while Azure is sending them, and until a watch can begin."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from asgiref.sync import sync_to_async

from app_service_canary.errors import CanaryRejected, ChangedByOthers
from app_service_canary.triggers.analysis import ENDLESS, HEAD_START, CanaryAnalysisTrigger
from app_service_canary.triggers.waiting import now

if TYPE_CHECKING:
    from types import TracebackType

T = TypeVar("T")


class FirstLookTrigger(CanaryAnalysisTrigger):
    """A watch by requests of our own alone, in the process that sends the users.

    It has no end until it is given one: `bake_until`. A bad verdict takes users off the slot as in any watch, but not
    while Azure is being asked to send them: the later of the two answers would count.

    Args:
        sent: whether the slot may have users of this release already.
        remember: keeps the sentence of a bad verdict for the task's next try.
        arguments: the others of the watch, but for those that say when it ends.
    """

    def __init__(self, *, sent: bool, remember: Callable[[str], None], **arguments: Any) -> None:
        # However short it is: whether it saw enough is for the watch to say.
        enough = {"min_answers": 1}
        super().__init__(**{**arguments, **enough}, sources=["probe"], **ENDLESS)
        self.sent, self.remember = sent, remember
        self.is_open = asyncio.Event()
        self.sending = asyncio.Lock()

    async def opened(self) -> None:
        await super().opened()
        self.is_open.set()

    @property
    def sentence(self) -> str:
        """Of the bad verdict."""
        return f"{self.rejected}{'' if self.sent else ' No users had been sent to it.'}"

    async def acted_upon(self, ending: dict[str, Any]) -> dict[str, Any]:
        # Airflow's own calls block, and users do not wait for one. Without the note the next try looks again.
        noting = asyncio.create_task(sync_to_async(self.remember, thread_sensitive=False)(self.sentence))
        await asyncio.wait({noting}, timeout=HEAD_START)
        async with self.sending:
            ending = await super().acted_upon(ending) if self.sent else ending
        await asyncio.gather(noting, return_exceptions=True)
        return ending


class FirstLook:
    """Looks at the slot for as long as this is entered.

    Airflow takes seconds from a task that sends users to one that watches them, and Azure up to half a minute to say
    that it sends them. A version that is plainly bad has hurt its users by then.

    Args:
        trigger: what looks.
        lasts: for how long before the first users, and after each change of their share.
        log: of the task.
    """

    def __init__(self, trigger: FirstLookTrigger, lasts: timedelta, log: Any) -> None:
        self.trigger, self.lasts, self.log = trigger, lasts, log
        self.without_users = not trigger.evidence

    async def __aenter__(self) -> FirstLook:
        self._looking = asyncio.create_task(self.trigger.in_this_process())
        opening = asyncio.create_task(self.trigger.is_open.wait())
        await asyncio.wait({self._looking, opening}, return_when=asyncio.FIRST_COMPLETED)
        opening.cancel()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self.trigger.rejected:
            self._looking.cancel()
        with suppress(asyncio.CancelledError, Exception):  # told of in `_ending`, or nobody waits for it any more
            await self._looking

    async def goes_well(self) -> None:
        """Looks on for a while.

        Raises:
            CanaryRejected: the verdict is bad, and users were taken off the slot.
        """
        await asyncio.wait({self._looking}, timeout=self.lasts.total_seconds())
        if self.trigger.rejected:
            await self._ending()

    async def while_sending(self, send: Callable[[], Awaitable[T]]) -> T:
        """Tries once to send users, unless the verdict is bad by now.

        Raises:
            CanaryRejected: it is.
        """
        async with self.trigger.sending:
            if not self.trigger.rejected:
                return await self._send(send)
        await self._ending()
        raise AssertionError("a rejected version was not refused")

    async def _send(self, send: Callable[[], Awaitable[T]]) -> T:
        before, self.trigger.sent = self.trigger.sent, True
        try:
            done = await send()
        except ChangedByOthers:
            self.trigger.sent = before  # nothing was written, and what is there is not ours to clear
            raise
        if self.without_users and self.trigger.is_open.is_set():
            self.trigger.measuring.users_have_come(now())
        self.without_users = False
        return done

    async def seen(self) -> dict[str, Any]:
        """Ends the look; what it leaves for the next one, which is nothing where it could not look.

        Raises:
            CanaryRejected: the verdict is bad, and users were taken off the slot.
        """
        self.trigger.bake_until = now()
        if self.trigger.is_open.is_set():
            self.trigger.measuring.changed.set()  # it judges when there is something new, and this is
        ending = await self._ending()
        return {name: ending[name] for name in ("evidence", "own") if name in ending}

    async def _ending(self) -> dict[str, Any]:
        ending: dict[str, Any] = {}
        try:
            ending = await self._looking
        except Exception as error:
            # To look is no condition for going on: the watch that follows looks too, and says so when it cannot.
            self.log.warning("The look at the slot broke off: %s: %s", type(error).__name__, error)
        if self.trigger.rejected:
            raise CanaryRejected(self.trigger.sentence)
        if ending and "outcome" not in ending:
            self.log.warning("Nobody could look at the slot meanwhile: %s", ending["message"])
        return ending
