"""Counts of requests since the beginning, by status and by response time: what an exporter for Prometheus keeps."""

from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, field

BOUNDS = tuple(float(f"{0.001 * 2 ** (step / 4):.6g}") for step in range(65))
"""Upper ends of the buckets, in seconds: 1 ms, and 2^(1/4) times the one before, up to 65.5 s. A fifth is the
difference between neighbours, fine enough to tell a slower version, and 65 are no more than Prometheus bears."""


@dataclass
class Totals:
    """What one slot served.

    `statuses`: requests by HTTP status.
    `buckets`: requests by the first of BOUNDS that the response time does not exceed; the last: by none.
    `seconds`: the sum of the response times.
    """

    statuses: Counter[int] = field(default_factory=Counter)
    buckets: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS) + 1))
    seconds: float = 0.0

    def add(self, status: int, seconds: float, count: int = 1) -> None:
        """Counts a request; with `count` -1, as if it had not been."""
        self.statuses[status] += count
        self.buckets[bisect_left(BOUNDS, seconds)] += count
        self.seconds += seconds * count

    def copy(self) -> "Totals":
        """The same counts, to be changed."""
        return Totals(Counter(self.statuses), list(self.buckets), self.seconds)

    @property
    def requests(self) -> int:
        return self.statuses.total()
