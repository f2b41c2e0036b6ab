"""Sums over journal entries: requests, failures, latencies, and each version's share. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from math import ceil

from visitors.journal import CLIENT, Entry


@dataclass
class Figures:
    """The sums over some requests. `seconds` are the response times of the answered ones, in no order."""

    requests: int = 0
    failures: int = 0
    seconds: list[float] = field(default_factory=list)

    def add(self, entry: Entry) -> None:
        """Counts one more request."""
        self.requests += 1
        self.failures += not entry.ok
        if entry.status is not None:
            self.seconds.append(entry.seconds)

    def percentile(self, percent: float) -> float | None:
        """The response time, in seconds, within which `percent` (above 0, at most 100) of the answers came:
        the smallest one seen that is enough (nearest rank). None when there was no answer."""
        if not self.seconds:
            return None
        return sorted(self.seconds)[ceil(len(self.seconds) * percent / 100) - 1]

    @property
    def p50(self) -> float | None:
        """The median response time in seconds."""
        return self.percentile(50)

    @property
    def p95(self) -> float | None:
        """The 95th percentile of the response times in seconds."""
        return self.percentile(95)


@dataclass(frozen=True)
class Share:
    """How many of `requests` one version answered."""

    successes: int
    requests: int

    @property
    def percent(self) -> float | None:
        """The observed share, 0 to 100; None without requests."""
        return 100 * self.successes / self.requests if self.requests else None

    def interval(self, confidence: float = 0.95) -> tuple[float, float]:
        """The percentages, 0 to 100, between which the true share lies with this confidence."""
        low, high = binomial_interval(self.successes, self.requests, confidence)
        return 100 * low, 100 * high


class Tally:
    """Folds entries as they come, and answers questions about all of them so far."""

    def __init__(self, entries: Iterable[Entry] = ()) -> None:
        self._figures: dict[tuple[str, str | None], Figures] = {}
        self._clients: list[tuple[datetime, str]] = []
        self.add(entries)

    def add(self, entries: Iterable[Entry]) -> None:
        """Folds more entries in; their order does not matter."""
        for entry in entries:
            self._figures.setdefault((entry.kind, entry.version), Figures()).add(entry)
            if entry.kind == CLIENT and entry.version is not None:
                self._clients.append((entry.at, entry.version))

    @property
    def versions(self) -> list[str]:
        """The versions that have answered, in alphabetical order."""
        return sorted({version for _, version in self._figures if version is not None})

    def figures(self, kind: str | None = None, version: str | None = None) -> Figures:
        """The sums over one kind of visitor, or one version, or both; None stands for all of them.

        Requests that no version answered (a page of the front end, no answer at all) count among all versions
        only.
        """
        total = Figures()
        for (its_kind, its_version), figures in self._figures.items():
            if kind in (None, its_kind) and version in (None, its_version):
                total.requests += figures.requests
                total.failures += figures.failures
                total.seconds += figures.seconds
        return total

    def share(self, version: str, start: datetime | None = None, end: datetime | None = None) -> Share:
        """The share of `version` among the requests of cookie-less clients sent from `start` up to `end`,
        aware; None leaves that side open. Requests that no version answered are left out.

        Clients only: each of their requests is a new roll of the front end's dice, whereas a browser's
        requests all follow its cookie.
        """
        versions = [
            answered for at, answered in self._clients if (start is None or start <= at) and (end is None or at < end)
        ]
        return Share(versions.count(version), len(versions))


def binomial_interval(successes: int, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """Wilson's score interval for a proportion, from 0 to 1. Without observations it is all of it.

    Wilson's, because it keeps its confidence for few observations and for shares near 0, where the canary
    begins. ValueError unless 0 ≤ successes ≤ n.
    """
    # Late, because scipy takes most of a second to import and visitors do without it.
    from scipy.stats import binomtest

    if n == 0 and successes == 0:
        return 0.0, 1.0
    interval = binomtest(successes, n).proportion_ci(confidence, method="wilson")
    return float(interval.low), float(interval.high)
