"""One moment of the release, with everything a view shows; made by `watching`, drawn by `view`."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from demo.progress import Progress


@dataclass(frozen=True)
class Share:
    """The new version's share of the cookie-less clients' requests in some window.

    `percent`, `low` and `high` (the bounds of the 95 % binomial interval) are percentages 0–100, None when
    there was no request.
    """

    requests: int
    percent: float | None = None
    low: float | None = None
    high: float | None = None

    def __str__(self) -> str:
        if self.percent is None or self.low is None or self.high is None:
            return "no requests"
        return f"{self.percent:.1f} % ({self.low:.1f}–{self.high:.1f})"


@dataclass(frozen=True)
class VersionTraffic:
    """What the visitors saw of one version: latencies are in milliseconds, None when nothing was answered."""

    version: str
    requests: int
    failures: int
    p50: float | None
    p95: float | None


@dataclass(frozen=True)
class KindTraffic:
    """One kind of visitor: clients without cookies, or browsers that keep them."""

    kind: str
    requests: int
    failures: int


@dataclass(frozen=True)
class Picture:
    """The release at `at`: `elapsed` since the command was given, `observed` in the current step's window."""

    at: datetime
    elapsed: timedelta
    progress: Progress
    requested: float
    observed: Share
    versions: Sequence[VersionTraffic]
    who_must_act: str | None = None
