"""What was seen of a version while it was watched: counts, not rates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from math import sqrt
from statistics import NormalDist
from types import MappingProxyType
from typing import Any


class Side(str, Enum):
    """Where a request of ours was sent."""

    SLOT = "slot"
    """The canary slot's own host name."""
    VISITORS = "visitors"
    """The app's own host name, without a cookie: as a new visitor would."""


@dataclass(frozen=True)
class Answer:
    """One request of ours and what came back.

    Attributes:
        side: where it was sent.
        asked: what was asked, for sentences: `GET /health`.
        status: HTTP status; None when nothing came back.
        good: the status is one of those the release file calls good.
        seconds: from sending to the end of the answer.
        problem: what was wrong, for sentences; empty when good.
        routed_to: slot name from the routing cookie that came with it, `self` for production; None when the
            front end set none.
        pinned_for: seconds for which that cookie pins a browser (its Max-Age).
        waited: seconds from when the request was sent on an open connection to the end of the answer; None when nothing
            came back.
    """

    side: Side
    asked: str
    status: int | None
    good: bool
    seconds: float
    problem: str = ""
    routed_to: str | None = None
    pinned_for: float | None = None
    waited: float | None = None


@dataclass(frozen=True)
class Tally:
    """The answers of one side.

    Attributes:
        requests, failures: counts.
        failures_in_a_row: bad answers since the last good one.
        last_problem: of the newest bad answer.
        seconds: of all answers together.
    """

    requests: int = 0
    failures: int = 0
    failures_in_a_row: int = 0
    last_problem: str = ""
    seconds: float = 0.0

    def and_then(self, answer: Answer) -> Tally:
        """With one more answer."""
        return Tally(
            requests=self.requests + 1,
            failures=self.failures + (not answer.good),
            failures_in_a_row=0 if answer.good else self.failures_in_a_row + 1,
            last_problem=self.last_problem if answer.good else f"{answer.asked} {answer.problem}",
            seconds=self.seconds + answer.seconds,
        )

    @property
    def mean_seconds(self) -> float | None:
        return self.seconds / self.requests if self.requests else None


@dataclass(frozen=True)
class Observation:
    """All that a watch has seen.

    Attributes:
        sides: one measurement for each watched side.
        routed: how many answers of the visitors' side came with a cookie for each slot (`self` is
            production): fresh throws of the front end's dice, so they show the share it really applies.
        pinned_for: the longest life of a routing cookie seen, in seconds; None when none was seen.
    """

    sides: Mapping[Side, Tally]
    routed: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    pinned_for: float | None = None

    @classmethod
    def of(cls, *sides: Side) -> Observation:
        """Nothing seen yet of these sides."""
        return cls({side: Tally() for side in sides})

    def and_then(self, answer: Answer) -> Observation:
        """With one more answer."""
        routed, pinned_for = dict(self.routed), self.pinned_for
        if answer.routed_to and answer.side is Side.VISITORS:
            routed[answer.routed_to] = routed.get(answer.routed_to, 0) + 1
        if answer.pinned_for is not None:
            pinned_for = max(pinned_for or 0.0, answer.pinned_for)
        sides = {**self.sides, answer.side: self.sides[answer.side].and_then(answer)}
        return replace(self, sides=sides, routed=routed, pinned_for=pinned_for)

    def to_json(self, slot: str) -> dict[str, Any]:
        """As it goes into an XCom: counts per side, and the share of the dice that fell on the slot."""
        thrown = sum(self.routed.values())
        to_canary = sum(count for name, count in self.routed.items() if name.lower() == slot.lower())
        low, high = wilson_interval(to_canary, thrown)
        return {
            "sides": {
                side.value: {
                    "requests": seen.requests,
                    "failures": seen.failures,
                    "mean_ms": None if seen.mean_seconds is None else round(seen.mean_seconds * 1000, 1),
                }
                for side, seen in self.sides.items()
            },
            "observed_share": {
                "routed": thrown,
                "to_canary": to_canary,
                "percent": round(100 * to_canary / thrown, 1) if thrown else None,
                "interval": [round(100 * low, 1), round(100 * high, 1)],
            },
            "pinned_for_seconds": self.pinned_for,
        }


def wilson_interval(successes: int, trials: int, confidence: float = 0.95) -> tuple[float, float]:
    """Wilson's score interval of a share, as fractions 0–1; (0, 1) without a trial.

    Chosen over the normal approximation because it stays inside 0–1 and is honest for few trials
    (Wilson 1927; Brown, Cai, DasGupta 2001).
    """
    if not trials:
        return 0.0, 1.0
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    share = successes / trials
    scale = 1 + z * z / trials
    middle = (share + z * z / (2 * trials)) / scale
    half = z / scale * sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials))
    return max(0.0, middle - half), min(1.0, middle + half)
