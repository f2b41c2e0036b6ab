"""What every source of measurements has in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from datetime import datetime, timedelta

from app_service_canary.release.measurement import Measurement, Window

MINUTE = timedelta(minutes=1)


@dataclass(frozen=True)
class Watched:
    """Whose requests are the canary's, and whose the baseline's.

    Attributes:
        canary: a slot's name; `production` after the swap.
        baseline: `production` while both versions have users; None after the swap.
    """

    canary: str
    baseline: str | None

    def window(
        self,
        source: str,
        span: tuple[datetime, datetime],
        read_at: datetime,
        canary: Measurement,
        baseline: Measurement | None,
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


def whole_minute(moment: datetime) -> datetime:
    """The beginning of the minute in which a moment lies."""
    return moment.replace(second=0, microsecond=0)


def next_minute(moment: datetime) -> datetime:
    """The first whole minute that begins at a moment or after it."""
    begun = whole_minute(moment)
    return begun if begun == moment else begun + MINUTE
