"""Latencies as a histogram: exact counts in buckets fine enough to compare two versions by."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from math import floor, log2
from types import MappingProxyType
from typing import Any

BUCKETS_PER_OCTAVE = 16
"""A bucket is 4.4 % wide: 16 of them double the latency."""

LAST_BUCKET = 20 * BUCKETS_PER_OCTAVE
"""Seventeen minutes and more; App Service itself ends a request after 230 s, unless it is a WebSocket."""


def bucket_of(milliseconds: float) -> int:
    """The bucket of a latency: 0 up to 1.04 ms, then each 2^(1/16) times as long as the one before."""
    if milliseconds <= 1.0:
        return 0
    return min(LAST_BUCKET, floor(log2(milliseconds) * BUCKETS_PER_OCTAVE + 1e-9))


def upper_edge_ms(bucket: int) -> float:
    """Where a bucket ends, in milliseconds."""
    return float(2 ** ((bucket + 1) / BUCKETS_PER_OCTAVE))


def buckets_wider(ratio: float) -> int:
    """How many buckets a latency moves up when it grows by this ratio, rounded up: 1.1 is three of them."""
    return max(0, -floor(-(log2(ratio) * BUCKETS_PER_OCTAVE - 1e-9)))


@dataclass(frozen=True)
class Histogram:
    """How many requests took how long.

    Attributes:
        counts: requests by bucket; see `bucket_of`.
    """

    counts: Mapping[int, int] = field(default_factory=lambda: MappingProxyType({}))

    @classmethod
    def of(cls, milliseconds: Iterable[float]) -> Histogram:
        """Of single latencies."""
        counts: dict[int, int] = {}
        for each in milliseconds:
            bucket = bucket_of(each)
            counts[bucket] = counts.get(bucket, 0) + 1
        return cls(counts)

    @property
    def requests(self) -> int:
        return sum(self.counts.values())

    def and_those(self, other: Histogram) -> Histogram:
        """Both together."""
        counts = dict(self.counts)
        for bucket, count in other.counts.items():
            counts[bucket] = counts.get(bucket, 0) + count
        return Histogram(counts)

    def above(self, bucket: int) -> int:
        """Requests that took longer than this bucket reaches."""
        return sum(count for each, count in self.counts.items() if each > bucket)

    def slower_than_ms(self, milliseconds: float) -> int:
        """Requests that surely took longer: those in the buckets above the one in which this latency lies."""
        return self.above(bucket_of(milliseconds))

    def quantile_bucket(self, share: float) -> int | None:
        """The bucket in which this share of the requests, a fraction, is reached; None without any."""
        wanted, reached = share * self.requests, 0
        for bucket in sorted(self.counts):
            reached += self.counts[bucket]
            if reached >= wanted > 0:
                return bucket
        return None

    def quantile_ms(self, share: float) -> float | None:
        """The latency, in milliseconds, within which this share was answered; up to 4.4 % too high."""
        bucket = self.quantile_bucket(share)
        return None if bucket is None else upper_edge_ms(bucket)

    def to_json(self) -> dict[str, int]:
        return {str(bucket): count for bucket, count in sorted(self.counts.items())}

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> Histogram:
        """Buckets beyond the last one count as the last.

        Raises:
            ValueError: a bucket or count is none.
        """
        counts: dict[int, int] = {}
        for written, number in kept.items():
            bucket, count = min(LAST_BUCKET, int(written)), int(number)
            if bucket < 0 or count < 0:
                raise ValueError("a histogram's buckets are numbered from 0, and its counts are not negative")
            if count:
                counts[bucket] = counts.get(bucket, 0) + count
        return cls(counts)
