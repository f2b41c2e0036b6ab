"""What counters have grown by from one look to the next."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime, timedelta

from app_service_canary.release.histogram import LAST_BUCKET, Histogram, bucket_of
from app_service_canary.release.measurement import Measurement

LONGEST_GAP = timedelta(minutes=1)
"""Between two looks whose difference is judged, or three times the interval if that is longer."""

Counters = dict[str, float]
"""The counters of one population: `requests`, `failures` if there is one, and one for each bucket's upper edge."""


class Looks:
    """Looks at the counters of all populations, one after another.

    Where a counter is the sum of several, nobody can say which of them began anew, went away or came back, and by how
    much the others have grown. So a look tells nothing after which a counter is lower than before; nor does the one
    with which it is up again where it had been, for one that came back would bring all that it ever counted. The next
    look goes on from there. So does one that comes long after the look before, for which share the canary had meanwhile
    is not known.

    Where one population alone has grown, the look waits for the other: each is scraped at a moment of its own.

    Args:
        interval: between two looks.
    """

    def __init__(self, interval: timedelta) -> None:
        self._interval, self._longest = interval, max(LONGEST_GAP, 3 * interval)
        self._since: tuple[datetime, Sequence[Counters]] | None = None
        self._last: Sequence[Counters] = ()
        self._highest: Sequence[Counters] = ()

    def and_then(self, at: datetime, counters: Sequence[Counters]) -> tuple[datetime, list[Measurement]] | None:
        """After one more look: since when each population has grown by how much; None: it tells nothing, or waits.

        Args:
            at: when it was looked.
            counters: of each population.
        """
        since, told = self._since, self._tells(at, counters)
        self._last = counters
        self._highest = [
            {name: max(value, high.get(name, value)) for name, value in (high | each).items()}
            for high, each in zip(self._highest or [{}] * len(counters), counters, strict=True)
        ]
        if since is None or not told:
            self._since = (at, counters)
            return None
        grown = [_grown(was, is_now) for was, is_now in zip(since[1], counters, strict=True)]
        alone = len({bool(each.requests) for each in grown}) > 1
        if alone and at + self._interval - since[0] <= self._longest:
            return None
        self._since = (at, counters)
        return since[0], grown

    def _tells(self, at: datetime, counters: Sequence[Counters]) -> bool:
        if self._since is None or at - self._since[0] > self._longest:
            return False
        return not any(
            _has_fallen(was, is_now) or _is_up_again(was, is_now, high)
            for was, is_now, high in zip(self._last, counters, self._highest, strict=True)
        )


def is_edge(name: str) -> bool:
    """Whether it can be the upper edge of a histogram's bucket, in seconds."""
    try:
        return float(name) > 0
    except ValueError:
        return False


def _has_fallen(was: Counters, is_now: Counters) -> bool:
    """A counter is lower than it was, is gone, or is none."""
    return any(is_now.get(name, -1.0) < before for name, before in was.items()) or min(is_now.values()) < 0


def _is_up_again(was: Counters, is_now: Counters, highest: Counters) -> bool:
    """A counter that had fallen is where it had been, or higher."""
    return any(value < highest.get(name, value) <= is_now.get(name, -1.0) for name, value in was.items())


def _grown(was: Counters, is_now: Counters) -> Measurement:
    growth = {name: value - was.get(name, 0.0) for name, value in is_now.items()}
    requests = round(growth.pop("requests"))
    failures = min(requests, round(growth.pop("failures", 0.0)))
    return Measurement(requests, failures, _histogram(growth))


def _histogram(cumulative: Counters) -> Histogram:
    """From growth up to each edge, in seconds, to requests in the bucket below it."""
    edges = sorted((math.inf if edge == "+Inf" else float(edge), count) for edge, count in cumulative.items())
    counts: dict[int, int] = {}
    below, last = 0.0, 0
    for edge, count in edges:
        # A request in this bucket took up to `edge`; those beyond the last edge count as in the bucket after it.
        last = min(LAST_BUCKET, last + 1) if math.isinf(edge) else bucket_of(edge * 1000)
        counts[last] = counts.get(last, 0) + max(0, round(count - below))
        below = max(below, count)
    return Histogram({bucket: count for bucket, count in counts.items() if count})
