"""The single requests that were served, as far back as memory reaches: the raw material of Log Analytics."""

import sys
from datetime import datetime, timedelta, timezone
from typing import NamedTuple

SlotKey = tuple[str, str]
"""Site name and slot name; the production slot is called "production"."""

MOST_REQUESTS = 200_000
"""How many requests are kept: half an hour at a hundred a second, which is longer than any step of a release looks
back at such a rate, in some 60 MB. Whole minutes are forgotten, the oldest first."""


class Request(NamedTuple):
    """One request that ended. A tuple, because it is made for every request that the front end serves.

    Attributes:
        key: whose traffic it is.
        ended: seconds since 1970.
        host: as the visitor wrote it, in lower case.
        path: without the query.
        seconds: how long it took.
        role: what the app that answered calls itself in Application Insights; None if the front end answered, so
            that no app knows of the request.
        user_agent: what the visitor's program calls itself.
    """

    key: SlotKey
    ended: float
    host: str
    method: str
    path: str
    status: int
    seconds: float
    role: str | None
    user_agent: str = ""


class RequestLog:
    """Keeps the latest requests, by the minute they ended in. `most` is how many, at least one minute's."""

    def __init__(self, most: int = MOST_REQUESTS) -> None:
        self._most = most
        self._minutes: dict[int, list[Request]] = {}
        self._kept = 0
        self._lost_until: int | None = None

    def add(self, request: Request) -> None:
        """Keeps one more. Costs a look-up; when a minute begins, the oldest ones may be forgotten."""
        index = int(request.ended) // 60
        minute = self._minutes.get(index)
        if minute is None:
            self._forget()
            minute = self._minutes[index] = []
        minute.append(request)
        self._kept += 1

    def since(self, start: datetime | None) -> list[Request]:
        """Every kept request that ended in the minute of `start` or later, minute by minute; None: every one."""
        first = -sys.maxsize if start is None else int(start.timestamp()) // 60
        return [request for index in sorted(self._minutes) if index >= first for request in self._minutes[index]]

    @property
    def complete_since(self) -> datetime | None:
        """Since when no request is missing; None while none has been forgotten."""
        if self._lost_until is None:
            return None
        return datetime.fromtimestamp(0, timezone.utc) + timedelta(minutes=self._lost_until)

    def is_complete_since(self, start: datetime | None) -> bool:
        """Whether every request that ended at `start` or later is still there; None: every request ever."""
        return self.complete_since is None or (start is not None and start >= self.complete_since)

    def _forget(self) -> None:
        while self._kept > self._most:
            oldest = min(self._minutes)
            self._kept -= len(self._minutes.pop(oldest))
            self._lost_until = max(oldest + 1, self._lost_until or 0)
