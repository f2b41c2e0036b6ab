"""What every source of measurements has in common."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from app_service_canary.release.measurement import Measurement, Window

T = TypeVar("T")


@dataclass(frozen=True)
class Watched:
    """Whose requests are the canary's, and whose the baseline's.

    Attributes:
        canary: a slot's name; `production` after the swap.
        baseline: `production` while both versions have users; None after the swap.
    """

    canary: str
    baseline: str | None

    @property
    def slots(self) -> tuple[str, ...]:
        """The canary's, and the baseline's if there is one."""
        return (self.canary,) if self.baseline is None else (self.canary, self.baseline)

    def window(
        self,
        source: str,
        span: tuple[datetime, datetime],
        read_at: datetime,
        canary: Measurement,
        baseline: Measurement | None = None,
        *,
        final: bool = True,
    ) -> Window:
        """What was measured in a span, as a window."""
        return Window(source, span[0], span[1], read_at, canary, baseline or Measurement(), final)


class Source(ABC):
    """Measures both versions.

    Args:
        watched: whose requests are whose.

    Attributes:
        name: as in the release file.
        pause: seconds between two reads.
    """

    name: str
    pause: float

    def __init__(self, watched: Watched) -> None:
        self.watched = watched

    @abstractmethod
    async def read(self, since: datetime, now: datetime) -> list[Window]:
        """The windows that have become known, oldest first.

        A window that may still be revised comes again, with the same start, until it comes as final.

        Args:
            since: the end of the newest final window that counts, or when the watch began.
            now: the time.

        Raises:
            TransientError: it could not be read this time.
            PermanentError: it cannot be read.
        """

    async def each_side(self, read: Callable[[str], Awaitable[T]]) -> list[T]:
        """What is read of the canary's slot, and of the baseline's if there is one, both at once.

        An error of one is raised when the other has ended too, so that nothing stays under way behind it.
        """
        sides = await asyncio.gather(*(read(slot) for slot in self.watched.slots), return_exceptions=True)
        return [_value(side) for side in sides]


def _value(side: T | BaseException) -> T:
    if isinstance(side, BaseException):
        raise side
    return side
