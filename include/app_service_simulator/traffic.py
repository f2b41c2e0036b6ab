"""What each slot served: minute by minute for Azure Monitor's metrics, and as `requests` and `totals` for other
sources of measurements."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone

from app_service_simulator.histogram import Totals
from app_service_simulator.request_log import Request, RequestLog, SlotKey

MINUTE = timedelta(minutes=1)
"""App Service's metrics have a grain of one minute."""


@dataclass
class MinuteOfTraffic:
    """The requests that ended within one minute.

    `start`: the minute's first moment, UTC.
    `statuses`: how many requests ended with each HTTP status.
    `seconds`: the sum of the response times; divided by `requests` it is the average response time.
    `bytes_received`, `bytes_sent`: of the bodies, seen from the app.
    """

    start: datetime
    statuses: Counter[int] = field(default_factory=Counter)
    seconds: float = 0.0
    bytes_received: int = 0
    bytes_sent: int = 0

    @property
    def requests(self) -> int:
        """All requests, whatever their status."""
        return self.statuses.total()

    def of_class(self, hundreds: int) -> int:
        """Requests by class of status: `of_class(5)` counts 500 to 599."""
        return sum(count for status, count in self.statuses.items() if status // 100 == hundreds)


class TrafficLog:
    """Counts requests per slot and minute, for as long as the simulator runs. Counts stay with the slot's name: a
    swap moves contents, not what was counted before it."""

    def __init__(self) -> None:
        self.requests = RequestLog()
        self._totals: dict[SlotKey, Totals] = {}
        # Keyed by minutes since 1970, so that a request costs two look-ups in dictionaries.
        self._minutes: dict[SlotKey, dict[int, MinuteOfTraffic]] = {}

    def record(
        self,
        key: SlotKey,
        *,
        when: datetime,
        status: int,
        seconds: float,
        bytes_received: int,
        bytes_sent: int,
        host: str = "",
        method: str = "GET",
        path: str = "/",
        role: str | None = None,
        user_agent: str = "",
    ) -> None:
        """Counts one request that ended at `when` (aware), after `seconds`. `host`, `method`, `path`, `role` and
        `user_agent` are as in `Request`."""
        ended = when.timestamp()
        self.requests.add(Request(key, ended, host, method, path, status, seconds, role, user_agent))
        totals = self._totals.get(key)
        if totals is None:
            totals = self._totals[key] = Totals()
        totals.add(status, seconds)
        index = int(ended) // 60
        slot = self._minutes.setdefault(key, {})
        minute = slot.get(index)
        if minute is None:
            minute = slot[index] = MinuteOfTraffic(datetime.fromtimestamp(index * 60, timezone.utc))
        minute.statuses[status] += 1
        minute.seconds += seconds
        minute.bytes_received += bytes_received
        minute.bytes_sent += bytes_sent

    def minutes(self, key: SlotKey, start: datetime, end: datetime) -> list[MinuteOfTraffic]:
        """The minutes that begin at or after `start` and before `end`, in order, those without traffic left
        out. A minute `start` falls into begins before it and is left out too, as it would be incomplete.
        """
        return sorted(
            (minute for minute in self._minutes.get(key, {}).values() if start <= minute.start < end),
            key=lambda minute: minute.start,
        )

    def totals(self, at: datetime) -> dict[SlotKey, Totals] | None:
        """What each slot had served at the moment `at`, since the beginning; None if that cannot be told any more.

        Slots that had not served anything are left out. The later the moment, the less work.
        """
        if not self.requests.is_complete_since(at):
            return None
        found = {key: totals.copy() for key, totals in self._totals.items()}
        moment = at.timestamp()
        for request in self.requests.since(at):
            if request.ended > moment:
                found[request.key].add(request.status, request.seconds, count=-1)
        return {key: totals for key, totals in found.items() if totals.requests}
