"""What was measured of the two versions in the same window: counts, not rates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from typing import Any

from app_service_canary.release.histogram import Histogram

MINUTE = timedelta(minutes=1)

MOST_COUNTED = 10**12
"""Requests in one window; what is more is not a count."""


def whole_minute(moment: datetime) -> datetime:
    """The beginning of the minute in which a moment lies."""
    return moment.replace(second=0, microsecond=0)


def next_minute(moment: datetime) -> datetime:
    """The first whole minute that begins at a moment or after it."""
    begun = whole_minute(moment)
    return begun if begun == moment else begun + MINUTE


class Population(str, Enum):
    """Whose requests they are."""

    CANARY = "canary"
    """What the canary slot answered."""
    BASELINE = "baseline"
    """What production answered in the same window."""


@dataclass(frozen=True)
class Measurement:
    """One population's requests.

    Attributes:
        requests, failures: counts.
        latencies: how long they took, where the source tells that of each request.
        seconds: of all requests together, where the source only tells a mean; None where it does not.
    """

    requests: int = 0
    failures: int = 0
    latencies: Histogram = field(default_factory=Histogram)
    seconds: float | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.failures <= self.requests <= MOST_COUNTED:
            raise ValueError(f"found {self.failures} failures of {self.requests} requests")

    @property
    def mean_seconds(self) -> float | None:
        return self.seconds / self.requests if self.requests and self.seconds is not None else None

    def and_those(self, other: Measurement) -> Measurement:
        """Both together."""
        known = [each for each in (self.seconds, other.seconds) if each is not None]
        return Measurement(
            self.requests + other.requests,
            self.failures + other.failures,
            self.latencies.and_those(other.latencies),
            sum(known) if known else None,
        )

    def to_json(self) -> dict[str, Any]:
        kept: dict[str, Any] = {"requests": self.requests, "failures": self.failures}
        if self.latencies.counts:
            kept["latencies"] = self.latencies.to_json()
        if self.seconds is not None:
            kept["seconds"] = round(self.seconds, 6)
        return kept

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> Measurement:
        """Raises:
        ValueError: it is none.
        """
        seconds = kept.get("seconds")
        return cls(
            int(kept["requests"]),
            int(kept["failures"]),
            Histogram.from_json(kept.get("latencies") or {}),
            None if seconds is None else float(seconds),
        )


@dataclass(frozen=True)
class Window:
    """Both populations in the same span of time, by one source.

    Attributes:
        source: which source measured it, by its name in the release file.
        start, end: the span.
        read_at: when it was read.
        canary, baseline: what was counted.
        final: the source will not revise it any more.
    """

    source: str
    start: datetime
    end: datetime
    read_at: datetime
    canary: Measurement
    baseline: Measurement
    final: bool = True

    @property
    def compares(self) -> bool:
        """Both populations had requests, so that one can be compared with the other."""
        return bool(self.canary.requests and self.baseline.requests)

    def judged(self, *, alone: bool) -> int:
        """How many of the canary's requests can be judged.

        Args:
            alone: the stable version has no users any more, and nobody is left to compare with.
        """
        return self.canary.requests if alone or self.compares else 0

    @property
    def age(self) -> timedelta:
        """How old it was when it was read."""
        return self.read_at - self.end

    def to_json(self) -> dict[str, Any]:
        return {
            "source": self.source,
            "start": self.start.isoformat(),
            "end": self.end.isoformat(),
            "read_at": self.read_at.isoformat(),
            "canary": self.canary.to_json(),
            "baseline": self.baseline.to_json(),
            "final": self.final,
        }

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> Window:
        """Raises:
        ValueError: it is none.
        """
        try:
            return cls(
                source=str(kept["source"]),
                start=datetime.fromisoformat(kept["start"]),
                end=datetime.fromisoformat(kept["end"]),
                read_at=datetime.fromisoformat(kept["read_at"]),
                canary=Measurement.from_json(kept["canary"]),
                baseline=Measurement.from_json(kept["baseline"]),
                final=bool(kept.get("final", True)),
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"this is not a window: {type(error).__name__}: {error}") from None
